"""API keys. Kept as keyed hashes only, so that a memory dump or a traceback shows none of them."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from axonflow.errors import ConfigurationError

__all__ = ["ANY_TENANT", "MAX_NAME_CHARS", "ApiKey", "Client", "KeyRing", "new_key"]

MIN_KEY_CHARS: Final = 32
MAX_KEY_CHARS: Final = 512
MAX_NAME_CHARS: Final = 256
ANY_TENANT: Final = "*"


class ApiKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A key as it is configured: the client it is for, the tenant that it may act for (``*``: any), the secret."""

    key: str
    client_id: str = "default"
    tenant_id: str = ANY_TENANT

    def __repr__(self) -> str:
        return f"ApiKey(client_id={self.client_id!r}, tenant_id={self.tenant_id!r})"


class Client(Struct, frozen=True):
    """Who calls, as the key proves it."""

    client_id: str
    tenant_id: str

    def may_act_for(self, tenant_id: str) -> bool:
        """Whether the key covers this tenant."""
        return self.tenant_id in (ANY_TENANT, tenant_id)


def new_key() -> str:
    """A key nobody can guess: 256 random bits."""
    return "axf_" + secrets.token_urlsafe(32)


class KeyRing:
    """The keys that are accepted. Raises ConfigurationError for one that could be guessed."""

    def __init__(self, keys: Iterable[ApiKey | str]) -> None:
        self._pepper = secrets.token_bytes(32)
        self._clients: dict[bytes, Client] = {}
        for entry in keys:
            api_key = ApiKey(entry) if isinstance(entry, str) else entry
            _check(api_key)
            self._clients[self._hash(api_key.key)] = Client(api_key.client_id, api_key.tenant_id)
        if not self._clients:
            raise ConfigurationError("no API key", expected="at least one", found="none")

    def _hash(self, key: str) -> bytes:
        # BLAKE2b (RFC 7693) is a keyed hash by itself: 1 us, where HMAC through OpenSSL 3 takes 20 to set itself up.
        return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), key=self._pepper, digest_size=32).digest()

    def client(self, authorization: str) -> Client | None:
        """Whose key an Authorization header carries, or None: ``Bearer KEY`` (RFC 6750) or ``Basic`` of
        ``client_id:KEY`` (RFC 7617), and then the client id has to be the key's.

        Comparing hashes under a secret pepper leaks nothing about a key through time.
        """
        scheme, _, credentials = authorization.partition(" ")
        scheme = scheme.lower()
        if scheme == "bearer" and len(credentials) <= MAX_KEY_CHARS:
            return self._clients.get(self._hash(credentials.strip()))
        if scheme == "basic" and len(credentials) <= 2 * (MAX_KEY_CHARS + MAX_NAME_CHARS):
            try:
                text = base64.b64decode(credentials.strip(), validate=True).decode()
            except ValueError:  # no base64, not ASCII, not UTF-8
                return None
            client_id, _, key = text.partition(":")
            client = self._clients.get(self._hash(key))
            return client if client is not None and client.client_id == client_id else None
        return None


def _check(api_key: ApiKey) -> None:
    sound = api_key.key.isascii() and api_key.key.isprintable() and " " not in api_key.key
    if not sound or not MIN_KEY_CHARS <= len(api_key.key) <= MAX_KEY_CHARS:
        raise ConfigurationError(
            "not an API key",
            expected=f"{MIN_KEY_CHARS} to {MAX_KEY_CHARS} characters, printable ASCII",
            found=str(len(api_key.key)),
            hint='python3 -c "import secrets; print(secrets.token_urlsafe(32))" makes one.',
        )
    for name, value in (("client_id", api_key.client_id), ("tenant_id", api_key.tenant_id)):
        if not 0 < len(value) <= MAX_NAME_CHARS or not value.isprintable() or ":" in value:
            raise ConfigurationError(
                f"not a {name}",
                expected=f"1 to {MAX_NAME_CHARS} printable characters, no colon",
                found=ascii(value)[:64],
            )
