"""Literals by RE2, where Hyperscan is not installed: one automaton walks the text; what begins at a hit is tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import re2

from axonflow.detect.literals import Literal, stands_as_word

__all__ = ["Re2Literals"]

_NOTHING = r"[^\x00-\x{10ffff}]"
_MAX_MEM_BYTES = 64 * 1024 * 1024
"""The automaton of a thousand literals; it grows as texts come, and is thrown away when it reaches this."""


class Re2Literals:
    """See `axonflow.detect.literals.LiteralSearch`."""

    def __init__(self, literals: Sequence[Literal]) -> None:
        options = re2.Options()
        options.max_mem = _MAX_MEM_BYTES
        options.never_capture = True
        words = sorted({literal.text for literal in literals if literal.is_word})
        others = sorted({literal.text for literal in literals if not literal.is_word})
        # Any hit will do, so what begins with another may be left out; a word's edge is looked at where it is found.
        any_of_them = "|".join([*map(re2.escape, others), *(rf"{word}(?:\b|[A-Z_])" for word in words)]) or _NOTHING
        self._search = cast(Any, re2).compile(f"(?i:{any_of_them})", options).search
        self._beginning: dict[int, list[tuple[int, bytes, bool]]] = {}
        for number, literal in enumerate(literals):
            encoded = literal.text.encode("ascii")
            self._beginning.setdefault(encoded[0], []).append((number, encoded, literal.is_word))

    def ends(self, text: bytes) -> dict[int, list[int]]:
        lower = text.lower()
        found: dict[int, list[int]] = {}
        match = self._search(text)
        while match is not None:
            start = match.start()
            for number, literal, is_word in self._beginning[lower[start]]:
                end = start + len(literal)
                if lower.startswith(literal, start) and (not is_word or stands_as_word(text, start, end)):
                    found.setdefault(number, []).append(end)
            match = self._search(text, start + 1)  # what begins inside of a hit counts too
        return found
