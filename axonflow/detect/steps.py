"""What is run, and what must be in a text for that: shapes of detectors, by the marks that are in their matches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from axonflow.detect.content import Document
from axonflow.detect.detector import Detector, Shape
from axonflow.detect.joined import Joined
from axonflow.detect.marks import SLACK_CHARS, Mark, digits
from axonflow.detect.pattern_extent import extent_of
from axonflow.detect.pattern_marks import mark_of
from axonflow.detect.patterns import CompilePattern, Pattern
from axonflow.detect.windows import Window
from axonflow.errors import ConfigurationError

__all__ = ["Selection", "Step", "touched"]

_SHORT_WORD_CHARS: Final = 3
_DIGIT_RUNS: Final = (12, 9, 7, 5)
"""How many digits are looked for, so that there are few marks of them."""
_SHORT_RUN, _LONG_RUN = digits(5), digits(9)
_RARE_CHARS: Final = "@;"
_ANYWHERE: Final = 1 << 31


class Step:
    """A shape of a detector, compiled when it is first needed.

    `marks`: one of them is in each match, or in the words around that confirm it. One character is in most texts.
    `digits`: is in each match besides.
    """

    __slots__ = (
        "_compile",
        "_pattern",
        "_reach_chars",
        "detector",
        "digits",
        "is_by_context",
        "marks",
        "shape",
        "validated",
    )

    def __init__(self, detector: Detector, shape: Shape, compile_pattern: CompilePattern) -> None:
        self.detector = detector
        self.shape = shape
        self.digits = _digits(shape.min_digit_run)
        self.marks = _triggers(shape)
        self.is_by_context = not (self.marks or shape.words) and bool(shape.context_literals)
        if self.is_by_context:
            self.marks = tuple(map(_as_word_if_short, shape.context_literals))
        elif not (self.marks or shape.words or self.digits):
            self.marks = _of_pattern(shape)
        if not (self.marks or shape.words):
            _check_is_not_empty(detector, shape)
        self._reach_chars = 0
        self.validated = not (shape.validate is None and shape.in_context is None and shape.carve is None)
        self._compile = compile_pattern
        self._pattern: Pattern | None = None

    @property
    def needed(self) -> tuple[Mark, ...]:
        """All marks that tell whether and where it is worth running."""
        return self.marks if self.digits is None else (*self.marks, self.digits)

    @property
    def reach_chars(self) -> int:
        """How far from a point that stands for a mark a match and the words around may be."""
        if not self._reach_chars:
            longest = extent_of(self.shape.pattern).longest
            whole = _ANYWHERE if longest is None else max(longest, self.detector.max_span_chars)
            self._reach_chars = whole + self.is_by_context * self.shape.window_chars + SLACK_CHARS
        return self._reach_chars

    @property
    def pattern(self) -> Pattern:
        if self._pattern is None:
            self._pattern = self._compile(self.shape.pattern)
        return self._pattern


def _check_is_not_empty(detector: Detector, shape: Shape) -> None:
    """An empty match would be found everywhere, before those of the patterns that it is joined with."""
    if extent_of(shape.pattern).shortest == 0:
        raise ConfigurationError(
            "a pattern that matches nothing at all",
            expected="at least one character in each match",
            found=ascii(shape.pattern[:64]),
            at=f"detector {detector.id}",
        )


def _digits(least: int) -> Mark | None:
    return next((digits(run) for run in _DIGIT_RUNS if run <= least), None)


def _triggers(shape: Shape) -> tuple[Mark, ...]:
    """None where one of them is a character that is in most texts."""
    if shape.marks:
        return tuple([Mark(text, "expression") for text in shape.marks])
    if shape.words or not all(len(trigger) > 1 or trigger in _RARE_CHARS for trigger in shape.triggers):
        return ()
    return tuple(map(Mark, shape.triggers))


def _of_pattern(shape: Shape) -> tuple[Mark, ...]:
    mark = mark_of(shape.pattern)
    return () if mark is None else (Mark(mark, "expression"),)


def _as_word_if_short(text: str) -> Mark:
    return Mark(text, "word" if len(text) <= _SHORT_WORD_CHARS and text.isalpha() else "text")


class Group:
    """Steps without marks of their own, looked for together in the same places."""

    def __init__(self, steps: Sequence[Step], compile_pattern: CompilePattern) -> None:
        self.reach_chars = max(step.reach_chars for step in steps)
        self._steps = steps
        self._joined = Joined([step.shape.pattern for step in steps], compile_pattern)

    def find(self, data: bytes, windows: Sequence[Window]) -> Iterator[tuple[Step, Sequence[Window]]]:
        """Those that may be found, and in which of `windows`."""
        for place, found in self._joined.find(data, windows):
            yield self._steps[place], found


class Selection:
    """Detectors that are asked for together: their steps, by what must be in a text for one to be worth running."""

    __slots__ = ("always", "by_digits", "by_mark", "by_words", "ids", "numbers")

    def __init__(
        self, ids: Iterable[str], steps: Iterable[Step], numbers: Mapping[Mark, int], compile_pattern: CompilePattern
    ) -> None:
        self.ids = frozenset(ids)
        self.numbers = numbers
        self.by_mark: dict[int, list[Step]] = {}
        self.by_words: list[Step] = []
        always: list[Step] = []
        digits: dict[tuple[int, int], list[Step]] = {}
        for step in steps:
            if step.detector.id not in self.ids:
                continue
            for mark in step.marks:
                self.by_mark.setdefault(numbers[mark], []).append(step)
            if step.shape.words:
                self.by_words.append(step)
            elif step.digits is not None and not step.marks:
                # One that carves is found so often that it would let in the others.
                if step.shape.carve is not None:
                    digits[numbers[step.digits], len(digits)] = [step]
                else:
                    run = _LONG_RUN if step.shape.min_digit_run >= 9 else _SHORT_RUN
                    digits.setdefault((numbers.get(run, numbers[step.digits]), -1), []).append(step)
            elif not step.marks:
                always.append(step)
        self.by_digits = [(number, Group(alike, compile_pattern)) for (number, _), alike in digits.items()]
        self.always = Group(always, compile_pattern) if always else None


def touched(step: Step, document: Document) -> list[Window]:
    """The whole text; of one with many leaves, those that a match touches."""
    last = len(document.data)
    if len(document.leaves) == 1:
        return [(0, last)]
    return list(step.pattern.spans(document.data, 0, 0, last))
