"""Verb: identify. Whose key was presented, and what they may do."""

from __future__ import annotations

from axonflow.ids import now_us
from axonflow.ports import KeyLookup
from axonflow.tenancy import KeyHolder, holder_of

__all__ = ["identify"]


async def identify(lookup: KeyLookup, key_hmac: bytes) -> KeyHolder | None:
    """Who holds the key with this hash; None for one that nobody has, or that has ended. Raises TenancyUnavailable."""
    stored = await lookup.find(key_hmac)
    return None if stored is None else holder_of(stored, now_us())
