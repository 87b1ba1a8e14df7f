"""AxonFlow's own functions on JSON content."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.values import CelError, Value
from axonflow.policy.json_value import MAX_NODES

__all__ = ["chars", "texts"]

MAX_VISITED: Final = 2 * MAX_NODES


def texts(value: Value) -> list[str]:
    """All strings in `value`, at any depth, keys included."""
    return [item for item in _leaves(value) if isinstance(item, str)]


def chars(value: Value) -> int:
    """Characters in all strings and, as written, numbers and booleans of `value` together: text may come as numbers."""
    return len(value) if isinstance(value, str) else sum(map(_length, _leaves(value)))


def _length(leaf: Value) -> int:
    if isinstance(leaf, str):
        return len(leaf)
    return len(str(leaf)) if isinstance(leaf, (int, float)) else 0


def _leaves(value: Value) -> list[Value]:
    out: list[Value] = []
    pending = [value]
    visited = 0
    while pending:
        item = pending.pop()
        if isinstance(item, (dict, list, tuple)):
            visited += len(item)
            if visited > MAX_VISITED:  # no request holds so many, but map() builds a list of one content many times
                raise CelError(f"more than {MAX_VISITED} values in one")
            if isinstance(item, dict):
                out.extend(item)
                item = item.values()
            pending.extend(reversed(item))
        else:
            out.append(item)
    return out
