"""Migrated databases and stores on them, for tests: import the fixtures into a conftest."""

import asyncio
import contextlib

import pytest

from axonflow.adapters.postgres import PostgresAuditProofs, PostgresAuditStore, PostgresDatabase, migrate
from axonflow.audit import NO_BATCH, AuditEvent, AuditRecord, Origin, batch_hash, link, seal
from axonflow.ids import new_id, now_us
from axonflow.plan import PlanExecution
from tests.postgres import fresh_database

__all__ = [
    "Interrupted", "ReadableStore", "answers_within", "audit_event", "chained", "migrated_dsn", "opened",
    "plan_execution", "write_sealed",
]  # fmt: skip


class ReadableStore(PostgresAuditStore):
    """A store whose chains are read as verification reads them, as they are in memory."""

    def __init__(self, database):
        super().__init__(database)
        self._proofs = PostgresAuditProofs(database)

    async def chains(self, tenant_id=None):
        return [(one.tenant_id, one.writer_id) for one in await self._proofs.stored_chains(tenant_id)]

    async def chain(self, tenant_id, writer_id, first, limit):
        records = await self._proofs.stored_records(tenant_id, writer_id, first, limit)
        assert not any(one.altered for one in records)
        return [
            AuditRecord(one.sequence, one.previous, one.hash, one.canonical, AuditEvent.from_canonical(one.canonical))
            for one in records
        ]


class Interrupted:
    """A database in which `meanwhile` is done, in a transaction of its own, behind the first row that one reads."""

    def __init__(self, database, meanwhile):
        self._database, self._meanwhile = database, meanwhile

    @contextlib.asynccontextmanager
    async def tenant(self, tenant_id, **parts):
        async with self._database.tenant(tenant_id, **parts) as connection:
            yield _InterruptedConnection(connection, self._meanwhile)


class _InterruptedConnection:
    def __init__(self, connection, meanwhile):
        self._connection, self._meanwhile = connection, meanwhile

    def __getattr__(self, name):
        return getattr(self._connection, name)

    async def fetchrow(self, *query):
        row = await self._connection.fetchrow(*query)
        await self._meanwhile()
        return row


@pytest.fixture(scope="session")
def migrated_dsn(postgres_dsn):
    """A database with our schema, for tests that keep to tenants of their own."""
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(migrate(dsn))
        yield dsn


@contextlib.contextmanager
def opened(dsn):
    """What runs coroutines, all in one loop, and the pools of `dsn` in it."""
    with asyncio.Runner() as runner:
        database = runner.run(PostgresDatabase.connect(dsn))
        try:
            yield runner.run, database
        finally:
            runner.run(database.close())


def answers_within(connection, timeout_s):
    """From now on this connection of asyncpg is given up when an answer on it takes longer; one made anew is not."""
    connection._config = connection._config._replace(command_timeout=timeout_s)


def audit_event(tenant_id, writer_id="writer", time_us=1, **parts):
    usual = {
        "event_id": new_id(time_us), "decision_id": new_id(time_us), "kind": "decision", "policy_digest": "sha256:0",
        "principal": "user:ann", "action": "tool.call", "resource": "tool:x", "effect": "deny", "allowed": False,
        "policies": ("p",), "reasons": ("r",), "origin": Origin("client", "request", "0" * 32),
    }  # fmt: skip
    return AuditEvent(tenant_id=tenant_id, writer_id=writer_id, time_us=time_us, **usual | parts)


def chained(events):
    """The records of `events`, in one chain for each tenant and writer."""
    heads, records = {}, []
    for event in events:
        key = (event.tenant_id, event.writer_id)
        heads[key] = link(event, heads.get(key))
        records.append(heads[key])
    return records


def plan_execution(tenant_id, **parts):
    usual = {
        "plan_id": new_id(1), "name": "trip", "domain": "travel", "query": "book a trip", "principal": "user:ann",
        "status": "pending", "steps": [{"name": "a", "kind": "function", "needs": []}], "created_us": 5,
    }  # fmt: skip
    return PlanExecution(tenant_id=tenant_id, **usual | parts)


async def write_sealed(database, records):
    """Keep `records` as a batch of each of their writers, behind those that are there."""
    store, proofs = PostgresAuditStore(database), PostgresAuditProofs(database)
    for writer_id in sorted({record.event.writer_id for record in records}):
        before = await proofs.stored_batches(writer_id, 0, 10_000)
        place = (before[-1].number + 1, batch_hash(before[-1].statement)) if before else (0, NO_BATCH)
        own = [record for record in records if record.event.writer_id == writer_id]
        await store.write_batch(seal(own, writer_id, *place, now_us(), None))
