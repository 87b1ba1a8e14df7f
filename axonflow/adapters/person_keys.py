"""Keys of persons: made, wrapped under the key of the installation, and held by a writer while it uses them.

Needs ``cryptography``.
"""

from __future__ import annotations

import hmac
import os
from threading import Lock
from typing import Final

from axonflow.adapters.aes_gcm import Aes256Gcm
from axonflow.audit.persons import KeptKey, Opens, PersonKey
from axonflow.errors import ConfigurationError
from axonflow.ids import now_us

__all__ = ["InstallationKey", "WriterKeys"]

_KEY_BYTES: Final = 32
_ID_BYTES: Final = 16
MAX_HELD: Final = 10_000
"""Keys that a writer has at hand. Who comes again after so many others gets another key."""


class InstallationKey:
    """What keys of persons are wrapped under and found by. It never shows itself."""

    def __init__(self, secret: bytes) -> None:
        """Raises ConfigurationError for anything but at least 32 bytes."""
        if len(secret) < _KEY_BYTES:
            raise ConfigurationError(
                "not a key for persons", expected=f"at least {_KEY_BYTES} random bytes", found=f"{len(secret)} bytes"
            )
        self._tags = hmac.digest(secret, b"axonflow-persons/1 tag", "sha256")
        self._wrapping = Aes256Gcm(hmac.digest(secret, b"axonflow-persons/1 wrap", "sha256"))

    def __repr__(self) -> str:
        return "InstallationKey(...)"

    def tag(self, tenant_id: str, person: str) -> bytes:
        """What the keys of a person of this tenant are found by, 32 bytes: that two are of one person shows only while
        it is there."""
        return hmac.digest(self._tags, _joined(tenant_id, person), "sha256")

    def new_key(self, tenant_id: str, person: str) -> PersonKey:
        """Another key of this person."""
        key, key_id = os.urandom(_KEY_BYTES), os.urandom(_ID_BYTES).hex()
        wrapped = self._wrapping.seal(key, _joined(tenant_id, key_id))
        kept = KeptKey(tenant_id, key_id, self.tag(tenant_id, person), wrapped, now_us())
        return PersonKey(key_id, Aes256Gcm(key).seal, kept)

    def opens(self, tenant_id: str, key_id: str, wrapped: bytes) -> Opens | None:
        """What opens with the key in `wrapped`; None when that was wrapped under another key than this, or for another
        place."""
        key = self._wrapping.open(wrapped, _joined(tenant_id, key_id))
        return None if key is None else Aes256Gcm(key).open


class WriterKeys:
    """The keys that one writer seals with, by tenant and person. May be used from any thread."""

    def __init__(self, installation: InstallationKey, max_held: int = MAX_HELD) -> None:
        self._installation = installation
        self._max_held = max_held
        self._held: dict[tuple[str, str], PersonKey] = {}  # the first made first
        self._lock = Lock()

    def key_of(self, tenant_id: str, person: str) -> PersonKey:
        """The person's key, made when there is none at hand."""
        return self._held.get((tenant_id, person)) or self._made(tenant_id, person)

    def _made(self, tenant_id: str, person: str) -> PersonKey:
        with self._lock:
            key = self._held.get((tenant_id, person))
            if key is None:
                key = self._held[tenant_id, person] = self._installation.new_key(tenant_id, person)
                while len(self._held) > self._max_held:
                    del self._held[next(iter(self._held))]
            return key

    def forget(self, key_id: str | None) -> None:
        """Seal nothing more with the key of this id; with None, with any that is at hand: who knows which of them were
        destroyed."""
        with self._lock:
            if key_id is None:
                self._held.clear()
            else:
                self._held = {place: key for place, key in self._held.items() if key.key_id != key_id}


def _joined(*parts: str) -> bytes:
    """Unambiguous: each with its length."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
