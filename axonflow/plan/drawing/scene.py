"""What every picture of a plan shows: a box for each step, an arrow for each need, and the colours of states.

Colours are those of M. Okabe and K. Ito, "Color Universal Design" (2008, https://jfly.uni-koeln.de/color/), which
people with each kind of colour blindness tell apart; and every state is written out beside its colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from axonflow.plan.model.step import Graph, Step

__all__ = ["COLOURS", "Arrow", "Box", "Scene", "scene_of"]

COLOURS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("running", "retrying", "stopping", "compensating"), "#56B4E9"),
    "succeeded": "#009E73",
    "compensated": "#0072B2",
    "failed": "#D55E00",
    "uncompensated": "#D55E00",
    "denied": "#CC79A7",
    "held": "#E69F00",
}
"""By state; any other has the colour of the text."""


class Box(Struct, frozen=True):
    """One step: its name, what it is, and the state it is in, if it was run."""

    name: str
    kind: str
    about: str
    state: str


class Arrow(Struct, frozen=True):
    """From a step to one that waits for it: for its `data`, for the `order` alone, or because a condition `chose` it,
    by the results that `label` names."""

    source: str
    target: str
    meaning: Literal["data", "order", "chosen"]
    label: str = ""


class Scene(Struct, frozen=True):
    """A plan as boxes and arrows, both in the order of its steps."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def scene_of(graph: Graph, states: Mapping[str, str]) -> Scene:
    """What to draw of `graph`; `states` by step name are those of a run, if there was one."""
    results: dict[tuple[str, str], list[str]] = {}
    for step in graph.steps.values():
        for result, names in (step.branches or {}).items():
            for name in names:
                results.setdefault((step.name, name), []).append(result)
    arrows = []
    for name, step in graph.steps.items():
        data = {*step.needs, *(reference.source for reference in step.references)}
        for need in graph.needs[name]:
            chosen = results.get((need, name))
            meaning: Literal["data", "order", "chosen"] = "chosen" if chosen else "data" if need in data else "order"
            arrows.append(Arrow(need, name, meaning, " or ".join(chosen or ())))
    boxes = tuple(
        Box(step.name, step.kind, _about(step), str(states.get(step.name, ""))) for step in graph.steps.values()
    )
    return Scene(graph.plan, boxes, tuple(arrows))


def _about(step: Step) -> str:
    if step.body is not None:
        count = step.body.steps_count
        over = f" over {step.over}" if step.over else ""
        return f"{step.kind}{over}: {count} {'step' if count == 1 else 'steps'}"
    if step.kind == "condition":
        return f"if {step.when}"
    if step.kind == "join":
        return f"join: {step.wait_for}"
    return f"{step.kind} {step.target}" if step.target else step.kind
