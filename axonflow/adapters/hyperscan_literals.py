"""Literals by Hyperscan (Vectorscan): all of them in one pass at some GB/s. Needs the extra ``axonflow[hyperscan]``."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import hyperscan

__all__ = ["HyperscanLiterals"]


class HyperscanLiterals:
    """See `axonflow.detect.literals.LiteralSearch`."""

    def __init__(self, literals: Sequence[str]) -> None:
        self._database: Any = None
        if not literals:
            return  # which it refuses to compile
        self._database = hyperscan.Database()
        self._database.compile(
            expressions=[literal.encode("ascii") for literal in literals],
            ids=list(range(len(literals))),
            elements=len(literals),
            flags=hyperscan.HS_FLAG_CASELESS,
            literal=True,
        )
        self._own = threading.local()  # its scratch space serves one search at a time

    def ends(self, text: bytes) -> dict[int, list[int]]:
        if self._database is None:
            return {}
        scratch = getattr(self._own, "scratch", None)
        if scratch is None:
            scratch = self._own.scratch = hyperscan.Scratch(self._database)
        found: dict[int, list[int]] = {}

        def note(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            if number in found:
                found[number].append(end)
            else:
                found[number] = [end]

        self._database.scan(text, match_event_handler=note, scratch=scratch)
        return found
