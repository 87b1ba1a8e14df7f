"""By which way a label comes to a step: the shortest from one that gave it, of equals the first in the plan's order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from axonflow.plan.labels.flowing import NOTHING, Flow, passed_to
from axonflow.plan.model.references import GIVEN, Hole, Reference
from axonflow.plan.model.step import Step

__all__ = ["drawn", "path_to"]

_MAX_SHOWN: Final = 20

_UNDONE: Final = ""
_Place = tuple[Flow, str, str | None]
"""A step of a flow; of one with a body, the argument that goes into it, else None. What undoes a step is one too."""


def path_to(flow: Flow, step: Step, label: int, *, undoing: bool = False) -> tuple[str, ...]:
    """The names of the steps by which the `label`, a set of one, comes to `step` of `flow`, from the one that gave it
    to `step` itself, or to what undoes it. Empty for one that no step gave: it was there from the start."""
    start: _Place = (flow, step.name, _UNDONE if undoing else None)
    after: dict[_Place, _Place | None] = {start: None}
    places = [start]
    for place in places:  # it grows while it is walked: breadth first
        for one in _before(place, label):
            if one in after:
                continue
            after[one] = place
            if one[0].gave.get(one[1], 0) & label and one[2] is None:
                return tuple(name for name, _ in groupby(_names(one, after)))
            places.append(one)
    return ()


def _names(place: _Place, after: dict[_Place, _Place | None]) -> Iterator[str]:
    at: _Place | None = place
    while at is not None:
        yield at[0].prefix + at[1]
        at = after[at]


def _before(place: _Place, label: int) -> Iterator[_Place]:
    """Whence the label comes to a place, at once."""
    flow, name, argument = place
    step = flow.graph.steps[name]
    if argument == _UNDONE:
        yield from _carrying(flow, step.compensate.holes if step.compensate is not None else (), label)
        return
    yield from _carrying(flow, [hole for to, hole in passed_to(step) if argument in (None, to)], label)
    if argument is None:
        yield from _carrying(flow, step.references, label)  # keys too


def _carrying(flow: Flow, holes: Sequence[Hole], label: int) -> Iterator[_Place]:
    for hole in holes:
        if not isinstance(hole, Reference) or not flow.carried_by(hole) & label:
            continue
        if hole.source != GIVEN:
            yield from _sources(flow, hole.source, hole.path, label)
        else:
            assert flow.parent, "only the body of a step is given what carries labels"
            outer, step = flow.parent
            yield outer, step.name, hole.path[0]


def _sources(flow: Flow, name: str, path: Sequence[str], label: int) -> Iterator[_Place]:
    """The steps that gave what `path` leads to in the result of the step `name`: of a body, those in it."""
    bodies = flow.bodies.get(name)
    if bodies is None or flow.gave.get(name, 0) & label:
        yield flow, name, None
        return
    part = path[1:] if flow.graph.steps[name].kind == "map" else path
    for body in bodies:
        for sink in body.graph.sinks:
            if (not part or part[0] == sink) and body.out.get(sink, NOTHING).at(tuple(part[1:])) & label:
                yield from _sources(body, sink, part[1:], label)


def drawn(path: Sequence[str]) -> str:
    """`path` for people: ``crm_export -> summarise -> send_mail``."""
    if len(path) > _MAX_SHOWN:
        half = _MAX_SHOWN // 2
        path = [*path[:half], f"({len(path) - 2 * half} more)", *path[-half:]]
    return " -> ".join(path)
