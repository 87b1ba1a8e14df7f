"""Names of people, places and organisations, which no pattern finds: a recogniser that knows a language does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, Protocol

from axonflow.detect.detector import Detector, Shape

__all__ = ["NameKind", "NameRecogniser", "NameSpan", "name_detectors"]

NameKind = Literal["person", "place", "organisation"]

MAX_LINE_CHARS = 1000
"""What a recogniser is given at once: a line, or a piece of so many characters of a longer one (RE2's own limit)."""
_MAX_NAME_CHARS = 100


class NameSpan(NamedTuple):
    """A name: its first character, one past its last, and what it names."""

    start: int
    end: int
    kind: NameKind


class NameRecogniser(Protocol):
    """Finds names in a text, which is folded to ASCII (`axonflow.detect.folding`): its letters have no marks."""

    def find(self, text: str) -> Iterable[NameSpan]:
        """The names in `text`, in any order."""
        ...


class _Remembered:
    """What a recogniser found in the last line: three detectors ask for the same one after another."""

    __slots__ = ("_last", "_recogniser")

    def __init__(self, recogniser: NameRecogniser) -> None:
        self._recogniser = recogniser
        # One tuple, replaced as a whole: threads may share it.
        self._last: tuple[str, tuple[NameSpan, ...]] = ("", ())

    def find(self, line: str, kind: NameKind) -> Iterator[tuple[int, int]]:
        text, names = self._last
        if text != line:
            names = tuple(self._recogniser.find(line))
            self._last = line, names
        return ((name.start, name.end) for name in names if name.kind == kind)


def name_detectors(recogniser: NameRecogniser) -> tuple[Detector, ...]:
    """The detectors ``pii.person``, ``pii.place`` and ``pii.organisation`` with the findings of `recogniser`.

    They are given line by line, so a name across two lines is not found. They take as long as the recogniser does:
    milliseconds, where the built-in detectors take microseconds.
    """
    found = _Remembered(recogniser)
    return (
        _named("person", "The name of a person, as a language model for names sees it.", found),
        _named("place", "The name of a place, as a language model for names sees it.", found),
        _named("organisation", "The name of an organisation, as a language model for names sees it.", found),
    )


def _named(kind: NameKind, description: str, found: _Remembered) -> Detector:
    def carve(line: str) -> Iterator[tuple[int, int]]:
        return found.find(line, kind)

    return Detector(
        id=f"pii.{kind}",
        category="pii",
        severity="low",
        description=description,
        shapes=(Shape(pattern=rf"[^\n]{{1,{MAX_LINE_CHARS}}}", carve=carve, confidence=0.6),),
        max_span_chars=_MAX_NAME_CHARS,
        examples=(),
        counter_examples=(),
    )
