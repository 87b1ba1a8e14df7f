"""Detectors compiled by an injected engine, and the search for them in one document."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Protocol

from axonflow.detect.content import Document, name_at, path_of
from axonflow.detect.detector import Detector, Shape
from axonflow.detect.escapes import whole_escapes
from axonflow.detect.finding import Finding
from axonflow.errors import ConfigurationError, DetectionError

__all__ = ["CompilePattern", "CompiledDetectors", "Pattern"]

_MIN_GATED_TRIGGERS = 4
"""From here on one search for any trigger of a category is cheaper than one substring search each."""
_MIN_JOINED_SHAPES = 3
"""From here on one search for any of a detector's patterns pays for itself on text that holds none."""


class Pattern(Protocol):
    """A compiled regular expression that takes time linear in the text."""

    def spans(self, text: str, group: int) -> Iterable[tuple[int, int]]:
        """The non-empty, non-overlapping matches of `group`, from left to right, in characters."""
        ...


CompilePattern = Callable[[str], Pattern]
"""From RE2 syntax; raises an AxonFlowError when it is not."""

_Hit = tuple[int, int, int, float, bool]
"""Leaf, start, end, confidence, validated."""


class _Plan:
    """A detector, compiled: its patterns and, where they are many, one that matches wherever any of them does."""

    __slots__ = ("_any_plain", "_plain", "_prechecked", "detector")

    def __init__(self, detector: Detector, compile_pattern: CompilePattern) -> None:
        self.detector = detector
        shapes = [(shape, compile_pattern(shape.pattern)) for shape in detector.shapes]
        self._plain = tuple(entry for entry in shapes if not (entry[0].triggers or entry[0].min_digit_run))
        self._prechecked = tuple(entry for entry in shapes if entry not in self._plain)
        self._any_plain: Pattern | None = None
        if len(self._plain) >= _MIN_JOINED_SHAPES:
            self._any_plain = compile_pattern("|".join(f"(?:{shape.pattern})" for shape, _ in self._plain))

    def candidates(self, document: Document) -> tuple[tuple[Shape, Pattern], ...]:
        """The shapes that may be in `document`, by the joined pattern alone."""
        if self._any_plain is None or next(iter(self._any_plain.spans(document.text, 0)), None) is not None:
            return (*self._plain, *self._prechecked)
        return self._prechecked


class CompiledDetectors:
    """The patterns of all detectors. Immutable."""

    __slots__ = ("_gates", "_plans", "_selectors")

    def __init__(self, detectors: Sequence[Detector], compile_pattern: CompilePattern) -> None:
        """Raises ConfigurationError for two detectors of one id or an id outside of its category."""
        self._plans: dict[str, _Plan] = {}
        for detector in detectors:
            _check_detector(detector, self._plans)
            self._plans[detector.id] = _Plan(detector, compile_pattern)
        self._gates = _gates(detectors, compile_pattern)
        self._selectors: dict[str, tuple[str, ...]] = {}
        for detector in sorted(detectors, key=lambda d: d.id):
            self._selectors[detector.id] = (detector.id,)
            self._selectors[detector.category] = (*self._selectors.get(detector.category, ()), detector.id)

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

    def scan(
        self, detector_id: str, readings: Sequence[Document], open_gates: dict[str, bool]
    ) -> list[tuple[int, Finding]]:
        """What one detector finds in any reading of a content, each with the index of its leaf.

        `open_gates` remembers for the content: blanking adds no trigger, so the gates of the first reading serve all.

        Raises DetectionError for an id that is not known.
        """
        plan = self._plans.get(detector_id)
        if plan is None:
            self.resolve(detector_id)
            raise DetectionError("a category was given", expected="ids of detectors", found=ascii(detector_id))
        document = readings[0]
        if not document.text:
            return []
        detector = plan.detector
        hits: list[_Hit] = []
        for reading in readings:
            for shape, pattern in plan.candidates(reading):
                if self._may_occur(detector.category, shape, reading, open_gates):
                    hits.extend(_hits(shape, pattern, reading, detector.max_span_chars))
        if "\\" in document.text:
            hits = [_with_whole_escapes(document, hit) for hit in hits]
        return [(hit[0], _finding(detector, document, hit)) for hit in _united(hits)]

    def _may_occur(self, category: str, shape: Shape, document: Document, open_gates: dict[str, bool]) -> bool:
        if shape.min_digit_run and not document.has_digit_run(shape.min_digit_run):
            return False
        if not shape.triggers:
            return True
        gate = self._gates.get(category)
        if gate is not None:
            is_open = open_gates.get(category)
            if is_open is None:
                is_open = open_gates[category] = next(iter(gate.spans(document.lower, 0)), None) is not None
            if not is_open:
                return False
        lower = document.lower
        return any(trigger in lower for trigger in shape.triggers)


