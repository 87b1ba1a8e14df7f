"""Patterns without anything that says where they may be: one search for many says that none of them is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from axonflow.detect.patterns import CompilePattern, Pattern
from axonflow.detect.windows import Window
from axonflow.errors import AxonFlowError

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

    __slots__ = ("_any", "_compile", "_first", "_halves", "_is_too_large", "_patterns")

    def __init__(self, first: int, patterns: Sequence[str], compile_pattern: CompilePattern) -> None:
        self._first = first
        self._patterns = patterns
        self._compile = compile_pattern
        self._any: Pattern | None = None
        self._is_too_large = False
        self._halves: tuple[_Group, _Group] | None = None

    def find(self, data: bytes, windows: Sequence[Window]) -> Iterator[tuple[int, Sequence[Window]]]:
        if len(self._patterns) == 1:
            yield self._first, windows
            return
        found = windows
        if not self._is_too_large:
            found = [(start, end) for start, end in windows if self._is_any_in(data, start, end)]
        if found:
            if self._halves is None:
                middle = len(self._patterns) // 2
                self._halves = (
                    _Group(self._first, self._patterns[:middle], self._compile),
                    _Group(self._first + middle, self._patterns[middle:], self._compile),
                )
            for half in self._halves:
                yield from half.find(data, found)

    def _is_any_in(self, data: bytes, start: int, end: int) -> bool:
        if self._any is None:
            try:
                self._any = self._compile("|".join([f"(?:{pattern})" for pattern in self._patterns]))
            except AxonFlowError:  # each of them compiles, so the halves are tried
                self._is_too_large = True
                return True
        return next(iter(self._any.spans(data, 0, start, end)), None) is not None
