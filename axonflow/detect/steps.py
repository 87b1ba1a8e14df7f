"""What is run, and what must be in a text for that: shapes of detectors, grouped for one question about a content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from axonflow.detect.content import Document
from axonflow.detect.detector import Detector, Shape
from axonflow.detect.literals import Literal
from axonflow.detect.pattern_extent import extent_of
from axonflow.detect.patterns import CompilePattern, Pattern
from axonflow.detect.windows import Window

__all__ = ["Selection", "Step", "touched"]

_SHORT_WORD_CHARS: Final = 3
_MANY_DIGITS: Final = 9
"""Dates have fewer, and are in many texts."""
_ANYWHERE: Final = 1 << 31
_MAX_JOINED: Final = 20
"""Patterns in one search. The automaton of many grows beyond what it may take."""


class Step:
    """A shape of a detector, compiled when it is first needed.

    `literals`: one of them is in each match, or in the words around that confirm it. One character is in most texts.
    """

    __slots__ = ("_compile", "_pattern", "_reach_chars", "detector", "is_of_digits", "literals", "shape", "validated")

    def __init__(self, detector: Detector, shape: Shape, compile_pattern: CompilePattern) -> None:
        self.detector = detector
        self.shape = shape
        triggers = shape.triggers if all(len(trigger) > 1 or trigger == "@" for trigger in shape.triggers) else ()
        triggers = () if shape.words else triggers
        self.literals = tuple(map(Literal, triggers)) or tuple(map(_as_word_if_short, shape.context_literals))
        self.is_of_digits = not self.literals and not shape.words and shape.min_digit_run > 0
        self._reach_chars = 0
        self.validated = not (shape.validate is None and shape.in_context is None and shape.carve is None)
        self._compile = compile_pattern
        self._pattern: Pattern | None = None

    @property
    def reach_chars(self) -> int:
        """How far from a literal of it, or a run of digits in it, a match and the words around may be."""
        if not self._reach_chars:
            longest = extent_of(self.shape.pattern).longest
            whole = _ANYWHERE if longest is None else max(longest, self.detector.max_span_chars)
            self._reach_chars = whole + self.shape.window_chars
        return self._reach_chars

    @property
    def pattern(self) -> Pattern:
        if self._pattern is None:
            self._pattern = self._compile(self.shape.pattern)
        return self._pattern


def _as_word_if_short(text: str) -> Literal:
    return Literal(text, is_word=len(text) <= _SHORT_WORD_CHARS and text.isalpha())


class _Group:
    """Steps that are run where a search for all of their patterns finds anything: it is halved until one is left."""

    __slots__ = ("_any", "_compile", "_halves", "min_digit_run", "reach_chars", "steps")

    def __init__(self, steps: Sequence[Step], compile_pattern: CompilePattern) -> None:
        self.steps = tuple(steps)
        self.reach_chars = max(step.reach_chars for step in steps)
        self.min_digit_run = min(step.shape.min_digit_run for step in steps)
        self._compile = compile_pattern
        self._any: Pattern | None = None
        self._halves: tuple[_Group, _Group] | None = None

    def find(self, windows: Sequence[Window], data: bytes) -> Iterator[tuple[Step, Sequence[Window]]]:
        """The steps whose pattern may be found, and in which of `windows`."""
        if len(self.steps) == 1:
            yield self.steps[0], windows
            return
        if self._any is None:
            self._any = self._compile("|".join([f"(?:{step.shape.pattern})" for step in self.steps]))
        spans = self._any.spans
        found = [(start, end) for start, end in windows if next(iter(spans(data, 0, start, end)), None) is not None]
        if found:
            if self._halves is None:
                middle = len(self.steps) // 2
                self._halves = (
                    _Group(self.steps[:middle], self._compile),
                    _Group(self.steps[middle:], self._compile),
                )
            for half in self._halves:
                yield from half.find(found, data)


class Selection:
    """Detectors that are asked for together: their steps, by what must be in a text for one to be worth running."""

    __slots__ = ("always", "by_digits", "by_literal", "by_words", "ids")

    def __init__(
        self, ids: Iterable[str], steps: Iterable[Step], numbers: Mapping[Literal, int], compile_pattern: CompilePattern
    ) -> None:
        self.ids = frozenset(ids)
        self.by_literal: dict[int, list[Step]] = {}
        self.by_words: list[Step] = []
        digits: list[Step] = []
        always: list[Step] = []
        for step in steps:
            if step.detector.id not in self.ids:
                continue
            for literal in step.literals:
                self.by_literal.setdefault(numbers[literal], []).append(step)
            if step.shape.words:
                self.by_words.append(step)
            elif step.is_of_digits:
                digits.append(step)
            elif not step.literals:
                always.append(step)
        short = [step for step in digits if step.shape.min_digit_run < _MANY_DIGITS]
        long = [step for step in digits if step.shape.min_digit_run >= _MANY_DIGITS]
        self.by_digits = [*_groups(short, compile_pattern), *_groups(long, compile_pattern)]
        self.always = _groups(always, compile_pattern)


def _groups(steps: Sequence[Step], compile_pattern: CompilePattern) -> list[_Group]:
    """One that takes any run and carves it is apart: it is found so often that it would let in the others."""
    alone = [[step] for step in steps if step.shape.carve is not None]
    others = [step for step in steps if step.shape.carve is None]
    parts = [others[at : at + _MAX_JOINED] for at in range(0, len(others), _MAX_JOINED)]
    return [_Group(part, compile_pattern) for part in (*parts, *alone)]


def touched(step: Step, document: Document) -> list[Window]:
    """The whole text; of one with many leaves, those that a match touches."""
    last = len(document.data)
    if len(document.leaves) == 1:
        return [(0, last)]
    return list(step.pattern.spans(document.data, 0, 0, last))
