"""Detectors that users write: declared as data, held to limits, proved by their own examples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from axonflow.detect.context_words import words_of
from axonflow.detect.detector import Detector, InContext, Shape
from axonflow.detect.finding import Category, Severity
from axonflow.detect.folding import fold
from axonflow.detect.keywords import folded_keyword, keyword_length_chars, keyword_shapes
from axonflow.detect.named_validators import all_of, validator_of
from axonflow.detect.pattern_extent import extent_of
from axonflow.detect.scanner import Scanner

__all__ = ["CustomDetector", "Fault", "detector_of", "unproved"]

_CAMEL: Final = re.compile(r"([a-z])([A-Z])")
_APART: Final = r"\1 \2"


class CustomDetector(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A detector as a policy set declares it, and as a bundle holds it. `faults_of` says whether it can be used."""

    id: str
    """``custom.<name>``."""
    description: str
    examples: tuple[str, ...]
    category: Category = "custom"
    severity: Severity = "medium"
    patterns: tuple[str, ...] = ()
    """RE2 syntax."""
    keywords: tuple[str, ...] = ()
    """Whole words or phrases, in any case."""
    validators: tuple[str, ...] = ()
    """Names of checks, all of which a span has to pass."""
    required: tuple[str, ...] = ()
    """Words or phrases of which one has to be near a span."""
    forbidden: tuple[str, ...] = ()
    """Words or phrases of which none may be near a span."""
    window_chars: int = 64
    """What is near: so many characters on each side."""
    confidence: float = 0.9
    counter_examples: tuple[str, ...] = ()


class Fault(NamedTuple):
    """Why something cannot be used; `path` leads to it."""

    path: tuple[str | int, ...]
    message: str
    expected: str
    found: str
    hint: str | None = None


def detector_of(custom: CustomDetector) -> Detector:
    """The detector that `custom`, which is without faults, declares."""
    validate = all_of(tuple(validator_of(written) for written in custom.validators))
    in_context = _context_check(custom.required, custom.forbidden)
    patterns = [fold(pattern) for pattern in custom.patterns]
    keywords = {folded_keyword(keyword) for keyword in custom.keywords}
    extents = [extent_of(pattern) for pattern in patterns]
    shapes = [
        Shape(pattern=pattern, triggers=tuple(sorted(extent.triggers)))
        for pattern, extent in zip(patterns, extents, strict=True)
    ]
    lengths = [*(extent.longest or 0 for extent in extents), *map(keyword_length_chars, keywords)]
    return Detector(
        id=custom.id,
        category=custom.category,
        severity=custom.severity,
        description=custom.description,
        shapes=tuple(
            Shape(
                pattern=shape.pattern,
                triggers=shape.triggers,
                words=shape.words,
                group=shape.group,
                validate=validate,
                in_context=in_context,
                window_chars=custom.window_chars,
                confidence=custom.confidence,
            )
            for shape in (*shapes, *keyword_shapes(keywords))
        ),
        max_span_chars=max(lengths),
        examples=custom.examples,
        counter_examples=custom.counter_examples,
    )


def _context_check(required: Sequence[str], forbidden: Sequence[str]) -> InContext | None:
    if not (required or forbidden):
        return None
    wanted = [_phrase(word) for word in required]
    unwanted = [_phrase(word) for word in forbidden]

    def in_context(before: str, _span: str, after: str) -> bool:
        near = (_phrase(before), _phrase(after))
        if any(phrase in side for phrase in unwanted for side in near):
            return False
        return not wanted or any(phrase in side for phrase in wanted for side in near)

    return in_context


def _phrase(text: str) -> str:
    """The words of `text` with a space before and after each; ``badgeNumber`` are two."""
    return f" {' '.join(words_of(_CAMEL.sub(_APART, fold(text))))} "


def unproved(detector: Detector, scanner: Scanner) -> Iterator[Fault]:
    """The examples of `detector` that `scanner`, which knows it, does not find, and the counter-examples it does."""
    ids = (detector.id,)
    for position, example in enumerate(detector.examples):
        if not scanner.inspect(example).any(ids):
            yield Fault(("examples", position), f"{detector.id} does not find its example", "a finding", "none")
    for position, example in enumerate(detector.counter_examples):
        found = scanner.inspect(example).findings(ids)
        if found:
            where = f"one at characters {found[0].start} to {found[0].end}"
            yield Fault(("counter_examples", position), f"{detector.id} finds its counter-example", "no finding", where)
