"""A plan as lines of text, for terminals: each step, what it is, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterator

from axonflow.plan.drawing.scene import scene_of
from axonflow.plan.model.checking import topological
from axonflow.plan.model.step import Graph

__all__ = ["outline"]

MAX_NEEDS_SHOWN = 6


def outline(graph: Graph) -> list[tuple[str, str, str]]:
    """(name, what it is, what it waits for) of each step, after those that it waits for; steps of bodies are indented
    below theirs."""
    return list(_lines(graph, ""))


def _lines(graph: Graph, indent: str) -> Iterator[tuple[str, str, str]]:
    boxes = {box.name: box for box in scene_of(graph, {}).boxes}
    for name in topological(graph):
        needs = graph.needs[name]
        waits = ", ".join(needs[:MAX_NEEDS_SHOWN])
        if len(needs) > MAX_NEEDS_SHOWN:
            waits += f" and {len(needs) - MAX_NEEDS_SHOWN} more"
        yield f"{indent}{name}", boxes[name].about, waits
        body = graph.steps[name].body
        if body is not None:
            yield from _lines(body, f"{indent}  ")
