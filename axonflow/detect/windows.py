"""Where in a text it is worth running a pattern: around what it needs, and within one leaf at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from axonflow.detect.content import Document

__all__ = ["Run", "Window", "pieces", "windows_around", "with_digits", "within_leaves"]

_PIECE_CHARS: Final = 8_192
Window = tuple[int, int]
Run = tuple[int, int, int]
"""Start, end, digits."""


def pieces(last: int, overlap: int) -> list[Window]:
    """All of a text, in parts that each share so much with the next that any match is whole in one."""
    if last <= _PIECE_CHARS + overlap:
        return [(0, last)]
    return [(start, min(start + _PIECE_CHARS + overlap, last)) for start in range(0, last, _PIECE_CHARS)]


def windows_around(places: Sequence[Run], reach: int, last: int) -> list[Window]:
    """What lies within `reach` of any of `places`, which ascend."""
    if last <= reach:
        return [(0, last)]
    windows: list[Window] = []
    start, stop = places[0][0] - reach, places[0][1] + reach
    for first, end, _ in places:
        if first - reach > stop:
            windows.append((max(0, start), stop))
            start = first - reach
        stop = end + reach
    windows.append((max(0, start), min(stop, last)))
    return windows


def with_digits(windows: Iterable[Window], runs: Sequence[Run], least: int) -> list[Window]:
    """Those of `windows` that a run of so many digits reaches into."""
    long_enough = [(start, end) for start, end, digits in runs if digits >= least]
    return [window for window in windows if any(start < window[1] and end > window[0] for start, end in long_enough)]


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
