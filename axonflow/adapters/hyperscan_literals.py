"""Literals by Hyperscan (Vectorscan): all of them in one pass at some GB/s. Needs the extra ``axonflow[hyperscan]``."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import hyperscan

from axonflow.detect.literals import Literal

__all__ = ["HyperscanLiterals"]


_EDGE = "[^A-Za-z0-9]"
_CAMEL = "[a-z][A-Z]"


class HyperscanLiterals:
    """See `axonflow.detect.literals.LiteralSearch`.

    Words within names such as ``customerSsn`` have a search of their own, for texts that have such names: with these
    in the first one, it takes twice as long.
    """

    def __init__(self, literals: Sequence[Literal]) -> None:
        words = [(number, literal.text) for number, literal in enumerate(literals) if literal.is_word]
        others = [(number, literal.text) for number, literal in enumerate(literals) if not literal.is_word]
        self._plain = _Search(
            [(f"(?i:{re.escape(text)})", number, 1) for number, text in others]
            + [(f"{_EDGE}(?i:{text}){_EDGE}", number, 2) for number, text in words],
            has_camel=bool(words),
        )
        self._camel = _Search([entry for number, text in words for entry in _in_names(number, text)])

    def ends(self, text: bytes) -> dict[int, list[int]]:
        padded = b"\0" + text + b"\0"  # so that there is an edge on each side
        found: dict[int, set[int]] = {}
        if self._plain.add(padded, found):
            self._camel.add(padded, found)
        return {number: sorted(ends) for number, ends in found.items()}


def _in_names(number: int, word: str) -> Iterator[tuple[str, int, int]]:
    """See `stands_as_word`."""
    first, rest, start, last = word[0].upper(), word[1:], word[:-1], word[-1]
    yield f"[a-z]{first}(?i:{rest}){_EDGE}", number, 2
    yield f"{_EDGE}(?i:{start}){last}[A-Z]", number, 2
    if rest:
        yield f"[a-z]{first}(?i:{rest[:-1]}){last}[A-Z]", number, 2


class _Search:
    """Expressions, each with the number that it is known by and how far behind the end of the literal it ends."""

    def __init__(self, expressions: Sequence[tuple[str, int, int]], *, has_camel: bool = False) -> None:
        self._meant = [(number, behind_chars) for _, number, behind_chars in expressions]
        texts = [text for text, _, _ in expressions] + [_CAMEL] * has_camel
        flags = [hyperscan.HS_FLAG_DOTALL] * len(expressions) + [hyperscan.HS_FLAG_SINGLEMATCH] * has_camel
        self._database: Any = None
        if texts:  # it refuses to compile nothing
            self._database = hyperscan.Database()
            self._database.compile(
                expressions=[text.encode("ascii") for text in texts],
                ids=list(range(len(texts))),
                elements=len(texts),
                flags=flags,
            )
        self._own = threading.local()  # its scratch space serves one search at a time

    def add(self, text: bytes, found: dict[int, set[int]]) -> bool:
        """Adds the ends of what is in `text`, and says whether a name in camelCase is."""
        if self._database is None:
            return False
        scratch = getattr(self._own, "scratch", None)
        if scratch is None:
            scratch = self._own.scratch = hyperscan.Scratch(self._database)
        hits: list[tuple[int, int]] = []

        def note(expression: int, _start: int, end: int, _flags: int, _context: object) -> None:
            hits.append((expression, end))

        self._database.scan(text, match_event_handler=note, scratch=scratch)
        is_camel = False
        for expression, end in hits:
            if expression == len(self._meant):
                is_camel = True
                continue
            number, behind_chars = self._meant[expression]
            found.setdefault(number, set()).add(end - behind_chars)
        return is_camel
