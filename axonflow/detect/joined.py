"""Patterns without anything that says where they may be: one search for many says that none of them is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from axonflow.detect.patterns import CompilePattern, Pattern
from axonflow.detect.windows import Window

__all__ = ["Joined"]

_MAX_JOINED: Final = 20
"""Patterns in one search. The automaton of many grows beyond what it may take."""


class Joined:
    """Patterns, known by their number. Compiled as they are needed."""

    def __init__(self, patterns: Sequence[str], compile_pattern: CompilePattern) -> None:
        self._groups = [
            _Group(first, patterns[first : first + _MAX_JOINED], compile_pattern)
            for first in range(0, len(patterns), _MAX_JOINED)
        ]

    def find(self, data: bytes, windows: Sequence[Window]) -> Iterator[tuple[int, Sequence[Window]]]:
        """Those that may be found, and in which of `windows`."""
        for group in self._groups:
            yield from group.find(data, windows)


class _Group:
    """Where a search for all of its patterns finds anything, it is halved until one is left."""

    __slots__ = ("_any", "_compile", "_first", "_halves", "_patterns")

    def __init__(self, first: int, patterns: Sequence[str], compile_pattern: CompilePattern) -> None:
        self._first = first
        self._patterns = patterns
        self._compile = compile_pattern
        self._any: Pattern | None = None
        self._halves: tuple[_Group, _Group] | None = None

    def find(self, data: bytes, windows: Sequence[Window]) -> Iterator[tuple[int, Sequence[Window]]]:
        if len(self._patterns) == 1:
            yield self._first, windows
            return
        if self._any is None:
            self._any = self._compile("|".join([f"(?:{pattern})" for pattern in self._patterns]))
        spans = self._any.spans
        found = [(start, end) for start, end in windows if next(iter(spans(data, 0, start, end)), None) is not None]
        if found:
            if self._halves is None:
                middle = len(self._patterns) // 2
                self._halves = (
                    _Group(self._first, self._patterns[:middle], self._compile),
                    _Group(self._first + middle, self._patterns[middle:], self._compile),
                )
            for half in self._halves:
                yield from half.find(data, found)
