"""Text of expressions of our language, as a person would write it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = [
    "ADDITIVE",
    "ALL",
    "ANY",
    "CHOICE",
    "FALSE",
    "MEMBER",
    "MULTIPLICATIVE",
    "RELATION",
    "SIGN",
    "TRUE",
    "Cel",
    "is_name",
    "joined",
    "listed",
    "member_text",
    "path_text",
    "related",
    "text_literal",
    "within",
]

CHOICE, ANY, ALL, RELATION, ADDITIVE, MULTIPLICATIVE, SIGN, MEMBER = range(8)
"""How tightly an expression holds together, loosest first."""

_NAME: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*", re.ASCII)
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Cel(NamedTuple):
    """An expression: its text, how tightly it holds together, the kind of its value, and whether it may have none.

    `is_flat`: of a set or a record, whether there are only plain values in it; `inside`: the kinds of what it is made
    of, or of what it may be.
    """

    text: str
    level: int = MEMBER
    kind: str = "bool"
    fails: bool = False
    is_flat: bool = False
    inside: frozenset[str] = frozenset()


TRUE: Final = Cel("true")
FALSE: Final = Cel("false")


def within(expression: Cel, level: int) -> str:
    """Its text where something of `level` is expected."""
    return expression.text if expression.level >= level else f"({expression.text})"


def joined(operator: str, operands: Sequence[Cel]) -> Cel:
    """``a && b && c`` or ``a || b || c``, without what makes no difference."""
    level, deciding, idle = (ALL, FALSE, TRUE) if operator == "&&" else (ANY, TRUE, FALSE)
    if any(one.text == deciding.text for one in operands):
        return deciding
    kept = [one for one in operands if one.text != idle.text]
    if len(kept) < 2:
        return kept[0] if kept else idle
    text = f" {operator} ".join([within(one, level) for one in kept])
    return Cel(text, level, "bool", any(one.fails for one in kept))


def text_literal(text: str) -> str:
    """A literal of `text`, in which all that can be read stands as it is."""
    return '"' + "".join([_escaped(character) for character in text]) + '"'


def _escaped(character: str) -> str:
    known = _ESCAPES.get(character)
    if known is not None or character.isprintable():
        return known or character
    point = ord(character)
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def listed(texts: Sequence[str]) -> str:
    """A list of literals of `texts`."""
    return "[" + ", ".join([text_literal(text) for text in texts]) + "]"


def path_text(path: str) -> str:
    """The expression that reads a dotted path such as ``principal.level``."""
    root, *names = path.split(".")
    return root + "".join([member_text(name) for name in names])


def is_name(text: str) -> bool:
    """Whether it can stand behind a dot."""
    return _NAME.fullmatch(text) is not None


def member_text(name: str) -> str:
    """What reads a field of this name, behind the text of a value."""
    return f".{name}" if is_name(name) else f"[{text_literal(name)}]"


def related(operator: str, left: Cel, right: Cel, *, fails: bool) -> Cel:
    """``left < right`` and the like."""
    return Cel(f"{within(left, ADDITIVE)} {operator} {within(right, ADDITIVE)}", RELATION, "bool", fails)
