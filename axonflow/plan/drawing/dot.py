"""A plan in the language of Graphviz. Source: https://graphviz.org/doc/info/lang.html."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from axonflow.plan.drawing.scene import COLOURS, scene_of
from axonflow.plan.model.step import Graph

__all__ = ["dot"]

_NO_STATES: Final[Mapping[str, str]] = {}
_SHAPES: Final = {"condition": "diamond", "join": "circle", "approval": "hexagon", "plan": "box3d", "map": "box3d"}
_STYLES: Final = {"data": "solid", "order": "dashed", "chosen": "bold"}


def dot(graph: Graph, states: Mapping[str, str] = _NO_STATES) -> str:
    """`graph` from left to right; `states` by step name are those of a run."""
    return "\n".join(_lines(graph, states)) + "\n"


def _lines(graph: Graph, states: Mapping[str, str]) -> Iterator[str]:
    scene = scene_of(graph, states)
    yield f"digraph {_quoted(scene.title)} {{"
    yield '    graph [rankdir=LR, bgcolor="transparent"]'
    yield '    node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif", fontsize=11]'
    yield '    edge [color="#808080", fontname="sans-serif", fontsize=10]'
    for box in scene.boxes:
        label = "\n".join([box.name, box.about, *([box.state] if box.state else [])])
        shape = f", shape={_SHAPES[box.kind]}, style=filled" if box.kind in _SHAPES else ""
        colour = f', color="{COLOURS[box.state]}", penwidth=3' if box.state in COLOURS else ""
        yield f"    {_quoted(box.name)} [label={_quoted(label)}{shape}{colour}]"
    for arrow in scene.arrows:
        label = f", label={_quoted(arrow.label)}" if arrow.label else ""
        yield f"    {_quoted(arrow.source)} -> {_quoted(arrow.target)} [style={_STYLES[arrow.meaning]}{label}]"
    yield "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
