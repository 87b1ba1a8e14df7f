"""Where something stands in a text that is imported."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

__all__ = ["Places"]


class Places:
    """Lines and columns of one text, both from 1, columns in characters."""

    __slots__ = ("_name", "_starts")

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._starts = [0, *accumulate([len(line) + 1 for line in text.split("\n")])]

    def at(self, offset: int) -> str:
        """``name:line:column`` of the character at `offset`."""
        line = bisect_right(self._starts, offset)
        return f"{self._name}:{line}:{offset - self._starts[line - 1] + 1}"
