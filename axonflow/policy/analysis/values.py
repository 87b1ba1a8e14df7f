"""Values worth trying at one place of a request: for each question about it, some for which the answer differs.

What comes first is what a person would think of. For comparisons, memberships, and beginnings, ends and insides of
texts, every combination of answers that some value gives is given by one of these; see domains for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise, product
from math import ceil, floor, inf, nextafter
from typing import Any, Final

from axonflow.policy.analysis.formulas import Hint
from axonflow.policy.analysis.notations import addresses, globbed, matching, versions
from axonflow.policy.analysis.worlds import ABSENT
from axonflow.policy.cel.literals import Uint

__all__ = [
    "MAX_INNER",
    "MAX_LENGTH",
    "MAX_LISTED",
    "MAX_VALUES",
    "fresh_text",
    "json_values",
    "members_unlike",
    "names",
    "of_kind",
    "text_values",
    "unlike",
]

MAX_VALUES: Final = 400
MAX_LISTED: Final = 3
"""Members of lists, of which all combinations are tried: so many questions about members are understood in full."""
_ANY_AND_ALL: Final = 2
"""The same may be asked of any member and of all of them: then it takes one that is so, and one that is not."""
MAX_INNER: Final = 4
MAX_LENGTH: Final = 30_000
_EXACT: Final = 2**51
"""As far as that there is a double between any two ints."""
_SPARE: Final = ("other", "zzz", "0", "~", "#", "%", "§", "¤", "µ", "ø")
_LITERALS: Final = frozenset({"equal", "filter", "order", "member", "other", "prefix", "suffix", "inner"})


def of_kind(hints: Iterable[Hint], *kinds: str) -> list[Any]:
    """What hints of these kinds compare with, each value once."""
    found = dict.fromkeys((value.__class__, value) for hint in hints if hint.kind in kinds for value in hint.values)
    return [value for _, value in found]


def _texts(values: Iterable[Any]) -> list[str]:
    return [value for value in values if value.__class__ is str]


def fresh_text(known: Sequence[str]) -> str:
    """A text that neither is, nor holds, nor is held by any that is `known`."""
    return next((text for text in _SPARE if not any(text in one or (one and one in text) for one in known)), "\u2603")


def text_values(hints: Sequence[Hint]) -> Iterator[str]:
    """Texts: literals, what begins, ends and is inside so, what patterns are of, and what is none of these."""
    literals = _texts(of_kind(hints, *_LITERALS))
    fresh = fresh_text(literals)
    yield from _texts(of_kind(hints, "equal", "filter", "member", "other"))
    ordered = sorted(_texts(of_kind(hints, "order")))
    for text in ordered:
        yield from (text, text + "a", text + "\x01", text + "\0")  # the next of all names, and of all texts
    yield from _combined(hints, fresh)
    for pattern in _texts(of_kind(hints, "glob")):
        yield from globbed(pattern, fresh)
    for pattern in _texts(of_kind(hints, "pattern")):
        yield from matching(pattern)
    yield from addresses(_texts(of_kind(hints, "network")))
    yield from versions(_texts(of_kind(hints, "version")))
    yield from _sized(hints)
    yield fresh
    if ordered:
        yield from ("!", " ", "\x01")


def lengths(hints: Sequence[Hint]) -> list[int]:
    """Sizes around those that are asked about."""
    wanted = [value for value in of_kind(hints, "size", "chars") if value.__class__ in {int, Uint, float}]
    around = {int(value) + step for value in wanted for step in (-1, 0, 1)}
    return sorted(length for length in around if 0 <= length <= MAX_LENGTH)


def _sized(hints: Sequence[Hint]) -> Iterator[str]:
    """Texts of the sizes that are asked about, plain ones first, then such as begin and end as is asked."""
    wanted = lengths(hints)
    yield from ("x" * length for length in wanted)
    begins, ends = _texts(of_kind(hints, "prefix")), _texts(of_kind(hints, "suffix"))
    if wanted:
        yield from (*begins, *ends)
    for begin, end in product([*begins, ""], [*ends, ""]):
        if begin or end:
            left = [length - len(begin) - len(end) for length in wanted]
            yield from (f"{begin}{'x' * count}{end}" for count in left if count >= 0)


def _combined(hints: Sequence[Hint], fresh: str) -> Iterator[str]:
    """A text that begins with one literal, ends with another and has some others inside, with `fresh` in between."""
    begins = [*_texts(of_kind(hints, "prefix"))]
    ends = [*_texts(of_kind(hints, "suffix"))]
    inside = [*_texts(of_kind(hints, "inner"))]
    if not (begins or ends or inside):
        return
    some = [inner for count in range(min(len(inside), MAX_INNER) + 1) for inner in combinations(inside, count)]
    for begin in [*begins, ""]:
        for end in [*ends, ""]:
            for inner in some:
                # With `fresh` between them nothing else begins, ends or is inside; an empty end keeps the last apart.
                yield fresh.join((begin, *inner, end))


def _numbers(hints: Sequence[Hint]) -> Iterator[int | float]:
    found = of_kind(hints, "equal", "filter", "order", "member", "other")
    numbers: list[int | float] = sorted(
        int(value) if value.__class__ is Uint else value for value in found if value.__class__ in {int, float, Uint}
    )
    for value in numbers:
        yield value
        if value.__class__ is int:
            yield from (value + 1, value - 1)
    for low, high in pairwise(numbers):
        yield low + (high - low) / 2
    for value in numbers:
        yield from (value + 0.5, value - 0.5)
        if value.__class__ is float or abs(value) > _EXACT:
            yield from _next_to(value)
    if not numbers:
        yield from (1, 2)


def _next_to(value: float) -> Iterator[int | float]:
    """The nearest doubles, which half a unit more is not where these are sparse or literals crowd, and ints."""
    yield from (nextafter(value, inf), nextafter(value, -inf))
    yield from (floor(value), floor(value) + 1, ceil(value) - 1)  # what is declared as int holds nothing else


def names(
    hints: Sequence[Hint], members: Sequence[str], lists: Sequence[tuple[str, ...]] | None = None
) -> Iterator[tuple[str, ...]]:
    """Lists of names, such as roles: `members` are those that differ in what is asked about them. `lists` are all that
    are needed of several, where that is known."""
    asked = sum(hint.kind != "present" for hint in hints)
    yield ()
    if lists is None:
        for count in range(1, min(max(_ANY_AND_ALL * asked, 1), 4) + 1):
            yield from combinations(members, count)
    else:
        yield from lists
    yield tuple(members)
    yield from (tuple(f"n{number}" for number in range(length)) for length in lengths(hints) if length <= 1000)


def members_unlike(hints: Sequence[Hint]) -> list[Any]:
    """What a list of an attribute may hold: what is asked for, and a text that is not."""
    literals = [int(one) if one.__class__ is Uint else one for one in of_kind(hints, *_LITERALS)]
    return [*(one for one in literals if one.__class__ is not bytes), fresh_text(_texts(literals))]


def unlike(hints: Sequence[Hint]) -> list[str]:
    """Names that are asked for, and one that is not."""
    literals = _texts(of_kind(hints, *_LITERALS))
    return [*literals, fresh_text(literals)]


def json_values(
    hints: Sequence[Hint], members: Sequence[Any], lists: Sequence[tuple[Any, ...]] | None = None
) -> Iterator[Any]:
    """Values of an attribute; `members` are what lists may hold that differ in what is asked about them, `lists` all
    that are needed of several, where that is known."""
    yield from (value for value in of_kind(hints, "equal", "filter", "other") if value.__class__ is bool)
    if any(hint.kind == "truth" for hint in hints):
        yield True
    yield from text_values(hints)
    yield from _numbers(hints)
    yield from (True, False, ABSENT, None, "", [], {})
    asked = sum(hint.kind in {"filter", "member", "other"} for hint in hints)
    if lists is None:
        for count in range(1, min(_ANY_AND_ALL * asked, MAX_LISTED) + 1):
            yield from (list(chosen) for chosen in combinations(members, count))
    else:
        yield from map(list, lists)
    yield from ([1] * length for length in lengths(hints) if length <= 1000)
    wanted = _texts(of_kind(hints, "member"))
    if wanted:
        yield dict.fromkeys(wanted, 1)
        for count in range(1, MAX_LISTED + 1 if asked > MAX_LISTED else 2):  # of fewer a list says the same
            yield from (dict.fromkeys(chosen, 1) for chosen in combinations(wanted, count))
