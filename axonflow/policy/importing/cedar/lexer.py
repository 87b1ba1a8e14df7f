"""Cedar tokens, each with its offset, and the texts that string literals stand for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from axonflow.errors import PolicyError

__all__ = ["MAX_CEDAR_CHARS", "Token", "pattern_pieces", "text_of", "tokenize"]

MAX_CEDAR_CHARS: Final = 2 * 1024 * 1024

_PATTERN: Final = re.compile(
    r"""
      (?P<space>  (?: \s+ | //[^\n\r]* )+ )
    | (?P<string> " [^"\\]* (?: \\. [^"\\]* )* " )
    | (?P<int>    [0-9]+ )
    | (?P<name>   [_a-zA-Z][_a-zA-Z0-9]* )
    | (?P<slot>   \?[_a-zA-Z][_a-zA-Z0-9]* )
    | (?P<op>     :: | && | \|\| | [<>=!]= | [-+*!:;,.@<>()\[\]{}] )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(?:([nrt0\\'\"*])|x([0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,6})\}|(.))", re.DOTALL)
_SIMPLE: Final = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}

Place = Callable[[int], str]


class Token(NamedTuple):
    kind: str
    text: str
    offset: int


def tokenize(source: str, at: Place) -> list[Token]:
    """The tokens of `source`, closed by one of kind ``end``. Raises PolicyError with the place of the fault."""
    if len(source) > MAX_CEDAR_CHARS:
        raise PolicyError("too large", expected=f"at most {MAX_CEDAR_CHARS} characters", found="more", at=at(0))
    tokens: list[Token] = []
    offset = 0
    while offset < len(source):
        match = _PATTERN.match(source, offset)
        if match is None:
            raise _unreadable(source, offset, at)
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, match.group(), offset))
        offset = match.end()
    tokens.append(Token("end", "", offset))
    return tokens


def _unreadable(source: str, offset: int, at: Place) -> PolicyError:
    character = source[offset]
    if character == '"':
        return PolicyError("a string that is not closed", expected='a closing "', at=at(offset))
    hints = {"=": "Equality is ==.", "&": "And is &&.", "|": "Or is ||."}
    return PolicyError(
        "not part of a Cedar policy", expected="an operator, a name or a literal", found=f"{character!a}",
        at=at(offset), hint=hints.get(character),
    )  # fmt: skip


def text_of(token: Token, at: Place) -> str:
    """The text that a string literal stands for. Raises PolicyError for an escape that is none."""
    return "".join([text for text, _ in _parts(token, at, stars=False)])


def pattern_pieces(token: Token, at: Place) -> tuple[str, ...]:
    r"""The texts between the stars of a pattern, in which ``\*`` is no star. Raises PolicyError."""
    pieces: list[list[str]] = [[]]
    for text, is_plain in _parts(token, at, stars=True):
        first, *others = text.split("*") if is_plain else [text]
        pieces[-1].append(first)
        pieces.extend([other] for other in others)
    return tuple(["".join(piece) for piece in pieces])


def _parts(token: Token, at: Place, *, stars: bool) -> list[tuple[str, bool]]:
    r"""The text in parts, and whether a star in each is one: all but that of ``\*``, also one written ``\u{2a}``."""
    body = token.text[1:-1]
    parts: list[tuple[str, bool]] = []
    position = 0
    for match in _ESCAPE.finditer(body):
        parts.append((body[position : match.start()], True))
        parts.append((_escaped(match, token, at, stars=stars), match[1] != "*"))
        position = match.end()
    parts.append((body[position:], True))
    return parts


def _escaped(match: re.Match[str], token: Token, at: Place, *, stars: bool) -> str:
    simple, octet, scalar, other = match.groups()
    if simple and (simple != "*" or stars):
        return _SIMPLE.get(simple, simple)
    point = int(octet or scalar or "110000", 16)
    wrong = other or simple or point > 0x10FFFF or 0xD800 <= point <= 0xDFFF or (octet and point > 0x7F)
    if wrong:
        raise PolicyError(
            "unknown escape", expected=r"\n \r \t \0 \\ \' \" \x41 or \u{1f600}", found=f"{match.group()!a}",
            at=at(token.offset + 1 + match.start()),
        )  # fmt: skip
    return chr(point)
