r"""A short expression that is in every match of an RE2 pattern, and rare elsewhere: what to look for first.

For ``(?:\b|_)(\d{3}-\d{2}-\d{4})(?:\b|_)`` that is the number without its edges; of a longer pattern, the few
characters in a row that are rarest in ordinary text. It may be in more places than the matches, never in fewer: edges
are left out and long counts lose their limits. The pattern is one that RE2 has compiled, so it is read leniently.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from math import log2
from typing import Final, NamedTuple

from axonflow.detect.quoted_text import unquoted

__all__ = ["mark_of"]

_MIN_BITS: Final = 9.0
"""Met by chance in one of five hundred places; what is more common says nothing."""
_ENOUGH_BITS: Final = 40.0
"""Rarer than that, and no text has many."""
_MAX_UNITS, _MAX_COPIES, _MAX_SLACK, _MAX_ALTERNATIVES = 14, 16, 6, 40
_NEVER_BITS: Final = 99.0
_FURTHER_COPY: Final = 0.3
"""How rare another of what came before is, beside the first."""
_MAX_CHARS: Final = 1_000
"""What is longer costs more to look for than it saves."""
_ALL: Final = frozenset(range(128))
_FLAGS: Final = re.compile(r"\(\?([imsU-]+)\)", re.ASCII)
_OPENING: Final = re.compile(r"\((?:\?(?:P?<\w+>|([imsU-]*):))?", re.ASCII)
_REPETITION: Final = re.compile(r"([*+?]|\{(\d+)(,(\d*))?\})\??")
_EDGE: Final = re.compile(r"\\[bBAz]|[$^]")
_ONE: Final = re.compile(
    r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\\[pP](?:\{\^?\w+\}|\w)|\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}|\\.|.",
    re.DOTALL,
)
_UNCOMMON: Final = re.compile(r"\[:|\\[pPC0-9]|\\x\{|[^\\]\[|--|&&|~~|\|\|", re.DOTALL)
"""What Python's expressions write otherwise or have not, or warn of: in a set, ``[``, ``--`` and the like."""


_KINDS: Final = tuple(
    (frozenset(map(ord, chars)), share, stays)
    for chars, share, stays in (
        (string.ascii_lowercase, 0.72, 0.8),
        (string.ascii_uppercase, 0.03, 0.6),
        (string.digits, 0.03, 0.7),
        (" \n", 0.18, 0.1),
        ("".join([chr(code) for code in range(128) if not (chr(code).isalnum() or chr(code) in " \n")]), 0.04, 0.2),
    )
)
"""Of characters in ordinary text, roughly: how many are of the kind, and how many that follow one of the kind."""


class _Unit(NamedTuple):
    """A part of a sequence that is taken whole or not at all."""

    text: str
    bits: float
    """How rare its matches are, as the logarithm of their share."""
    outer: str
    """What of it to look for at either end of a mark: as few repetitions as there may be."""
    alone: str
    """What of it to look for where it is the whole mark: the rarest in it."""
    members: frozenset[int] = frozenset()
    """The characters, where it is one."""


def _share_of(members: frozenset[int]) -> float:
    return sum(share * len(members & kind) / len(kind) for kind, share, _ in _KINDS)


@lru_cache(maxsize=1024)
def _bits_after(before: frozenset[int], members: frozenset[int]) -> float:
    """Of a character of `members` that follows one of `before`: a digit is rare, but not behind a digit."""
    all_before = _share_of(before)
    follows = sum(
        share * len(before & kind) / len(kind) / all_before * stays * len(members & kind) / len(kind)
        + share * len(before & kind) / len(kind) / all_before * (1 - stays) * _share_of(members - kind) / (1 - share)
        for kind, share, stays in _KINDS
    )
    return max(0.0, -log2(min(1.0, follows))) if follows else _NEVER_BITS


def _bits_of(units: Sequence[_Unit]) -> float:
    """Of all of them in a row."""
    bits = 0.0
    before: frozenset[int] = frozenset()
    for unit in units:
        bits += _bits_after(before, unit.members) if before and unit.members else unit.bits
        before = unit.members if unit.bits else before
    return bits


class _Sequence(NamedTuple):
    units: tuple[_Unit, ...]

    @property
    def text(self) -> str:
        return "".join([unit.text for unit in self.units])

    @property
    def bits(self) -> float:
        return _bits_of(self.units)


@lru_cache(maxsize=1024)
def mark_of(pattern: str) -> str | None:
    """In the syntax of RE2 and Hyperscan, without groups that capture; None where nothing is rare enough."""
    plain = unquoted(pattern)
    alternatives, _ = _alternatives(plain, 0, "")
    best = [_best_of(sequence) for sequence in alternatives]
    if len(best) > _MAX_ALTERNATIVES or any(bits < _MIN_BITS for _, bits in best):
        return None
    mark = _joined(sorted({text for text, _ in best}))
    return mark if len(mark) <= _MAX_CHARS else None


