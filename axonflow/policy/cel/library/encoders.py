"""The extension of cel-go for encoders."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.library.rows import Function

__all__ = ["ENCODERS"]

ENCODERS: Final = (
    Function(
        "base64.encode", ("bytes",), "string", "base64_encode({0})", "Bytes in base 64 (RFC 4648), padded.",
        'base64.encode(b"hello") == "aGVsbG8="', cost="linear", grows="argument",
    ),
    Function(
        "base64.decode", ("string",), "bytes", "base64_decode({0})", "The bytes of such a text, padded or not.",
        'base64.decode("aGVsbG8") == b"hello"', cost="linear", grows="argument",
    ),
)  # fmt: skip
