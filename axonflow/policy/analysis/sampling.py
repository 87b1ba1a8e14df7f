"""Short texts in which a regular expression is found. What is not understood gives no text, never a wrong one:
whoever asks tries them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["samples"]

_CLASSES: Final = {
    "d": "7",
    "w": "a",
    "s": " ",
    "D": "a",
    "W": "-",
    "S": "a",
    "v": "\v",
    "n": "\n",
    "t": "\t",
    "r": "\r",
}
_NOTHING: Final = frozenset("bBAzZ")
_CANDIDATES: Final = "a7A -_./:@x0\n~"
_MAX_STEPS: Final = 2_000
_MAX_TEXTS: Final = 6
_MAX_CHARS: Final = 2_000


class _NotUnderstoodError(Exception):
    """The pattern has something in it for which no text is made."""


def samples(pattern: str) -> Iterator[str]:
    """Texts for some of the alternatives of `pattern`, with as little repeated as it asks for, and with more."""
    told: dict[str, None] = {}
    for branch in range(_MAX_TEXTS):
        for more in (0, 1):
            try:
                told.setdefault(_Sampler(pattern, branch, more).text())
            except (_NotUnderstoodError, IndexError, ValueError):
                continue
    for text in told:
        yield text
        yield f" {text} "


class _Sampler:
    """Reads a pattern once and makes one text: of alternatives that of the number `branch`, the last if there are
    fewer; of what may be repeated `more` than the least."""

    def __init__(self, pattern: str, branch: int, more: int) -> None:
        self._pattern = pattern
        self._branch = branch
        self._more = more
        self._at = 0
        self._steps = 0

    def text(self) -> str:
        made = self._alternatives()
        if self._at < len(self._pattern):
            raise _NotUnderstoodError
        return made

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        self._steps += 1
        if self._steps > _MAX_STEPS or self._at >= len(self._pattern):
            raise _NotUnderstoodError
        self._at += 1
        return self._pattern[self._at - 1]

    def _alternatives(self) -> str:
        options = [self._sequence()]
        while self._peek() == "|":
            self._take()
            options.append(self._sequence())
        return options[min(self._branch, len(options) - 1)]

    def _sequence(self) -> str:
        out = ""
        while self._peek() not in {"", "|", ")"}:
            one, repeats = self._one(), self._repeats()
            if len(out) + len(one) * repeats > _MAX_CHARS:
                raise _NotUnderstoodError
            out += one * repeats
        return out

    def _one(self) -> str:
        character = self._take()
        if character == "(":
            return self._group()
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escaped(self._take())
        if character in "^$":
            return ""
        return "a" if character == "." else character

    def _group(self) -> str:
        if self._peek() == "?":
            self._take()
            flags = ""
            while self._peek() not in {":", ")", ">"}:
                flags += self._take()
            if flags[:1] in {"=", "!"} or flags[:2] in {"<=", "<!"}:
                raise _NotUnderstoodError
            if self._take() == ")":
                return ""
        inner = self._alternatives()
        self._take()  # what ends it: there is nothing else that alternatives end at, but the end of the pattern
        return inner

    def _escaped(self, character: str) -> str:
        if character in _NOTHING:
            return ""
        if character in "pP":
            raise _NotUnderstoodError
        if character == "x":
            return chr(int(self._take() + self._take(), 16))
        return _CLASSES.get(character, character)

    def _class(self) -> str:
        excludes = self._peek() == "^"
        if excludes:
            self._take()
        found: list[tuple[str, str]] = []
        while self._peek() != "]" or not found:
            first = self._member()
            if self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] != "]":
                self._take()
                found.append((first, self._member()))
            else:
                found.append((first, first))
        self._take()
        if not excludes:
            return found[min(self._branch, len(found) - 1)][0]
        return next(one for one in _CANDIDATES if not any(low <= one <= high for low, high in found))

    def _member(self) -> str:
        character = self._take()
        return self._escaped(self._take()) if character == "\\" else character

    def _repeats(self) -> int:
        least, most = 1, 1
        sign = self._peek()
        if sign in {"*", "+", "?"}:
            self._take()
            least, most = int(sign == "+"), 1 if sign == "?" else 9
        elif sign == "{":
            end = self._pattern.index("}", self._at)
            low, comma, high = self._pattern[self._at + 1 : end].partition(",")
            least = int(low)
            most = int(high) if high else 1_000 if comma else least
            self._at = end + 1
        else:
            return 1
        if self._peek() in {"?", "+"}:
            self._take()
        return min(least + self._more, most)
