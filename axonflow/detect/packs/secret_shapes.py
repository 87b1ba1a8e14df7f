"""How a secret is told: by its issuer's prefix, or by the name that stands before it."""

from __future__ import annotations

import re

from axonflow.detect.detector import Detector, InContext, Shape, Validate
from axonflow.detect.finding import Severity
from axonflow.detect.packs.key_checks import is_named_otherwise, looks_generated, not_longer

__all__ = ["ASSIGNED", "BESIDE", "NEAR", "named", "named_shapes", "spellings", "token"]

ASSIGNED = r"""[\w .-]{0,24}[\\"'\])]{0,12}\s{0,4}(?:(?:=>|:=|={1,3}|:)\s{0,4}|\s(?:is|was)\s{1,2})[\\"'`(]{0,12}"""
"""From a name to its value: in code, settings and prose."""
BESIDE = r"""[\w .-]{0,16}[\\"'`:=\s(]{1,12}"""
"""From a word to a value that stands right after it, with or without a sign between."""
NEAR = r"(?s:.{0,80}?[^A-Za-z0-9/+_-])"
"""From a word to a value whose form is telling enough for any text between, such as the rows of a table."""
_KEY_STEMS = ("key", "token", "secret", "auth", "pass", "pwd", "pat")


def spellings(*names: str) -> tuple[str, ...]:
    """Each name, given with spaces, as it is written in prose, in code and in settings."""
    return tuple(dict.fromkeys(name.replace(" ", separator) for name in names for separator in (" ", "_", "-", "")))


def token(
    detector_id: str,
    description: str,
    pattern: str,
    triggers: tuple[str, ...],
    samples: tuple[str, ...],
    *,
    not_these: tuple[str, ...] = (),
    validate: Validate = looks_generated,
    max_span_chars: int = 300,
) -> Detector:
    """A detector of one issuer's tokens: a mark that nothing else has, then random characters.

    Its tests are made of `samples`: as values in several notations; and glued to a word, cut off or hidden.
    """
    return Detector(
        id=detector_id,
        category="secret",
        severity="critical",
        description=description,
        shapes=(
            Shape(
                pattern=pattern,
                triggers=triggers,
                validate=validate,
                in_context=not_longer,
                window_chars=1,
                confidence=0.95,
            ),
        ),
        max_span_chars=max_span_chars,
        examples=tuple(
            text for sample in samples for text in (sample, f'"key": "{sample}",', f"export KEY_{sample}; date")
        ),
        counter_examples=(
            *not_these,
            *(text for sample in samples for text in ("Q" + sample, sample[:11], _hidden(sample, triggers))),
        ),
    )


def _hidden(sample: str, triggers: tuple[str, ...]) -> str:
    """The sample with crosses for all but its mark."""
    start, end = max((sample.lower().find(mark), sample.lower().find(mark) + len(mark)) for mark in triggers)
    return "".join("x" if char.isalnum() and not start <= at < end else char for at, char in enumerate(sample))


def named_shapes(
    names: tuple[str, ...],
    value: str,
    *,
    validate: Validate,
    gap: str = ASSIGNED,
    in_context: InContext = not_longer,
    confidence: float = 0.85,
) -> tuple[Shape, ...]:
    """A value of the form `value` after one of `names` (lower case), in a text or as the member of an object."""
    stems = {word for name in (*names, *_KEY_STEMS) for word in re.findall("[a-z]{3,}", name)}
    words = "|".join(name.replace(".", r"\.") for name in names)

    def in_text(before: str, span: str, after: str) -> bool | float:
        return in_context(before, span, after) and not is_named_otherwise(before, stems)

    def in_member(before: str, _span: str, after: str) -> bool:
        # Only a member's name is set before a span that begins its leaf, with a colon and a space after it.
        lower = before.lower()
        return before.endswith(": ") and not after and any(name in lower for name in names)

    return (
        Shape(
            pattern=f"(?i:{words}){gap}({value})",
            triggers=names,
            group=1,
            validate=validate,
            in_context=in_text,
            window_chars=48,
            confidence=confidence,
        ),
        # The name is the leaf before the value, so the text that holds the value holds a trigger as well.
        Shape(
            pattern=f"(?m)^(?:{value})$",
            triggers=names,
            validate=validate,
            in_context=in_member,
            window_chars=1,
            confidence=confidence,
        ),
    )


def named(  # noqa: PLR0913  a row of a table: the names read better than a nested object
    detector_id: str,
    description: str,
    names: tuple[str, ...],
    value: str,
    sample: str,
    *,
    validate: Validate = looks_generated,
    gap: str = ASSIGNED,
    not_these: tuple[str, ...] = (),
    severity: Severity = "critical",
    max_span_chars: int = 128,
) -> Detector:
    """A detector of one issuer's keys that look like any other: the name before them tells whose they are."""
    name = names[0]
    return Detector(
        id=detector_id,
        category="secret",
        severity=severity,
        description=description,
        shapes=named_shapes(names, value, validate=validate, gap=gap),
        max_span_chars=max_span_chars,
        examples=(
            f"{name} = {sample}",
            f'{{"{name}": "{sample}"}}',
            f"export {name.upper()}='{sample}'",
            f"the {name} key is {sample}",
        ),
        counter_examples=(
            *not_these,
            f"checksum: {sample}",
            f"{name} = {sample}Zq7",
            f"{name} = " + "x" * len(sample),
            f"{name} = {sample[:9]}",
        ),
    )
