"""Lists of words and phrases as shapes: thousands of them, and nearly nothing to pay for a text that has none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from axonflow.detect.detector import Shape
from axonflow.detect.folding import fold

__all__ = ["MAX_GAP_CHARS", "folded_keyword", "keyword_length_chars", "keyword_shapes"]

MAX_GAP_CHARS: Final = 4
"""White space between two words of a phrase: a line break with what is around it."""
_A_SHAPE: Final = 500
"""Of so many keywords, RE2 keeps the automaton in its memory: 30 us for 2 KB. Of 5,000 it did not: 7,700 us."""
_BOUNDARY: Final = r"(?:\b|_)"
"""To \\b an underscore is a letter; to whoever writes prod_falcon_2 it is not."""
_WORD: Final = re.compile("[a-z0-9]+")


def folded_keyword(text: str) -> str:
    """`text` as content is folded, in lower case, with single spaces between its words."""
    return " ".join(fold(unicodedata.normalize("NFC", text)).lower().split())


def keyword_length_chars(keyword: str) -> int:
    """The longest text that a folded keyword matches."""
    return len(keyword) + keyword.count(" ") * (MAX_GAP_CHARS - 1)


def keyword_shapes(keywords: Iterable[str]) -> Iterator[Shape]:
    """Shapes that find `keywords` (folded, each with a letter or digit) as whole words in any case.

    A keyword that begins or ends with another character, such as c++, has no boundary there.
    """
    for (opens, closes), group in groupby(sorted(set(keywords), key=_order), key=_edges):
        same = list(group)
        for at in range(0, len(same), _A_SHAPE):
            yield _shape(same[at : at + _A_SHAPE], opens=opens, closes=closes)


def _order(keyword: str) -> tuple[tuple[bool, bool], int, str]:
    return _edges(keyword), -len(keyword), keyword  # of two that begin at one place, the longer is what is there


def _edges(keyword: str) -> tuple[bool, bool]:
    return keyword[0].isalnum(), keyword[-1].isalnum()


def _shape(keywords: Sequence[str], *, opens: bool, closes: bool) -> Shape:
    spelled = "|".join(_spelled(keyword) for keyword in keywords)
    return Shape(
        pattern=f"(?i){_BOUNDARY * opens}({spelled}){_BOUNDARY * closes}",
        group=1,
        words=frozenset(max(_WORD.findall(keyword), key=len) for keyword in keywords),
    )


def _spelled(keyword: str) -> str:
    gap = rf"\s{{1,{MAX_GAP_CHARS}}}"
    return gap.join(re.sub(r"([^a-z0-9])", r"\\\1", word) for word in keyword.split(" "))
