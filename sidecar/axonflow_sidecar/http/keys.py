"""API keys as they are configured: the operator's own, and those of the file.

Kept as keyed hashes only, so that a memory dump or a traceback shows none of them.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec import Struct

from axonflow.errors import ConfigurationError, TenancyError
from axonflow.tenancy import ANY_TENANT, BUILT_IN_ROLES, TenantStatus, check_patterns, permissions_of, scoped

__all__ = ["MAX_NAME_CHARS", "ApiKey", "Client", "KeyRing", "Presented", "new_key", "presented"]

MIN_KEY_CHARS: Final = 32
MAX_KEY_CHARS: Final = 512
MAX_NAME_CHARS: Final = 256


class ApiKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A key as it is configured: the client it is for, the tenant that it may act for (``*``: any), the secret.

    `roles` are built-in ones; without any it is the operator's, or the owner's of its tenant. `scopes` narrow them.
    """

    key: str
    client_id: str = "default"
    tenant_id: str = ANY_TENANT
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"ApiKey(client_id={self.client_id!r}, tenant_id={self.tenant_id!r})"


class Client(Struct, frozen=True):
    """Who calls, as the key proves it, what they may do, and how often: keys that are configured as often as they
    like. `status` is the tenant's, as of when the key was looked up; `roles` are the key's, by name."""

    client_id: str
    tenant_id: str
    permissions: frozenset[str] = frozenset()
    max_requests_per_minute: int | None = None
    status: TenantStatus = "active"
    roles: frozenset[str] = frozenset()

    def may_act_for(self, tenant_id: str) -> bool:
        """Whether the key covers this tenant."""
        return self.tenant_id in (ANY_TENANT, tenant_id)


def new_key() -> str:
    """A key nobody can guess: 256 random bits."""
    return "axf_" + secrets.token_urlsafe(32)


class Presented(NamedTuple):
    """What an Authorization header carries. `client_id` is None where it names none."""

    key: str
    client_id: str | None


def presented(authorization: str) -> Presented | None:
    """``Bearer KEY`` (RFC 6750) or ``Basic`` of ``client_id:KEY`` (RFC 7617); None for anything else."""
    scheme, _, credentials = authorization.partition(" ")
    scheme = scheme.lower()
    if scheme == "bearer" and len(credentials) <= MAX_KEY_CHARS:
        return Presented(credentials.strip(), None)
    if scheme == "basic" and len(credentials) <= 2 * (MAX_KEY_CHARS + MAX_NAME_CHARS):
        try:
            text = base64.b64decode(credentials.strip(), validate=True).decode()
        except ValueError:  # no base64, not ASCII, not UTF-8
            return None
        client_id, _, key = text.partition(":")
        return Presented(key, client_id)
    return None


class KeyRing:
    """The keys that are configured. Raises ConfigurationError for one that could be guessed."""

    def __init__(self, keys: Iterable[ApiKey | str]) -> None:
        self._pepper = secrets.token_bytes(32)
        self._clients: dict[bytes, Client] = {}
        for entry in keys:
            api_key = ApiKey(entry) if isinstance(entry, str) else entry
            _check(api_key)
            self._clients[self.digest(api_key.key)] = _client(api_key)
        if not self._clients:
            raise ConfigurationError("no API key", expected="at least one", found="none")

    def digest(self, key: str) -> bytes:
        """What stands for `key` in this process's memory."""
        # BLAKE2b (RFC 7693) is a keyed hash by itself: 1 us, where HMAC through OpenSSL 3 takes 20 to set itself up.
        return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), key=self._pepper, digest_size=32).digest()

    def holder(self, digest: bytes) -> Client | None:
        """Whose key has this `digest`. Comparing hashes under a secret leaks nothing about a key through time."""
        return self._clients.get(digest)


def _client(api_key: ApiKey) -> Client:
    is_any = api_key.tenant_id == ANY_TENANT
    roles = api_key.roles or ("operator" if is_any else "owner",)
    permissions = scoped(permissions_of(roles, {}, installation=is_any), api_key.scopes)
    return Client(api_key.client_id, api_key.tenant_id, permissions, roles=frozenset(roles))


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
    unknown = [role for role in api_key.roles if role not in BUILT_IN_ROLES]
    if unknown:
        raise ConfigurationError(
            "no such role", expected="one of " + ", ".join(BUILT_IN_ROLES), found=ascii(unknown[0])[:64], at="roles"
        )
    try:
        check_patterns(api_key.scopes, "scopes")
    except TenancyError as error:
        raise ConfigurationError(error.message, expected=error.expected, found=error.found, at=error.at) from None
