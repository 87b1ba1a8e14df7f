"""Patterns for names, with ``*`` for any characters and ``?`` for one. A text is matched in time linear in its length.

A pattern is pieces between stars. The first and the last stand at the ends of the text; each of the others is looked
for from where the one before it ended, and taking the first place is always right. A piece without ``?`` is found by
Python, in linear time. One with ``?`` is found by the Shift-And algorithm: a number whose bit n says whether the last
n + 1 characters are the first n + 1 of the piece. Source: Baeza-Yates and Gonnet, A New Approach to Text Searching,
Communications of the ACM 35(10), 1992.
"""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.values import CelError

__all__ = ["Glob"]

_MAX_CHARS: Final = 1_024
_MAX_SEARCHED_CHARS: Final = 65_536
"""Of a text in which a piece with ``?`` is looked for, which takes a step of Python for each character."""

_Piece = tuple[str | None, ...]
"""Characters; None stands for any."""


class Glob:
    """A compiled pattern."""

    __slots__ = ("_first", "_is_exact", "_last", "_middle")

    def __init__(self, pattern: str) -> None:
        """Raises ValueError with the reason."""
        if len(pattern) > _MAX_CHARS:
            raise ValueError(f"a pattern of more than {_MAX_CHARS} characters")
        first, *others = [_Part(piece) for piece in _pieces(pattern)]
        self._first = first
        self._is_exact = not others
        self._last = others.pop() if others else first
        self._middle = tuple(part for part in others if part.length)

    def matches(self, text: str) -> bool:
        """Whether all of `text` is as the pattern says. Raises CelError when the text is too long for that."""
        if self._is_exact:
            return len(text) == self._first.length and self._first.stands_at(text, 0)
        start, end = self._first.length, len(text) - self._last.length
        if end < start or not self._first.stands_at(text, 0) or not self._last.stands_at(text, end):
            return False
        for part in self._middle:
            start = part.find(text, start, end)
            if start < 0:
                return False
            start += part.length
        return True


class _Part:
    """One piece of a pattern."""

    __slots__ = ("_masks", "_others", "_places", "_text", "length")

    def __init__(self, piece: _Piece) -> None:
        self.length = len(piece)
        self._places = tuple((at, character) for at, character in enumerate(piece) if character is not None)
        self._text = "".join(character for _, character in self._places) if len(self._places) == len(piece) else None
        self._others = sum(1 << at for at, character in enumerate(piece) if character is None)
        self._masks: dict[str, int] = {}
        for at, character in self._places:
            self._masks[character] = self._masks.get(character, self._others) | 1 << at

    def stands_at(self, text: str, start: int) -> bool:
        if self._text is not None:
            return text.startswith(self._text, start)
        return all(text[start + at] == character for at, character in self._places)

    def find(self, text: str, start: int, end: int) -> int:
        """The first place from `start` where it stands in whole before `end`, else -1."""
        if self._text is not None:
            return text.find(self._text, start, end)
        if end - start > _MAX_SEARCHED_CHARS:
            raise CelError(f"a ? between two stars, and a text of more than {_MAX_SEARCHED_CHARS} characters")
        masks, others, full = self._masks, self._others, 1 << (self.length - 1)
        state = 0
        for at in range(start, end):
            state = (state << 1 | 1) & masks.get(text[at], others)
            if state & full:
                return at + 1 - self.length
        return -1


def _pieces(pattern: str) -> list[_Piece]:
    pieces: list[list[str | None]] = [[]]
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            pieces.append([])
        elif character == "\\":
            escaped = next(characters, "")
            if escaped not in {"*", "?", "\\"}:
                raise ValueError("a pattern in which a \\ is not before *, ? or \\")
            pieces[-1].append(escaped)
        else:
            pieces[-1].append(None if character == "?" else character)
    return [tuple(piece) for piece in pieces]
