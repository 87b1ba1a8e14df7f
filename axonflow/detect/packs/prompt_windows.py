"""Shapes that let a judge read the text around a telling word, so often and no more."""

from __future__ import annotations

import re
from collections.abc import Iterable

from axonflow.detect.detector import InContext, Shape
from axonflow.detect.prompt_model import MAX_WINDOW_CHARS

__all__ = ["SURE", "around"]

SURE = 0.5
"""From this probability on the judge's word is a finding."""
_TAIL_CHARS = (240, 120, 60, 30)
# A match takes in the text after its word, so that the number of looks is bounded by the length of the text, however
# many telling words it has. Exact counts, the longest first: RE2 takes 250 times as long over {0,240}.
# The class is that of all folded text: a quarter less time than any character of UTF-8.
_TAIL = "|".join(rf"[\x00-\x7f]{{{count}}}" for count in _TAIL_CHARS)


def around(words: Iterable[str], judge: InContext, confidence: float) -> Shape:
    """One of the words (lower case, found in any case), when `judge` says yes to the `MAX_WINDOW_CHARS` around it."""
    triggers = tuple(dict.fromkeys(words))
    return Shape(
        pattern=rf"(?i:(?:{'|'.join(map(re.escape, triggers))})(?:{_TAIL}|))",
        triggers=triggers,
        in_context=judge,
        window_chars=(MAX_WINDOW_CHARS - _TAIL_CHARS[0]) // 2,
        confidence=confidence,
    )
