"""What the detectors of personal data have in common: where a number begins and ends, and what it takes to be one."""

from __future__ import annotations

from axonflow.detect.detector import Carve, Detector, InContext, Shape, Validate
from axonflow.detect.finding import Severity
from axonflow.detect.nearby import not_called_otherwise

__all__ = ["number", "personal"]

_EDGE = r"(?:\b|_)"
"""A word boundary, or an underscore: ``id_460899847`` names a number as ``id 460899847`` does."""


def number(
    pattern: str,
    *,
    min_digit_run: int = 0,
    triggers: tuple[str, ...] = (),
    marks: tuple[str, ...] = (),
    validate: Validate | None = None,
    carve: Carve | None = None,
    in_context: InContext = not_called_otherwise,
    confidence: float = 0.9,
) -> Shape:
    """A shape whose span is all of `pattern`, as a word of its own. `pattern` has no capture groups.

    An `in_context` that has `literals` confirms nothing without one of them nearby, as a `Nearby` does.
    """
    return Shape(
        pattern=f"{_EDGE}({pattern}){_EDGE}",
        group=1,
        min_digit_run=min_digit_run,
        triggers=triggers,
        marks=marks,
        carve=carve,
        validate=validate,
        in_context=in_context,
        context_literals=getattr(in_context, "literals", ()),
        confidence=confidence,
    )


def personal(
    name: str,
    description: str,
    *shapes: Shape,
    max_span_chars: int,
    examples: tuple[str, ...],
    counter_examples: tuple[str, ...],
    severity: Severity = "high",
) -> Detector:
    """The detector ``pii.<name>``."""
    return Detector(
        id=f"pii.{name}",
        category="pii",
        severity=severity,
        description=description,
        shapes=shapes,
        max_span_chars=max_span_chars,
        examples=examples,
        counter_examples=counter_examples,
    )
