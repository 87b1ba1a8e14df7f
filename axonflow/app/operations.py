"""What an administrator does with the database: migrate it, look at it, back it up, restore it, keep it in order.

Needs asyncpg: ``pip install '.[postgres]'``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from msgspec.structs import replace

from axonflow.adapters.anchors import open_anchor
from axonflow.adapters.postgres import migrate, retention
from axonflow.adapters.postgres.backup import Manifest, backup, restore
from axonflow.adapters.postgres.doctor import Check, Status, examine, status
from axonflow.adapters.postgres.retention import DAYS_AHEAD, Upkeep
from axonflow.flows.anchor_cuts import CutAnchoring

__all__ = [
    "DAYS_AHEAD",
    "Check",
    "Manifest",
    "Status",
    "Upkeep",
    "backup",
    "cut_witness",
    "examine",
    "maintain",
    "migrate",
    "restore",
    "status",
]


@asynccontextmanager
async def cut_witness(anchor: str, anchor_token: str = "", *, accepts: bool = False) -> AsyncIterator[CutAnchoring]:
    """Tells the anchor at this address of cuts before they are made. Raises ConfigurationError for another address."""
    place = open_anchor(anchor, token=anchor_token)
    try:
        yield CutAnchoring(place, accepts=accepts)
    finally:
        await place.close()


async def maintain(
    dsn: str,
    *,
    anchor: str = "",
    anchor_token: str = "",
    accepts_cuts: bool = False,
    progress: Callable[[int], None] = lambda _removed: None,
) -> Upkeep:
    """What :func:`axonflow.adapters.postgres.retention.maintain` does, of which `anchor` is told (empty: nobody is).
    Cuts that it was not told of are refused, unless it `accepts_cuts`. Raises ConfigurationError."""
    if not anchor:
        return await retention.maintain(dsn, progress=progress)
    async with cut_witness(anchor, anchor_token, accepts=accepts_cuts) as witness:
        done = await retention.maintain(dsn, witness=witness, progress=progress)
        return replace(done, accepted=witness.accepted)
