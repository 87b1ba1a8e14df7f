"""Versions and ranges of versions. Source: https://semver.org/spec/v2.0.0.html, sections 2, 9, 10 and 11.

A range is alternatives between ``||``; each is comparators side by side, all of which must hold: ``<``, ``<=``, ``>``,
``>=``, ``=`` or none, ``^``, ``~``, then a version whose patch, or minor and patch, may be left out. ``1.2`` begins at
1.2.0 and ends after the last 1.2.z, before the pre-releases of 1.3.0. Apart from that pre-releases are ordered as
section 11 says and nothing else: 1.2.0-rc.1 is below 1.2, and so is not in ``>=1.2``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar, Final, NamedTuple

from axonflow.policy.cel.literals import INT_MAX
from axonflow.policy.cel.values import Opaque

__all__ = ["MAX_VERSION_CHARS", "Range", "Semver", "read_semver"]

MAX_VERSION_CHARS: Final = 256
"""Also of a range."""

_NUMBER: Final = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER: Final = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_PRERELEASE: Final = rf"(?:-(?P<pre>{_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
_BUILD: Final = r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_VERSION: Final = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER}){_PRERELEASE}{_BUILD}", re.ASCII)
_COMPARATOR: Final = re.compile(
    rf"(?P<sign><=|>=|<|>|=|\^|~|) *(?P<major>{_NUMBER})"
    rf"(?:\.(?P<minor>{_NUMBER})(?:\.(?P<patch>{_NUMBER}){_PRERELEASE}{_BUILD})?)?(?= |\Z)",
    re.ASCII,
)

_Identifiers = tuple[tuple[int, int, str], ...]


class _Order(NamedTuple):
    """What section 11 compares: build metadata is no part of it."""

    major: int
    minor: int
    patch: int
    is_release: bool
    identifiers: _Identifiers


class Semver(Opaque, frozen=True, eq=False):
    """A version; equal to one that differs in build metadata only."""

    cel_type: ClassVar[str] = "semver"
    text: str
    order: _Order

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Semver) and self.order == other.order

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Semver) -> bool:
        return self.order < other.order

    def __le__(self, other: Semver) -> bool:
        return self.order <= other.order

    def __gt__(self, other: Semver) -> bool:
        return self.order > other.order

    def __ge__(self, other: Semver) -> bool:
        return self.order >= other.order

    def __hash__(self) -> int:
        return hash(self.order)

    @property
    def prerelease(self) -> str:
        """What stands between the hyphen and any plus sign; empty for a release."""
        return self.text.partition("+")[0].partition("-")[2]


@lru_cache(maxsize=1024)
def read_semver(text: str) -> Semver:
    """The version that `text` is. Raises ValueError."""
    match = _VERSION.fullmatch(text) if len(text) <= MAX_VERSION_CHARS else None
    if match is None:
        raise ValueError("not a semantic version such as 1.4.2")
    return Semver(text, _order(match[1], match[2], match[3], match["pre"]))


def _order(major: str, minor: str, patch: str, prerelease: str | None) -> _Order:
    numbers = (int(major), int(minor), int(patch))
    if max(numbers) > INT_MAX:
        raise ValueError("a number of a version has more than 64 bits")
    return _Order(*numbers, prerelease is None, _identifiers(prerelease))


def _identifiers(prerelease: str | None) -> _Identifiers:
    """Section 11.4: numbers by value and below texts, texts in ASCII order; of two, the shorter that starts alike."""
    words = [] if prerelease is None else prerelease.split(".")
    return tuple((0, int(word), "") if word.isdigit() else (1, 0, word) for word in words)


# -- ranges

_Test = Callable[[_Order, _Order], bool]
_Bound = tuple[_Test, _Order]


class Range:
    """Ranges of versions, ready to be looked up in. Raises ValueError when `text` is none."""

    __slots__ = ("_alternatives",)

    def __init__(self, text: str) -> None:
        if len(text) > MAX_VERSION_CHARS:
            raise ValueError(f"a range of more than {MAX_VERSION_CHARS} characters")
        self._alternatives: Final = tuple(_bounds(part.strip(" ")) for part in text.split("||"))

    def holds(self, version: Semver) -> bool:
        order = version.order
        return any(all(test(order, bound) for test, bound in bounds) for bounds in self._alternatives)


def _bounds(text: str) -> tuple[_Bound, ...]:
    """The bounds of one alternative, all of which must hold."""
    out: list[_Bound] = []
    position = 0
    while position < len(text) or not out:
        match = _COMPARATOR.match(text, position)
        if match is None:
            raise ValueError("not a range of versions such as >=1.2 <2 || ^3.1")
        out += _of_comparator(match)
        position = match.end()
        position += len(text[position:]) - len(text[position:].lstrip(" "))
    return tuple(out)


def _of_comparator(match: re.Match[str]) -> list[_Bound]:
    low = _order(match["major"], match["minor"] or "0", match["patch"] or "0", match["pre"])
    given = 1 + (match["minor"] is not None) + (match["patch"] is not None)
    sign = match["sign"] or "="
    if sign in {">=", "<"}:
        return [(operator.ge if sign == ">=" else operator.lt, low)]
    if sign in {">", "<="} and given < 3:  # past all that the version stands for, or up to all of it
        return [(operator.ge if sign == ">" else operator.lt, _end(low, given))]
    if sign in {">", "<="}:
        return [(operator.gt if sign == ">" else operator.le, low)]
    if sign == "=" and given == 3:
        return [(operator.eq, low)]
    kept = {"=": given, "~": min(given, 2), "^": _leading(low, given)}[sign]
    return [(operator.ge, low), (operator.lt, _end(low, kept))]


def _leading(low: _Order, given: int) -> int:
    """How many numbers ``^`` keeps: up to the first that is not 0, of those that are given."""
    numbers = [low.major, low.minor, low.patch][:given]
    return next((position + 1 for position, number in enumerate(numbers) if number), given)


def _end(low: _Order, kept: int) -> _Order:
    """What comes after all releases that share the first `kept` numbers, and before all pre-releases of the next."""
    numbers = [low.major, low.minor, low.patch][:kept]
    major, minor, patch = [*numbers[:-1], numbers[-1] + 1, 0, 0][:3]
    return _Order(major, minor, patch, is_release=False, identifiers=())
