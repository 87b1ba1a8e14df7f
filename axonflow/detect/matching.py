"""Detectors compiled by an injected engine, and the search for them in one document.

Most texts hold hardly anything, so the marks that a pattern needs are looked for first, for all detectors at once. A
pattern is then run around these places only. Which engine finds the marks makes no difference to what is found; neither
does the rest of a long text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from axonflow.detect.content import Document, name_at, path_of
from axonflow.detect.detector import Detector, Shape, Validate
from axonflow.detect.effort import Effort
from axonflow.detect.escapes import whole_escapes
from axonflow.detect.finding import Finding
from axonflow.detect.marks import SLACK_CHARS, CompileMarks, Mark, MarkSearch
from axonflow.detect.patterns import CompilePattern
from axonflow.detect.steps import Selection, Step, touched
from axonflow.detect.windows import Window, pieces, windows_around, with_any, within_leaves
from axonflow.errors import ConfigurationError, DetectionError

__all__ = ["TOGETHER", "CompiledDetectors", "Selection"]

TOGETHER: Final = "custom.api_"
"""How the ids of detectors begin of which each is asked for by a rule of its own on nearly every content: one pass
looks for all of them."""
_MAX_SELECTIONS: Final = 256


class _Hit(NamedTuple):
    leaf: int
    start: int
    end: int
    confidence: float
    validated: bool


class _State(NamedTuple):
    """What is compiled, and shared with those that add to it."""

    detectors: dict[str, Detector]
    steps: tuple[Step, ...]
    searches: tuple[tuple[int, MarkSearch], ...]
    """Each with the number that its first mark has."""
    numbers: dict[Mark, int]
    never: dict[str, Validate]
    """By the id of a detector: which of its spans, folded, are no findings."""


class CompiledDetectors:
    """The patterns of all detectors. Immutable, but for what it remembers of earlier questions."""

    def __init__(self, state: _State, compile_pattern: CompilePattern, compile_marks: CompileMarks) -> None:
        self._state = state
        self._compile_pattern = compile_pattern
        self._compile_marks = compile_marks
        self.detectors = tuple(state.detectors.values())
        self.together = frozenset([one.id for one in self.detectors if one.id.startswith(TOGETHER)])
        self._selectors = _selectors(self.detectors)
        self._selections: dict[tuple[str, ...], Selection] = {}

    @classmethod
    def of(
        cls, detectors: Iterable[Detector], compile_pattern: CompilePattern, compile_marks: CompileMarks
    ) -> CompiledDetectors:
        """Raises ConfigurationError for two detectors of one id or an id outside of its category."""
        return cls(_State({}, (), (), {}, {}), compile_pattern, compile_marks).extended(detectors, {})

    def extended(self, detectors: Iterable[Detector], never: Mapping[str, Validate]) -> CompiledDetectors:
        """These and `detectors`, one of which replaces the one of its id, without the spans of which `never` holds.

        Raises as `of`.
        """
        further, state = _by_id(detectors), self._state
        steps = [Step(one, shape, self._compile_pattern) for one in further.values() for shape in one.shapes]
        marks = sorted({mark for step in steps for mark in step.needed} - state.numbers.keys())
        first = len(state.numbers)
        added = _State(
            {**state.detectors, **further},
            (*[step for step in state.steps if step.detector.id not in further], *steps),
            (*state.searches, (first, self._compile_marks(marks))) if marks else state.searches,
            {**state.numbers, **{mark: first + number for number, mark in enumerate(marks)}},
            _united_checks(state.never, never),
        )
        return CompiledDetectors(added, self._compile_pattern, self._compile_marks)

    def resolve(self, selector: str) -> tuple[str, ...]:
        """The sorted ids that `selector` means: a category (``pii``) or a detector's id (``pii.email``).

        Raises DetectionError when it is neither.
        """
        found = self._selectors.get(selector)
        if found is not None:
            return found
        close = get_close_matches(selector[:64], self._selectors, n=3, cutoff=0.5)
        categories = ", ".join(sorted(name for name in self._selectors if "." not in name))
        hint = f"Did you mean {' or '.join(close)}?" if close else f"There are {categories}, and the detectors in them."
        raise DetectionError(
            "unknown detector",
            expected="a category or the id of a detector",
            found=ascii(selector[:64]),
            hint=hint,
        )

    def effort(self) -> Effort:
        """What looking through a content takes at most."""
        return Effort(self._state.steps, self._state.numbers, self.together)

    def selection(self, ids: tuple[str, ...]) -> Selection:
        """Raises DetectionError for an id that is not known."""
        found = self._selections.get(ids)
        if found is None:
            for detector_id in sorted(set(ids) - self._state.detectors.keys()):
                self.resolve(detector_id)
                raise DetectionError("a category was given", expected="ids of detectors", found=ascii(detector_id))
            if len(self._selections) >= _MAX_SELECTIONS:
                self._selections.clear()
            found = self._selections[ids] = Selection(
                ids, self._state.steps, self._state.numbers, self._compile_pattern
            )
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
        if "\\" in document.text:
            hits = {key: [_with_whole_escapes(document, hit) for hit in found] for key, found in hits.items()}
        for key in hits.keys() & self._state.never.keys():
            hits[key] = [hit for hit in hits[key] if not self._state.never[key](_text_of(document, hit))]
        return {key: _findings(document, self._state.detectors[key], found) for key, found in hits.items() if found}

    def _hits(self, selection: Selection, document: Document) -> dict[str, list[_Hit]]:
        hits: dict[str, list[_Hit]] = {}
        for step, windows in self._places(selection, document):
            _look(step, document, windows, hits)
        return hits

    def may_find(self, selection: Selection, document: Document) -> set[str]:
        """The detectors that something in `document` speaks for. No others find anything."""
        return {step.detector.id for step, _ in self._places(selection, document)} if document.data else set()

    def _places(self, selection: Selection, document: Document) -> Iterator[tuple[Step, Sequence[Window]]]:
        """The steps that are worth running, and where."""
        points: dict[int, list[int]] = {}
        for first, search in self._state.searches:
            found = search.points(document.data)
            points |= {first + number: places for number, places in found.items()} if first else found
        yield from _around_marks(selection, document, points)
        for number, group in selection.by_digits:
            if number in points:
                windows = windows_around(points[number], group.reach_chars, len(document.data))
                yield from group.find(document.data, windows)
        for step in selection.by_words:
            if not step.shape.words.isdisjoint(document.words):
                yield step, touched(step, document)
        if selection.always is not None:
            windows = pieces(len(document.data), selection.always.reach_chars)
            for step, _ in selection.always.find(document.data, windows):
                yield step, touched(step, document)


def _by_id(detectors: Iterable[Detector]) -> dict[str, Detector]:
    found: dict[str, Detector] = {}
    for detector in detectors:
        if detector.id in found:
            raise ConfigurationError(
                "two detectors of one id", expected="an id for each", found=detector.id, hint="Rename one of them."
            )
        if _pack_of(detector.id) not in {detector.category, "custom"} or detector.id.endswith("."):
            raise ConfigurationError(
                "a detector's id names its category",
                expected=f"{detector.category}.<name> or custom.<name>",
                found=detector.id,
            )
        found[detector.id] = detector
    return found


def _pack_of(detector_id: str) -> str:
    return detector_id.partition(".")[0]


def _selectors(detectors: Iterable[Detector]) -> dict[str, tuple[str, ...]]:
    """What each selector means: an id itself, a category or a pack all that are in it."""
    selectors: dict[str, list[str]] = {}
    for detector in sorted(detectors, key=lambda d: d.id):
        selectors[detector.id] = [detector.id]
        for group in {detector.category, _pack_of(detector.id)}:
            selectors.setdefault(group, []).append(detector.id)
    return {selector: tuple(ids) for selector, ids in selectors.items()}


def _united_checks(some: Mapping[str, Validate], others: Mapping[str, Validate]) -> dict[str, Validate]:
    """Of both, where a span counts that either holds of."""
    both = {key: _either(some[key], others[key]) for key in some.keys() & others.keys()}
    return {**some, **others, **both}


def _either(one: Validate, other: Validate) -> Validate:
    return lambda span: one(span) or other(span)


def _text_of(document: Document, hit: _Hit) -> str:
    first = document.start_of(hit.leaf)
    return document.text[first + hit.start : first + hit.end]


# -- where it is worth looking


def _around_marks(
    selection: Selection, document: Document, points: Mapping[int, list[int]]
) -> Iterator[tuple[Step, Sequence[Window]]]:
    places: dict[Step, list[int]] = {}
    for number in points.keys() & selection.by_mark.keys():
        for step in selection.by_mark[number]:
            places.setdefault(step, []).extend(points[number])
    for step, found in places.items():
        digits = () if step.digits is None else points.get(selection.numbers[step.digits])
        if digits is None:
            continue
        around = windows_around(found, step.reach_chars, len(document.data))
        if step.is_by_context and document.has_names:  # which may say it of all that they name
            around = [(0, len(document.data))]
        if digits:
            around = with_any(around, digits, SLACK_CHARS)
        if around:
            yield step, around


# -- what is there


def _look(step: Step, document: Document, windows: Iterable[Window], hits: dict[str, list[_Hit]]) -> None:
    shape = step.shape
    for leaf, start, end in within_leaves(document, windows):
        for match in step.pattern.spans(document.data, shape.group, start, end):
            for span in _candidates(shape, document, match):
                confidence = _confidence(shape, document, leaf, span)
                if confidence:
                    first = document.start_of(leaf)
                    most = step.detector.max_span_chars
                    hits.setdefault(step.detector.id, []).extend(
                        [
                            _Hit(leaf, at - first, min(at + most, span[1]) - first, confidence, step.validated)
                            for at in range(span[0], span[1], most)
                        ]
                    )


def _candidates(shape: Shape, document: Document, match: tuple[int, int]) -> Iterable[tuple[int, int]]:
    if shape.carve is None:
        return (match,)
    start, end = match
    return [(start + first, start + last) for first, last in shape.carve(document.text[start:end])]


def _confidence(shape: Shape, document: Document, leaf: int, span: tuple[int, int]) -> float:
    """0 where its checks say that the span is none."""
    start, end = span
    text = document.text[start:end]
    if shape.validate is not None and not shape.validate(text):
        return 0.0
    if shape.in_context is None:
        return shape.confidence
    first, behind = document.extent(leaf)
    before = document.text[max(first, start - shape.window_chars) : start]
    if start - first < shape.window_chars and document.leaves[leaf].kind != "key":
        name = name_at(document.leaves[leaf].place)
        if name:
            before = f"{name}: {before}"
    confirmed = shape.in_context(before, text, document.text[end : min(behind, end + shape.window_chars)])
    return shape.confidence if confirmed is True else float(confirmed)


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
