"""Literals by RE2, where Hyperscan is not installed: one automaton walks the text; what begins at a hit is tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import re2

__all__ = ["Re2Literals"]

_NOTHING = r"[^\x00-\x{10ffff}]"
_MAX_MEM_BYTES = 64 * 1024 * 1024
"""The automaton of a thousand literals; it grows as texts come, and is thrown away when it reaches this."""


class Re2Literals:
    """See `axonflow.detect.literals.LiteralSearch`."""

    def __init__(self, literals: Sequence[str]) -> None:
        options = re2.Options()
        options.max_mem = _MAX_MEM_BYTES
        options.never_capture = True
        any_of_them = "|".join(re2.escape(literal) for literal in sorted(literals)) or _NOTHING
        self._search = cast(Any, re2).compile(any_of_them, options).search
        self._beginning: dict[int, list[tuple[int, bytes]]] = {}
        for number, literal in enumerate(literals):
            encoded = literal.encode("ascii")
            self._beginning.setdefault(encoded[0], []).append((number, encoded))

    def ends(self, text: bytes) -> dict[int, list[int]]:
        lower = text.lower()
        found: dict[int, list[int]] = {}
        match = self._search(lower)
        while match is not None:
            start = match.start()
            for number, literal in self._beginning[lower[start]]:
                if lower.startswith(literal, start):
                    found.setdefault(number, []).append(start + len(literal))
            match = self._search(lower, start + 1)  # what begins inside of a hit counts too
        return found
