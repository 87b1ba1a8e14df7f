"""Which values of an attribute are one to all rules that may match: where these do no more than compare it with
literals, the numbers, and the texts, that stand in the same place among these. What else may become of a value, such
as an operand of a sum, is not told of it, and then each value is by itself.

Lists and objects are never told apart so, nor are true, false and null: they stand for themselves.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from axonflow.policy.cel.compiler import Condition
from axonflow.policy.whatif.partial_request import spelled
from axonflow.policy.whatif.recorded import is_plain

__all__ = ["VISIBLE", "Places", "Use", "places_of", "uses_of"]

Use = tuple[str, frozenset[Any] | None]
"""A path, and the numbers and texts that it is compared with; None where something else becomes of it."""

_LARGEST: Final = 2**53
"""From here on doubles do not tell all integers apart, so one that is declared to be a double may become another."""
_NOT_EXACT: Final = "?"
"""Of texts that may stand for others: whichever they are, they are not known."""
VISIBLE: Final[dict[str, Any]] = {
    "left": bisect_left, "right": bisect_right, "plain": is_plain, "int": int, "float": float, "str": str,
}  # fmt: skip
"""What the sources of `Places` refer to."""


class Places(Struct, frozen=True):
    """What the values at one path are compared with, in order. The place of a value among them is twice the number of
    those below it, and one more where it is one of them."""

    numbers: tuple[float, ...]
    texts: tuple[str, ...]

    def source(self, value: str, number: int) -> str:
        """The class of `value`, a source, as something that JSON tells from the class of anything that is not like it:
        for a number an integer, below zero for a double, for a text a text, and what else there is is itself. It refers
        to `numbers` as ``n`` and to `texts` as ``x``, each with `number`."""
        of_number = _place(f"n{number}") if self.numbers else "0"
        of_text = f"f'{{{_place(f'x{number}')}}}'" if self.texts else "'0'"
        return (
            f"{of_number} if (c := (v := {value}).__class__) is int else ~({of_number}) if c is float"
            f" else ({of_text} if plain(v) else {_NOT_EXACT!r}) if c is str else v"
        )


def _place(sorted_name: str) -> str:
    return f"left({sorted_name}, v) + right({sorted_name}, v)"


def uses_of(condition: Condition) -> tuple[Use, ...]:
    """All that `condition`, its filters among it, does with paths, as they are spelled here."""
    found: list[Use] = []
    for use in condition.shape.reads.uses:
        path = use.path(condition.literals)
        if path is not None:
            compared = None if use.constants is None else _thresholds(use.values(condition.literals))
            found.append((spelled(path), compared))
    for path, value in zip(condition.shape.filtered, condition.values, strict=True):
        found.append((spelled(path), _thresholds([value] if isinstance(value, str) else value)))
    return tuple(found)


def _thresholds(values: Iterable[Any]) -> frozenset[Any]:
    """The numbers and texts among these; nothing else is equal to any, or below it. To Python true is a number."""
    return frozenset(
        [value for value in values if isinstance(value, (int, float, str)) and value.__class__ is not bool]
    )


def places_of(uses: Iterable[Use]) -> dict[str, Places]:
    """Of each path with which nothing else is done in all of `uses`, what it is compared with."""
    compared: dict[str, set[Any] | None] = {}
    for path, values in uses:
        known = compared.setdefault(path, set())
        if values is None:
            compared[path] = None
        elif known is not None:
            known.update(values)
    told = {path: frozenset(values) for path, values in compared.items() if values is not None and _are_told(values)}
    return {path: _places(values) for path, values in told.items()}


def _are_told(values: Iterable[Any]) -> bool:
    """Whether each number is one whatever is compared with it: also to an integer that becomes a double before."""
    return all(isinstance(value, str) or -_LARGEST < value < _LARGEST for value in values)


@lru_cache(maxsize=1024)
def _places(values: frozenset[Any]) -> Places:
    """Many rules that may match together compare with the same, which may be long lists."""
    texts = [value for value in values if isinstance(value, str)]
    return Places(tuple(sorted(values.difference(texts))), tuple(sorted(texts)))
