"""What a plan is: named steps, what each needs, and the checks that make them a DAG.

::

    plan = Plan("trip")
    plan.step("flights", search_flights, inputs={"to": "AMS"})
    plan.tool("hotels", "hotel_search", find_hotels, inputs={"city": "AMS"})
    plan.agent("offer", "writer", write_offer, needs=["hotels"], inputs={"price": ref("flights.0.price")})

A `Plan` is the builder; `Plan.check` gives the `Graph`, a snapshot that never changes and is all that running needs.
What one step shows to be wrong is raised where the step is written; what takes the whole plan (an unknown need, a
cycle) by `check`. Nothing here recurses: a chain of 10,000 steps is as fine as a wide plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypedDict, Unpack, get_args

from axonflow.errors import PlanError
from axonflow.plan.model.graph import MAX_STEPS, bound_graph, checked_graph
from axonflow.plan.model.options import MAX_MS, Compensation, Hedge, OnFailure, PlanMode, Retry, Takes, unbound
from axonflow.plan.model.step import Graph, Step
from axonflow.plan.model.values import json_object
from axonflow.plan.model.words import MAX_NAME_CHARS, check_count, check_words, shown

__all__ = ["MAX_NEEDS", "MAX_STEPS", "Plan", "StepOptions"]

MAX_NEEDS: Final = 100_000
"""Of all steps of a plan together."""


class StepOptions(TypedDict, total=False):
    """What the verbs of a plan take beside what each names itself: see `Step`."""

    needs: Sequence[str]
    after: Sequence[str]
    inputs: Mapping[str, Any]
    context: Mapping[str, Any]
    retry: Retry | None
    timeout_ms: int | None
    idempotent: bool
    hedge: Hedge | None
    cache_key: str | Mapping[str, str] | None
    cache_ttl_ms: int | None
    idempotency_key: str | Mapping[str, str] | None
    compensate: Compensation | None
    takes: Takes | None
    priority: int
    optional: bool
    on_failure: OnFailure | None
    gives: Mapping[str, Any] | None
    accepts: Mapping[str, Any] | None
    labels: Sequence[str]
    declassifies: Sequence[str]


class Plan:
    """A DAG of steps under a name (printable words, at most 128 characters).

    Steps may be added in any order; a need may name a step that comes later. With `steps` given, the plan is checked
    at once, else when it runs or when `check` is called.

    `inputs` are JSON: what ``{"$ref": "$.name"}`` stands for in its steps. `deadline_ms` bounds the whole run, `budget`
    what all steps take together, `mode` how many run beside each other, and `on_failure` says what becomes of the
    others when a step fails that does not say so itself.

    Raises PlanError.
    """

    __slots__ = ("_graph", "_needs_count", "_steps", "budget", "deadline_ms", "inputs", "mode", "name", "on_failure")

    def __init__(
        self,
        name: str,
        steps: Iterable[Step] = (),
        *,
        inputs: Mapping[str, Any] = {},
        deadline_ms: int | None = None,
        budget: Takes | None = None,
        mode: PlanMode = "parallel",
        on_failure: OnFailure = "continue",
    ) -> None:
        check_words(name, "plan name", None, MAX_NAME_CHARS)
        at = f"plan {name!r}"
        if deadline_ms is not None:
            check_count(deadline_ms, "deadline in ms", at, 1, MAX_MS)
        if budget is not None and not isinstance(budget, Takes):
            raise PlanError("wrong type", expected="budget: Takes", found=shown(budget), at=at)
        if mode not in get_args(PlanMode):
            raise PlanError("unknown mode", expected=" or ".join(get_args(PlanMode)), found=shown(mode), at=at)
        if on_failure not in get_args(OnFailure):
            expected = " or ".join(get_args(OnFailure))
            raise PlanError("unknown failure policy", expected=expected, found=shown(on_failure), at=at)
        self.name = name
        self.inputs = json_object(inputs, f"{at}, inputs")
        self.deadline_ms = deadline_ms
        self.budget = budget
        self.mode = mode
        self.on_failure = on_failure
        self._steps: dict[str, Step] = {}
        self._needs_count = 0
        self._graph: Graph | None = None
        for step in steps:
            self.add(step)
        if self._steps:
            self.check()

    @classmethod
    def of(cls, graph: Graph) -> Plan:
        """The plan that `graph` was made from."""
        plan = cls(
            graph.plan, inputs=graph.inputs, deadline_ms=graph.deadline_ms, budget=graph.budget, mode=graph.mode,
            on_failure=graph.on_failure,
        )  # fmt: skip
        for step in graph.steps.values():
            plan.add(step)
        plan._graph = graph
        return plan

    def __repr__(self) -> str:
        return f"<Plan {self.name!r}, {len(self._steps)} steps>"

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps so far, in the order they were added."""
        return tuple(self._steps.values())

    def add(self, step: Step) -> Plan:
        """Add `step` and return this plan. Raises PlanError when the name is taken or the plan is full."""
        at = f"plan {self.name!r}, step {step.name!r}"
        if step.name in self._steps:
            raise PlanError(
                "the name is taken",
                expected="a name of its own",
                found="a second step of it",
                at=at,
                hint="Rename one.",
            )
        if len(self._steps) == MAX_STEPS:
            raise PlanError("too many steps", expected=f"at most {MAX_STEPS}", found="one more", at=at)
        needs_count = self._needs_count + len(step.waits_for) + sum(map(len, (step.branches or {}).values()))
        if needs_count > MAX_NEEDS:
            raise PlanError("too many needs", expected=f"at most {MAX_NEEDS} in a plan", found=str(needs_count), at=at)
        self._steps[step.name] = step
        self._needs_count = needs_count
        self._graph = None
        return self

    def step(self, name: str, run: Callable[..., Any] = unbound, **options: Unpack[StepOptions]) -> Plan:
        """Add a step that calls the function `run`. Arguments and errors as in `Step`; returns this plan."""
        return self.add(Step(name=name, run=run, **options))

    def tool(self, name: str, target: str, run: Callable[..., Any] = unbound, **options: Unpack[StepOptions]) -> Plan:
        """Add a step that calls the tool `target` by `run`; policy is also asked for ``tool.call`` on it."""
        return self.add(Step(name=name, run=run, kind="tool", target=target, **options))

    def agent(self, name: str, target: str, run: Callable[..., Any] = unbound, **options: Unpack[StepOptions]) -> Plan:
        """Add a step that has the agent `target` work by `run`; policy is also asked for ``agent.message`` to it."""
        return self.add(Step(name=name, run=run, kind="agent", target=target, **options))

    def plan(self, name: str, body: Plan, **options: Unpack[StepOptions]) -> Plan:
        """Add a step that runs the plan `body`, which is taken as it is now; its ``$.name`` are this step's inputs."""
        return self.add(Step(name=name, kind="plan", body=body.check(), **options))

    def map(
        self, name: str, over: str, body: Plan, *, max_parallel: int | None = None, **options: Unpack[StepOptions]
    ) -> Plan:
        """Add a step that runs `body` for each element of the list that the reference `over` names.

        In `body`, ``$.item`` is the element and ``$.index`` its place, counted from 0.
        """
        return self.add(Step(name=name, kind="map", over=over, body=body.check(), max_parallel=max_parallel, **options))

    def bind(self, calls: Mapping[str, Callable[..., Any]]) -> Plan:
        """The same plan with its steps bound to `calls`, by kind and target: ``{"tool:search": search}``.

        A function or a join, which have no target, are called by the step's name: ``function:outline``; a function that
        undoes a step is ``compensate:`` and that step's name. A step that `calls` does not name keeps what it has.
        Bodies and compensations are bound alike. Raises PlanError for a name
        in `calls` that nothing has: it is misspelt.
        """
        used: set[str] = set()
        graph = bound_graph(self.check(), calls, used)
        unknown = next((name for name in calls if name not in used), None)
        if unknown is not None:
            raise PlanError(
                "nothing to bind to", expected="kind:target of a step", found=shown(unknown), at=f"plan {self.name!r}"
            )
        return Plan.of(graph)

    def given(self, inputs: Mapping[str, Any]) -> Plan:
        """The same plan with these `inputs` beside, or in place of, its own. Raises PlanError."""
        graph = self.check()
        return Plan(
            self.name, self.steps, inputs={**self.inputs, **inputs}, deadline_ms=graph.deadline_ms,
            budget=graph.budget, mode=graph.mode, on_failure=graph.on_failure,
        )  # fmt: skip

    def check(self) -> Graph:
        """The plan as a graph that can run. Raises PlanError for an empty plan, an unknown need or a cycle.

        Linear in steps and needs; the answer is kept until a step is added.
        """
        if self._graph is None:
            self._graph = checked_graph(
                Graph(
                    plan=self.name, steps=dict(self._steps), inputs=self.inputs, deadline_ms=self.deadline_ms,
                    budget=self.budget, mode=self.mode, on_failure=self.on_failure,
                )
            )  # fmt: skip
        return self._graph
