"""Prompt injection in disguise: words spelled with digits, apart, backwards, in rot13, or in an encoded run.

What gives a disguise away is the disguised form of a word that attacks can hardly do without. The text is then
undone and judged by the model of `axonflow.detect.prompt_model`; the finding's span is in the text as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from axonflow.detect.detector import Shape
from axonflow.detect.disguises import (
    base64_forms,
    decoded,
    hex_forms,
    joined,
    leet_forms,
    reversed_text,
    rot13,
    unleet,
)
from axonflow.detect.packs.prompt_windows import around
from axonflow.detect.prompt_model import probability

__all__ = ["DISGUISED_SHAPES"]

_TELLING = ("ignore", "disregard", "previous", "instruction", "system", "prompt", "restriction", "jailbreak", "you are")
# A disguise speaks against a text by itself, the more the less it has of everyday use.
_SUSPECT_HIDDEN = 0.2
_SUSPECT_SPELLED = 0.4
_APART = tuple(sign.join(word) for word in _TELLING for sign in " .-_*" if " " not in word)
_MIN_APART = 2
_MIN_HIDDEN = 3


def _is_suspect(text: str, suspect: float) -> bool:
    lower = text.lower()
    return sum(word in lower for word in _TELLING) >= _MIN_HIDDEN or probability(text) >= suspect


def _undoing(undo: Callable[[str], str], forms: Iterable[str], suspect: float, confidence: float) -> Shape:
    """A disguise of letters: around a form of a telling word, the text undone reads like an attack."""

    def is_attack(before: str, span: str, after: str) -> bool:
        return _is_suspect(undo(before + span + after), suspect)

    return around(forms, is_attack, confidence)


def _encoded(pattern: str, forms: Iterable[str], suspect: float, confidence: float) -> Shape:
    """A run of codes that holds a form of a telling word and decodes to what reads like an attack."""
    telling = tuple(dict.fromkeys(forms))

    def is_attack(span: str) -> bool:
        lower = span.lower()
        return any(form in lower for form in telling) and _is_suspect(decoded(span), suspect)

    return Shape(pattern=pattern, triggers=telling, validate=is_attack, confidence=confidence)


def _is_spelled_out(before: str, span: str, after: str) -> bool:
    together = joined(before + span + after).lower()
    return sum(word in together for word in _TELLING) >= _MIN_APART


# Without the first letter, which may be a capital.
_TAILS = tuple(word[1:] for word in _TELLING)

DISGUISED_SHAPES: tuple[Shape, ...] = (
    _undoing(unleet, [form for word in _TELLING for form in leet_forms(word)], _SUSPECT_SPELLED, 0.75),
    _undoing(rot13, [rot13(word) for word in _TELLING], _SUSPECT_HIDDEN, 0.8),
    _undoing(reversed_text, [reversed_text(word) for word in _TELLING], _SUSPECT_HIDDEN, 0.75),
    around(_APART, _is_spelled_out, 0.75),
    # 480 is a multiple of four: what is left of a longer run begins with a whole group.
    _encoded(
        r"[A-Za-z0-9+/_\-]{16,480}={0,2}",
        [form for word in _TAILS for form in base64_forms(word)],
        _SUSPECT_HIDDEN,
        0.85,
    ),
    _encoded(
        r"(?i:(?:[0-9a-f]{2}[ :,]?){12,240}|(?:(?:\\x|%)[0-9a-f]{2}){12,160})",
        [form for word in _TAILS for form in hex_forms(word)],
        _SUSPECT_HIDDEN,
        0.85,
    ),
    _encoded(r"[\w%+.,;:'!?()\-]{16,480}", ("%20",), _SUSPECT_SPELLED, 0.8),
)
