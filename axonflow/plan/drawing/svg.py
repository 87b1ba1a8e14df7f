"""A plan as an SVG picture, from left to right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from axonflow.plan.drawing.layers import Layers, layered, placed
from axonflow.plan.drawing.scene import Arrow, Box, scene_of
from axonflow.plan.drawing.xml_text import cut, number, svg_document, xml_text
from axonflow.plan.model.checking import topological
from axonflow.plan.model.step import Graph

__all__ = ["svg"]

_NO_STATES: Final[Mapping[str, str]] = {}
MAX_LINE_CHARS: Final = 30
_CHAR_PX: Final = 6.6
_BOX_HEIGHT_PX: Final = 38.0
_BOX_PITCH_PX: Final = 54.0
_WAY_PITCH_PX: Final = 14.0
_GAP_PX: Final = 56.0
_MARGIN_PX: Final = 16.0
_MIN_BOX_PX: Final = 64.0


def svg(graph: Graph, states: Mapping[str, str] = _NO_STATES) -> str:
    """`graph` as a picture; `states` by step name are those of a run. Every box tells all of itself as a tooltip."""
    scene = scene_of(graph, states)
    layers = layered(graph.needs, topological(graph))
    widths = [_width(box) for box in scene.boxes]
    columns = [max((widths[node] for node in row if node < layers.count), default=_MIN_BOX_PX) for row in layers.rows]
    left = [_MARGIN_PX]
    for width in columns:
        left.append(left[-1] + width + _GAP_PX)
    down = [value + _MARGIN_PX + _BOX_HEIGHT_PX / 2 for value in placed(layers, _BOX_PITCH_PX, _WAY_PITCH_PX)]
    spans = _spans(layers, widths, columns, left)
    numbers = {box.name: node for node, box in enumerate(scene.boxes)}
    parts = [_HEAD]
    for arrow in scene.arrows:
        way = layers.ways[numbers[arrow.source], numbers[arrow.target]]
        parts.extend(_arrow(arrow, [(*spans[node], down[node]) for node in way]))
    for node, box in enumerate(scene.boxes):
        parts.extend(_box(box, spans[node][0], down[node], widths[node]))
    height = max(down, default=0.0) + _BOX_HEIGHT_PX / 2 + _MARGIN_PX
    return svg_document(f"Plan {scene.title}", left[-1] - _GAP_PX + _MARGIN_PX, height, parts)


_HEAD: Final = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" class="tip"/></marker></defs>'
)


def _width(box: Box) -> float:
    longest = max(len(cut(line, MAX_LINE_CHARS)) for line in _lines(box))
    return max(_MIN_BOX_PX, longest * _CHAR_PX + 18)


def _lines(box: Box) -> tuple[str, str]:
    return box.name, f"{box.about} \u00b7 {box.state}" if box.state else box.about


def _spans(
    layers: Layers, widths: Sequence[float], columns: Sequence[float], left: Sequence[float]
) -> list[tuple[float, float]]:
    """From where to where each node goes, across: a box is in the middle of its column, a held place takes all."""
    spans = [(0.0, 0.0)] * len(layers.before)
    for column, row in enumerate(layers.rows):
        for node in row:
            width = widths[node] if node < layers.count else columns[column]
            start = left[column] + (columns[column] - width) / 2
            spans[node] = (start, start + width)
    return spans


def _arrow(arrow: Arrow, way: Sequence[tuple[float, float, float]]) -> Iterator[str]:
    """A line through the places of `way`: (from, to, down) each."""
    _, x, y = way[0]
    path = [f"M{number(x)} {number(y)}"]
    for start, end, down in way[1:]:
        middle = number((x + start) / 2)
        path.append(f"C{middle} {number(y)} {middle} {number(down)} {number(start)} {number(down)}")
        if (start, end, down) != way[-1]:
            path.append(f"H{number(end)}")
        x, y = end, down
    yield f'<path class="arrow {arrow.meaning}" d="{"".join(path)}" marker-end="url(#tip)"/>'
    if arrow.label:
        _, x, y = way[0]
        at = f'x="{number((x + way[1][0]) / 2)}" y="{number((y + way[1][2]) / 2 - 4)}"'
        yield f'<text class="small" {at} text-anchor="middle">{xml_text(cut(arrow.label, MAX_LINE_CHARS))}</text>'


def _box(box: Box, x: float, middle: float, width: float) -> Iterator[str]:
    y = middle - _BOX_HEIGHT_PX / 2
    name, about = _lines(box)
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(_BOX_HEIGHT_PX)}"'
    classes = f' class="ran {xml_text(box.state)}"' if box.state else ""
    yield f"<g{classes}><title>{xml_text(f'{name}: {about}')}</title>"
    yield f'<rect class="box" {place} rx="{0 if box.kind == "condition" else 7}"/>'
    at = f'x="{number(x + width / 2)}" text-anchor="middle"'
    yield f'<text {at} y="{number(middle - 3)}">{xml_text(cut(name, MAX_LINE_CHARS))}</text>'
    yield f'<text class="small" {at} y="{number(middle + 11)}">{xml_text(cut(about, MAX_LINE_CHARS))}</text></g>'
