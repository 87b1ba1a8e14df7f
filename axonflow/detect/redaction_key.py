"""The key of an installation, from which everything that redaction computes of values is derived.

The derivation is HMAC-SHA-256 (RFC 2104) of the purpose under the key, each part of the purpose behind its length in
four bytes, so that no two purposes are one. Codes are the first 12 bytes of an HMAC-SHA-256 of the value.
"""

from __future__ import annotations

import hmac
from typing import Final

from axonflow.detect.labels import CODE_LETTERS
from axonflow.errors import ConfigurationError

__all__ = ["RedactionKey", "code_of"]

_MIN_BYTES: Final = 32
_LETTERS: Final = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


class RedactionKey:
    """At least 32 random bytes. It never shows them."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        """Raises ConfigurationError for anything but that many bytes."""
        if not isinstance(secret, bytes) or len(secret) < _MIN_BYTES:
            found = f"{len(secret)} bytes" if isinstance(secret, bytes) else type(secret).__name__
            raise ConfigurationError(
                "not a redaction key",
                expected=f"at least {_MIN_BYTES} random bytes",
                found=found,
                hint="Make one with: openssl rand -hex 32",
            )
        self._secret = secret

    def __repr__(self) -> str:
        return "RedactionKey(...)"

    def derived(self, *purpose: str) -> bytes:
        """The key for one purpose: 32 bytes that tell nothing about those for another."""
        parts = [_bytes_of(part) for part in ("axonflow-redaction/1", *purpose)]
        return hmac.digest(self._secret, b"".join(len(part).to_bytes(4, "big") + part for part in parts), "sha256")


def code_of(key: bytes, value: str) -> str:
    """The code of `value` under a derived key: `CODE_LETTERS` letters from a to p, one for each half byte."""
    return hmac.digest(key, _bytes_of(value), "sha256").hex()[:CODE_LETTERS].translate(_LETTERS)


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
