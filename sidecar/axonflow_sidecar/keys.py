"""API keys. Kept as keyed hashes only, so that a memory dump or a traceback shows none of them."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from typing import Final

from axonflow.errors import ConfigurationError

__all__ = ["KeyRing"]

MIN_KEY_CHARS: Final = 32
MAX_KEY_CHARS: Final = 512


class KeyRing:
    """The keys that are accepted. Raises ConfigurationError for one that could be guessed."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._pepper = secrets.token_bytes(32)
        self._hashes = frozenset(self._hash(self._checked(key)) for key in keys)
        if not self._hashes:
            raise ConfigurationError("no API key", expected="at least one", found="none")

    @staticmethod
    def _checked(key: str) -> str:
        if not MIN_KEY_CHARS <= len(key) <= MAX_KEY_CHARS:
            raise ConfigurationError(
                "an API key of the wrong length",
                expected=f"{MIN_KEY_CHARS} to {MAX_KEY_CHARS} characters",
                found=str(len(key)),
                hint='python3 -c "import secrets; print(secrets.token_urlsafe(32))" makes one.',
            )
        return key

    def _hash(self, key: str) -> bytes:
        return hmac.digest(self._pepper, key.encode("utf-8", "surrogatepass"), "sha256")

    def accepts(self, authorization: str) -> bool:
        """Whether an Authorization header (RFC 6750) carries a known key. Comparing hashes under a secret pepper leaks
        nothing about a key through time."""
        scheme, _, key = authorization.partition(" ")
        return scheme.lower() == "bearer" and len(key) <= MAX_KEY_CHARS and self._hash(key.strip()) in self._hashes
