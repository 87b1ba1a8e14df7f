r"""Text that hides in an encoding, laid open: percent-encoding (RFC 3986 section 2.1), terminal control sequences, and
characters that are not seen.

A key in a URL is written ``%67hp_...``; in the log of a coloured terminal, ``ghp\x1b[0m_...``. Both are decoded to a
shorter text in which every character knows where it came from, so that what is found there is masked in the original.
Unlike the escapes of string literals (`axonflow.detect.escapes`), they say themselves what they are.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from axonflow.detect.folding import STAND_IN

__all__ = ["UNSEEN_AMID", "UNSEEN_AT_END", "Decoded", "decoded"]

_MAX_ROUNDS = 3
"""Encodings within each other that are undone: proxies and frameworks decode once or twice, hence the third."""


class Decoded(NamedTuple):
    """A text laid open, and where each of its characters stands in the original."""

    text: str
    starts: array[int]
    ends: array[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original that `start` to `end` of the text came from (not empty)."""
        return self.starts[start], self.ends[end - 1]


_Part = tuple[str, int]
"""A character and the number of characters that it was encoded as."""


def decoded(text: str) -> Decoded | None:
    """`text` with percent-encoding undone, and without terminal control sequences and what is not seen amid a word;
    None when there is none of these.

    An encoded byte that is no UTF-8 becomes `STAND_IN`. Takes time linear in the text.
    """
    result: Decoded | None = None
    for _ in range(_MAX_ROUNDS):
        before = result
        for marks, encoding, parts_of in _ENCODINGS:
            current = text if result is None else result.text
            if any(mark in current for mark in marks) if marks else not current.isascii():
                inner = _undone(current, encoding, parts_of)
                if inner is not None:
                    result = inner if result is None else _within(result, inner)
        if result is before:
            break
    return result


def _undone(text: str, encoding: re.Pattern[str], parts_of: Callable[[str], Iterable[_Part]]) -> Decoded | None:
    pieces: list[str] = []
    starts, ends = array("Q"), array("Q")
    at = 0
    for match in encoding.finditer(text):
        pieces.append(text[at : match.start()])
        starts.extend(range(at, match.start()))
        ends.extend(range(at + 1, match.start() + 1))
        at = match.start()
        for char, length_chars in parts_of(match.group()):
            pieces.append(char)
            starts.append(at)
            at += length_chars
            ends.append(at)
        at = match.end()
    if not at:
        return None
    pieces.append(text[at:])
    starts.extend(range(at, len(text)))
    ends.extend(range(at + 1, len(text) + 1))
    return Decoded("".join(pieces), starts, ends)


def _within(outer: Decoded, inner: Decoded) -> Decoded:
    """What was decoded twice, by its places in the first text."""
    starts = array("Q", [outer.starts[at] for at in inner.starts])
    ends = array("Q", [outer.ends[at - 1] for at in inner.ends])
    return Decoded(inner.text, starts, ends)


def _percent_parts(run: str) -> Iterable[_Part]:
    # A byte that is no UTF-8 comes out as one lone surrogate, so that the lengths still add up.
    for char in bytes.fromhex(run.replace("%", "")).decode("utf-8", "surrogateescape"):
        length_chars = 3 * len(char.encode("utf-8", "surrogateescape"))
        yield (STAND_IN if "\ud800" <= char <= "\udfff" else char), length_chars


def _no_parts(_sequence: str) -> Iterable[_Part]:
    return ()


# Drawn as nothing (Unicode general category Cf, fillers), and marks that stand over a letter. Only amid a word or
# number: emoji are full of joiners, and there they hide nothing.
_UNSEEN = (
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f]{1,64}"
)
_WORD = "[A-Za-z0-9@._+-]"
UNSEEN_AMID: Final = rf"(?<={_WORD}){_UNSEEN}(?={_WORD})"
"""For Python's expressions."""
UNSEEN_AT_END: Final = rf"(?<={_WORD}){_UNSEEN}\Z"

_ENCODINGS: tuple[tuple[tuple[str, ...], re.Pattern[str], Callable[[str], Iterable[_Part]]], ...] = (
    ((), re.compile(UNSEEN_AMID), _no_parts),
    (("%",), re.compile("%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*"), _percent_parts),
    (
        # ESC itself, or as string literals and `cat -v` write it.
        ("\x1b", "\\x1", "\\u001", "\\033", "\\e", "^["),
        # CSI, OSC and short sequences (ECMA-48 sections 5.4, 5.6 and 5.5). What is longer is no colour and no link.
        re.compile(
            r"(?:\x1b|\\x1[bB]|\\u001[bB]|\\033|\\e|\^\[)"
            r"(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b\\]{0,256}(?:\x07|\x1b\\|\\x07|\\a|\\u0007)"
            r"|[()][0AB]|[78=>cM])"
        ),
        _no_parts,
    ),
)
