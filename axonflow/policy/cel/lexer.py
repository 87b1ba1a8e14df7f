"""CEL tokens, each with its offset. Source: cel-spec doc/langdef.md, section Syntax."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from axonflow.errors import ExpressionError

__all__ = ["LITERALS", "MAX_EXPRESSION_CHARS", "Token", "skeleton_of", "tokenize"]

MAX_EXPRESSION_CHARS: Final = 16_384

_PATTERN: Final = re.compile(
    r"""
      (?P<space>   (?: [\t\n\f\r ]+ | //[^\n]* )+ )
    | (?P<string>  (?: [rR][bB]? | [bB][rR] )
                   (?: \"\"\" (?: [^"] | "(?!"") )* \"\"\"
                     | \'\'\' (?: [^'] | '(?!'') )* \'\'\'
                     | " [^"\r\n]* "
                     | ' [^'\r\n]* ' )
                 | [bB]?
                   (?: \"\"\" (?: [^\\"] | \\. | "(?!"") )* \"\"\"
                     | \'\'\' (?: [^\\'] | \\. | '(?!'') )* \'\'\'
                     | " (?: [^\\"\r\n] | \\[^\r\n] )* "
                     | ' (?: [^\\'\r\n] | \\[^\r\n] )* ' ) )
    | (?P<double>  [0-9]+ \. [0-9]+ (?: [eE][+-]?[0-9]+ )? | \.[0-9]+ (?: [eE][+-]?[0-9]+ )? | [0-9]+ [eE][+-]?[0-9]+ )
    | (?P<uint>    (?: 0[xX][0-9a-fA-F]+ | [0-9]+ ) [uU] )
    | (?P<int>     0[xX][0-9a-fA-F]+ | [0-9]+ )
    | (?P<name>    [_a-zA-Z][_a-zA-Z0-9]* )
    | (?P<quoted>  `[a-zA-Z0-9_.\-/ ]+` )
    | (?P<op>      && | \|\| | [<>=!]= | [-+*/%!?:.,<>()\[\]{}] )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


class Token(NamedTuple):
    kind: str
    text: str
    offset: int


def tokenize(source: str) -> list[Token]:
    """The tokens of `source`, closed by one of kind ``end``. Raises ExpressionError with the offset of the fault."""
    if len(source) > MAX_EXPRESSION_CHARS:
        raise ExpressionError(
            "expression too long", 0, expected=f"at most {MAX_EXPRESSION_CHARS} characters", found=str(len(source))
        )
    tokens: list[Token] = []
    offset = 0
    while offset < len(source):
        match = _PATTERN.match(source, offset)
        if match is None:
            raise _unreadable(source, offset)
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, match.group(), offset))
        offset = match.end()
    tokens.append(Token("end", "", offset))
    return tokens


LITERALS: Final = frozenset({"int", "uint", "double", "string"})
"""Kinds of tokens that are values."""


def skeleton_of(tokens: list[Token]) -> str:
    """The text of `tokens` with the kind of each literal in its place: expressions that share it have one tree."""
    return " ".join([_placeholder(token) if token.kind in LITERALS else token.text for token in tokens])


def _placeholder(token: Token) -> str:
    first, second = token.text[0], token.text[1:2]
    is_binary = first in "bB" or (first in "rR" and second in {"b", "B"})
    return "#bytes" if is_binary else f"#{token.kind}"  # no token of the language starts like this


def _unreadable(source: str, offset: int) -> ExpressionError:
    character = source[offset]
    if character in "\"'":
        return ExpressionError("a string that is not closed", offset, expected=f"a closing {character}")
    hints = {"=": "Equality is ==.", "&": "And is &&.", "|": "Or is ||."}
    return ExpressionError(
        "not part of an expression",
        offset,
        expected="an operator, a name or a literal",
        found=f"{character!a}",
        hint=hints.get(character),
    )
