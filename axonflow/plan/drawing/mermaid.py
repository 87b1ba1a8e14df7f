"""A plan as a Mermaid flowchart. Source: https://mermaid.js.org/syntax/flowchart.html."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from axonflow.plan.drawing.scene import COLOURS, scene_of
from axonflow.plan.model.step import Graph

__all__ = ["mermaid"]

_NO_STATES: Final[Mapping[str, str]] = {}
_SHAPES: Final = {
    "condition": ("{", "}"), "join": ("((", "))"), "approval": ("{{", "}}"), "plan": ("[[", "]]"), "map": ("[[", "]]"),
    "agent": ("([", "])"), "model": ("([", "])"),
}  # fmt: skip
_ARROWS: Final = {"data": "-->", "order": "-.->", "chosen": "==>"}
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-.,:/()[]$%+*=!?'")


def mermaid(graph: Graph, states: Mapping[str, str] = _NO_STATES) -> str:
    """`graph` as a flowchart from left to right; `states` by step name are those of a run."""
    return "\n".join(_lines(graph, states)) + "\n"


def _lines(graph: Graph, states: Mapping[str, str]) -> Iterator[str]:
    scene = scene_of(graph, states)
    yield "flowchart LR"
    ids = {box.name: f"s{number}" for number, box in enumerate(scene.boxes)}  # a step may be called `end`
    for box in scene.boxes:
        before, after = _SHAPES.get(box.kind, ("[", "]"))
        lines = [box.name, box.about, *([box.state] if box.state else [])]
        label = "<br/>".join(_escaped(line) for line in lines)
        yield f'    {ids[box.name]}{before}"{label}"{after}'
    for arrow in scene.arrows:
        label = f'|"{_escaped(arrow.label)}"|' if arrow.label else ""
        yield f"    {ids[arrow.source]} {_ARROWS[arrow.meaning]}{label} {ids[arrow.target]}"
    for state, colour in COLOURS.items():
        named = [ids[box.name] for box in scene.boxes if box.state == state]
        if named:
            yield f"    classDef {state} stroke:{colour},stroke-width:3px"
            yield f"    class {','.join(named)} {state}"


def _escaped(text: str) -> str:
    """`text` as a label: what could end it, or begin a tag, as an entity code."""
    return "".join(char if char in _PLAIN else f"#{ord(char)};" for char in text)
