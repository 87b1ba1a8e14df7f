"""Marks by Hyperscan (Vectorscan): all of them in one pass at some GB/s. Needs the extra ``axonflow[hyperscan]``."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from functools import cached_property
from typing import Any

import hyperscan

from axonflow.detect.marks import Mark

__all__ = ["HyperscanMarks"]

_EDGE = "[^A-Za-z0-9]"
_CAMEL = "[a-z][A-Z]"


class HyperscanMarks:
    """See `axonflow.detect.marks.MarkSearch`. A point is where an occurrence ends, or one or two characters behind.

    Texts and expressions have a search each: together they take half as long again. So have words within names such as
    ``customerSsn``, for texts that have such names.
    """

    def __init__(self, marks: Sequence[Mark]) -> None:
        numbered = [(number, _expression(mark), mark) for number, mark in enumerate(marks)]
        words = [(number, mark.text) for number, _, mark in numbered if mark.kind == "word"]
        self._camel_number = len(marks)
        self._texts = _Search([(number, text) for number, text, mark in numbered if mark.kind != "expression"])
        self._expressions = _Search(
            [(number, text) for number, text, mark in numbered if mark.kind == "expression"]
            + [(self._camel_number, _CAMEL)] * bool(words),
            once={self._camel_number},
        )
        self._camel = _Search([entry for number, text in words for entry in _in_names(number, text)])

    def points(self, text: bytes) -> dict[int, list[int]]:
        padded = b"\0" + text + b"\0"  # so that there is an edge on each side
        found: defaultdict[int, list[int]] = defaultdict(list)
        self._texts.add(padded, found)
        self._expressions.add(padded, found)
        if found.pop(self._camel_number, None):
            self._camel.add(padded, found)
        return found


def _expression(mark: Mark) -> str:
    if mark.kind == "expression":
        return mark.text
    if mark.kind == "word":
        return f"{_EDGE}(?i:{mark.text}){_EDGE}"
    return f"(?i:{re.escape(mark.text)})"


def _in_names(number: int, word: str) -> Iterator[tuple[int, str]]:
    """See `stands_as_word`."""
    first, rest, start, last = word[0].upper(), word[1:], word[:-1], word[-1]
    yield number, f"[a-z]{first}(?i:{rest}){_EDGE}"
    yield number, f"{_EDGE}(?i:{start}){last}[A-Z]"
    if rest:
        yield number, f"[a-z]{first}(?i:{rest[:-1]}){last}[A-Z]"


class _Search:
    """Expressions, each with the number that it is known by: several may have the same."""

    def __init__(self, expressions: Sequence[tuple[int, str]], once: Container[int] = ()) -> None:
        """Of those in `once`, one occurrence is enough. Compiled when it is first needed."""
        self._expressions = expressions
        self._once = once
        self._own = threading.local()  # its scratch space serves one search at a time

    @cached_property
    def _database(self) -> Any:
        database = hyperscan.Database()
        database.compile(
            expressions=[text.encode("ascii") for _, text in self._expressions],
            ids=[number for number, _ in self._expressions],
            elements=len(self._expressions),
            flags=[
                hyperscan.HS_FLAG_DOTALL | (hyperscan.HS_FLAG_SINGLEMATCH if number in self._once else 0)
                for number, _ in self._expressions
            ],
        )
        return database

    def add(self, text: bytes, found: defaultdict[int, list[int]]) -> None:
        """Adds where each occurrence in `text` ends."""
        if not self._expressions:  # nothing is not compiled
            return
        scratch = getattr(self._own, "scratch", None)
        if scratch is None:
            scratch = self._own.scratch = hyperscan.Scratch(self._database)

        def note(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found[number].append(end)

        self._database.scan(text, match_event_handler=note, scratch=scratch)
