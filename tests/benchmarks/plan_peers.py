"""The same graphs, of steps that do nothing, in what others would run them with. Each peer gives None where it is not
installed; making its graph is not timed, running it is.

Agent frameworks: LangGraph, the Microsoft Agent Framework, Haystack, pydantic-graph. Libraries of data flow, which know
no agents: Hamilton, and Dask, which calls plain functions, on its threads or (nothing beside anything) without. Left
out, as they take from half a millisecond to ten a step: CrewAI flows, LlamaIndex workflows, Prefect, Ray.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

__all__ = ["PEERS", "Contestant", "Needs"]

os.environ |= {"HAYSTACK_TELEMETRY_ENABLED": "False", "HAMILTON_TELEMETRY_ENABLED": "false"}

Contestant = Callable[[], Awaitable[Any]]
Needs = list[list[int]]


def _ends(needs: Needs) -> list[int]:
    needed = {need for those in needs for need in those}
    return [number for number in range(len(needs)) if number not in needed]


def _names(numbers: list[int]) -> list[str]:
    return [f"s{number}" for number in numbers]


async def lang_graph(needs: Needs) -> Contestant:
    from operator import add
    from typing import Annotated, TypedDict

    from langgraph.graph import END, START, StateGraph

    State = TypedDict("State", {"done": Annotated[list[int], add]})  # noqa: UP013  its hints must be there at run time

    async def node(_state: Any) -> dict[str, list[int]]:
        return {"done": [1]}

    graph: Any = StateGraph(State)
    for number, those in enumerate(needs):
        graph.add_node(f"s{number}", node)
        graph.add_edge(_names(those) if those else START, f"s{number}")
    for number in _ends(needs):
        graph.add_edge(f"s{number}", END)
    compiled = graph.compile()

    async def contestant() -> None:
        result = await compiled.ainvoke({"done": []}, {"recursion_limit": len(needs) + 10})
        assert len(result["done"]) == len(needs)

    return contestant


async def agent_framework(needs: Needs) -> Contestant:
    from agent_framework import Executor, WorkflowBuilder, WorkflowContext, handler

    class Node(Executor):
        async def on_one(self, message: int, context: Any) -> None:
            await context.send_message(message)

        on_one.__annotations__ |= {"message": int, "context": WorkflowContext[int], "return": None}
        on_one = handler(on_one)

    class Join(Executor):
        async def on_all(self, messages: Any, context: Any) -> None:
            await context.send_message(len(messages))

        on_all.__annotations__ |= {"messages": list[int], "context": WorkflowContext[int], "return": None}
        on_all = handler(on_all)

    nodes = [(Join if len(those) > 1 else Node)(id=f"s{number}") for number, those in enumerate(needs)]
    start = Node(id="start")
    builder = WorkflowBuilder(max_iterations=len(needs) + 10, start_executor=start)
    for node, those in zip(nodes, needs, strict=True):
        if len(those) > 1:
            builder.add_fan_in_edges([nodes[need] for need in those], node)
        else:
            builder.add_edge(nodes[those[0]] if those else start, node)
    workflow = builder.build()

    async def contestant() -> None:
        await workflow.run(1)

    return contestant


async def haystack(needs: Needs) -> Contestant:
    from haystack import Pipeline, component

    class Node:
        def __init__(self, those: list[int]) -> None:
            component.set_input_types(self, **dict.fromkeys(_names(those) or ["go"], int))
            component.set_output_types(self, value=int)

        def run(self, **_inputs: int) -> dict[str, int]:
            return {"value": 1}

        async def run_async(self, **_inputs: int) -> dict[str, int]:
            return {"value": 1}

    made = component(Node)
    pipeline = Pipeline()
    for number, those in enumerate(needs):
        pipeline.add_component(f"s{number}", made(those))
    for number, those in enumerate(needs):
        for need in those:
            pipeline.connect(f"s{need}.value", f"s{number}.s{need}")
    inputs = {f"s{number}": {"go": 1} for number, those in enumerate(needs) if not those}

    async def contestant() -> None:
        result = await pipeline.run_async(inputs, concurrency_limit=len(needs))
        assert len(result) == len(_ends(needs))

    return contestant


async def pydantic_graph(needs: Needs) -> Contestant:
    from pydantic_graph import GraphBuilder, StepContext, reduce_list_append

    calls: list[object] = []

    async def node(context: Any) -> int:
        calls.append(context)
        return 1

    node.__annotations__ |= {"context": StepContext[None, None, object], "return": int}
    builder: Any = GraphBuilder(output_type=list[int])

    def join(name: str) -> Any:
        return builder.join(reduce_list_append, initial_factory=list, node_id=name)

    steps = [builder.step(node, node_id=f"s{number}") for number in range(len(needs))]
    joins = {number: join(f"j{number}") for number, those in enumerate(needs) if len(those) > 1}
    end = join("end")
    after: list[list[Any]] = [[] for _ in needs]
    for number, those in enumerate(needs):
        for need in those:
            after[need].append(joins.get(number, steps[number]))
    roots = [steps[number] for number, those in enumerate(needs) if not those]
    edges = [builder.edge_from(builder.start_node).to(*roots), builder.edge_from(end).to(builder.end_node)]
    edges += [builder.edge_from(one).to(steps[number]) for number, one in joins.items()]
    edges += [builder.edge_from(one).to(*(behind or [end])) for one, behind in zip(steps, after, strict=True)]
    builder.add(*edges)
    graph = builder.build()

    async def contestant() -> None:
        calls.clear()
        await graph.run()
        assert len(calls) == len(needs), "steps ran other than once each"  # a join waits for forks, not for needs

    return contestant


async def hamilton(needs: Needs) -> Contestant:
    from hamilton import ad_hoc_utils, async_driver

    def named(number: int, those: list[int]) -> Any:
        made: dict[str, Any] = {}
        parts = ", ".join(f"{name}: int" for name in _names(those))
        exec(f"async def s{number}({parts}) -> int: return 1", made)  # nodes are told apart by names of arguments
        return made[f"s{number}"]

    functions = [named(number, those) for number, those in enumerate(needs)]
    module = ad_hoc_utils.create_temporary_module(*functions, module_name=f"nodes_{id(functions)}")
    driver = await async_driver.Builder().with_modules(module).build()
    ends = _names(_ends(needs))

    async def contestant() -> None:
        assert len(await driver.execute(ends)) == len(ends)

    return contestant


def _dask(get: Callable[..., Any], needs: Needs) -> Contestant:
    def node(*_arguments: int) -> int:
        return 1

    graph = {f"s{number}": (node, *_names(those)) for number, those in enumerate(needs)}
    ends = _names(_ends(needs))

    async def contestant() -> None:
        assert len(get(graph, ends)) == len(ends)

    return contestant


async def dask_threads(needs: Needs) -> Contestant:
    from dask.threaded import get

    return _dask(get, needs)


async def dask_alone(needs: Needs) -> Contestant:
    from dask.local import get_sync

    return _dask(get_sync, needs)


_ALL: dict[str, tuple[str, int, Callable[[Needs], Awaitable[Contestant]]]] = {
    "LangGraph": ("langgraph", 1_000, lang_graph),
    "MS Agent Framework": ("agent_framework", 100, agent_framework),
    "Haystack": ("haystack", 100, haystack),
    "pydantic-graph": ("pydantic_graph", 100, pydantic_graph),
    "Hamilton": ("hamilton", 100, hamilton),  # it walks its graphs by recursion
    "Dask, threads": ("dask", 1_000, dask_threads),
    "Dask, alone": ("dask", 10_000, dask_alone),
}
PEERS = {name: (most, make) for name, (package, most, make) in _ALL.items() if find_spec(package) is not None}
"""By name, up to how many steps it is worth while waiting for, and what makes a contestant of a graph."""
