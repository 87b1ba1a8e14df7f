"""Verb: rotate a key. Another one that does the same; both hold until the old one's time is over."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from axonflow.errors import TenancyError, TenancyMissing
from axonflow.flows.create_key import KeyStores, NewKey, check_may_make, made_of
from axonflow.ids import now_us
from axonflow.tenancy import KEY_PREFIX_CHARS, LATEST_US, Actor, Pepper

__all__ = ["rotate_key"]

_MAX_OVERLAP_S: Final = 90 * 86_400


async def rotate_key(
    stores: KeyStores, tenant_id: str, key_id: str, *, overlap_s: float, actor: Actor, pepper: Pepper
) -> NewKey:
    """The new key, which lives as long as the old one was meant to; that one ends in `overlap_s` seconds.

    Raises TenancyMissing when there is no such active key, TenancyForbidden when it may do more than `actor`: they
    would hold it in their hands.
    """
    if not 0 <= overlap_s <= _MAX_OVERLAP_S:
        raise TenancyError("out of range", expected=f"0 to {_MAX_OVERLAP_S} seconds", found=str(overlap_s)[:40],
                           at="overlap")  # fmt: skip
    time_us = now_us()
    old = await stores.keys.get(tenant_id, key_id)
    if old is None or old.state(time_us) != "active":
        raise TenancyMissing("no such active key", expected="the id of one of this tenant", at=key_id[:80])
    made, key, hashed = made_of(pepper)
    record = replace(
        old, key_id=made, prefix=key[:KEY_PREFIX_CHARS], pepper_id=pepper.pepper_id, rotated_from=old.key_id,
        created_us=time_us, created_by=actor.name, last_used_us=None,
        expires_us=None if old.expires_us is None else min(time_us + old.expires_us - old.created_us, LATEST_US - 1),
    )  # fmt: skip
    await check_may_make(record, stores, actor)
    await stores.keys.add(record, hashed, time_us + int(overlap_s * 1_000_000))
    return NewKey(key, record)
