"""A finished run as an SVG picture over time: a bar for each step, and the critical path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from axonflow.plan.drawing.critical import Timed, critical_path
from axonflow.plan.drawing.xml_text import cut, number, svg_document, xml_text

__all__ = ["gantt"]

_ROW_PX: Final = 22.0
_BAR_PX: Final = 14.0
_TOP_PX: Final = 30.0
_NAMES_PX: Final = 190.0
_CHART_PX: Final = 720.0
_TIMES_PX: Final = 110.0
_MARGIN_PX: Final = 12.0
_TICKS: Final = 8
MAX_NAME_CHARS: Final = 28


def gantt(plan: str, steps: Mapping[str, Timed], needs: Mapping[str, Sequence[str]]) -> str:
    """How the `steps` of a run of `plan` went, in the order they started; those that never did come last.

    The steps of the critical path are bold and joined by a line.
    """
    shown = sorted(steps.values(), key=lambda step: (step.started_us is None, step.started_us or 0))
    starts = [step.started_us for step in shown if step.started_us is not None]
    first_us = min(starts, default=0)
    last_us = max(
        (step.finished_us or step.started_us or 0 for step in shown if step.started_us is not None), default=0
    )
    scale = _CHART_PX / max(1, last_us - first_us)
    rows = {step.name: row for row, step in enumerate(shown)}
    height = _TOP_PX + len(shown) * _ROW_PX + _MARGIN_PX
    parts = list(_axis(last_us - first_us, scale, height))
    critical = dict.fromkeys(critical_path(steps, needs))
    for step in shown:
        parts.extend(_row(step, rows[step.name], first_us, scale, is_critical=step.name in critical))
    parts.extend(_joined([steps[name] for name in critical], rows, first_us, scale))
    return svg_document(f"Run of {plan}", _NAMES_PX + _CHART_PX + _TIMES_PX + _MARGIN_PX, height, parts)


def _axis(span_us: int, scale: float, height: float) -> Iterator[str]:
    tick_us = _tick_us(span_us)
    for count in range(int(span_us // tick_us) + 1):
        x = number(_NAMES_PX + count * tick_us * scale)
        bottom = number(height - _MARGIN_PX)
        yield f'<path class="tick" d="M{x} {number(_TOP_PX - 6)}V{bottom}"/>'
        yield f'<text class="small" x="{x}" y="18" text-anchor="middle">{_ms(count * tick_us)}</text>'


def _tick_us(span_us: int) -> float:
    """1, 2 or 5 times a power of ten, so that there are some eight ticks at most."""
    tick = 1.0
    while True:
        for factor in (1, 2, 5):
            if span_us <= tick * factor * _TICKS:
                return tick * factor
        tick *= 10


def _ms(time_us: float) -> str:
    return f"{time_us / 1000:,.3f}".rstrip("0").rstrip(".") + " ms"


def _x(time_us: int, first_us: int, scale: float) -> float:
    return _NAMES_PX + (time_us - first_us) * scale


def _middle(row: int) -> float:
    return _TOP_PX + (row + 0.5) * _ROW_PX


def _row(step: Timed, row: int, first_us: int, scale: float, *, is_critical: bool) -> Iterator[str]:
    y = _middle(row)
    name, classes = xml_text(cut(step.name, MAX_NAME_CHARS)), f"{step.state} critical" if is_critical else step.state
    yield f'<g class="{xml_text(classes)}"><title>{xml_text(f"{step.name}: {step.state}")}</title>'
    yield f'<text class="name" x="{number(_NAMES_PX - 10)}" y="{number(y + 4)}" text-anchor="end">{name}</text>'
    x, told = _NAMES_PX, str(step.state)
    if step.started_us is not None:
        end_us = step.finished_us if step.finished_us is not None else step.started_us
        start, x = _x(step.started_us, first_us, scale), _x(end_us, first_us, scale)
        size = f'width="{number(max(1.5, x - start))}" height="{number(_BAR_PX)}"'
        at = f'x="{number(start)}" y="{number(y - _BAR_PX / 2)}"'
        yield f'<rect class="bar" {at} {size} rx="3"/>'
        told = _ms(end_us - step.started_us) + ("" if told == "succeeded" else f", {told}")
    yield f'<text class="small" x="{number(x + 6)}" y="{number(y + 4)}">{xml_text(told)}</text></g>'


def _joined(path: Sequence[Timed], rows: Mapping[str, int], first_us: int, scale: float) -> Iterator[str]:
    for before, after in pairwise(path):
        assert before.finished_us is not None  # what never ended is on no critical path
        start = _x(before.finished_us, first_us, scale)
        end = _x(after.started_us if after.started_us is not None else before.finished_us, first_us, scale)
        top, bottom = number(_middle(rows[before.name])), number(_middle(rows[after.name]))
        yield f'<path class="joint" d="M{number(start)} {top}V{bottom}H{number(end)}"/>'
