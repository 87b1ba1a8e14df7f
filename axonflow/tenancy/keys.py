"""API keys: how they are written, how they are recognised, what they open.

A key is ``axf_`` and base64url of 32 random bytes and of an 8-byte mark: the beginning of an HMAC of those bytes under
the pepper. So a key that was made up is told from one of ours by arithmetic alone, always the same, and nobody can have
the database asked about guesses. What the database keeps is another HMAC of the whole key (SHA-256, RFC 2104). Neither
helps without the pepper, which the database never has.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from axonflow.errors import TenancyError
from axonflow.tenancy.permissions import check_patterns, permissions_of, scoped
from axonflow.tenancy.tenant import TenantStatus

__all__ = [
    "KEY_PREFIX_CHARS",
    "KeyHolder",
    "KeyRecord",
    "Pepper",
    "StoredKey",
    "holder_of",
    "key_hmac",
    "key_text",
    "pepper_of",
]

KEY_PREFIX_CHARS: Final = 12
"""Of a key, how much is shown to tell it from others: 48 bits of 256."""

_RANDOM_BYTES: Final = 32
_MARK_BYTES: Final = 8
_KEY: Final = re.compile(r"axf_[A-Za-z0-9_-]{54}")
_PEPPER_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Pepper(Struct, frozen=True):
    """What keys are hashed with; `pepper_id` is kept with each hash, so that another can take its place."""

    pepper_id: str
    secret: bytes

    def __post_init__(self) -> None:
        if not _PEPPER_ID.fullmatch(self.pepper_id):
            raise TenancyError("not the name of a pepper", expected="1 to 64 letters, digits, '.', '_' and '-'")
        if len(self.secret) < _RANDOM_BYTES:
            raise TenancyError(
                "the pepper is too short", expected=f"at least {_RANDOM_BYTES} bytes", found=str(len(self.secret))
            )

    def __repr__(self) -> str:
        return f"Pepper(pepper_id={self.pepper_id!r})"


class KeyRecord(Struct, frozen=True, kw_only=True):
    """A key as it is listed: all but the key. Times are microseconds since the Unix epoch.

    `roles` give permissions and `scopes` (patterns of permissions) narrow them; no scopes narrow nothing. `client_id`
    is whom the key is for, `rotated_from` the key in whose place it came.
    """

    tenant_id: str
    key_id: str
    client_id: str
    name: str
    prefix: str
    pepper_id: str
    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    rotated_from: str | None = None
    created_us: int
    created_by: str
    expires_us: int | None = None
    last_used_us: int | None = None
    revoked_us: int | None = None
    revoked_by: str | None = None

    def __post_init__(self) -> None:
        for name, most in (("client_id", 256), ("name", 256)):
            value = getattr(self, name)
            if not 0 < len(value) <= most or not value.isprintable() or ":" in value:
                raise TenancyError(f"not a {name}", expected=f"1 to {most} printable characters, no colon", at=name)
        if len(self.scopes) > 64 or len(self.roles) > 64:
            raise TenancyError("too many roles or scopes", expected="at most 64 of each")
        check_patterns(self.scopes, "scopes")

    def state(self, now_us: int) -> str:
        """``active``, ``revoked`` or ``expired``, as of `now_us`."""
        if self.revoked_us is not None:
            return "revoked"
        return "expired" if self.expires_us is not None and self.expires_us <= now_us else "active"


class StoredKey(Struct, frozen=True, kw_only=True):
    """What is looked up when a key is presented: the key, its tenant, and what its roles mean there.

    `own_roles` are those of the tenant's making that `roles` or `granted` name. `granted` are the roles of the client,
    each with the time when it ends, if it does. `max_requests_per_minute` is the tenant's, None for no limit.
    """

    tenant_id: str
    key_id: str
    client_id: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    expires_us: int | None
    revoked_us: int | None
    status: TenantStatus
    granted: Mapping[str, int | None] = {}
    own_roles: Mapping[str, tuple[str, ...]] = {}
    max_requests_per_minute: int | None = None


class KeyHolder(Struct, frozen=True, kw_only=True):
    """Who presented a key that holds, and its `roles` by name. `until_us` is when one of these facts ends by itself, if
    any does."""

    tenant_id: str
    key_id: str
    client_id: str
    permissions: frozenset[str]
    roles: frozenset[str] = frozenset()
    status: TenantStatus
    until_us: int | None
    max_requests_per_minute: int | None = None


def key_text(random: bytes, pepper: Pepper) -> str:
    """The key of 32 `random` bytes."""
    if len(random) != _RANDOM_BYTES:
        raise ValueError(f"{_RANDOM_BYTES} random bytes make a key, not {len(random)}")
    return "axf_" + base64.urlsafe_b64encode(random + _mark(random, pepper)).decode().rstrip("=")


def pepper_of(key: str, peppers: Iterable[Pepper]) -> Pepper | None:
    """The pepper that `key` was made with, or None for what is no key of ours. Takes as long whichever it is."""
    whole = base64.urlsafe_b64decode(key[4:] + "==") if _KEY.fullmatch(key) else bytes(_RANDOM_BYTES + _MARK_BYTES)
    random, mark = whole[:_RANDOM_BYTES], whole[_RANDOM_BYTES:]
    found = [pepper for pepper in peppers if hmac.compare_digest(_mark(random, pepper), mark)]
    # The last character of a key carries four bits that say nothing: only what we would write is ours.
    return found[0] if found and hmac.compare_digest(key_text(random, found[0]), key) else None


def key_hmac(key: str, pepper: Pepper) -> bytes:
    """What is kept of `key`: 32 bytes."""
    return hmac.digest(pepper.secret, b"axonflow key\0" + key.encode("utf-8", "surrogatepass"), "sha256")


def _mark(random: bytes, pepper: Pepper) -> bytes:
    return hmac.digest(pepper.secret, b"axonflow mark\0" + random, "sha256")[:_MARK_BYTES]


def holder_of(stored: StoredKey, now_us: int) -> KeyHolder | None:
    """Who presented the key and what they may do at `now_us`; None when it is revoked or has expired."""
    if stored.revoked_us is not None or (stored.expires_us is not None and stored.expires_us <= now_us):
        return None
    granted = {role: end for role, end in stored.granted.items() if end is None or end > now_us}
    roles = frozenset((*stored.roles, *granted))
    given = permissions_of(roles, stored.own_roles, installation=False)
    ends = [end for end in (stored.expires_us, *granted.values()) if end is not None]
    return KeyHolder(
        tenant_id=stored.tenant_id, key_id=stored.key_id, client_id=stored.client_id,
        permissions=scoped(given, stored.scopes), roles=roles, status=stored.status, until_us=min(ends, default=None),
        max_requests_per_minute=stored.max_requests_per_minute,
    )  # fmt: skip
