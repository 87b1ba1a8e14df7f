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

__all__ = ["MARKS", "MAX_OPEN_CHARS", "Decoded", "decoded", "decoded_so_far"]

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
        for encoding in _ENCODINGS:
            result = _without(encoding, text, result)
        if result is before:
            break
    return result


def decoded_so_far(text: str) -> tuple[Decoded | None, int]:
    """Of a text that goes on: how its beginning reads whatever comes, and the length of that in `text`.

    Each encoding is given what the one before it is sure of, and keeps from the next one what it cannot read yet.
    """
    result: Decoded | None = None
    for _ in range(_MAX_ROUNDS):
        before, size = result, len(text)
        for encoding in _ENCODINGS:
            current = text if result is None else result.text
            at = _open_from(encoding, current)
            if at < len(current):
                text = text[: at if result is None else result.starts[at]]
                result = result and Decoded(result.text[:at], result.starts[:at], result.ends[:at])
            result = _without(encoding, text, result)
        if result is before and len(text) == size:
            break
    return result, len(text)


def _open_from(encoding: _Encoding, text: str) -> int:
    """Where the end of `text` begins that may become a sequence, or another one than it is."""
    if not _is_signed(encoding, text):
        return len(text)
    for found in encoding.open.finditer(text, max(0, len(text) - MAX_OPEN_CHARS)):
        if found.group(1) is not None:
            return found.start()
    return len(text)


def _is_signed(encoding: _Encoding, text: str) -> bool:
    return any(sign in text for sign in encoding.signs) if encoding.signs else not text.isascii()


def _without(encoding: _Encoding, text: str, result: Decoded | None) -> Decoded | None:
    """`result`, which `text` was read as, with one encoding undone."""
    current = text if result is None else result.text
    if not _is_signed(encoding, current):
        return result
    inner = _undone(current, encoding.sequence, encoding.parts_of)
    if inner is None:
        return result
    return inner if result is None else _within(result, inner)


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


class _Encoding(NamedTuple):
    sequence: re.Pattern[str]
    parts_of: Callable[[str], Iterable[_Part]]
    open: re.Pattern[str]
    """Its group is what at the end of a text may become a sequence. What it finds without a group is one already."""
    signs: str
    """One of these characters is in each sequence and in what is open; where there are none, one that is not ASCII."""


# Drawn as nothing (Unicode general category Cf, fillers), and marks that stand over a letter. Only amid a word or
# number: emoji are full of joiners, and there they hide nothing.
_UNSEEN = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f"
)
_AMID = rf"(?<=[A-Za-z0-9@._+-])[{_UNSEEN}]{{1,64}}"
# ESC itself, or as string literals and `cat -v` write it. CSI, OSC and short sequences (ECMA-48 sections 5.4, 5.6 and
# 5.5). What is longer is no colour and no link.
_ESC = r"(?:\x1b|\\x1[bB]|\\u001[bB]|\\033|\\e|\^\[)"
_CSI, _OSC = r"\[[0-?]{0,32}[ -/]{0,4}", r"\][^\x07\x1b\\]{0,256}"
_OSC_END = r"(?:\x07|\x1b\\|\\x07|\\a|\\u0007)"
_HEX = "[0-9A-Fa-f]"
_MORE = f"%[89ABab]{_HEX}"

_SEQUENCE = rf"{_ESC}(?:{_CSI}[@-~]|{_OSC}{_OSC_END}|[()][0AB]|[78=>cM])"

_ENCODINGS: Final = (
    _Encoding(re.compile(_AMID + "(?=[A-Za-z0-9@._+-])"), _no_parts, re.compile(rf"({_AMID})\Z"), ""),
    _Encoding(
        re.compile(f"%{_HEX}{{2}}(?:%{_HEX}{{2}})*"),  # twelve times as fast as a group that begins with it
        _percent_parts,
        # A character of which some bytes may be missing (RFC 3629 section 3), and a byte that is not whole.
        re.compile(
            f"((?:%[CDcd]{_HEX}|%[Ee]{_HEX}(?:{_MORE})?|%[Ff][0-7](?:{_MORE}){{0,2}})(?:%{_HEX}?)?|%{_HEX}?)\\Z"
        ),
        "%",
    ),
    _Encoding(
        re.compile(_SEQUENCE),
        _no_parts,
        re.compile(
            rf"{_SEQUENCE}|({_ESC}(?:{_CSI}|{_OSC}(?:\x1b|\\(?:x0?|u0{{0,3}})?)?|[()])?"
            r"|\\(?:x1?|u(?:0(?:01?)?)?|03?)?|\^)\Z"
        ),
        "\x1b\\^",
    ),
)
MARKS: Final = rf"%\x1b\\^{_UNSEEN}"
"""Without one of these characters, as a class of an expression has them, a text is what it seems."""
MAX_OPEN_CHARS: Final = 280
"""Most characters that a round keeps from being read; each may itself have been encoded."""
