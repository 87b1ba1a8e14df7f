r"""What of a text that is still arriving may become a match: for a pattern, one of all beginnings of its matches.

For ``cat|cow`` that is ``(?:(?:c(?:a(?:t)?)?)?|(?:c(?:o(?:w)?)?)?)``. Where its leftmost match at the end of the text
so far begins, there is the first place from which more text could still complete a match of the original. It may take
more than the beginnings (long repetitions lose their limits, which keeps the automata small), never less.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from axonflow.detect.quoted_text import unquoted

__all__ = ["OpenPattern", "open_pattern"]

_MAX_COUNT: Final = 4
"""Repetitions up to here are counted. Counting to 64 makes an automaton of five times the states, which took 60 us to
search where this one takes 8."""
_MAX_LEAST: Final = 24
"""Least repetitions are counted up to here: less, and many words would look like the beginning of a key."""
_MIN_HEAD_CHARS, _MAX_HEAD_CHARS, _MAX_HEADS = 3, 8, 64
_FEW: Final = re.compile(r"\[[^\^\-\\\[\]]{1,8}\]")
_FLAGS: Final = re.compile(r"\(\?([imsU-]+)\)")
_OPENING: Final = re.compile(r"\((?:\?(?:P?<\w+>|([imsU-]*):))?")
_REPETITION: Final = re.compile(r"([*+?]|\{(\d+)(,(\d*))?\})\??")
_EDGE: Final = re.compile(r"\\[bBAz]|[$^]")
_ONE: Final = re.compile(
    r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\\[pP](?:\{\^?\w+\}|\w)|\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}|\\.|.",
    re.DOTALL,
)


class OpenPattern(NamedTuple):
    """Of one RE2 pattern."""

    loose: str
    """RE2 syntax: matches wherever the pattern does, and perhaps elsewhere, at less cost."""
    beginnings: str
    """RE2 syntax: matches each beginning of each match, the empty one and the whole included."""
    longest_chars: int | None
    """Length of the longest match; None: there is no limit."""
    sees_lines: bool
    """Whether it names the beginning of a line or of the text."""
    heads: tuple[str, ...]
    """In lower case: every match begins with one of them. None where no such literals are known."""


class _Part(NamedTuple):
    """Of a pattern: itself without its long counts, its beginnings, its longest match."""

    whole: str
    beginnings: str
    longest_chars: int | None
    sees_lines: bool = False
    is_one: bool = False
    """Whether every match is one character."""
    heads: frozenset[str] = frozenset({""})
    is_exact: bool = False
    """Whether the heads are all that it matches."""


def open_pattern(pattern: str) -> OpenPattern:
    """The beginnings of the matches of `pattern`, which RE2 takes: what it refuses is not looked for here."""
    plain = unquoted(pattern)
    part, _ = _alternatives(plain, 0)
    heads = tuple(sorted(part.heads)) if all(len(head) >= _MIN_HEAD_CHARS for head in part.heads) else ()
    return OpenPattern(part.whole, part.beginnings, part.longest_chars, part.sees_lines, heads)


def _alternatives(pattern: str, at: int) -> tuple[_Part, int]:
    """What stands up to the end of the group that `at` is in, and where that is."""
    options: list[_Part] = []
    parts: list[_Part] = []
    flags: list[str] = []
    while at < len(pattern) and pattern[at] != ")":
        setting = _FLAGS.match(pattern, at)
        if setting:
            flags.append(setting[1])
            at = setting.end()
        elif pattern[at] == "|":
            options.append(_sequence(parts))
            parts = []
            at += 1
        else:
            part, at = _repeated(*_atom(pattern, at), pattern)
            for each in reversed(flags):
                part = _grouped(part, each)
            parts.append(part)
    options.append(_sequence(parts))
    return (options[0] if len(options) == 1 else _any_of(options)), at


def _atom(pattern: str, at: int) -> tuple[_Part, int]:
    """One thing that can be repeated, and where it ends."""
    opening = _OPENING.match(pattern, at)
    if opening:
        part, end = _alternatives(pattern, opening.end())
        return _grouped(part, opening[1] or ""), end + 1
    edge = _EDGE.match(pattern, at)
    if edge:
        return _Part(edge[0], "", 0, sees_lines=edge[0] in {"^", "\\A"}, is_exact=True), edge.end()
    one = _ONE.match(pattern, at)
    end = one.end() if one else at + 1
    text = pattern[at:end]
    heads = _heads_of_one(text)
    return _Part(text, f"{text}?", 1, is_one=True, heads=heads, is_exact="" not in heads), end


def _heads_of_one(text: str) -> frozenset[str]:
    """The characters that `text` matches, in lower case; the empty text where they are many."""
    if _FEW.fullmatch(text):
        return frozenset(text[1:-1].lower())
    if len(text) == 2 and text[0] == "\\" and not text[1].isalnum():
        return frozenset({text[1]})
    return frozenset({text.lower() if len(text) == 1 and text != "." else ""})


def _grouped(part: _Part, flags: str) -> _Part:
    return part._replace(whole=f"(?{flags}:{part.whole})", beginnings=f"(?{flags}:{part.beginnings})")


def _any_of(options: list[_Part]) -> _Part:
    lengths = [option.longest_chars for option in options]
    return _Part(
        f"(?:{'|'.join(option.whole for option in options)})",
        f"(?:{'|'.join(option.beginnings for option in options)})",
        None if None in lengths else max(length for length in lengths if length is not None),
        any(option.sees_lines for option in options),
        heads=_few(head for option in options for head in option.heads) or frozenset({""}),
        is_exact=all(option.is_exact for option in options)
        and _few(head for option in options for head in option.heads) is not None,
    )


def _sequence(parts: list[_Part]) -> _Part:
    beginnings = ""
    for part in reversed(parts):
        if part.is_one or part.longest_chars == 0:
            beginnings = f"(?:{part.whole}{beginnings})?"
        else:
            beginnings = f"(?:{part.beginnings}|{part.whole}{beginnings})" if beginnings else part.beginnings
    heads, is_exact = _heads_of_all(parts)
    return _Part(
        "".join(part.whole for part in parts),
        beginnings,
        _total(part.longest_chars for part in parts),
        any(part.sees_lines for part in parts),
        heads=heads,
        is_exact=is_exact,
    )


def _heads_of_all(parts: list[_Part]) -> tuple[frozenset[str], bool]:
    heads = frozenset({""})
    for part in parts:
        longer = _few(head + text for head in heads for text in part.heads)
        if longer is None:
            return heads, False
        heads = longer
        if not part.is_exact or min(map(len, heads)) >= _MAX_HEAD_CHARS:
            return frozenset(head[:_MAX_HEAD_CHARS] for head in heads), False
    return heads, True


def _few(heads: Iterable[str]) -> frozenset[str] | None:
    """`heads`, unless they are many."""
    few = frozenset(heads)
    return few if len(few) <= _MAX_HEADS else None


def _total(lengths: Iterable[int | None]) -> int | None:
    total = 0
    for length in lengths:
        if length is None:
            return None
        total += length
    return total


def _repeated(part: _Part, at: int, pattern: str) -> tuple[_Part, int]:
    """`part` as often as what follows it says."""
    while found := _REPETITION.match(pattern, at):
        part = _times(part, *_counts(found))
        at = found.end()
    return part, at


def _counts(found: re.Match[str]) -> tuple[int, int | None]:
    if found[2] is None:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[found[1]]
    least = int(found[2])
    if found[3] is None:
        return least, least
    return least, int(found[4]) if found[4] else None


def _times(part: _Part, least: int, most: int | None) -> _Part:
    if part.longest_chars == 0:
        return part._replace(whole=f"(?:{part.whole}){{{min(least, 1)},1}}")
    counted = most is not None and most <= (_MAX_COUNT if part.is_one else 1)
    least = min(least, _MAX_LEAST if part.is_one else 1)
    before_the_last = f"{{0,{most - 1}}}" if counted and most else "*"
    longest = None if most is None or part.longest_chars is None else most * part.longest_chars
    return _Part(
        f"(?:{part.whole}){{{least},{most if counted else ''}}}",
        f"(?:(?:{part.whole}){before_the_last}{part.beginnings})" if most != 0 else "",
        longest,
        part.sees_lines,
        heads=part.heads if least else part.heads | {""},
        is_exact=part.is_exact and most == 1,
    )
