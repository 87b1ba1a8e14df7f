"""Detectors compiled by an injected engine, and the search for them in one document.

Most texts hold hardly anything, so what a pattern needs is looked for first, for all detectors at once: literals, and
runs of digits. A pattern is then run around these places only. Which engine finds the literals makes no difference to
what is found; neither does the rest of a long text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from axonflow.detect.content import Document, name_at, path_of
from axonflow.detect.detector import Detector, Shape, Validate
from axonflow.detect.escapes import whole_escapes
from axonflow.detect.finding import Finding
from axonflow.detect.literals import CompileLiterals, Literal, LiteralSearch
from axonflow.detect.patterns import CompilePattern
from axonflow.detect.steps import Selection, Step, touched
from axonflow.detect.windows import Run, Window, pieces, windows_around, with_digits, within_leaves
from axonflow.errors import ConfigurationError, DetectionError

__all__ = ["TOGETHER", "CompiledDetectors", "Selection"]

TOGETHER: Final = "custom.api_"
"""How the ids of detectors begin of which each is asked for by a rule of its own on nearly every content: one pass
looks for all of them."""
_MAX_SELECTIONS: Final = 256
_MANY: Final = 1 << 30
_BETWEEN_DIGITS: Final = b" +-.()/"


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
    searches: tuple[tuple[int, LiteralSearch], ...]
    """Each with the number that its first literal has."""
    numbers: dict[Literal, int]
    never: dict[str, Validate]
    """By the id of a detector: which of its spans, folded, are no findings."""


class CompiledDetectors:
    """The patterns of all detectors. Immutable, but for what it remembers of earlier questions."""

    def __init__(self, state: _State, compile_pattern: CompilePattern, compile_literals: CompileLiterals) -> None:
        self._state = state
        self._compile_pattern = compile_pattern
        self._compile_literals = compile_literals
        self.detectors = tuple(state.detectors.values())
        self.together = frozenset([one.id for one in self.detectors if one.id.startswith(TOGETHER)])
        self._selectors = _selectors(self.detectors)
        fewest = min((step.shape.min_digit_run for step in state.steps if step.is_of_digits), default=0)
        self._fewest_digits = fewest or _MANY
        self._runs = compile_pattern(rf"[0-9](?:[ +\-.()/]*[0-9]){{{fewest - 1},}}") if fewest else None
        self._selections: dict[tuple[str, ...], Selection] = {}

    @classmethod
    def of(
        cls, detectors: Iterable[Detector], compile_pattern: CompilePattern, compile_literals: CompileLiterals
    ) -> CompiledDetectors:
        """Raises ConfigurationError for two detectors of one id or an id outside of its category."""
        return cls(_State({}, (), (), {}, {}), compile_pattern, compile_literals).extended(detectors, {})

    def extended(self, detectors: Iterable[Detector], never: Mapping[str, Validate]) -> CompiledDetectors:
        """These and `detectors`, one of which replaces the one of its id, without the spans of which `never` holds.

        Raises as `of`.
        """
        further, state = _by_id(detectors), self._state
        steps = [Step(one, shape, self._compile_pattern) for one in further.values() for shape in one.shapes]
        literals = sorted({literal for step in steps for literal in step.literals} - state.numbers.keys())
        first = len(state.numbers)
        added = _State(
            {**state.detectors, **further},
            (*[step for step in state.steps if step.detector.id not in further], *steps),
            (*state.searches, (first, self._compile_literals(literals))) if literals else state.searches,
            {**state.numbers, **{literal: first + number for number, literal in enumerate(literals)}},
            _united_checks(state.never, never),
        )
        return CompiledDetectors(added, self._compile_pattern, self._compile_literals)

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
        data = document.data
        runs = self._digit_runs(document) if self._runs is not None else []
        if selection.by_literal:
            yield from self._around_literals(selection, document, runs)
        for group in selection.by_digits if runs else ():
            long_enough = [run for run in runs if run[2] >= group.min_digit_run]
            if long_enough:
                yield from group.find(windows_around(long_enough, group.reach_chars, len(data)), data)
        for step in selection.by_words:
            if not step.shape.words.isdisjoint(document.words):
                yield step, touched(step, document)
        for group in selection.always:
            for step, _ in group.find(pieces(len(data), group.reach_chars), data):
                yield step, touched(step, document)

    def _around_literals(
        self, selection: Selection, document: Document, runs: Sequence[Run]
    ) -> Iterator[tuple[Step, Sequence[Window]]]:
        places: dict[Step, list[Run]] = {}
        for first, search in self._state.searches:
            for number, ends in search.ends(document.data).items():
                for step in selection.by_literal.get(first + number, ()):
                    places.setdefault(step, []).extend([(end, end, 0) for end in ends])
        for step, found in places.items():
            around = windows_around(sorted(found), step.reach_chars, len(document.data))
            if document.has_names and not step.shape.triggers:  # which may say it of all that they name
                around = [(0, len(document.data))]
            if step.shape.min_digit_run >= self._fewest_digits:
                around = with_digits(around, runs, step.shape.min_digit_run)
            if around:
                yield step, around

    def _digit_runs(self, document: Document) -> list[Run]:
        """Start, end and number of the digits that follow each other with nothing but `_BETWEEN_DIGITS` between."""
        data = document.data
        assert self._runs is not None  # some detector asks for digits, else nobody asks here
        return [
            (start, end, len(data[start:end].translate(None, _BETWEEN_DIGITS)))
            for start, end in self._runs.spans(data, 0, 0, len(data))
        ]


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
    selectors: dict[str, tuple[str, ...]] = {}
    for detector in sorted(detectors, key=lambda d: d.id):
        selectors[detector.id] = (detector.id,)
        for group in {detector.category, _pack_of(detector.id)}:
            selectors[group] = (*selectors.get(group, ()), detector.id)
    return selectors


def _united_checks(some: Mapping[str, Validate], others: Mapping[str, Validate]) -> dict[str, Validate]:
    """Of both, where a span counts that either holds of."""
    both = {key: _either(some[key], others[key]) for key in some.keys() & others.keys()}
    return {**some, **others, **both}


def _either(one: Validate, other: Validate) -> Validate:
    return lambda span: one(span) or other(span)


def _text_of(document: Document, hit: _Hit) -> str:
    first = document.start_of(hit.leaf)
    return document.text[first + hit.start : first + hit.end]


# -- what is there


def _look(step: Step, document: Document, windows: Iterable[Window], hits: dict[str, list[_Hit]]) -> None:
    shape = step.shape
    for leaf, start, end in within_leaves(document, windows):
        for match in step.pattern.spans(document.data, shape.group, start, end):
            for span in _candidates(shape, document, match):
                if span[1] - span[0] <= step.detector.max_span_chars and _is_confirmed(shape, document, leaf, span):
                    first = document.start_of(leaf)
                    hit = _Hit(leaf, span[0] - first, span[1] - first, shape.confidence, step.validated)
                    hits.setdefault(step.detector.id, []).append(hit)


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
