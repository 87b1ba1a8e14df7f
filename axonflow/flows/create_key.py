"""Verb: create a key. It is shown once: nobody keeps it."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from msgspec import Struct

from axonflow.errors import TenancyError
from axonflow.ids import new_id, now_us
from axonflow.ports import GrantStore, KeyStore, RoleStore
from axonflow.tenancy import (
    KEY_PREFIX_CHARS,
    Actor,
    KeyRecord,
    Pepper,
    check_end,
    check_gives,
    check_roles,
    check_tenant_id,
    key_hmac,
    key_text,
    permissions_of,
    scoped,
)

__all__ = ["KeyStores", "NewKey", "WantedKey", "check_may_make", "create_key", "made_of"]


class KeyStores(NamedTuple):
    """What says what a key may do, beside where it is kept."""

    keys: KeyStore
    roles: RoleStore
    grants: GrantStore


class WantedKey(Struct, frozen=True, kw_only=True):
    """What a key is to be; see KeyRecord. `name` is the client's where it is empty."""

    tenant_id: str
    client_id: str
    name: str = ""
    roles: tuple[str, ...] = ("agent",)
    scopes: tuple[str, ...] = ()
    expires_us: int | None = None


class NewKey(Struct, frozen=True):
    """A key that was just made: the only time that it is seen."""

    key: str
    record: KeyRecord

    def __repr__(self) -> str:
        return f"NewKey(key_id={self.record.key_id!r})"


async def create_key(stores: KeyStores, wanted: WantedKey, *, actor: Actor, pepper: Pepper) -> NewKey:
    """The key. Raises TenancyError for what cannot be, TenancyForbidden when it would do more than `actor` may, and
    what KeyStore.add raises."""
    check_tenant_id(wanted.tenant_id, "tenant_id")
    time_us = now_us()
    check_end(wanted.expires_us, time_us)
    if not wanted.roles:
        raise TenancyError("the key could do nothing", expected="at least one role", at="roles")
    made, key, hashed = made_of(pepper)
    record = KeyRecord(
        tenant_id=wanted.tenant_id, key_id=made, client_id=wanted.client_id, name=wanted.name or wanted.client_id,
        prefix=key[:KEY_PREFIX_CHARS], pepper_id=pepper.pepper_id, scopes=wanted.scopes,
        roles=tuple(dict.fromkeys(wanted.roles)), created_us=time_us, created_by=actor.name,
        expires_us=wanted.expires_us,
    )  # fmt: skip
    await check_may_make(record, stores, actor)
    await stores.keys.add(record, hashed)
    return NewKey(key, record)


def made_of(pepper: Pepper) -> tuple[str, str, bytes]:
    """An id, a key and its hash, all new."""
    key = key_text(secrets.token_bytes(32), pepper)
    return new_id(now_us()), key, key_hmac(key, pepper)


async def check_may_make(record: KeyRecord, stores: KeyStores, actor: Actor) -> None:
    """Raise TenancyError for a role that there is not, TenancyForbidden when the key, with what its client was granted,
    could do more than `actor`."""
    own = {role.role: role.permissions for role in await stores.roles.roles(record.tenant_id)}
    check_roles(record.roles, own)
    client = ("service", record.client_id)
    granted = [
        one for one in await stores.grants.grants(record.tenant_id) if (one.principal_type, one.principal_id) == client
    ]
    named = (*record.roles, *(one.role for one in granted))
    check_gives(actor, scoped(permissions_of(named, own, installation=False), record.scopes))
