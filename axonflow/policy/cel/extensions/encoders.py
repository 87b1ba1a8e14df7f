"""Bytes as text. Source: cel-spec, the conformance cases of encoders_ext; RFC 4648, section 4."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from typing import Final

from axonflow.policy.cel.rows import Function
from axonflow.policy.cel.values import CelError
from axonflow.policy.json_value import MAX_TEXT_CHARS

__all__ = ["ROWS", "from_base64", "to_base64"]


def to_base64(value: bytes) -> str:
    if 4 * (len(value) // 3 + 1) > MAX_TEXT_CHARS:
        raise CelError(f"a text of more than {MAX_TEXT_CHARS} characters")
    return b2a_base64(value, newline=False).decode("ascii")


def from_base64(text: str) -> bytes:
    """The padding at the end may be left out."""
    try:
        return a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError:
        raise CelError("base64.decode() found a text that is not Base64") from None


ROWS: Final = (
    Function(
        "base64.encode", ("bytes",), "string", "to_base64({0})", "Bytes in Base64, padded.",
        'base64.encode(b"hello") == "aGVsbG8="',
    ),
    Function(
        "base64.decode", ("string",), "bytes", "from_base64({0})", "The bytes that a text in Base64 stands for.",
        'base64.decode("aGVsbG8") == b"hello"',
    ),
)  # fmt: skip
