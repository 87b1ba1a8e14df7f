"""Policy sets as YAML, as a person would write it: with comments, and with quotes only where they are needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from axonflow.policy.importing.expressions import text_literal
from axonflow.policy.importing.report import ImportedSet

__all__ = ["written_set"]

_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./()-]*(?:[ :][A-Za-z0-9_./()-]+)*", re.ASCII)
"""Texts that are plain scalars in every position: nothing in them ends one, and none begins like something else."""
_EXPRESSION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./()<>=!&|+*'\"-]*(?: [A-Za-z0-9_./()<>=!&|+*'\"-]+)*", re.ASCII)
_WORDS: Final = re.compile(r"~|null|true|false|yes|no|on|off|y|n|[-+]?\.(inf|nan)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[-+]?[0-9.][0-9._xob]*([eE][-+]?[0-9]+)?", re.IGNORECASE)
_WIDTH: Final = 118


def written_set(one: ImportedSet) -> str:
    """The document of `one`. What reads it back finds the same values."""
    lines = [f"# {line}" if line else "#" for text in one.comments for line in _comment_lines(text)]
    for name, value in one.head.items():
        lines.extend(_entry(name, value, 0))
    if one.rules:
        lines.append("rules:")
    else:
        lines.append("rules: []")
    for rule in one.rules:
        lines.extend(f"  # {line}".rstrip() for line in _comment_lines(rule.comment))
        lines.extend(_item(rule.rule, 2))
    return "\n".join(lines) + "\n"


def _comment_lines(text: str) -> Iterator[str]:
    """`text` without what would end a comment."""
    for line in text.splitlines() or [""]:
        yield "".join([character if character.isprintable() else "?" for character in line])


def _entry(name: str, value: Any, indent: int) -> Iterator[str]:
    key = f"{' ' * indent}{_scalar(name)}:"
    if isinstance(value, (Mapping, list, tuple)):
        flow = _flow(value)
        if len(key) + 1 + len(flow) <= _WIDTH and not _holds_mapping(value):
            yield f"{key} {flow}"
            return
        yield key
        if isinstance(value, Mapping):
            for inner, part in value.items():
                yield from _entry(inner, part, indent + 2)
        else:
            for part in value:
                yield from _item(part, indent + 2)
    elif name == "when" and isinstance(value, str) and _is_block(value):
        yield f"{key} |-"
        yield f"{' ' * (indent + 2)}{value}"
    else:
        is_plain = name == "when" and isinstance(value, str) and _is_plain(value, _EXPRESSION)
        yield f"{key} {value if is_plain else _scalar(value)}"


def _item(value: Any, indent: int) -> Iterator[str]:
    """`value` as an item of a list."""
    if not isinstance(value, Mapping) or not value:
        yield f"{' ' * indent}- {_flow(value)}"
        return
    lines = [line for name, part in value.items() for line in _entry(name, part, indent + 2)]
    yield f"{' ' * indent}- {lines[0][indent + 2 :]}"
    yield from lines[1:]


def _holds_mapping(value: Any) -> bool:
    items: Sequence[Any] = list(value.values()) if isinstance(value, Mapping) else list(value)
    return any(isinstance(item, Mapping) for item in items)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join([f"{_flow(name)}: {_flow(item)}" for name, item in value.items()]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([_flow(item) for item in value]) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    return value if _is_plain(value, _PLAIN) else text_literal(value)


def _is_block(text: str) -> bool:
    """Whether it may stand on a line of its own, without quotes: most expressions hold some."""
    is_plain = _is_plain(text, _EXPRESSION)
    return not is_plain and text.isprintable() and bool(text) and not (text[0] == " " or text[-1] == " ")


def _is_plain(text: str, pattern: re.Pattern[str]) -> bool:
    if len(text) > _WIDTH or _WORDS.fullmatch(text) or _NUMBER.fullmatch(text):
        return False
    return pattern.fullmatch(text) is not None and not text.endswith(":")
