"""What a plan is: named steps, what each needs, and the checks that make them a DAG.

::

    plan = Plan("trip")
    plan.step("flights", search_flights, inputs={"to": "AMS"})
    plan.tool("hotels", "hotel_search", find_hotels, inputs={"city": "AMS"})
    plan.agent("offer", "writer", write_offer, needs=["flights", "hotels"])

A `Plan` is the builder; `Plan.check` gives the `Graph`, a snapshot that never changes and is all that running needs.
What one step shows to be wrong is raised where the step is written; what takes the whole plan (an unknown need, a
cycle) by `check`. Nothing here recurses: a chain of 10,000 steps is as fine as a wide plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from keyword import iskeyword
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from axonflow.errors import PlanError

__all__ = ["MAX_NEEDS", "MAX_STEPS", "Graph", "Plan", "Step", "StepKind"]

MAX_STEPS: Final = 10_000
MAX_NEEDS: Final = 100_000
"""Of all steps of a plan together."""
MAX_NAME_CHARS: Final = 128
MAX_TARGET_CHARS: Final = 512
MAX_INPUTS_BYTES: Final = 1024 * 1024
"""Of one step, as JSON; its context has the same bound."""
_MAX_SHOWN_IN_CYCLE: Final = 100

StepKind = Literal["function", "tool", "agent"]


def _shown(value: object) -> str:
    return f"{value[:64]!a}" if isinstance(value, str) else type(value).__name__


def _check_words(text: object, what: str, at: str | None, max_chars: int) -> None:
    # isprintable() refuses NUL, control characters and lone surrogates, none of which could be recorded.
    if not isinstance(text, str) or not text.isprintable() or text != text.strip():
        raise PlanError(f"not a {what}", expected='printable words such as "book a trip"', found=_shown(text), at=at)
    if not 0 < len(text) <= max_chars:
        raise PlanError(f"not a {what}", expected=f"1 to {max_chars} characters", found=str(len(text)), at=at)


def _check_step_name(name: object) -> None:
    # ASCII only: Python folds other letters (NFKC) in `def`, but not in keyword arguments given as a dictionary.
    if not isinstance(name, str) or not name.isascii() or not name.isidentifier() or iskeyword(name):
        raise PlanError(
            "not a step name",
            expected="a Python identifier in ASCII, no keyword",
            found=_shown(name),
            hint="Dependent steps receive the result as the keyword argument of this name.",
        )
    if len(name) > MAX_NAME_CHARS:
        raise PlanError("not a step name", expected=f"at most {MAX_NAME_CHARS} characters", found=str(len(name)))


def _json_copy(values: object, at: str) -> dict[str, Any]:
    """A deep copy of the mapping `values`, so that no later change to the original reaches the plan."""
    if not isinstance(values, Mapping):
        raise PlanError("wrong type", expected="a mapping of names to JSON values", found=type(values).__name__, at=at)
    copies: dict[str, Any] = {}
    size_bytes = 0
    for name, value in values.items():
        if not isinstance(name, str):
            raise PlanError("wrong key", expected="a string", found=type(name).__name__, at=at)
        try:
            data = msgspec.json.encode({name: value})
            copies |= msgspec.json.decode(data)
            same = bool(copies[name] == value)  # unequal: something that JSON writes but cannot give back
        except (TypeError, ValueError, KeyError, OverflowError, RecursionError, msgspec.MsgspecError):
            same = False
        if not same:
            raise PlanError(
                "not a JSON value",
                expected="null, boolean, finite number, string, list or object",
                found=type(value).__name__,
                at=f"{at}.{name[:64]!a}",
                hint="Give JSON here, and let the step make the object from it.",
            )
        size_bytes += len(data)
    if size_bytes > MAX_INPUTS_BYTES:
        raise PlanError("too large", expected=f"at most {MAX_INPUTS_BYTES} bytes of JSON", found=str(size_bytes), at=at)
    return copies


class Step(Struct, frozen=True, kw_only=True):
    """One step. `run` is a plain or async callable; it is called with keyword arguments: the literal `inputs`, and for
    each step in `needs` one argument of that step's name, holding its result as JSON.

    `kind` says what the step acts on, and so what policy is asked: the function itself, the tool `target` or the agent
    `target`. `context` is merged into the context of the step's policy requests, e.g. ``{"env": "prod"}``. `needs` is
    kept as a tuple, `inputs` and `context` as copies.

    Raises PlanError when a part is malformed or over its limit.
    """

    name: str
    run: Callable[..., Any]
    kind: StepKind = "function"
    target: str | None = None
    needs: Sequence[str] = ()
    inputs: Mapping[str, Any] = {}
    context: Mapping[str, Any] = {}

    def __post_init__(self) -> None:
        _check_step_name(self.name)
        at = f"step {self.name!r}"
        if not callable(self.run):
            raise PlanError(
                "nothing to call",
                expected="a plain or async callable",
                found=type(self.run).__name__,
                at=at,
                hint="Pass the function itself, without calling it.",
            )
        self._check_target(at)
        force_setattr(self, "inputs", _json_copy(self.inputs, f"{at}, inputs"))
        force_setattr(self, "context", _json_copy(self.context, f"{at}, context"))
        self._check_needs(at)

    def _check_target(self, at: str) -> None:
        if self.kind not in get_args(StepKind):
            raise PlanError("unknown kind", expected="function, tool or agent", found=_shown(self.kind), at=at)
        if self.kind != "function":
            _check_words(self.target, "target", at, MAX_TARGET_CHARS)
        elif self.target is not None:
            raise PlanError(
                "a function has no target",
                expected="no target",
                found=_shown(self.target),
                at=at,
                hint='Give kind="tool" or kind="agent" with it.',
            )

    def _check_needs(self, at: str) -> None:
        if isinstance(self.needs, str) or not isinstance(self.needs, (list, tuple)):
            raise PlanError("wrong type", expected="needs: a list of step names", found=_shown(self.needs), at=at)
        for need in self.needs:
            if not isinstance(need, str):
                raise PlanError("wrong type", expected="step names in needs", found=type(need).__name__, at=at)
            if need == self.name:
                raise PlanError("the step needs itself", expected="names of other steps", found=repr(need), at=at)
            if need in self.inputs:
                raise PlanError(
                    "two values for one argument",
                    expected="each name in needs or in inputs",
                    found=f"{_shown(need)} in both",
                    at=at,
                    hint="Rename the input; the result of a need is passed under the needed step's name.",
                )
        if len(set(self.needs)) < len(self.needs):
            raise PlanError("a need is named twice", expected="each once", found=str(len(self.needs)), at=at)
        force_setattr(self, "needs", tuple(self.needs))


class Graph(Struct, frozen=True):
    """A checked plan: every need exists and there is no cycle. Made by `Plan.check` only.

    `dependents` turns the needs round, and `sinks` are the steps that no other step needs; both in the plan's order.
    """

    plan: str
    steps: dict[str, Step]
    dependents: dict[str, tuple[str, ...]]
    sinks: tuple[str, ...]


class Plan:
    """A DAG of steps under a name (printable words, at most 128 characters).

    Steps may be added in any order; a need may name a step that comes later. With `steps` given, the plan is checked
    at once, else when it runs or when `check` is called. Raises PlanError.
    """

    __slots__ = ("_graph", "_needs_count", "_steps", "name")

    def __init__(self, name: str, steps: Iterable[Step] = ()) -> None:
        _check_words(name, "plan name", None, MAX_NAME_CHARS)
        self.name = name
        self._steps: dict[str, Step] = {}
        self._needs_count = 0
        self._graph: Graph | None = None
        for step in steps:
            self.add(step)
        if self._steps:
            self.check()

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
        needs_count = self._needs_count + len(step.needs)
        if needs_count > MAX_NEEDS:
            raise PlanError("too many needs", expected=f"at most {MAX_NEEDS} in a plan", found=str(needs_count), at=at)
        self._steps[step.name] = step
        self._needs_count = needs_count
        self._graph = None
        return self

    def step(
        self,
        name: str,
        run: Callable[..., Any],
        *,
        needs: Sequence[str] = (),
        inputs: Mapping[str, Any] = {},
        context: Mapping[str, Any] = {},
    ) -> Plan:
        """Add a step that calls the function `run`. Arguments and errors as in `Step`; returns this plan."""
        return self.add(Step(name=name, run=run, needs=needs, inputs=inputs, context=context))

    def tool(
        self,
        name: str,
        target: str,
        run: Callable[..., Any],
        *,
        needs: Sequence[str] = (),
        inputs: Mapping[str, Any] = {},
        context: Mapping[str, Any] = {},
    ) -> Plan:
        """Add a step that calls the tool `target` by `run`; policy is also asked for ``tool.call`` on it."""
        return self.add(
            Step(name=name, run=run, kind="tool", target=target, needs=needs, inputs=inputs, context=context)
        )

    def agent(
        self,
        name: str,
        target: str,
        run: Callable[..., Any],
        *,
        needs: Sequence[str] = (),
        inputs: Mapping[str, Any] = {},
        context: Mapping[str, Any] = {},
    ) -> Plan:
        """Add a step that has the agent `target` work by `run`; policy is also asked for ``agent.message`` to it."""
        return self.add(
            Step(name=name, run=run, kind="agent", target=target, needs=needs, inputs=inputs, context=context)
        )

    def check(self) -> Graph:
        """The plan as a graph that can run. Raises PlanError for an empty plan, an unknown need or a cycle.

        Linear in steps and needs; the answer is kept until a step is added.
        """
        if self._graph is None:
            self._graph = self._checked()
        return self._graph

    def _checked(self) -> Graph:
        at = f"plan {self.name!r}"
        if not self._steps:
            raise PlanError("the plan is empty", expected="at least one step", found="none", at=at, hint="Add a step.")
        dependents: dict[str, list[str]] = {name: [] for name in self._steps}
        for step in self._steps.values():
            for need in step.needs:
                if need not in dependents:
                    raise self._unknown_need(step.name, need)
                dependents[need].append(step.name)
        cycle = _find_cycle(self._steps, dependents)
        if cycle:
            raise PlanError(
                "the steps wait for each other",
                expected="a plan without cycles",
                found=_drawn(cycle),
                at=f"{at}, step {cycle[0]!r}",
                hint="Each of these needs the next: remove one of the needs.",
            )
        sinks = tuple(name for name, others in dependents.items() if not others)
        frozen = {name: tuple(others) for name, others in dependents.items()}
        return Graph(plan=self.name, steps=dict(self._steps), dependents=frozen, sinks=sinks)

    def _unknown_need(self, name: str, need: str) -> PlanError:
        close = get_close_matches(need, self._steps, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else "Add a step of this name, or remove the need."
        at = f"plan {self.name!r}, step {name!r}"
        return PlanError(
            "unknown need", expected="the name of a step of this plan", found=_shown(need), at=at, hint=hint
        )


def _find_cycle(steps: Mapping[str, Step], dependents: Mapping[str, Sequence[str]]) -> list[str]:
    """The names on one cycle, each needing the next, from the one added first; empty when there is none."""
    waiting = {name: len(step.needs) for name, step in steps.items()}
    free = [name for name, count in waiting.items() if not count]
    while free:  # Kahn's algorithm: what is never freed is on a cycle or behind one
        name = free.pop()
        del waiting[name]
        for other in dependents[name]:
            waiting[other] -= 1
            if not waiting[other]:
                free.append(other)
    if not waiting:
        return []
    path: dict[str, None] = {}
    name = next(iter(waiting))
    while name not in path:  # a step that was never freed has a need that was not either: follow those round
        path[name] = None
        name = next(need for need in steps[name].needs if need in waiting)
    names = list(path)
    cycle = names[names.index(name) :]
    places = {name: place for place, name in enumerate(steps)}
    first = cycle.index(min(cycle, key=places.__getitem__))
    return cycle[first:] + cycle[:first]


def _drawn(cycle: list[str]) -> str:
    shown = cycle[:_MAX_SHOWN_IN_CYCLE]
    if len(shown) < len(cycle):
        shown = [*shown, f"({len(cycle) - len(shown)} more)"]
    return " -> ".join([*shown, cycle[0]])
