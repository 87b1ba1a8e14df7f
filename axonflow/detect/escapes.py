r"""Text inside of text: the escapes of string literals (JSON: RFC 8259 section 7; Python, C and JavaScript add a few).

In ``{"out": "token:\nghp_..."}`` the ``n`` stands right before the token and would make it part of a word. But in
``CORP\nick`` the same letter begins a name: what a backslash means, the text alone cannot tell. So a text with escapes
is read twice, as it is and with them blanked, and what either reading shows is found. Escapes are not decoded: an
address whose ``@`` is written ``\u0040`` is not found.
"""

from __future__ import annotations

import re

from axonflow.detect.folding import STAND_IN

__all__ = ["blank_escapes", "end_of_whole_escapes", "start_of_escapes", "whole_escapes"]

_SPELLINGS = ((r"""[abefnrtv0"'/]""", 1), ("x[0-9A-Fa-f]{2}", 3), ("u[0-9A-Fa-f]{4}", 5), ("U[0-9A-Fa-f]{8}", 9))
# A backslash itself is not among what is escaped: after a doubled one (JSON in JSON) too, the n is an escape.
# A pattern and a constant for each length: one pattern with a callback took 2x as long.
_BLANKS = tuple(
    (re.compile(rf"\\{spelling}"), "\\\\" + STAND_IN * length_chars) for spelling, length_chars in _SPELLINGS
)
_ESCAPE = re.compile("|".join([r"\\\\", *(rf"\\{spelling}" for spelling, _ in _SPELLINGS)]))
_LONGEST_CHARS = 10
_MOST_BACKSLASHES = 64
"""Before an escape: JSON in JSON doubles them each time, so that 64 are seven times."""
_UNFINISHED = re.compile(r"\\(?:x[0-9A-Fa-f]?|u[0-9A-Fa-f]{0,3}|U[0-9A-Fa-f]{0,7})?\Z")


def blank_escapes(text: str) -> str:
    """`text` with a stand-in for every escaped character; as long as `text`, and itself when there is no escape."""
    if "\\" not in text:
        return text
    for escape, blank in _BLANKS:
        text = escape.sub(blank, text)
    return text


def whole_escapes(text: str, start: int, end: int) -> tuple[int, int]:
    """The span, moved so that it cuts no escape in two: a mask in its place leaves a literal that can be parsed.

    Backslashes that escape the first character go with it, however often the text was encoded (within reason); those at
    the end stay with what comes after.
    """
    for at in range(start - 1, max(-1, start - _LONGEST_CHARS), -1):
        if text[at] == "\\" and _end_of_escape(text, at) > start:
            start = at - _backslashes_before(text, at)
            break
    while end - start > 1 and text[end - 1] == "\\":
        end -= 1
    for at in range(end - 1, max(start - 1, end - _LONGEST_CHARS), -1):
        if text[at] == "\\":
            end = max(end, _end_of_escape(text, at))
            break
    return start, end


def end_of_whole_escapes(text: str) -> int:
    """Where the last escape of `text` begins when it may go on after the end of `text`; the end of `text` otherwise."""
    found = _UNFINISHED.search(text, max(0, len(text) - _LONGEST_CHARS))
    return len(text) if found is None else found.start() - _backslashes_before(text, found.start())


def start_of_escapes(text: str, place: int) -> int:
    """The first place that a span which begins at or after `place` may be moved to by `whole_escapes`, or `place`."""
    at = text.find("\\", max(0, place - _LONGEST_CHARS), place)
    return place if at < 0 else at - _backslashes_before(text, at)


def _end_of_escape(text: str, at: int) -> int:
    found = _ESCAPE.match(text, at)
    return found.end() if found else at


def _backslashes_before(text: str, at: int) -> int:
    start = at
    while start > max(0, at - _MOST_BACKSLASHES) and text[start - 1] == "\\":
        start -= 1
    return at - start
