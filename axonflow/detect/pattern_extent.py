r"""How long the matches of an RE2 pattern can be, and literals of which every match holds one.

A pattern whose longest match is known can be searched in bounded windows and in a text that is still arriving; one of
whose literals has to occur need not be searched at all where none does. The pattern is one that RE2 has compiled, so
it is read leniently: what RE2 would refuse never comes here. https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from axonflow.detect.quoted_text import unquoted

__all__ = ["Extent", "extent_of"]

_MAX_LITERALS: Final = 16
_MAX_LITERAL_CHARS: Final = 64
_MIN_TRIGGER_CHARS: Final = 2
"""A single character occurs in nearly every text: looking for it first would be work for nothing."""
_REPETITION: Final = re.compile(r"[*+?]|\{(\d+)(,(\d*))?\}")
_OPENING: Final = re.compile(r"\(\?(?:P?<\w+>|[imsU-]*:)|\((?!\?)", re.ASCII)
_FLAGS: Final = re.compile(r"\(\?[imsU-]+\)", re.ASCII)
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<kind>[pP](?:\{\^?\w+\}|\w)|[dDsSwWC])|(?P<edge>[bB])|(?P<end>[Az])"
    r"|x\{(?P<braced>[0-9A-Fa-f]+)\}|x(?P<hex>[0-9A-Fa-f]{2})|(?P<octal>[0-7]{1,3})|(?P<plain>.))",
    re.DOTALL,
)
_CLASS: Final = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]", re.DOTALL)
_FEW: Final = re.compile(r"\[[^\^\-\\\[\]]{1,4}\]")
_CONTROLS: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Extent(NamedTuple):
    """Of a pattern or a part of it. Lengths are in characters."""

    shortest: int
    longest: int | None
    """None: there is no longest match."""
    exact: frozenset[str] | None = None
    """All that it matches, in lower case, where that is little."""
    triggers: frozenset[str] = frozenset()
    """In lower case: every match holds one of them. Empty where no such literals are known."""
    anchored: bool = False
    """Whether it names the beginning or the end of a text or a line."""


_EMPTY: Final = Extent(0, 0, frozenset({""}))
_ANCHOR: Final = _EMPTY._replace(anchored=True)
_ANY: Final = Extent(1, 1)


def extent_of(pattern: str) -> Extent:
    """The extent of `pattern`, which RE2 takes."""
    pattern = unquoted(pattern)
    open_groups: list[_Group] = []
    group = _Group()
    at = 0
    while at < len(pattern):
        opening = _OPENING.match(pattern, at)
        if opening:
            open_groups.append(group)
            group = _Group()
            at = opening.end()
            continue
        if pattern[at] == "|":
            group.alternative()
            at += 1
            continue
        if pattern[at] == ")":
            part, group, at = group.extent(), open_groups.pop(), at + 1
        else:
            part, at = _atom(pattern, at)
        part, at = _repeated(part, pattern, at)
        group.add(part)
    return group.extent()


class _Group:
    """Alternatives, each a sequence of parts; the last is the one being read."""

    def __init__(self) -> None:
        self._done: list[Extent] = []
        self._sequence = _Sequence()

    def add(self, part: Extent) -> None:
        self._sequence.add(part)

    def alternative(self) -> None:
        self._done.append(self._sequence.extent())
        self._sequence = _Sequence()

    def extent(self) -> Extent:
        alternatives = [*self._done, self._sequence.extent()]
        if len(alternatives) == 1:
            return alternatives[0]
        longest = [one.longest for one in alternatives]
        exact = [one.exact for one in alternatives]
        triggers = [one.triggers for one in alternatives]
        return Extent(
            min(one.shortest for one in alternatives),
            None if None in longest else max(length for length in longest if length is not None),
            None if None in exact else _few(text for texts in exact if texts is not None for text in texts),
            (_few(text for texts in triggers for text in texts) or frozenset()) if all(triggers) else frozenset(),
            any(one.anchored for one in alternatives),
        )


class _Sequence:
    """Parts one after the other. `_run` is what the last of them match together, as long as that is little."""

    def __init__(self) -> None:
        self._shortest = 0
        self._longest: int | None = 0
        self._anchored = False
        self._is_exact = True
        self._run = frozenset({""})
        self._triggers: frozenset[str] = frozenset()

    def add(self, part: Extent) -> None:
        self._shortest += part.shortest
        self._longest = None if self._longest is None or part.longest is None else self._longest + part.longest
        self._anchored |= part.anchored
        joined = None
        if part.exact is not None:
            joined = _few(before + text for before in self._run for text in part.exact)
        if joined is None:
            self._is_exact = False
            self._triggers = max(self._triggers, _usable(self._run), part.triggers, key=_worth)
            joined = part.exact or frozenset({""})
        self._run = joined

    def extent(self) -> Extent:
        triggers = max(self._triggers, _usable(self._run), key=_worth)
        exact = self._run if self._is_exact else None
        return Extent(self._shortest, self._longest, exact, triggers, self._anchored)


def _few(texts: Iterable[str]) -> frozenset[str] | None:
    """`texts`, unless they are many or long."""
    few = frozenset(texts)
    return few if len(few) <= _MAX_LITERALS and all(len(text) <= _MAX_LITERAL_CHARS for text in few) else None


def _usable(literals: frozenset[str]) -> frozenset[str]:
    is_usable = all(len(text) >= _MIN_TRIGGER_CHARS and text.isascii() and text.isprintable() for text in literals)
    return literals if is_usable else frozenset()


def _worth(literals: frozenset[str]) -> tuple[int, int]:
    """The longer the shortest of them, the rarer they are."""
    return min(map(len, literals), default=0), -len(literals)


def _atom(pattern: str, at: int) -> tuple[Extent, int]:
    """One thing that can be repeated, and where it ends."""
    char = pattern[at]
    if char == "[":
        return _class(pattern, at)
    if char == "\\":
        return _escape(pattern, at)
    flags = _FLAGS.match(pattern, at)
    if flags:
        return _EMPTY, flags.end()
    if char in "^$":
        return _ANCHOR, at + 1
    return (_ANY if char == "." else _literal(char)), at + 1


def _class(pattern: str, at: int) -> tuple[Extent, int]:
    found = _CLASS.match(pattern, at)
    end = found.end() if found else len(pattern)
    few = _FEW.fullmatch(pattern, at, end)
    return (_ANY._replace(exact=frozenset(few[0][1:-1].lower())) if few else _ANY), end


def _escape(pattern: str, at: int) -> tuple[Extent, int]:
    found = _ESCAPE.match(pattern, at)
    if found is None:  # a backslash at the end, which RE2 refuses
        return _EMPTY, len(pattern)
    if found["kind"]:
        return _ANY, found.end()
    if found["edge"]:
        return _EMPTY, found.end()
    if found["end"]:
        return _ANCHOR, found.end()
    code = found["braced"] or found["hex"]
    if code:
        return _literal(chr(int(code, 16))), found.end()
    if found["octal"]:
        return _literal(chr(int(found["octal"], 8))), found.end()
    return _literal(_CONTROLS.get(found["plain"], found["plain"])), found.end()


def _literal(text: str) -> Extent:
    exact = _few([text.lower()])
    return Extent(len(text), len(text), exact, _usable(exact or frozenset()))


def _repeated(part: Extent, pattern: str, at: int) -> tuple[Extent, int]:
    """`part` as often as what follows it says."""
    while found := _REPETITION.match(pattern, at):
        part = _times(part, *_bounds(found))
        at = found.end()
        if pattern[at : at + 1] == "?":  # the shortest first: that changes what is found, not what can be
            at += 1
    return part, at


def _bounds(found: re.Match[str]) -> tuple[int, int | None]:
    if found[1] is None:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[found[0]]
    least = int(found[1])
    if found[2] is None:
        return least, least
    return least, int(found[3]) if found[3] else None


def _times(part: Extent, least: int, most: int | None) -> Extent:
    if part.longest == 0:
        longest: int | None = 0
    else:
        longest = None if most is None or part.longest is None else most * part.longest
    exact = None
    if part.exact is not None and most == 1:
        exact = part.exact if least else _few([*part.exact, ""])
    return Extent(part.shortest * least, longest, exact, part.triggers if least else frozenset(), part.anchored)
