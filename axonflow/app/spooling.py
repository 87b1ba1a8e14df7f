"""The spools of a process: how they are to be used, how they stand, and what could be read of damaged ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import Struct

from axonflow.adapters.sqlite_spool import DamageReport, SpoolView, SqliteAuditSpool, look_at
from axonflow.audit import AuditMode, WriterKey
from axonflow.audit.persons import KeptKey
from axonflow.errors import AuditConflict, AuditError
from axonflow.flows.drain import Drain
from axonflow.ports import AuditStore, PersonKeyStore

__all__ = [
    "LOCK_TIMEOUT_S",
    "DamageReport",
    "Salvaged",
    "SpoolFigures",
    "SpoolSettings",
    "SpoolView",
    "look_at",
    "move_person_keys",
    "put_back",
    "signing",
    "told",
    "told_damage",
]

MAX_SPOOL_BYTES: Final = 1 << 30
_KEYS_AT_ONCE: Final = 1_000
LOCK_TIMEOUT_S: Final = 30.0
"""For the process before this one to let go of the spool: it may still be draining."""


class SpoolSettings(Struct, frozen=True):
    """`mode` is that of tenants without one of their own. A spool holds up to `max_bytes`; when they are there, the
    oldest records that no answer waited for go if it `sheds`, and else nothing more is recorded."""

    mode: AuditMode = "durable"
    sheds: bool = False
    max_bytes: int = MAX_SPOOL_BYTES


class SpoolFigures(NamedTuple):
    """`records` of `size_bytes`, of the `max_bytes` that the spool holds, are not in the database yet; the oldest is
    `lag_us` microseconds old. Further numbers of records: `quarantined`, `lost` (taken, and not recordable) and `shed`
    since the start. `damaged` files were moved aside. Tenants without a mode of their own have the `usual`, and so many
    have another."""

    records: int
    size_bytes: int
    max_bytes: int
    lag_us: int
    quarantined: int
    lost: int
    shed: int
    damaged: int
    usual: AuditMode
    own_async: int
    own_durable: int


async def move_person_keys(spool: SqliteAuditSpool, store: PersonKeyStore) -> None:
    """Have `store` keep all keys of persons that `spool` holds. Those that it can never keep, as of a file that was
    damaged, stay where they are until the next start, so that no record waits for them. Raises AuditError, also where
    there are such."""
    while keys := await spool.person_keys(_KEYS_AT_ONCE):
        refused = await _refused(store, keys)
        kept = [key for key in keys if key not in refused]
        gone = await spool.release_person_keys(kept)
        if refused or gone < len(kept):
            await spool.pass_over_person_keys(keys)
        if refused:
            raise next(iter(refused.values()))


async def _refused(store: PersonKeyStore, keys: Sequence[KeptKey]) -> dict[KeptKey, AuditConflict]:
    """Those of `keys` that `store` does not keep, and why."""
    try:
        await store.keep(keys)
    except AuditConflict as conflict:
        if len(keys) == 1:
            return {keys[0]: conflict}
        parts = [await _refused(store, [key]) for key in keys]
        return {key: why for part in parts for key, why in part.items()}
    return {}


def told_damage(damage: DamageReport) -> str:
    """For whoever runs the process: what was found, what could be read, and where to look."""
    return (
        f"the audit spool was damaged ({damage.found}): {damage.kept} records could be read, {damage.missing} could "
        f"not; the file is kept at {damage.at}"
    )


class Salvaged:
    """What could be read of damaged spools, each on its way to the store as the records of the writer that it was."""

    def __init__(self, spools: Sequence[SqliteAuditSpool] = (), drains: Sequence[Drain] = ()) -> None:
        self._spools = spools
        self._drains = drains

    @classmethod
    async def opened(
        cls, spool: SqliteAuditSpool, store: AuditStore, person_keys: PersonKeyStore, report: Callable[[str], None]
    ) -> Salvaged:
        """Begin to drain those that `spool` tells of."""
        for damage in spool.damage:
            report(told_damage(damage))
        spools, drains = [], []
        for folder in spool.salvaged:
            held = await asyncio.to_thread(SqliteAuditSpool.open, folder, lock_timeout_s=LOCK_TIMEOUT_S)
            keys = await signing(held, folder, report)
            drain = Drain(
                held,
                store,
                lambda error: report(told(error)),
                keys=keys,
                before=partial(move_person_keys, held, person_keys),
            )
            drain.start()
            spools.append(held)
            drains.append(drain)
        return cls(spools, drains)

    @property
    def pending(self) -> int:
        """Their records that are not in the store yet."""
        return sum(spool.pending for spool in self._spools)

    async def close(self, timeout_s: float) -> bool:
        """As :meth:`Durable.close`."""
        try:
            return all([await drain.stop(timeout_s) for drain in self._drains])
        finally:
            for spool in self._spools:
                await asyncio.to_thread(spool.close)


async def put_back(folder: Path) -> int:
    """Have what is in quarantine in the spool at `folder` offered again; how many records that were. Raises
    ConfigurationError while a process owns the spool, and AuditError."""
    await asyncio.to_thread(look_at, folder, 0)  # else one would be made
    spool = await asyncio.to_thread(SqliteAuditSpool.open, folder, lock_timeout_s=0)
    try:
        return await spool.put_back()
    finally:
        await asyncio.to_thread(spool.close)


async def signing(spool: SqliteAuditSpool, folder: Path, report: Callable[[str], None]) -> tuple[WriterKey, ...]:
    """Have `spool` sign with the key in `folder`. The public halves of all its keys so far, to be registered."""
    try:
        from axonflow.app.audit_keys import rotation_waits, signing_keys
    except ModuleNotFoundError:
        report("the audit trail is not signed: the package cryptography is not installed")
        return ()
    number, may_rotate = await spool.next_number(), not await spool.is_any_sealed()
    signer, keys = await asyncio.to_thread(signing_keys, folder, spool.writer_id, number, may_rotate=may_rotate)
    if not may_rotate and await asyncio.to_thread(rotation_waits, folder):
        report("the key of the audit trail changes at a later start: the database has not yet all that this one signed")
    spool.sign_with(signer)
    return keys


def told(error: AuditError | None) -> str:
    """What is reported of a drain: why it fails, or that it works again."""
    return "audit records reach the database again" if error is None else f"audit records stay in the spool: {error}"
