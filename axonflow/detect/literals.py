"""Where literals occur in a text: what decides which patterns are worth running, and where.

Looking for all literals at once is what an optional engine is for; without it, RE2 does. All find the same, so that
verdicts do not depend on what is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

__all__ = ["CompileLiterals", "Literal", "LiteralSearch", "OneByOne", "stands_as_word"]


class Literal(NamedTuple):
    """Printable ASCII in lower case, found in any case."""

    text: str
    is_word: bool = False
    """Of letters, and found only as a word: short ones are part of many words."""


class LiteralSearch(Protocol):
    """A search for literals, which are known by their number. Safe to share among threads."""

    def ends(self, text: bytes) -> dict[int, list[int]]:
        """The ends of all occurrences in `text` (ASCII), ascending, of each literal that occurs."""
        ...


CompileLiterals = Callable[[Sequence[Literal]], LiteralSearch]


def stands_as_word(text: bytes, start: int, end: int) -> bool:
    """Whether the letters there are a word, also of a name such as ``customerSsn`` or ``ssnOfCustomer``."""
    before, first, last, after = (
        text[start - 1 : start],
        text[start : start + 1],
        text[end - 1 : end],
        text[end : end + 1],
    )
    begins = not before.isalnum() or (before.islower() and first.isupper())
    return begins and (not after.isalnum() or (last.islower() and after.isupper()))


class OneByOne:
    """The search that needs no engine: a pass for each literal."""

    def __init__(self, literals: Sequence[Literal]) -> None:
        self._literals = [(literal.text.encode("ascii"), literal.is_word) for literal in literals]

    def ends(self, text: bytes) -> dict[int, list[int]]:
        lower = text.lower()
        found: dict[int, list[int]] = {}
        for number, (literal, is_word) in enumerate(self._literals):
            at = lower.find(literal)
            while at >= 0:
                end = at + len(literal)
                if not is_word or stands_as_word(text, at, end):
                    found.setdefault(number, []).append(end)
                at = lower.find(literal, at + 1)
        return found