def _best_of(sequence: _Sequence) -> tuple[str, float]:
    """The rarest few units in a row, and how rare they are."""
    units = sequence.units
    best, most = "", 0.0
    for first in range(len(units)):
        for last in range(first, min(len(units), first + _MAX_UNITS)):
            bits = min(_ENOUGH_BITS, _bits_of(units[first : last + 1]))
            if bits > most + 0.5:  # a longer one has to be worth it
                best, most = _row(units[first : last + 1]), bits
    return best, most


def _row(units: Sequence[_Unit]) -> str:
    if len(units) == 1:
        return units[0].alone
    return units[0].outer + "".join([unit.text for unit in units[1:-1]]) + units[-1].outer


def _joined(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"(?:{'|'.join(texts)})"


def _alternatives(pattern: str, at: int, flags: str) -> tuple[list[_Sequence], int]:
    """What stands up to the end of the group that `at` is in, and where that is."""
    options: list[_Sequence] = []
    units: list[_Unit] = []
    while at < len(pattern) and pattern[at] != ")":
        setting = _FLAGS.match(pattern, at)
        if setting:
            flags = _with(flags, setting[1])
            at = setting.end()
        elif pattern[at] == "|":
            options.append(_Sequence(tuple(units)))
            units = []
            at += 1
        else:
            found, at = _repeated(*_atom(pattern, at, flags), pattern)
            units.extend(found)
    return [*options, _Sequence(tuple(units))], at


def _with(flags: str, setting: str) -> str:
    on, _, off = setting.partition("-")
    return "".join(sorted({*flags, *on} - {*off}))


def _atom(pattern: str, at: int, flags: str) -> tuple[list[_Unit], int]:
    """One thing that can be repeated, and where it ends."""
    opening = _OPENING.match(pattern, at)
    if opening:
        alternatives, end = _alternatives(pattern, opening.end(), _with(flags, opening[1] or ""))
        return _group(alternatives), end + 1
    edge = _EDGE.match(pattern, at)
    if edge:
        return [], edge.end()
    one = _ONE.match(pattern, at)
    end = one.end() if one else at + 1
    return [_unit_of(_members(pattern[at:end], "".join(sorted({"i", "s"} & {*flags}))))], end


def _group(alternatives: list[_Sequence]) -> list[_Unit]:
    if len(alternatives) == 1:
        return list(alternatives[0].units)
    share = sum(2.0**-sequence.bits for sequence in alternatives)
    text = f"(?:{'|'.join([sequence.text for sequence in alternatives])})"
    best = [_best_of(sequence) for sequence in alternatives]
    alone = _joined(sorted({found for found, _ in best})) if all(found for found, _ in best) else ""
    return [_Unit(text, max(0.0, -log2(share)), text, alone)]


@lru_cache(maxsize=1024)
def _members(text: str, flags: str) -> frozenset[int]:
    """The ASCII characters that `text` matches; all of them where it is not understood."""
    if _UNCOMMON.search(text):
        return _ALL
    try:
        one = re.compile(f"(?{flags}:{text})" if flags else text, re.ASCII)
    except re.error:
        return _ALL
    return frozenset([code for code in range(128) if one.fullmatch(chr(code))])


@lru_cache(maxsize=1024)
def _unit_of(members: frozenset[int]) -> _Unit:
    share = _share_of(members)
    text = _class_of(members)
    return _Unit(text, max(0.0, -log2(min(share, 1.0))) if share else _NEVER_BITS, text, text, members)


def _class_of(members: Iterable[int]) -> str:
    codes = sorted(members)
    if len(codes) == 1:
        return re.escape(chr(codes[0])) if chr(codes[0]).isprintable() else f"\\x{codes[0]:02x}"
    runs = [[code for _, code in run] for _, run in groupby(enumerate(codes), lambda pair: pair[1] - pair[0])]
    ranges = "".join([f"\\x{run[0]:02x}-\\x{run[-1]:02x}" for run in runs])
    return f"[{ranges}]" if codes else r"[^\x00-\x7f]"


def _repeated(units: list[_Unit], at: int, pattern: str) -> tuple[list[_Unit], int]:
    """`units` as often as what follows them says."""
    while found := _REPETITION.match(pattern, at):
        units = _times(units, *_counts(found))
        at = found.end()
    return units, at


def _counts(found: re.Match[str]) -> tuple[int, int | None]:
    if found[2] is None:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[found[1]]
    least = int(found[2])
    if found[3] is None:
        return least, least
    return least, int(found[4]) if found[4] else None


def _times(units: list[_Unit], least: int, most: int | None) -> list[_Unit]:
    if not units:
        return []
    row = _Sequence(tuple(units))
    if least == most and len(units) == 1 and least <= _MAX_COPIES:
        return units * least
    counted = most is not None and most - least <= _MAX_SLACK and most <= _MAX_COPIES
    kept = min(least, _MAX_COPIES)
    text = row.text if len(units) == 1 else f"(?:{row.text})"
    inner = f"(?:{text}){{{kept},{most if counted else ''}}}"
    outer = "" if not kept else row.text if kept == 1 else f"(?:{text}){{{kept}}}"
    return [_Unit(inner, row.bits * (1 + _FURTHER_COPY * (kept - 1)) if kept else 0.0, outer, outer)]
