"""Where in a text it is worth running a pattern: around what it needs, and within one leaf at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from axonflow.detect.content import Document

__all__ = ["Window", "pieces", "windows_around", "with_any", "within_leaves"]

_PIECE_CHARS: Final = 8_192
_WORTH_CHARS: Final = 500
"""Between two windows: searching fewer takes less time than another search."""
Window = tuple[int, int]


def pieces(last: int, overlap: int) -> list[Window]:
    """All of a text, in parts that each share so much with the next that any match is whole in one."""
    if last <= _PIECE_CHARS + overlap:
        return [(0, last)]
    return [(start, min(start + _PIECE_CHARS + overlap, last)) for start in range(0, last, _PIECE_CHARS)]


def windows_around(points: Sequence[int], reach: int, last: int) -> list[Window]:
    """What lies within `reach` of any of `points`."""
    if last <= reach:
        return [(0, last)]
    windows: list[Window] = []
    points = sorted(points)
    start, stop = points[0] - reach, points[0] + reach
    for point in points:
        if point - reach > stop + _WORTH_CHARS:
            windows.append((max(0, start), stop))
            start = point - reach
        stop = point + reach
    windows.append((max(0, start), min(stop, last)))
    return windows


def with_any(windows: Iterable[Window], points: Sequence[int], slack: int) -> list[Window]:
    """Those of `windows` that one of `points` is in, or no more than `slack` beside."""
    return [window for window in windows if any(window[0] - slack <= point <= window[1] + slack for point in points)]


def within_leaves(document: Document, windows: Iterable[Window]) -> Iterator[tuple[int, int, int]]:
    """The parts of windows that lie in one leaf each, without the newlines between."""
    if len(document.leaves) == 1:
        for start, end in windows:
            yield 0, start, end
        return
    for start, end in windows:
        for leaf in range(document.leaf_at(start), document.leaf_at(end - 1) + 1):
            first, behind = document.extent(leaf)
            if first < behind:
                yield leaf, max(first, start), min(behind, end)
