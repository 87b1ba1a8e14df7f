"""Where literals occur in a text: what decides which patterns are worth running, and where.

Looking for all literals at once is what an optional engine is for. Both ways find the same, so that verdicts do not
depend on what is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

__all__ = ["ByGrams", "CompileLiterals", "Literal", "LiteralSearch", "stands_as_word"]


class Literal(NamedTuple):
    """Printable ASCII in lower case, found in any case."""

    text: str
    is_word: bool = False
    """Of letters, and found only as a word: short ones are part of many words."""


class LiteralSearch(Protocol):
    """A search for literals, which are known by their number. Safe to share among threads."""

    def ends(self, text: bytes) -> dict[int, list[int]]:
        """The ends of all occurrences in `text` (ASCII), ascending, of each literal that occurs."""
        ...


CompileLiterals = Callable[[Sequence[Literal]], LiteralSearch]


def stands_as_word(text: bytes, start: int, end: int) -> bool:
    """Whether the letters there are a word, also of a name such as ``customerSsn`` or ``ssnOfCustomer``."""
    before, first, last, after = (
        text[start - 1 : start],
        text[start : start + 1],
        text[end - 1 : end],
        text[end : end + 1],
    )
    begins = not before.isalnum() or (before.islower() and first.isupper())
    return begins and (not after.isalnum() or (last.islower() and after.isupper()))


_COMMONEST_FIRST: Final = " etaoinshrdlcumwfgypbvk.,-jxqz\"'/:;()0123456789"
_GRAM_CHARS: Final = 3


class ByGrams:
    """The search that needs no engine: a literal is looked for where the rarest three characters in a row that it has
    are in the text (a q-gram filter: E. Ukkonen, Approximate string-matching with q-grams, 1992).
    """

    def __init__(self, literals: Sequence[Literal]) -> None:
        self._by_gram: dict[str, list[tuple[int, str, bool]]] = {}
        self._short: list[tuple[int, str, bool]] = []
        for number, (text, is_word) in enumerate(literals):
            grams = [text[at : at + _GRAM_CHARS] for at in range(len(text) - _GRAM_CHARS + 1)]
            entries = self._by_gram.setdefault(max(grams, key=_rarity), []) if grams else self._short
            entries.append((number, text, is_word))
        self._grams = frozenset(self._by_gram)

    def ends(self, text: bytes) -> dict[int, list[int]]:
        lower = text.lower().decode("ascii")
        found: dict[int, list[int]] = {}
        present = self._grams.intersection([lower[at : at + _GRAM_CHARS] for at in range(len(lower) - _GRAM_CHARS + 1)])
        for entries in (self._short, *[self._by_gram[gram] for gram in present]):
            for number, literal, is_word in entries:
                at = lower.find(literal)
                while at >= 0:
                    end = at + len(literal)
                    if not is_word or stands_as_word(text, at, end):
                        found.setdefault(number, []).append(end)
                    at = lower.find(literal, at + 1)
        return found


def _rarity(gram: str) -> int:
    """How far down the characters are in the order of English, together; what is not in it is rarest."""
    places = [_COMMONEST_FIRST.find(char) for char in gram]
    return sum(place if place >= 0 else len(_COMMONEST_FIRST) for place in places)
