"""Detectors compiled by an injected engine, and the search for them in one document.

Most texts hold hardly anything, so what a pattern needs is looked for first, for all detectors at once: literals, and
runs of digits. A pattern is then run around these places only. Which engine finds the literals makes no difference to
what is found; neither does the rest of a long text.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple, Protocol

from axonflow.detect.content import Document, name_at, path_of
from axonflow.detect.detector import Detector, Shape
from axonflow.detect.escapes import whole_escapes
from axonflow.detect.finding import Finding
from axonflow.detect.literals import CompileLiterals, Literal
from axonflow.errors import ConfigurationError, DetectionError

__all__ = ["CompilePattern", "CompiledDetectors", "Pattern", "Selection"]

_MAX_SELECTIONS: Final = 256
_SHORT_WORD_CHARS: Final = 3
_MANY: Final = 1 << 30
_MAX_JOINED: Final = 16
"""Patterns in one search. The automaton of many grows beyond what it may take."""
_BETWEEN_DIGITS: Final = b" +-.()/"


class Pattern(Protocol):
    """A compiled regular expression that takes time linear in the text."""

    def spans(self, text: bytes, group: int, start: int, end: int) -> Iterable[tuple[int, int]]:
        """The non-empty, non-overlapping matches of `group` in ``text[start:end]``, from left to right.

        Word boundaries see the characters beyond `start` and `end`.
        """
        ...


CompilePattern = Callable[[str], Pattern]
"""From RE2 syntax; raises an AxonFlowError when it is not."""

_Window = tuple[int, int]
_Run = tuple[int, int, int]
"""Start, end, digits."""


class _Step:
    """A shape of a detector, compiled when it is first needed.

    `literals`: one of them is in each match, or in the words around that confirm it. One character is in most texts.
    """

    __slots__ = ("_compile", "_pattern", "detector", "is_of_digits", "literals", "reach_chars", "shape", "validated")

    def __init__(self, detector: Detector, shape: Shape, compile_pattern: CompilePattern) -> None:
        self.detector = detector
        self.shape = shape
        triggers = shape.triggers if all(len(trigger) > 1 or trigger == "@" for trigger in shape.triggers) else ()
        self.literals = tuple(map(Literal, triggers)) or tuple(map(_as_word_if_short, shape.context_literals))
        self.is_of_digits = not self.literals and shape.min_digit_run > 0
        self.reach_chars = detector.max_span_chars + shape.window_chars
        self.validated = not (shape.validate is None and shape.in_context is None and shape.carve is None)
        self._compile = compile_pattern
        self._pattern: Pattern | None = None

    @property
    def pattern(self) -> Pattern:
        if self._pattern is None:
            self._pattern = self._compile(self.shape.pattern)
        return self._pattern


class _Hit(NamedTuple):
    leaf: int
    start: int
    end: int
    confidence: float
    validated: bool


def _as_word_if_short(text: str) -> Literal:
    return Literal(text, is_word=len(text) <= _SHORT_WORD_CHARS and text.isalpha())


class _Group:
    """Steps that are run where a search for all of their patterns finds anything: it is halved until one is left."""

    __slots__ = ("_any", "_compile", "_halves", "reach_chars", "steps")

    def __init__(self, steps: Sequence[_Step], compile_pattern: CompilePattern) -> None:
        self.steps = tuple(steps)
        self.reach_chars = max(step.reach_chars for step in steps)
        self._compile = compile_pattern
        self._any: Pattern | None = None
        self._halves: tuple[_Group, _Group] | None = None

    def find(self, windows: Sequence[_Window], data: bytes) -> Iterator[tuple[_Step, Sequence[_Window]]]:
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

    __slots__ = ("always", "by_digits", "by_literal", "ids", "reach_chars")

    def __init__(
        self, ids: Iterable[str], steps: Iterable[_Step], numbers: dict[Literal, int], compile_pattern: CompilePattern
    ) -> None:
        self.ids = frozenset(ids)
        self.by_literal: dict[int, list[_Step]] = {}
        digits: list[_Step] = []
        always: list[_Step] = []
        for step in steps:
            if step.detector.id not in self.ids:
                continue
            for literal in step.literals:
                self.by_literal.setdefault(numbers[literal], []).append(step)
            if step.is_of_digits:
                digits.append(step)
            elif not step.literals:
                always.append(step)
        self.by_digits = _groups(digits, compile_pattern)
        self.always = _groups(always, compile_pattern)
        self.reach_chars = max((group.reach_chars for group in self.by_digits), default=0)


def _groups(steps: Sequence[_Step], compile_pattern: CompilePattern) -> list[_Group]:
    """One that takes any run and carves it is apart: it is found so often that it would let in the others."""
    alone = [[step] for step in steps if step.shape.carve is not None]
    others = [step for step in steps if step.shape.carve is None]
    parts = [others[at : at + _MAX_JOINED] for at in range(0, len(others), _MAX_JOINED)]
    return [_Group(part, compile_pattern) for part in (*parts, *alone)]


class CompiledDetectors:
    """The patterns of all detectors. Immutable, but for what it remembers of earlier questions."""

    def __init__(
        self, detectors: Sequence[Detector], compile_pattern: CompilePattern, compile_literals: CompileLiterals
    ) -> None:
        """Raises ConfigurationError for two detectors of one id or an id outside of its category."""
        self._detectors: dict[str, Detector] = {}
        self._selectors: dict[str, tuple[str, ...]] = {}
        for detector in sorted(detectors, key=lambda d: d.id):
            _check_detector(detector, self._detectors)
            self._detectors[detector.id] = detector
            self._selectors[detector.id] = (detector.id,)
            self._selectors[detector.category] = (*self._selectors.get(detector.category, ()), detector.id)
        self._compile = compile_pattern
        self._steps = [_Step(detector, shape, compile_pattern) for detector in detectors for shape in detector.shapes]
        literals = sorted({literal for step in self._steps for literal in step.literals})
        self._numbers = {literal: number for number, literal in enumerate(literals)}
        self._literals = compile_literals(literals)
        fewest = min((step.shape.min_digit_run for step in self._steps if step.is_of_digits), default=0)
        self._fewest_digits = fewest or _MANY
        self._runs = compile_pattern(rf"[0-9](?:[ +\-.()/]*[0-9]){{{fewest - 1},}}") if fewest else None
        self._selections: dict[frozenset[str], Selection] = {}

    def resolve(self, selector: str) -> tuple[str, ...]:
        """The sorted ids that `selector` means: a category (``pii``) or a detector's id (``pii.email``).

        Raises DetectionError when it is neither.
        """
        found = self._selectors.get(selector)
        if found is not None:
            return found
        close = get_close_matches(selector, self._selectors, n=3, cutoff=0.5)
        raise DetectionError(
            "unknown detector",
            expected="a category or the id of a detector",
            found=ascii(selector[:64]),
            hint=f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(self._selectors)}.",
        )

    def selection(self, ids: frozenset[str]) -> Selection:
        """Raises DetectionError for an id that is not known."""
        found = self._selections.get(ids)
        if found is None:
            for detector_id in sorted(ids - self._detectors.keys()):
                self.resolve(detector_id)
                raise DetectionError("a category was given", expected="ids of detectors", found=ascii(detector_id))
            if len(self._selections) >= _MAX_SELECTIONS:
                self._selections.clear()
            found = self._selections[ids] = Selection(ids, self._steps, self._numbers, self._compile)
        return found

    def scan(self, selection: Selection, readings: Sequence[Document]) -> dict[str, list[tuple[int, Finding]]]:
        """What is found in any reading of a content, by detector, each with the index of its leaf."""
        document = readings[0]
        if not document.data:
            return {}
        hits = self._hits(selection, document)
        for reading in readings[1:]:
            for key, found in self._hits(selection, reading).items():
                hits.setdefault(key, []).extend([_original(reading, hit) for hit in found])
        if len(readings) > 1:
            hits = {key: [_with_whole_escapes(document, hit) for hit in found] for key, found in hits.items()}
        return {key: _findings(document, self._detectors[key], found) for key, found in hits.items()}

    def _hits(self, selection: Selection, document: Document) -> dict[str, list[_Hit]]:
        hits: dict[str, list[_Hit]] = {}
        for step, windows in self._places(selection, document):
            _look(step, document, windows, hits)
        return hits

    def may_find(self, selection: Selection, document: Document) -> set[str]:
        """The detectors that something in `document` speaks for. No others find anything."""
        return {step.detector.id for step, _ in self._places(selection, document)} if document.data else set()

    def _places(self, selection: Selection, document: Document) -> Iterator[tuple[_Step, Sequence[_Window]]]:
        """The steps that are worth running, and where."""
        data = document.data
        runs = self._digit_runs(document) if self._runs is not None else []
        if selection.by_literal:
            yield from self._around_literals(selection, document, runs)
        if runs and selection.by_digits:
            windows = _windows(runs, selection.reach_chars, len(data))
            for group in selection.by_digits:
                yield from group.find(windows, data)
        everywhere = [(0, len(data))]
        for group in selection.always:
            for step, _ in group.find(everywhere, data):
                yield step, _touched(step, document)

    def _around_literals(
        self, selection: Selection, document: Document, runs: Sequence[_Run]
    ) -> Iterator[tuple[_Step, Sequence[_Window]]]:
        places: dict[_Step, list[_Run]] = {}
        for number, ends in self._literals.ends(document.data).items():
            for step in selection.by_literal.get(number, ()):
                places.setdefault(step, []).extend([(end, end, 0) for end in ends])
        for step, found in places.items():
            around = _windows(sorted(found), step.reach_chars, len(document.data))
            if document.has_names and not step.shape.triggers:  # which may say it of all that they name
                around = [(0, len(document.data))]
            if step.shape.min_digit_run >= self._fewest_digits:
                around = _with_digits(around, runs, step.shape.min_digit_run)
            if around:
                yield step, around

    def _digit_runs(self, document: Document) -> list[_Run]:
        """Start, end and number of the digits that follow each other with nothing but `_BETWEEN_DIGITS` between."""
        data = document.data
        assert self._runs is not None  # some detector asks for digits, else nobody asks here
        return [
            (start, end, len(data[start:end].translate(None, _BETWEEN_DIGITS)))
            for start, end in self._runs.spans(data, 0, 0, len(data))
        ]


def _check_detector(detector: Detector, known: Container[str]) -> None:
    if detector.id in known:
        raise ConfigurationError(
            "two detectors of one id", expected="an id for each", found=detector.id, hint="Rename one of them."
        )
    if not detector.id.startswith(f"{detector.category}."):
        raise ConfigurationError(
            "a detector's id names its category", expected=f"{detector.category}.<name>", found=detector.id
        )


# -- where to look


def _windows(places: Sequence[_Run], reach: int, last: int) -> list[_Window]:
    """What lies within `reach` of any of `places`, which ascend."""
    if last <= reach:
        return [(0, last)]
    windows: list[_Window] = []
    start, stop = places[0][0] - reach, places[0][1] + reach
    for first, end, _ in places:
        if first - reach > stop:
            windows.append((max(0, start), stop))
            start = first - reach
        stop = end + reach
    windows.append((max(0, start), min(stop, last)))
    return windows


def _with_digits(windows: Iterable[_Window], runs: Sequence[_Run], least: int) -> list[_Window]:
    """Those of `windows` that a run of so many digits reaches into."""
    long_enough = [(start, end) for start, end, digits in runs if digits >= least]
    return [window for window in windows if any(start < window[1] and end > window[0] for start, end in long_enough)]


def _touched(step: _Step, document: Document) -> list[_Window]:
    """The whole text; of one with many leaves, those that a match touches."""
    last = len(document.data)
    if len(document.leaves) == 1:
        return [(0, last)]
    return list(step.pattern.spans(document.data, 0, 0, last))


# -- what is there


def _look(step: _Step, document: Document, windows: Iterable[_Window], hits: dict[str, list[_Hit]]) -> None:
    shape = step.shape
    for leaf, start, end in _within_leaves(document, windows):
        for match in step.pattern.spans(document.data, shape.group, start, end):
            for span in _candidates(shape, document, match):
                if span[1] - span[0] <= step.detector.max_span_chars and _is_confirmed(shape, document, leaf, span):
                    first = document.start_of(leaf)
                    hit = _Hit(leaf, span[0] - first, span[1] - first, shape.confidence, step.validated)
                    hits.setdefault(step.detector.id, []).append(hit)


def _within_leaves(document: Document, windows: Iterable[_Window]) -> Iterator[tuple[int, int, int]]:
    """The parts of windows that lie in one leaf each, without the newlines between."""
    if len(document.leaves) == 1:
        for start, end in windows:
            yield 0, start, end
        return
    for start, end in windows:
        for leaf in range(document.leaf_at(start), document.leaf_at(end - 1) + 1):
            first, behind = document.extent(leaf)
            if first < behind:
                yield leaf, max(first, start), min(behind, end)


def _candidates(shape: Shape, document: Document, match: tuple[int, int]) -> Iterable[tuple[int, int]]:
    if shape.carve is None:
        return (match,)
    start, end = match
    return [(start + first, start + last) for first, last in shape.carve(document.text[start:end])]


def _is_confirmed(shape: Shape, document: Document, leaf: int, span: tuple[int, int]) -> bool:
    start, end = span
    text = document.text[start:end]
    if shape.validate is not None and not shape.validate(text):
        return False
    if shape.in_context is None:
        return True
    first, behind = document.extent(leaf)
    before = document.text[max(first, start - shape.window_chars) : start]
    if start - first < shape.window_chars and document.leaves[leaf].kind != "key":
        name = name_at(document.leaves[leaf].place)
        if name:
            before = f"{name}: {before}"
    return shape.in_context(before, text, document.text[end : min(behind, end + shape.window_chars)])


def _original(reading: Document, hit: _Hit) -> _Hit:
    leaf, start, end = reading.original(hit.leaf, hit.start, hit.end)
    return hit._replace(leaf=leaf, start=start, end=end)


def _with_whole_escapes(document: Document, hit: _Hit) -> _Hit:
    # In the text of all leaves: no escape crosses the newline between two, and cutting a leaf out copies it.
    before = document.start_of(hit.leaf)
    start, end = whole_escapes(document.text, before + hit.start, before + hit.end)
    return hit._replace(start=start - before, end=end - before)


def _findings(document: Document, detector: Detector, hits: list[_Hit]) -> list[tuple[int, Finding]]:
    return [(hit.leaf, _finding(detector, document, hit)) for hit in _united(hits)]


def _united(hits: list[_Hit]) -> list[_Hit]:
    """Overlapping hits of one detector as one, so that no part of either is left."""
    if len(hits) < 2:
        return hits
    united: list[_Hit] = []
    for hit in sorted(hits):
        last = united[-1] if united else None
        if last is not None and last.leaf == hit.leaf and hit.start < last.end:
            united[-1] = _Hit(
                last.leaf,
                last.start,
                max(last.end, hit.end),
                max(last.confidence, hit.confidence),
                last.validated or hit.validated,
            )
        else:
            united.append(hit)
    return united


def _finding(detector: Detector, document: Document, hit: _Hit) -> Finding:
    leaf = document.leaves[hit.leaf]
    return Finding(
        detector=detector.id,
        category=detector.category,
        severity=detector.severity,
        path=path_of(leaf.place),
        start=hit.start,
        end=hit.end,
        confidence=hit.confidence,
        validated=hit.validated,
        in_key=leaf.kind == "key",
    )
