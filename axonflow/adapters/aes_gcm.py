"""Texts and bytes sealed with AES-256-GCM (NIST SP 800-38D), by way of the package ``cryptography``."""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["Aes256Gcm", "open_text", "seal_text"]

_NONCE_BYTES: Final = 12
"""Random, as SP 800-38D section 8.2.2 allows for up to 2**32 texts under one key."""


class Aes256Gcm:
    """One key of 32 bytes: to set it up costs as much as to seal a short text."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, data: bytes, about: bytes) -> bytes:
        """`data` so that only this key opens it, and only together with `about`, what it belongs to."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, about)

    def open(self, sealed: bytes, about: bytes) -> bytes | None:
        """What is in `sealed`; None when it was sealed with another key, about something else, or changed."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except (InvalidTag, ValueError):
            return None


def seal_text(key: bytes, text: str, about: str) -> bytes:
    """`text` so that only `key` (32 bytes) opens it, and only together with `about`, what it belongs to."""
    return Aes256Gcm(key).seal(_bytes(text), _bytes(about))


def open_text(key: bytes, sealed: bytes, about: str) -> str | None:
    """The text in `sealed`; None when it was sealed with another key, about something else, or changed."""
    data = Aes256Gcm(key).open(sealed, _bytes(about))
    return None if data is None else data.decode("utf-8", "surrogatepass")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
