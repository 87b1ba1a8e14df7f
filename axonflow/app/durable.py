"""What makes a control plane durable: the audit spool on disk, the database behind it, and the drain in between.

Needs asyncpg: ``pip install '.[postgres]'``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from axonflow.adapters.postgres import (
    DatabaseSettings,
    PostgresApiPolicyStore,
    PostgresAuditStore,
    PostgresAuditTail,
    PostgresDatabase,
    PostgresOverrideStore,
    PostgresPlanStore,
    PostgresPolicyFeed,
    PostgresPolicyStore,
    PostgresWorkflows,
    PostgresWorkflowSteps,
    migrate,
    service_login,
)
from axonflow.adapters.postgres.command_batches import PostgresCommandBatches
from axonflow.adapters.postgres.person_keys import PostgresPersonKeys
from axonflow.adapters.postgres.tenant_feed import PostgresTenantFeed
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.app.plan_shelf import PlanShelf
from axonflow.app.spooling import (
    LOCK_TIMEOUT_S,
    Salvaged,
    SpoolFigures,
    SpoolSettings,
    move_person_keys,
    signing,
    told,
)
from axonflow.app.tailing import Tailing
from axonflow.app.tenancy import Tenancy
from axonflow.audit import AuditMode, AuditModes, AuditPage, AuditQuery, SealedBatch, WriterKey
from axonflow.detect import RedactionKey
from axonflow.errors import AuditError
from axonflow.flows.anchor_commands import CommandAnchoring
from axonflow.flows.anchor_heads import HeadAnchoring
from axonflow.flows.drain import Drain
from axonflow.flows.gate_workflow_step import WorkflowStores
from axonflow.flows.publish_api_policies import Shelf
from axonflow.flows.watch_tenants import TenantWatch
from axonflow.ids import now_us
from axonflow.ports import AuditAnchor, AuditLog, PolicyFeed, Vault
from axonflow.tenancy import Pepper, TenantStatus

if TYPE_CHECKING:  # it needs cryptography, and there may be none
    from axonflow.app.persons import AuditPersons, WriterKeys

__all__ = [
    "DatabaseSettings",
    "Durable",
    "PersonSettings",
    "SpoolFigures",
    "SpoolSettings",
    "Trouble",
    "migrate",
    "opened_store",
    "opened_tail",
    "service_login",
]

_USUAL: Final = DatabaseSettings()
_USUAL_SPOOL: Final = SpoolSettings()
FLUSH_TIMEOUT_S: Final = 5.0
ANCHOR_TIMEOUT_S: Final = 5.0
COMMANDS_TIMEOUT_S: Final = 1.0
"""For what was signed by command: any other service, and the next start, brings it as well."""


class Trouble(Struct, frozen=True):
    """What does not work at present, while decisions go on. `reason` is for anybody: it names no host and no tenant."""

    part: Literal["policies", "audit", "spool", "tenants", "replica", "anchor"]
    since_us: int
    reason: str


class PersonSettings(Struct, frozen=True):
    """`key` (at least 32 random bytes, the same in all processes of an installation) is what persons' keys are wrapped
    under: with it, what tells of persons is opened for who searches, and if this `seals`, recorded sealed. That a key
    was destroyed is heard while what `Durable.watch_tenants` gives runs: what is recorded under it until then never
    opens."""

    key: bytes
    seals: bool = False


@asynccontextmanager
async def opened_store(
    database_url: str, persons_key: bytes | None = None
) -> AsyncIterator[PostgresAuditStore | AuditPersons]:
    """The audit trail in the database, to be searched; with `persons_key` what tells of persons is opened. Raises
    ConfigurationError."""
    database = await PostgresDatabase.connect(database_url)
    try:
        yield _persons(database, persons_key) or PostgresAuditStore(database)
    finally:
        await database.close()


@asynccontextmanager
async def opened_tail(database_url: str, persons_key: bytes | None = None) -> AsyncIterator[Tailing]:
    """The same, to be followed. Raises ConfigurationError."""
    database = await PostgresDatabase.connect(database_url)
    try:
        yield Tailing(PostgresAuditTail(database), persons=_persons(database, persons_key))
    finally:
        await database.close()


def _persons(
    database: PostgresDatabase,
    key: bytes | None,
    audit: AuditLog | None = None,
    settled: Callable[[], Awaitable[None]] | None = None,
) -> AuditPersons | None:
    if key is None:
        return None
    from axonflow.app.persons import persons_in

    return persons_in(database, key, audit, settled)


class Durable:
    """The spool, the drain and the stores of one process. Made by :meth:`open`; bound to the event loop of that call,
    but for `audit`, which may be used from any."""

    def __init__(
        self,
        spool: SqliteAuditSpool,
        database: PostgresDatabase,
        database_url: str,
        report: Callable[[str], None],
        keys: Sequence[WriterKey],
        anchor: AuditAnchor | None,
    ) -> None:
        self._spool = spool
        self._database = database
        self._database_url = database_url
        self._store = PostgresAuditStore(database)
        self._anchoring = None if anchor is None else HeadAnchoring(
            anchor, spool.writer_id, keys[0].public_key if keys else b"", lambda error: report(_anchoring_told(error))
        )  # fmt: skip
        self._commands = _command_anchoring(anchor, database, report)
        self._person_keys = PostgresPersonKeys(database)
        self._drain = Drain(
            spool, self._store, lambda error: report(told(error)), keys=keys, moved=self._note,
            before=partial(move_person_keys, spool, self._person_keys),
        )  # fmt: skip
        self.persons: AuditPersons | None = None
        """The persons of the trail, where there is a key for them."""
        self._sealing: WriterKeys | None = None
        self._modes = AuditModes()
        self._usual_mode: AuditMode = "durable"
        self._salvaged = Salvaged()
        self._checking: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        *,
        spool: str | os.PathLike[str],
        database_url: str,
        report: Callable[[str], None],
        database_settings: DatabaseSettings = _USUAL,
        spool_settings: SpoolSettings = _USUAL_SPOOL,
        anchor: AuditAnchor | None = None,
        persons: PersonSettings | None = None,
    ) -> Durable:
        """Open the spool in the folder `spool` and begin to drain it into the database, whenever that is there.

        `report` is told, in one sentence, when the drain begins to fail and when it works again, and likewise of the
        read replica, if `database_settings` name one. Batches are signed with the key in the spool's folder, made when
        it is absent (see `axonflow.app.audit_keys`); not without the package ``cryptography``, which is reported. Their
        heads go to `anchor`, which is closed in the end (:func:`axonflow.app.auditing.open_anchor`), and so do those of
        what is signed by command. What could be read of a damaged spool is drained beside it, and reported too. What
        tells of `persons` is sealed and opened as these say. Raises ConfigurationError or AuditError when the spool
        cannot be used.

        All events are recorded before the answer until :meth:`watch_tenants` has heard how tenants stand.
        """
        modes = AuditModes()
        held = await asyncio.to_thread(
            SqliteAuditSpool.open, spool, max_bytes=spool_settings.max_bytes, lock_timeout_s=LOCK_TIMEOUT_S,
            modes=modes, sheds=spool_settings.sheds,
        )  # fmt: skip
        try:
            keys = await signing(held, Path(spool), report)
            database = PostgresDatabase.lazily(database_url, database_settings, report=report)
        except BaseException:
            held.close()
            raise
        durable = cls(held, database, database_url, report, keys, anchor)
        durable._modes, durable._usual_mode = modes, spool_settings.mode
        if persons is not None:
            durable._know(persons)
        if durable._anchoring is not None:
            durable._anchoring.start()
        if durable._commands is not None:
            durable._commands.start()
        durable._drain.start()
        durable._salvaged = await Salvaged.opened(held, durable._store, durable._person_keys, report)
        if database_settings.replica_url:
            durable._checking = asyncio.create_task(durable._check_replica(database_settings.replica_check_s))
        return durable

    def _know(self, settings: PersonSettings) -> None:
        self.persons = _persons(self._database, settings.key, self._spool, self._settled)
        if settings.seals and self.persons is not None:
            self._sealing = self.persons.writer_keys()
            self._spool.seal_persons(self._sealing.key_of)

    @property
    def audit(self) -> AuditLog:
        """For :meth:`AxonFlow.open`: durable before an append returns."""
        return self._spool

    @property
    def plans(self) -> PlanShelf:
        """Where plans are kept."""
        return PlanShelf.of(PostgresPlanStore(self._database))

    @property
    def workflows(self) -> WorkflowStores:
        """Where workflows of other orchestrators are kept."""
        return WorkflowStores(PostgresWorkflows(self._database), PostgresWorkflowSteps(self._database))

    @property
    def shelf(self) -> Shelf:
        """Where policies are edited and published."""
        database = self._database
        return Shelf(PostgresApiPolicyStore(database), PostgresOverrideStore(database), PostgresPolicyStore(database))

    @asynccontextmanager
    async def policy_feed(self) -> AsyncIterator[PolicyFeed]:
        """What tells which policies are in force, for :func:`axonflow.app.following.following`."""
        feed = PostgresPolicyFeed(self._database)
        try:
            yield feed
        finally:
            feed.close()

    def vault(self, redaction_key: bytes) -> Vault:
        """Where redacted values are kept, sealed under `redaction_key`, which has to be that of :meth:`AxonFlow.open`.

        It waits for the database, unlike `audit`. Needs the package ``cryptography``. Raises ConfigurationError.
        """
        from axonflow.adapters.postgres.vault import PostgresVault

        return PostgresVault(self._database, RedactionKey(redaction_key))

    def tenancy(self, peppers: Sequence[Pepper]) -> Tenancy:
        """Tenants, keys and roles, in the database; `peppers` are what keys are hashed with, the one of new keys
        first. What is changed is recorded in `audit`."""
        return Tenancy.in_database(self._database, self._database_url, peppers, self._spool)

    def watch_tenants(
        self,
        changed: Callable[[str | None], None],
        report: Callable[[str | None], None],
        known: Mapping[str, TenantStatus],
    ) -> TenantWatch:
        """What keeps the caller's memory of tenants and keys fresh while it runs; see TenantWatch."""
        forget = self._sealing.forget if self._sealing is not None else (lambda _: None)
        return TenantWatch(PostgresTenantFeed(self._database), changed, report, known, self._set_modes, forget)

    def _set_modes(self, own: Mapping[str, AuditMode]) -> None:
        self._modes.own, self._modes.usual = own, self._usual_mode

    @property
    def tail(self) -> Tailing:
        """What comes into the database, from this process and all others."""
        return Tailing(PostgresAuditTail(self._database), lambda: self._drain.arrival, self.persons)

    @property
    def pending(self) -> int:
        """Records that are not in the database yet."""
        return self._spool.pending + self._salvaged.pending

    @property
    def spool(self) -> SpoolFigures:
        """How the spool stands."""
        spool, modes = self._spool, self._modes
        lag_us = 0 if spool.oldest_us is None else max(now_us() - spool.oldest_us, 0)
        return SpoolFigures(
            spool.pending + self._salvaged.pending, spool.pending_bytes, spool.max_bytes, lag_us, spool.quarantined,
            spool.lost, spool.shed, len(spool.damage), modes.usual,
            sum(mode == "async" for mode in modes.own.values()), sum(mode == "durable" for mode in modes.own.values()),
        )  # fmt: skip

    @property
    def drained(self) -> int:
        """Records that this process has moved to the database."""
        return self._drain.drained

    def unwell(self) -> str | None:
        """What keeps events from being recorded, in a few words; None while nothing does."""
        return "the audit spool is full" if self._spool.is_full else self._spool.failure

    @property
    def troubles(self) -> list[Trouble]:
        """What does not work of all this, but for the policies' feed and the watch on tenants."""
        troubles = []
        if (stuck_us := self._drain.stuck_since_us) is not None:
            reason = "audit records wait on disk: the database does not take them"
            troubles.append(Trouble("audit", stuck_us, reason))
        if damage := self._spool.damage:
            reason = "the audit spool was damaged: what can be read of it is drained, and recording began anew"
            troubles.append(Trouble("spool", damage[0].time_us, reason))
        if (replica_us := self._database.replica_failing_since_us) is not None:
            reason = "the read replica is away or behind: searches read from the primary"
            troubles.append(Trouble("replica", replica_us, reason))
        if self._anchoring is not None and (anchor_us := self._anchoring.failing_since_us) is not None:
            reason = "the anchor of the audit trail does not take its heads"
            troubles.append(Trouble("anchor", anchor_us, reason))
        if self._commands is not None and (commands_us := self._commands.failing_since_us) is not None:
            reason = "the anchor is not told what was signed by command: the log says why"
            troubles.append(Trouble("anchor", commands_us, reason))
        return troubles

    def _note(self, batch: SealedBatch) -> None:
        if self._anchoring is not None:
            self._anchoring.saw(batch)

    async def _check_replica(self, every_s: float) -> None:
        while True:
            await self._database.check_replica()
            await asyncio.sleep(every_s)

    async def search(self, query: AuditQuery) -> AuditPage:
        """What is found, with everything that this process recorded before the call; from a read replica, but for the
        last seconds (`max_replica_lag_s`). Raises AuditError."""
        await self._settled()
        return await (self.persons or self._store).search(query)

    async def _settled(self) -> None:
        """Until all that was recorded before the call is in the database. Raises AuditError."""
        if not await self._drain.flush(FLUSH_TIMEOUT_S) and not self._drain.refusals:
            raise AuditError(
                "the database does not keep up", expected=f"what was recorded within {FLUSH_TIMEOUT_S:.0f} s",
                hint="Nothing is lost: it is in the spool. Try again.",
            )  # fmt: skip

    async def close(self, timeout_s: float) -> bool:
        """Drain for at most `timeout_s`, then close; whether everything is in the database. The rest stays on disk."""
        if self._checking is not None:
            self._checking.cancel()
            with suppress(asyncio.CancelledError):
                await self._checking
        try:
            drained = await self._drain.stop(timeout_s)
            return await self._salvaged.close(timeout_s) and drained
        finally:
            if self._commands is not None:
                await self._commands.stop(COMMANDS_TIMEOUT_S)
            if self._anchoring is not None:
                await self._anchoring.stop(ANCHOR_TIMEOUT_S)
            await self._database.close()
            await asyncio.to_thread(self._spool.close)


def _command_anchoring(
    anchor: AuditAnchor | None, database: PostgresDatabase, report: Callable[[str], None]
) -> CommandAnchoring | None:
    """None as well without ``cryptography``: nothing is told that was not verified."""
    if anchor is None:
        return None
    try:
        from axonflow.adapters.ed25519 import made_signature
    except ModuleNotFoundError:
        return None

    def tell(error: AuditError | None) -> None:
        report("what is signed by command reaches the anchor" if error is None else str(error))

    return CommandAnchoring(anchor, PostgresCommandBatches(database), made_signature, tell)


def _anchoring_told(error: AuditError | None) -> str:
    if error is None:
        return "heads of the audit trail reach the anchor again"
    return f"heads of the audit trail do not reach the anchor: {error}"
