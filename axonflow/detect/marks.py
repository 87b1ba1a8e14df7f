"""Where marks occur in a text: what decides which patterns are worth running, and where.

Looking for all marks at once is what an optional engine is for. Both ways lead to the same findings, so that verdicts
do not depend on what is installed.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, Literal, NamedTuple, Protocol

from axonflow.detect.joined import Joined
from axonflow.detect.patterns import CompilePattern

__all__ = ["SLACK_CHARS", "ByGrams", "CompileMarks", "Mark", "MarkSearch", "digits", "stands_as_word"]

SLACK_CHARS: Final = 32
"""How far from an occurrence the point may be that stands for it."""


class Mark(NamedTuple):
    """Something that is in each match of a pattern, or near it, and is rare elsewhere."""

    text: str
    kind: Literal["text", "word", "expression"] = "text"
    """``text`` and ``word`` are printable ASCII in lower case, found in any case; a word is of letters, and found only
    as a word: short ones are part of many words. An ``expression`` has RE2's syntax, takes no notice of its
    surroundings (no ``\\b``, no ``^``) and sees a NUL before and after the text."""


def digits(least: int) -> Mark:
    """`least` digits with nothing but punctuation between, up to where a group of digits ends."""
    return Mark(f"[0-9](?:[ +\\-.()/]*[0-9]){{{least - 1}}}[^0-9]", "expression")


class MarkSearch(Protocol):
    """A search for marks, which are known by their number. Safe to share among threads."""

    def points(self, text: bytes) -> Mapping[int, list[int]]:
        """By the number of the mark, in any order: at least one within `SLACK_CHARS` of each occurrence in `text`
        (ASCII)."""
        ...


CompileMarks = Callable[[Sequence[Mark]], MarkSearch]


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


_COMMONEST_FIRST: Final = b" etaoinshrdlcumwfgypbvk.,-jxqz\"'/:;()0123456789"
_GRAMS: Final[tuple[tuple[int, Literal["I", "H"]], ...]] = ((4, "I"), (2, "H"))
"""Characters in a row, and the format of a number of as many bytes."""


class ByGrams:
    """The search that needs nothing but the engine of patterns: a text is looked for where the rarest few characters in
    a row that it has are (a q-gram filter: E. Ukkonen, Approximate string-matching with q-grams, 1992). A row is read
    as one number, all that begin at every fourth (second) place of a text in one go.
    """

    def __init__(self, compile_pattern: CompilePattern, marks: Sequence[Mark]) -> None:
        self._by_gram: list[dict[int, list[tuple[int, bytes, bool]]]] = [{} for _ in _GRAMS]
        self._single: list[tuple[int, bytes, bool]] = []
        for number, (text, kind) in enumerate(marks):
            if kind != "expression":
                self._entries_for(text.encode("ascii")).append((number, text.encode("ascii"), kind == "word"))
        self._grams = [frozenset(by_gram) for by_gram in self._by_gram]
        expressions = [(number, mark.text) for number, mark in enumerate(marks) if mark.kind == "expression"]
        self._numbers = [number for number, _ in expressions]
        self._patterns = [compile_pattern(text) for _, text in expressions]
        self._joined = Joined([text for _, text in expressions], compile_pattern)

    def points(self, text: bytes) -> dict[int, list[int]]:
        found: defaultdict[int, list[int]] = defaultdict(list)
        for number, point in chain(self._of_texts(text), self._of_expressions(text)):
            found[number].append(point)
        return found

    def _entries_for(self, text: bytes) -> list[tuple[int, bytes, bool]]:
        for (size, _), by_gram in zip(_GRAMS, self._by_gram, strict=True):
            if len(text) >= size:
                gram = max([text[at : at + size] for at in range(len(text) - size + 1)], key=_rarity)
                return by_gram.setdefault(int.from_bytes(gram, sys.byteorder), [])
        return self._single

    def _of_expressions(self, text: bytes) -> Iterator[tuple[int, int]]:
        padded = b"\0" + text + b"\0"
        for place, _ in self._joined.find(padded, [(0, len(padded))]):
            for start, end in self._patterns[place].spans(padded, 0, 0, len(padded)):
                for point in (*range(start, end, SLACK_CHARS), end):
                    yield self._numbers[place], point

    def _of_texts(self, text: bytes) -> Iterator[tuple[int, int]]:
        lower = text.lower()
        for entries in (self._single, *self._present(lower)):
            for number, wanted, is_word in entries:
                at = lower.find(wanted)
                while at >= 0:
                    end = at + len(wanted)
                    if not is_word or stands_as_word(text, at, end):
                        yield number, end
                    at = lower.find(wanted, at + 1)

    def _present(self, lower: bytes) -> Iterator[list[tuple[int, bytes, bool]]]:
        for (size, form), grams, by_gram in zip(_GRAMS, self._grams, self._by_gram, strict=True):
            present: set[int] = set()
            for first in range(size):
                whole = lower[first : first + (len(lower) - first) // size * size]
                present |= grams.intersection(memoryview(whole).cast(form))
            for gram in present:
                yield by_gram[gram]


def _rarity(gram: bytes) -> int:
    """How far down the characters are in the order of English, together; what is not in it is rarest."""
    places = [_COMMONEST_FIRST.find(char) for char in gram]
    return sum(place if place >= 0 else len(_COMMONEST_FIRST) for place in places)
