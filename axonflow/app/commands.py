"""The audit trail of what is done by command, put together: who signs it, and whom it is told to.

Needs asyncpg: ``pip install '.[postgres]'``; and ``cryptography`` to record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from axonflow.adapters.anchors import open_anchor
from axonflow.adapters.postgres import PostgresDatabase
from axonflow.adapters.postgres.audit_log import PostgresAuditLog
from axonflow.adapters.postgres.command_batches import PostgresCommandBatches
from axonflow.app.command_keys import KeptCommandKey, PassingCommandKey
from axonflow.audit import SealedBatch
from axonflow.errors import AxonFlowError
from axonflow.flows.anchor_commands import bring_writer
from axonflow.ports import AuditLog, CommandBatches, CommandWriter

__all__ = ["Commands", "opened_log"]

ANCHOR_TIMEOUT_S: Final = 5.0


class Commands(Struct, frozen=True):
    """How commands sign: with a key in a folder below `keys`, one for each database; None: with one that is kept
    nowhere. What they signed is told to `anchor` (an address; empty: to none), with this token; when that fails,
    `report` is told why, and the next command or service makes up for it."""

    keys: Path | None = None
    anchor: str = ""
    anchor_token: str = ""
    report: Callable[[str], None] = lambda _said: None


@asynccontextmanager
async def opened_log(database: PostgresDatabase, commands: Commands) -> AsyncIterator[AuditLog]:
    """What records in `database` what is done by command. It needs a key, and raises ConfigurationError without one,
    only when something is to be recorded, and before it is done."""
    writer: CommandWriter = PassingCommandKey()
    if commands.keys is not None:
        writer = KeptCommandKey(commands.keys / str(database.made_us))
    moved: list[SealedBatch] = []
    try:
        yield PostgresAuditLog(database, writer, moved.append)
    finally:
        if moved and commands.anchor:
            await _tell(commands, PostgresCommandBatches(database), moved[-1].said.writer_id)


async def _tell(commands: Commands, batches: CommandBatches, writer_id: str) -> None:
    from axonflow.adapters.ed25519 import made_signature

    try:
        async with asyncio.timeout(ANCHOR_TIMEOUT_S):
            anchor = open_anchor(commands.anchor, token=commands.anchor_token)
            try:
                await bring_writer(anchor, batches, made_signature, writer_id)
            finally:
                await anchor.close()
    except (AxonFlowError, TimeoutError) as error:
        why = str(error) or f"no answer within {ANCHOR_TIMEOUT_S:.0f} s"
        commands.report(f"this is recorded and signed, and the anchor was not told: {why}")
