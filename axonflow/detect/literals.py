"""Where literals occur in a text: what decides which patterns are worth running, and where.

Looking for all literals at once is what an optional engine is for; without one, each is looked for by itself. Both
find the same, so that verdicts do not depend on what is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

__all__ = ["CompileLiterals", "LiteralSearch", "OneByOne"]


class LiteralSearch(Protocol):
    """A search for literals, which are known by their number. Safe to share among threads."""

    def ends(self, text: bytes) -> dict[int, list[int]]:
        """The ends of all occurrences in `text` (ASCII), ascending, of each literal that occurs, whatever its case."""
        ...


CompileLiterals = Callable[[Sequence[str]], LiteralSearch]
"""From literals in lower case, printable ASCII."""


class OneByOne:
    """The search that needs no engine: a pass for each literal."""

    def __init__(self, literals: Sequence[str]) -> None:
        self._literals = [literal.encode("ascii") for literal in literals]

    def ends(self, text: bytes) -> dict[int, list[int]]:
        lower = text.lower()
        return {number: _ends(lower, literal) for number, literal in enumerate(self._literals) if literal in lower}


def _ends(text: bytes, literal: bytes) -> list[int]:
    found: list[int] = []
    at = text.find(literal)
    while at >= 0:
        found.append(at + len(literal))
        at = text.find(literal, at + 1)
    return found
