"""AxonFlow's own functions on JSON content."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.values import CelError, Value
from axonflow.policy.json_value import MAX_NODES

__all__ = ["chars", "texts"]

MAX_VISITED: Final = 2 * MAX_NODES


def texts(value: Value) -> list[str]:
    """All strings in `value`, at any depth, keys included."""
    out: list[str] = []
    pending = [value]
    visited = 0
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            out.append(item)
        elif isinstance(item, (dict, list, tuple)):
            visited += len(item)
            if visited > MAX_VISITED:  # no request holds so many, but map() builds a list of one content many times
                raise CelError(f"more than {MAX_VISITED} values in one")
            if isinstance(item, dict):
                out.extend(key for key in item if isinstance(key, str))
                item = item.values()
            pending.extend(reversed(item))
    return out


def chars(value: Value) -> int:
    """Characters in all strings of `value` together."""
    return len(value) if isinstance(value, str) else sum(map(len, texts(value)))
