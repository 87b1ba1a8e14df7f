"""Texts sealed with AES-256-GCM (NIST SP 800-38D), by way of the package ``cryptography``."""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["open_text", "seal_text"]

_NONCE_BYTES: Final = 12
"""Random, as SP 800-38D section 8.2.2 allows for up to 2**32 texts under one key."""


def seal_text(key: bytes, text: str, about: str) -> bytes:
    """`text` so that only `key` (32 bytes) opens it, and only together with `about`, what it belongs to."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, _bytes(text), _bytes(about))


def open_text(key: bytes, sealed: bytes, about: str) -> str | None:
    """The text in `sealed`; None when it was sealed with another key, about something else, or changed."""
    try:
        data = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bytes(about))
    except (InvalidTag, ValueError):
        return None
    return data.decode("utf-8", "surrogatepass")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
