"""How text that a program would run is told: shapes with a name of their own, and where a member's name matters."""

from __future__ import annotations

import re

from axonflow.detect.detector import Detector, InContext, Shape, Validate
from axonflow.detect.finding import Severity

__all__ = ["code", "in_member_called", "runs"]


def runs(
    pattern: str,
    *triggers: str,
    group: int = 0,
    validate: Validate | None = None,
    in_context: InContext | None = None,
    confidence: float = 0.85,
) -> Shape:
    """A shape that needs no more than the character on each side of it."""
    return Shape(
        pattern=pattern,
        triggers=triggers,
        group=group,
        validate=validate,
        in_context=in_context,
        window_chars=1,
        confidence=confidence,
    )


def code(
    detector_id: str,
    severity: Severity,
    description: str,
    shapes: tuple[Shape, ...],
    examples: tuple[str, ...],
    counter_examples: tuple[str, ...],
    *,
    max_span_chars: int = 700,
) -> Detector:
    """A detector of the category ``code``."""
    return Detector(
        id=detector_id,
        category="code",
        severity=severity,
        description=description,
        shapes=shapes,
        max_span_chars=max_span_chars,
        examples=examples,
        counter_examples=counter_examples,
    )


def in_member_called(*words: str) -> InContext:
    """Whether a whole leaf is the value of an object's member with one of `words` (lower case) in its name."""

    def is_there(before: str, _span: str, after: str) -> bool:
        # Only a member's name is set before a span that begins its leaf, with a colon and a space after it.
        name = re.sub("[^a-z]", "", before.lower())
        return before.endswith(": ") and not after and any(word in name for word in words)

    return is_there
