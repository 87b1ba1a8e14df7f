"""AxonFlow's own functions on JSON content."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.library.rows import Function

__all__ = ["CONTENT"]

CONTENT: Final = (
    Function(
        "texts", ("dyn",), "list(string)", "texts({0})", "All strings in a JSON value, keys included.",
        'texts({"a": ["b"]}) == ["a", "b"]', cost="linear", grows="argument",
    ),
    Function(
        "chars", ("dyn",), "int", "chars({0})", "Characters in its strings and numbers.", 'chars(["ab", "c"]) == 3',
        cost="linear",
    ),
)  # fmt: skip
