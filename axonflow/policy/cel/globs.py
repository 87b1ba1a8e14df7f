"""Patterns of names: ``*`` is any run of characters, ``?`` is one; a backslash makes ``*``, ``?`` or ``\\`` plain.

All else stands for itself, also ``[`` and letter case, and the pattern is of the whole text. A text is gone through
once, whatever it holds: each piece between two stars is taken where it is found first, which leaves most to the rest.
"""

from __future__ import annotations

from itertools import groupby
from typing import Final

from axonflow.policy.cel.patterns import MAX_PATTERN_CHARS
from axonflow.policy.cel.values import CelError

__all__ = ["Glob", "literal_prefix"]

_MAX_SEARCHED_CHARS: Final = 65_536
"""Of a text in which a piece with ``?`` is looked for: that takes a step of Python for each character."""
_STAR: Final = "*"
_ANY: Final = None
_ESCAPABLE: Final = frozenset("*?\\")

_Token = tuple[bool, str | None]
"""Whether it is a star; else the character, or None for any."""


def literal_prefix(pattern: str) -> str:
    """What every text that matches starts with: all before the first wildcard. Raises ValueError, as Glob does."""
    out: list[str] = []
    for is_star, character in _tokens(pattern):
        if is_star or character is _ANY:
            break
        out.append(character)
    return "".join(out)


class Glob:
    """A pattern, ready to be matched. Raises ValueError when it is none, or has more than MAX_PATTERN_CHARS."""

    __slots__ = ("_first", "_inner", "_is_slow", "_last", "_min_chars")

    def __init__(self, pattern: str) -> None:
        tokens = _tokens(pattern)
        pieces = [_Piece([one for _, one in run]) for is_star, run in groupby(tokens, _is_star) if not is_star]
        self._min_chars: Final = sum(piece.chars for piece in pieces)
        is_open = any(map(_is_star, tokens))
        self._first: Final = pieces.pop(0) if pieces and not tokens[0][0] else _NOTHING
        # Without a star the last piece is of nothing at the end of a text of exactly so many characters.
        self._last: Final = (pieces.pop() if pieces and not tokens[-1][0] else _NOTHING) if is_open else None
        self._inner: Final = tuple(pieces)
        self._is_slow: Final = not all(piece.is_literal for piece in pieces)

    def matches(self, text: str) -> bool:
        """Whether it matches all of `text`. Raises CelError when the text is too long to be looked through."""
        last = self._last
        if last is None:
            return len(text) == self._min_chars and self._first.stands_at(text, 0)
        if len(text) < self._min_chars or not self._first.stands_at(text, 0):
            return False
        end = len(text) - last.chars
        if not last.stands_at(text, end):
            return False
        if len(text) > _MAX_SEARCHED_CHARS and self._is_slow:
            raise CelError(f"a glob with ? between stars, and a text of more than {_MAX_SEARCHED_CHARS} characters")
        position = self._first.chars
        for piece in self._inner:
            position = piece.end_in(text, position, end)
            if position < 0:
                return False
        return True


def _tokens(pattern: str) -> list[_Token]:
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(f"a pattern of more than {MAX_PATTERN_CHARS} characters")
    out: list[_Token] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in _ESCAPABLE:
                raise ValueError(r"a backslash in a glob stands before *, ? or another backslash")
            out.append((False, escaped))
        else:
            out.append((character == _STAR, _ANY if character in {"*", "?"} else character))
    return out


def _is_star(token: _Token) -> bool:
    return token[0]


class _Piece:
    """Characters that stand one after the other, some of which may be any."""

    __slots__ = ("_literal", "_masks", "_others", "chars")

    def __init__(self, wanted: list[str | None]) -> None:
        self.chars: Final = len(wanted)
        self._literal: Final = None if _ANY in wanted else "".join(character or "" for character in wanted)
        # Bit i of a character's mask: it may stand at position i.
        self._others: Final = sum(1 << position for position, character in enumerate(wanted) if character is _ANY)
        self._masks: Final = dict.fromkeys((one for one in wanted if one is not None), self._others)
        for position, character in enumerate(wanted):
            if character is not None:
                self._masks[character] |= 1 << position

    @property
    def is_literal(self) -> bool:
        return self._literal is not None

    def stands_at(self, text: str, position: int) -> bool:
        if self._literal is not None:
            return text.startswith(self._literal, position)
        return self.end_in(text, position, position + self.chars) >= 0

    def end_in(self, text: str, start: int, end: int) -> int:
        """Where the first occurrence between `start` and `end` ends; -1 when there is none."""
        if self._literal is not None:
            found = text.find(self._literal, start, end)
            return found if found < 0 else found + self.chars
        # Baeza-Yates and Gonnet 1992, Shift-And: bit i of `state` says that the characters up to i have just been seen.
        last, state = 1 << (self.chars - 1), 0
        for position in range(start, end):
            state = (state << 1 | 1) & self._masks.get(text[position], self._others)
            if state & last:
                return position + 1
        return -1


_NOTHING: Final = _Piece([])
