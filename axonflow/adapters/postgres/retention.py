"""Partitions for the coming days, and an end to what is past its tenant's time.

A chain is cut at its beginning only, and where it was cut is kept in `audit_cut`: how many records are gone, and the
hash of the last of them. The oldest record that is left names that hash, so the rest still verifies. Segments stay,
also those of a tenant that is erased, since their batches' roots are over all of them; one that is cut in the middle
keeps the hashes of the records that went. A witness, where there is one, is told of each cut before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import asyncpg
from msgspec import Struct

from axonflow.adapters.postgres.administration import administered, quoted
from axonflow.adapters.postgres.database import Connection
from axonflow.adapters.postgres.failures import translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.audit import ChainHead
from axonflow.errors import ConfigurationError
from axonflow.ports import CutWitness

__all__ = ["DAYS_AHEAD", "Keeping", "Upkeep", "days_from", "maintain"]

_SQL: Final = named_queries("retention.sql")
DAYS_AHEAD: Final = 14
_BATCH_RECORDS: Final = 10_000
_TABLE_LOCK_MS: Final = 2_000
_PAUSE_S: Final = 0.5
_LOWEST: Final = -(2**63)


class Upkeep(Struct, frozen=True):
    """What was done: partitions `made` and `dropped`, by name, and how many records were `removed` from how many
    `chains`, those in dropped partitions not counted. `accepted` are cuts of earlier on that a witness was told of only
    now."""

    made: tuple[str, ...]
    dropped: tuple[str, ...]
    removed: int
    chains: int
    accepted: tuple[ChainHead, ...] = ()


async def maintain(
    dsn: str,
    *,
    days_ahead: int = DAYS_AHEAD,
    lock_timeout_s: float = 60.0,
    witness: CutWitness | None = None,
    progress: Callable[[int], None] = lambda _removed: None,
) -> Upkeep:
    """Make the partitions of today and of `days_ahead` more days, and remove what is past its time.

    The login has to own the schema. `progress` is called with the number of records removed so far. May be interrupted
    anywhere and run again. Raises ConfigurationError, also when another is at it, and what `witness` raises: nothing
    goes that it was not told of.
    """
    with translated(ConfigurationError, "keep the audit trail in order"):
        async with administered(dsn, "maintain", lock_timeout_s=lock_timeout_s) as connection:
            if not await connection.fetchval(_SQL["lock"]):
                raise ConfigurationError("another process keeps this database in order already", hint="Let it finish")
            keeping = Keeping(connection, lock_timeout_s, progress, witness)
            made = await keeping.make_partitions(days_from(datetime.now(UTC).date(), days_ahead + 1))
            cutoffs = await keeping.cutoffs()
            await keeping.tell_ahead(cutoffs)
            dropped = await keeping.drop_partitions(cutoffs)
            for tenant_id, cutoff_us in cutoffs.items():
                await keeping.cut_chains(tenant_id, cutoff_us)
    return Upkeep(tuple(made), tuple(dropped), keeping.removed, keeping.chains)


def days_from(day: date, count: int) -> list[date]:
    """`count` days, from `day` on."""
    return [day + timedelta(days=number) for number in range(count)]


def _heads(rows: Iterable[Any]) -> list[ChainHead]:
    return [ChainHead(row["tenant_id"], row["writer_id"], row["records"], row["hash"].hex()) for row in rows]


class _Kept(Exception):  # noqa: N818  what happened, and no error
    """The database does not let go of all that was past its time a moment ago: it is held, or kept for longer, since.
    So the chain is not cut, or it would begin behind records that are there."""


class Keeping:
    """One run over one connection, under a login that owns the schema. `removed` counts records, `chains` those that
    were cut; `progress` is called with the former."""

    def __init__(
        self,
        connection: Connection,
        lock_timeout_s: float,
        progress: Callable[[int], None] = lambda _removed: None,
        witness: CutWitness | None = None,
    ) -> None:
        self._connection = connection
        self._deadline_s = time.monotonic() + lock_timeout_s
        self._progress = progress
        self._witness = witness
        self.removed = 0
        self.chains = 0

    async def make_partitions(self, days: list[date]) -> list[str]:
        made = []
        for day in days:

            async def make(day: date = day) -> bool:
                return bool(await self._connection.fetchval(_SQL["make_partition"], day))

            if await self._with_table(make):
                made.append(f"audit_event_{day:%Y_%m_%d}")
        return made

    async def cutoffs(self) -> dict[str, int]:
        """By tenant, the first microsecond that it still keeps; without those that keep everything."""
        async with self._connection.transaction(), self._as_keeper(""):
            return {row["tenant_id"]: row["cutoff_us"] for row in await self._connection.fetch(_SQL["cutoffs"])}

    async def tell_ahead(self, cutoffs: Mapping[str, int], tenant_id: str | None = None) -> None:
        """Have the witness look at what is cut already, of `tenant_id` or of all, and hear of all that is about to be:
        once for everything, or it had to be told of each part."""
        if self._witness is None:
            return
        await self._witness.check(await self._standing(tenant_id))
        ends: list[ChainHead] = []
        for own, cutoff_us in cutoffs.items():
            async with self._connection.transaction(), self._as_keeper(own):
                for (writer_id,) in await self._connection.fetch(_SQL["chains"], own, cutoff_us):
                    ends += await self._end_of_past(own, writer_id, cutoff_us)
        await self._tell(ends)

    async def _standing(self, tenant_id: str | None) -> list[ChainHead]:
        async with self._connection.transaction():
            if tenant_id is not None:
                async with self._as_keeper(tenant_id):
                    return _heads(await self._connection.fetch(_SQL["standing"]))
            await self._connection.execute("SET LOCAL ROLE axonflow_auditor")  # the keeper sees one tenant's at a time
            return _heads(await self._connection.fetch(_SQL["standing"]))

    async def _end_of_past(self, tenant_id: str, writer_id: str, cutoff_us: int) -> list[ChainHead]:
        """Where the chain will have been cut when all that is past its time is gone; nothing when none of it goes."""
        ends: list[ChainHead] = []
        held, first = _BATCH_RECORDS, _LOWEST
        while held == _BATCH_RECORDS:
            chain = (tenant_id, writer_id)
            end = await self._connection.fetchrow(_SQL["next_end"], *chain, cutoff_us, _BATCH_RECORDS, first)
            if end is None:
                break
            held, first = end["held"], end["records"]
            ends = [ChainHead(*chain, first, end["hash"].hex())]
        return ends

    async def _tell(self, cuts: list[ChainHead]) -> None:
        if self._witness is not None:
            await self._witness.announce(cuts)

    async def drop_partitions(self, cutoffs: Mapping[str, int]) -> list[str]:
        """Whole partitions go at once, which costs next to nothing, where all in them is past its time."""
        dropped = []
        for partition in await self._connection.fetch(_SQL["past_partitions"], max(cutoffs.values(), default=0)):
            ends = await self._ends(partition, cutoffs)
            if ends is None:
                continue

            async def drop(partition: Any = partition, ends: Any = ends) -> None:
                for end in ends:
                    async with self._as_keeper(end["tenant_id"]):
                        await self._note_cut(*end.values())
                await self._connection.execute(f"DROP TABLE axonflow.{quoted(partition['name'])}")

            await self._tell(_heads(ends))
            await self._with_table(drop)
            dropped.append(partition["name"])
        return dropped

    async def _ends(self, partition: Any, cutoffs: Mapping[str, int]) -> list[Any] | None:
        """Where the chains end that reach into the partition; None when some record of it has to stay."""
        bounds = (partition["first"], partition["beyond"])
        async with self._connection.transaction(), self._as_keeper(""):
            if not await self._connection.fetchval(
                _SQL["is_all_expired"], *bounds, list(cutoffs), list(cutoffs.values())
            ):
                return None
            ends: list[Any] = await self._connection.fetch(_SQL["ends"], *bounds)
            for end in ends:
                place = (end["tenant_id"], end["writer_id"], end["records"])
                if await self._connection.fetchval(_SQL["keeps_earlier"], *place, cutoffs[end["tenant_id"]], *bounds):
                    return None
        return ends

    async def cut_chains(self, tenant_id: str, cutoff_us: int) -> None:
        """Remove what is past its time record by record, a batch and its cut in one transaction."""
        async with self._connection.transaction(), self._as_keeper(tenant_id):
            writers = await self._connection.fetch(_SQL["chains"], tenant_id, cutoff_us)
        for (writer_id,) in writers:
            before = self.removed
            while await self._cut(tenant_id, writer_id, cutoff_us):
                self._progress(self.removed)
            self.chains += self.removed > before

    async def _cut(self, tenant_id: str, writer_id: str, cutoff_us: int) -> bool:
        try:
            async with self._connection.transaction(), self._as_keeper(tenant_id):
                removed = await self._removed(tenant_id, writer_id, cutoff_us)
        except _Kept:
            return False
        self.removed += removed
        return removed > 0

    async def _removed(self, tenant_id: str, writer_id: str, cutoff_us: int) -> int:
        """How many records went. Raises _Kept."""
        end = await self._connection.fetchrow(
            _SQL["next_end"], tenant_id, writer_id, cutoff_us, _BATCH_RECORDS, _LOWEST
        )
        if end is None:
            return 0
        await self._tell([ChainHead(tenant_id, writer_id, end["records"], end["hash"].hex())])
        await self._note_cut(tenant_id, writer_id, end["records"], end["hash"])
        status = await self._connection.execute(_SQL["remove"], tenant_id, writer_id, end["records"])
        removed = int(status.removeprefix("DELETE "))
        if removed < end["held"]:
            raise _Kept
        return removed

    async def _note_cut(self, tenant_id: str, writer_id: str, records: int, digest: bytes) -> None:
        """Note that the first `records` of the chain, whose last has this hash, are about to go."""
        await self._connection.execute(_SQL["note"], tenant_id, writer_id, records)
        await self._connection.execute(_SQL["cut"], tenant_id, writer_id, records, digest)

    @asynccontextmanager
    async def _as_keeper(self, tenant_id: str) -> AsyncIterator[None]:
        """Within a transaction: what the database lets the keeper do with this tenant, and nothing else."""
        await self._connection.execute("SET LOCAL ROLE axonflow_keeper")
        await self._connection.execute("SELECT set_config('axonflow.tenant_id', $1, true)", tenant_id)
        yield
        await self._connection.execute("RESET ROLE")

    async def _with_table(self, change: Callable[[], Awaitable[Any]]) -> Any:
        """`change` in a transaction that waits for the table a little, and again later: those who want the table as
        well would wait behind it."""
        while True:
            try:
                async with self._connection.transaction():
                    await self._connection.execute(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_MS}ms'")
                    return await change()
            except asyncpg.LockNotAvailableError:
                if time.monotonic() > self._deadline_s:
                    raise
                await asyncio.sleep(_PAUSE_S)