def _check_detector(detector: Detector, known: Container[str]) -> None:
    if detector.id in known:
        raise ConfigurationError(
            "two detectors of one id", expected="an id for each", found=detector.id, hint="Rename one of them."
        )
    if not detector.id.startswith(f"{detector.category}."):
        raise ConfigurationError(
            "a detector's id names its category", expected=f"{detector.category}.<name>", found=detector.id
        )


def _gates(detectors: Iterable[Detector], compile_pattern: CompilePattern) -> dict[str, Pattern]:
    triggers: dict[str, set[str]] = {}
    for detector in detectors:
        for shape in detector.shapes:
            triggers.setdefault(detector.category, set()).update(shape.triggers)
    return {
        category: compile_pattern("|".join(_literal(trigger) for trigger in sorted(literals)))
        for category, literals in triggers.items()
        if len(literals) >= _MIN_GATED_TRIGGERS
    }


def _literal(text: str) -> str:
    return "".join(char if char.isalnum() or char in "_ " else f"\\{char}" for char in text)


def _hits(shape: Shape, pattern: Pattern, document: Document, max_span_chars: int) -> Iterator[_Hit]:
    validated = not (shape.validate is None and shape.in_context is None and shape.carve is None)
    for leaf, text, spans in _spans_by_leaf(shape, pattern, document):
        for match_start, match_end in spans:
            for start, end in _candidates(shape, text, match_start, match_end):
                if end - start <= max_span_chars and _is_confirmed(shape, document, leaf, text, start, end):
                    yield leaf, start, end, shape.confidence, validated


def _spans_by_leaf(
    shape: Shape, pattern: Pattern, document: Document
) -> Iterator[tuple[int, str, Iterable[tuple[int, int]]]]:
    spans = pattern.spans(document.text, shape.group)
    if len(document.leaves) == 1:
        yield 0, document.text, spans
        return
    touched: set[int] = set()
    for start, end in spans:
        touched.update(range(document.leaf_at(start), document.leaf_at(end - 1) + 1))
    for leaf in sorted(touched):
        text = document.leaf_text(leaf)
        yield leaf, text, pattern.spans(text, shape.group)


def _candidates(shape: Shape, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if shape.carve is None:
        yield start, end
        return
    for part_start, part_end in shape.carve(text[start:end]):
        yield start + part_start, start + part_end


def _is_confirmed(shape: Shape, document: Document, leaf: int, text: str, start: int, end: int) -> bool:
    span = text[start:end]
    if shape.validate is not None and not shape.validate(span):
        return False
    if shape.in_context is None:
        return True
    before = text[max(0, start - shape.window_chars) : start]
    if start < shape.window_chars and document.leaves[leaf].kind != "key":
        name = name_at(document.leaves[leaf].place)
        if name:
            before = f"{name}: {before}"
    return shape.in_context(before, span, text[end : end + shape.window_chars])


def _with_whole_escapes(document: Document, hit: _Hit) -> _Hit:
    leaf, start, end, confidence, validated = hit
    # In the text of all leaves: no escape crosses the newline between two, and cutting a leaf out copies it.
    before = document.start_of(leaf)
    start, end = whole_escapes(document.text, before + start, before + end)
    return leaf, start - before, end - before, confidence, validated


def _united(hits: list[_Hit]) -> list[_Hit]:
    """Overlapping hits of one detector as one, so that no part of either is left."""
    if len(hits) < 2:
        return hits
    united: list[_Hit] = []
    for hit in sorted(hits):
        last = united[-1] if united else None
        if last is not None and last[0] == hit[0] and hit[1] < last[2]:
            united[-1] = (last[0], last[1], max(last[2], hit[2]), max(last[3], hit[3]), last[4] or hit[4])
        else:
            united.append(hit)
    return united


def _finding(detector: Detector, document: Document, hit: _Hit) -> Finding:
    leaf, start, end, confidence, validated = hit
    return Finding(
        detector=detector.id,
        category=detector.category,
        severity=detector.severity,
        path=path_of(document.leaves[leaf].place),
        start=start,
        end=end,
        confidence=confidence,
        validated=validated,
        in_key=document.leaves[leaf].kind == "key",
    )
