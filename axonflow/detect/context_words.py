"""The words around a span, for shapes that mean something only next to certain words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

__all__ = ["has_any", "is_question_about", "mentions", "words_of"]

_TO_SPACES = {code: " " for code in range(128) if not chr(code).isalpha()}
_ASKING = frozenset(
    {("how", "to"), ("how", "do"), ("how", "can"), ("how", "could"), ("how", "would"), ("how", "should")}
)


def words_of(text: str) -> list[str]:
    """The words of `text` in lower case; underscores, digits and punctuation separate."""
    return text.lower().translate(_TO_SPACES).split()


def has_any(words: Sequence[str], exact: Collection[str], stems: Sequence[str] = ()) -> bool:
    """Whether a word is one of `exact` or contains one of `stems`."""
    return any(word in exact or any(stem in word for stem in stems) for word in words)


def mentions(text: str, *stems: str) -> bool:
    """Whether one of `stems` (lower case) is in `text`, in any case."""
    lower = text.lower()
    return any(stem in lower for stem in stems)


def is_question_about(before: str) -> bool:
    """Whether the text before a phrase asks how something is done ("how do I ignore ...") and orders nothing."""
    words = words_of(before)[-5:]
    return any(pair in _ASKING for pair in pairwise(words))
