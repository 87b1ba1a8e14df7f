"""Where labels flow in one run of a plan: along what is passed, to what is called, and on with what that gives.

A label reaches a step along its needs and its references; what is only waited for passes nothing, and neither does the
condition that chooses a step. Of a result that is made of others' (of a plan within, a map, a join) a reference to a
part carries what that part does.

The same `Flow` serves before a run, when all that is known is what steps declare (`spread`), and while it runs, when
each step's result is kept as it comes (`keep`). A plan has no cycles, so one pass in topological order is the least
fixpoint: linear in steps and needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from axonflow.plan.labels.table import LabelTable, labels_in
from axonflow.plan.model.checking import topological
from axonflow.plan.model.options import unbound
from axonflow.plan.model.references import GIVEN, Hole, Reference, parse_reference
from axonflow.plan.model.step import Graph, Step

__all__ = ["NOTHING", "Carried", "Flow", "Through", "passed_to", "spread"]

_CALLED: Final = frozenset({"tool", "connector", "agent", "model"})
"""Kinds whose results come from elsewhere; a function is the plan's own code, and says for itself what it gives."""
_ITEM: Final = "item"


class Carried(Struct, frozen=True, gc=False):
    """What a result carries: `whole` as a set of labels and, where they are known, its parts by name, which in a list
    (`listed`) are those of each element."""

    whole: int
    parts: Mapping[str, Carried] | None = None
    listed: bool = False

    def at(self, path: tuple[str, ...]) -> int:
        """What the part at `path` carries."""
        carried = self
        for part in path:
            if carried.listed:
                carried = Carried(carried.whole, carried.parts)
            elif carried.parts is None or part not in carried.parts:
                break
            else:
                carried = carried.parts[part]
        return carried.whole

    def joined(self, other: Carried) -> Carried:
        """What is carried by what may be either of both."""
        parts = None
        if self.parts is not None and other.parts is not None:
            parts = {**self.parts, **other.parts}
            for name in self.parts.keys() & other.parts.keys():
                parts[name] = self.parts[name].joined(other.parts[name])
        return Carried(self.whole | other.whole, parts, self.listed)


NOTHING: Final = Carried(0)


class Flow:
    """The labels of one run of `graph`, or of a plan within another (`parent`, the flow and the step that it is in).

    `given` are the labels of what ``$.name`` stands for, `everywhere` those that the caller says all of it carries.
    """

    __slots__ = ("_own", "bodies", "everywhere", "gave", "given", "graph", "out", "parent", "prefix", "table", "tenant")

    def __init__(self, graph: Graph, tenant: str, table: LabelTable, everywhere: int = 0) -> None:
        self.graph = graph
        self.tenant = tenant
        self.table = table
        self.everywhere = everywhere
        self._own: dict[str, int] = {}
        self.given: Mapping[str, int] = {}
        self.parent: tuple[Flow, Step] | None = None
        self.prefix = ""
        self.out: dict[str, Carried] = {}
        self.gave: dict[str, int] = {}
        self.bodies: dict[str, list[Flow]] = {}

    def within(self, step: Step, place: str = "", but: int = 0) -> Flow:
        """The flow of the body of `step`, for one element of a map that at `place`; of what comes in, without `but`."""
        assert step.body
        body = Flow(step.body, self.tenant, self.table, self.everywhere)
        body.given = {name: labels & ~but for name, labels in self._arguments(step).items()}
        body.parent = (self, step)
        body.prefix = f"{self.prefix}{step.name}{place}."
        return body

    def into(self, step: Step) -> int:
        """What the arguments of `step` carry, and all else that goes to what it calls (its keys)."""
        labels = self.everywhere
        for need in step.needs:
            labels |= self.out.get(need, NOTHING).whole
        for reference in step.references:
            labels |= self.carried_by(reference)
        return labels | self.table.of(labels_in(step.context)) if "labels" in step.context else labels

    def into_undoing(self, step: Step) -> int:
        """What the arguments of what undoes `step` carry."""
        labels = self.everywhere
        for hole in step.compensate.holes if step.compensate is not None else ():
            labels |= self.carried_by(hole)
        return labels

    def carried_by(self, hole: Hole) -> int:
        """What stands for `hole` carries."""
        if not isinstance(hole, Reference):
            return 0
        if hole.source == GIVEN:
            return self.given.get(hole.path[0], 0)
        return self.out.get(hole.source, NOTHING).at(hole.path)

    def own(self, step: Step) -> int:
        """What the result of `step` carries because the step gives it: what it declares; and which target it came from,
        called in the name of which tenant."""
        own = self._own.get(step.name)
        if own is None:
            called = step.kind in _CALLED
            labels = (*step.labels, f"source:{step.target}", f"tenant:{self.tenant}") if called else step.labels
            own = self._own[step.name] = self.table.of(labels)
        return own

    def keep(self, step: Step, carried: int, found: int = 0) -> None:
        """The result of a step without a body is there, which `carried` that; beside it was `found` in it."""
        self.gave[step.name] = self.gave.get(step.name, 0) | (self.own(step) & carried) | found
        parts = None
        if step.kind == "join" and step.run is unbound:
            parts = {need: Carried(self.out[need].whole & carried) for need in step.needs if need in self.out}
        self._keep(step.name, Carried(carried | found, parts))

    def keep_body(self, step: Step, body: Flow, found: int = 0) -> None:
        """The body of `step`, or that of one element of it, has ended; `found` was something in the whole result."""
        sinks = {name: body.out.get(name, NOTHING) for name in body.graph.sinks}
        whole = 0
        for sink in sinks.values():
            whole |= sink.whole
        before = self.out.get(step.name)
        if before is None or whole & ~before.whole:  # of 10,000 elements, those that bring something new
            self.bodies.setdefault(step.name, []).append(body)
        if found:  # nobody knows in which part
            self.gave[step.name] = self.gave.get(step.name, 0) | found
            self._keep(step.name, Carried(whole | found))
        else:
            self._keep(step.name, Carried(whole, sinks, step.kind == "map"))

    def _keep(self, name: str, carried: Carried) -> None:
        before = self.out.get(name)  # of another copy of the step, or of another element
        self.out[name] = carried if before is None else before.joined(carried)

    def _arguments(self, step: Step) -> dict[str, int]:
        """What each argument of `step` carries; of a map, also the element."""
        labels = dict.fromkeys(step.inputs, self.everywhere)
        for name, hole in passed_to(step):
            labels[name] = labels.get(name, self.everywhere) | self.carried_by(hole)
        return labels


def passed_to(step: Step) -> Iterator[tuple[str, Hole]]:
    """What the arguments of `step` are made of, by their names; what it maps over is the element."""
    for need in step.needs:
        yield need, Reference((), need)
    for hole in step.holes:
        yield str(hole.at[0]), hole
    if step.over is not None:
        yield _ITEM, parse_reference(step.over, None)


Through = Callable[[Flow, Step, int], int]
"""Of the labels that come to a step, those that its result carries, with its own; or, where it has a body, those that
come into that."""


def spread(flow: Flow, through: Through) -> None:
    """Let what steps declare flow through the whole graph, and the plans within it."""
    for name in topological(flow.graph):
        step = flow.graph.steps[name]
        into = flow.into(step)
        carried = through(flow, step, into)
        if step.body is None:
            flow.keep(step, carried)
        else:
            body = flow.within(step, but=into & ~carried)
            spread(body, through)
            flow.keep_body(step, body)
