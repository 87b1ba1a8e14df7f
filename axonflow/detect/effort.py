"""How much work detectors may make of a content at worst, in units: a pattern run over 1,024 characters, or one of its
matches examined.

Counted from what is compiled, so it is the same wherever the same detectors are; the engine that looks for marks is not
asked. A content counts by its length as JSON: a leaf takes two bytes there at least.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from math import ceil
from typing import Final

from axonflow.detect.marks import Mark
from axonflow.detect.pattern_extent import extent_of
from axonflow.detect.steps import Step

__all__ = ["CHARS_A_UNIT", "Effort"]

CHARS_A_UNIT: Final = 1_024
_READINGS: Final = 3
"""As it is, with the escapes of string literals blanked, and decoded."""
_RUNS: Final = 5
"""A pattern is run in up to four searches with others, halved each time, once more for the leaves it touches, and by
itself; each later one of these is for the few that are left."""
_LEAVES: Final = 128
"""Units for the most leaves that there can be in so much JSON: to walk, to join and to fold them."""
_HITS_A_UNIT: Final = 8
"""Places of marks, which are only noted."""
_TEXTS_A_UNIT: Final = 16
"""Marks that are texts, each looked for by itself where its rarest characters are."""


class Effort:
    """What detectors make of a content: `reading_units` whichever of them are asked for, and those of each."""

    def __init__(self, steps: Sequence[Step], marks: Iterable[Mark], together: frozenset[str]) -> None:
        self._steps: dict[str, list[Step]] = {}
        for step in steps:
            self._steps.setdefault(step.detector.id, []).append(step)
        self._marks = marks
        self._together = together

    @cached_property
    def reading_units(self) -> int:
        """For each 1,024 bytes: to read it, and to look for all marks that any detector has."""
        texts = sorted({mark.text for mark in self._marks if mark.kind != "expression"})
        units = sum(_units_of_expression(mark.text) for mark in self._marks if mark.kind == "expression")
        if texts:
            units += ceil(len(texts) / _TEXTS_A_UNIT) + _most_at_a_place(texts) * CHARS_A_UNIT // _HITS_A_UNIT
        return _READINGS * (_LEAVES + units)

    def _units_of(self, detector_id: str) -> int:
        return _READINGS * sum(map(_units_of_step, self._steps.get(detector_id, ())))

    def units_per_kb(self, detector_ids: Iterable[str]) -> int:
        """Units for each 1,024 bytes of content, when these are asked for, each once; 0 for none of them."""
        ids = frozenset(detector_ids)
        if not ids:
            return 0
        if not ids.isdisjoint(self._together):
            ids |= self._together
        return self.reading_units + sum(map(self._units_of, ids))

    @cached_property
    def fingerprint(self) -> str:
        """The same for the same detectors, as far as work is concerned: two efforts of which this differs tell nothing
        about each other."""
        lines = [f"{name} {self._units_of(name)}\n" for name in sorted(self._steps)]
        return hashlib.sha256("".join([f"{self.reading_units}\n", *lines]).encode()).hexdigest()[:16]


@lru_cache(maxsize=4_096)
def _shortest(pattern: str) -> int:
    """Of its matches; the engines of one process have most patterns in common."""
    return extent_of(pattern).shortest


def _units_of_step(step: Step) -> int:
    if step.shape.carve is not None:
        return _RUNS + CHARS_A_UNIT  # a part of a match may begin at any character
    return _RUNS + ceil(CHARS_A_UNIT / max(1, _shortest(step.shape.pattern)))


def _units_of_expression(text: str) -> int:
    return _RUNS + ceil(CHARS_A_UNIT / max(1, _shortest(text)) / _HITS_A_UNIT)


def _most_at_a_place(texts: Sequence[str]) -> int:
    """How many of `texts`, in order, can begin at the same character: those that begin one another."""
    most, open_texts = 0, list[str]()
    for text in texts:
        while open_texts and not text.startswith(open_texts[-1]):
            open_texts.pop()
        open_texts.append(text)
        most = max(most, len(open_texts))
    return most
