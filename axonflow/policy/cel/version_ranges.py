"""Ranges of versions, such as ``>=1.2 <2 || ^3.1``.

A range is alternatives between ``||``; each is comparators side by side, all of which must hold: ``<``, ``<=``, ``>``,
``>=``, ``=`` or none, ``^``, ``~``, then a version whose patch, or minor and patch, may be left out. ``1.2`` begins at
1.2.0 and ends after the last 1.2.z, before the pre-releases of 1.3.0. Apart from that pre-releases are ordered as
section 11 of https://semver.org/spec/v2.0.0.html says and nothing else: 1.2.0-rc.1 is below 1.2, and so is not in
``>=1.2``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Final

from axonflow.policy.cel.versions import SemVer, read_semver

__all__ = ["MAX_RANGE_CHARS", "Range"]

MAX_RANGE_CHARS: Final = 256

_COMPARATOR: Final = re.compile(r"(<=|>=|<|>|=|\^|~|) *([0-9][0-9A-Za-z.+-]*)(?: +|\Z)", re.ASCII)
_PARTIAL: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_PARTS: Final = 3

_Test = Callable[[SemVer, SemVer], bool]
_Bound = tuple[_Test, SemVer]


class Range:
    """A range, ready to be looked up in. Raises ValueError when `text` is none."""

    __slots__ = ("_alternatives",)

    def __init__(self, text: str) -> None:
        if len(text) > MAX_RANGE_CHARS:
            raise ValueError(f"a range of more than {MAX_RANGE_CHARS} characters")
        self._alternatives: Final = tuple(_bounds(part.strip(" ")) for part in text.split("||"))

    def holds(self, version: SemVer) -> bool:
        return any(all(test(version, bound) for test, bound in bounds) for bounds in self._alternatives)


def _bounds(text: str) -> tuple[_Bound, ...]:
    """The bounds of one alternative, all of which must hold."""
    out: list[_Bound] = []
    position = 0
    while position < len(text) or not out:
        match = _COMPARATOR.match(text, position)
        if match is None:
            raise ValueError("not a range of versions such as >=1.2 <2 || ^3.1")
        out += _of_comparator(match[1] or "=", match[2])
        position = match.end()
    return tuple(out)


def _of_comparator(sign: str, version: str) -> list[_Bound]:
    given = version.count(".") + 1 if _PARTIAL.fullmatch(version) else _PARTS
    try:
        low = read_semver(version + ".0" * (_PARTS - given))
    except ValueError:
        raise ValueError("not a range of versions such as >=1.2 <2 || ^3.1") from None
    if sign in {">=", "<"}:
        return [(operator.ge if sign == ">=" else operator.lt, low)]
    if sign in {">", "<="} and given < _PARTS:  # past all that the version stands for, or up to all of it
        return [(operator.ge if sign == ">" else operator.lt, _end(low, given))]
    if sign in {">", "<="}:
        return [(operator.gt if sign == ">" else operator.le, low)]
    if sign == "=" and given == _PARTS:
        return [(operator.eq, low)]
    kept = {"=": given, "~": min(given, 2), "^": _leading(low, given)}[sign]
    return [(operator.ge, low), (operator.lt, _end(low, kept))]


def _leading(low: SemVer, given: int) -> int:
    """How many numbers ``^`` keeps: up to the first that is not 0, of those that are given."""
    numbers = [low.major, low.minor, low.patch][:given]
    return next((position + 1 for position, number in enumerate(numbers) if number), given)


def _end(low: SemVer, kept: int) -> SemVer:
    """What comes after all releases that share the first `kept` numbers, and before all pre-releases of the next."""
    numbers = [low.major, low.minor, low.patch][:kept]
    major, minor, patch = [*numbers[:-1], numbers[-1] + 1, 0, 0][:_PARTS]
    return SemVer(major, minor, patch, release=False, identifiers=())
