"""A real standby: searches read from it, and from the primary while it is behind or is sent nothing any more."""

import asyncio
import contextlib
import math
import subprocess
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from axonflow.adapters.postgres import DatabaseSettings, PostgresAuditStore, PostgresDatabase, migrate
from axonflow.adapters.postgres import database as module
from axonflow.adapters.postgres.doctor import examine
from axonflow.audit import AuditQuery
from tests.postgres import execute, own_server, temporary_data_folder
from tests.postgres_stores import audit_event, chained
from tests.rough_postgres import hanging
from tests.running import eventually


@pytest.fixture(scope="module")
def servers():
    """A primary and its standby, and the addresses of a migrated database on each."""
    with temporary_data_folder() as folder, temporary_data_folder() as copy:
        primary, standby = own_server(folder), own_server(copy)
        try:
            dsn = primary.start()
            asyncio.run(migrate(dsn))
            primary.stop()
            subprocess.run(["cp", "-a", folder, copy], check=True)
            dsn = primary.start()
            parts = urlsplit(dsn)
            host = parts.hostname or parse_qs(parts.query)["host"][0]
            port = parts.port or parse_qs(parts.query)["port"][0]
            reach = f"user=postgres password={parts.password} host=''{host}'' port={port}"
            with (copy / "data" / "postgresql.auto.conf").open("a") as settings:
                settings.write(f"primary_conninfo = '{reach}'\n")
            (copy / "data" / "standby.signal").touch()
            standby_dsn = standby.start()
            # An idle primary has nothing to send for fifteen seconds.
            said = ["SELECT pg_logical_emit_message(false, 'test', '')", "SELECT 1"]
            eventually(
                lambda: execute(dsn, *said) and execute(standby_dsn, module._LAG)[0][0] == 0, "something to be sent"
            )
            yield primary, standby, dsn, standby_dsn
        finally:
            standby.stop()
            primary.stop()


async def until(condition):
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110  it is another process that makes it true
            await asyncio.sleep(0)


async def total(store):
    return (await store.search(AuditQuery(tenant_id="A"))).total


def test_search_follows_a_standby_until_it_is_behind_or_alone(servers, monkeypatch):
    monkeypatch.setattr(module, "_RETRY_S", 0.0)
    primary, _, dsn, standby_dsn = servers

    async def run():
        said = []
        settings = DatabaseSettings(replica_url=standby_dsn, max_replica_lag_s=0.2)
        database = PostgresDatabase.lazily(dsn, settings, report=said.append)
        store = PostgresAuditStore(database)
        await store.write(chained([audit_event("A")]))

        async def arrived():
            return await total(store) == 1

        await until(arrived)

        async def is_well():  # while the machine is busy it may have been behind for a moment
            return await total(store) == 1 and len(said) % 2 == 0 and database._replica.open == 1

        await until(is_well)
        said.clear()
        assert {check.name: check.state for check in await examine(dsn, replica_url=standby_dsn)}["replica"] == "ok"
        standby = await asyncpg.connect(standby_dsn)
        await standby.execute("SELECT pg_wal_replay_pause()")
        await store.write(chained([audit_event("A", "another")]))

        async def is_behind():
            assert await total(store) in (1, 2)
            return bool(said)

        await until(is_behind)
        assert await total(store) == 2
        await standby.execute("SELECT pg_wal_replay_resume()")

        async def is_back():
            assert await total(store) == 2
            return len(said) == 2

        await until(is_back)
        await asyncio.to_thread(primary.stop)

        async def is_alone():
            return await standby.fetchval(module._LAG) > 0.2

        await until(is_alone)
        await standby.close()
        await database.close()
        return said

    said = asyncio.run(run())
    assert said[0].startswith("searches read from the primary, not from the replica: it is ")
    assert said[1] == "searches read from the replica again"


@contextlib.contextmanager
def unwell(trouble, standby, monkeypatch):
    if trouble == "hung":
        with hanging(standby.pid), monkeypatch.context() as patched:
            patched.setattr(module, "_CHECK_TIMEOUT_S", 0.5)
            yield
    elif trouble == "stopped":
        standby.stop()
        yield
        standby.start()
    else:
        yield


@pytest.mark.parametrize("trouble", ["stopped", "hung", "behind"])
def test_replica_in_trouble_is_found_by_the_check_and_by_nobody_who_searches(servers, monkeypatch, trouble):
    monkeypatch.setattr(module, "_CHECK_TIMEOUT_S", 60)  # one that is well answers late while the machine is busy
    primary, standby, dsn, standby_dsn = servers
    primary.start()

    async def run():
        said = []
        settings = DatabaseSettings(
            replica_url=standby_dsn, max_replica_lag_s=-1.0 if trouble == "behind" else math.inf
        )
        database = PostgresDatabase.lazily(dsn, settings, report=said.append)
        if trouble != "behind":
            await database.check_replica()
            assert (said, database.replica_failing_since_us) == ([], None)
        with unwell(trouble, standby, monkeypatch):
            await database.check_replica()
            since_us = database.replica_failing_since_us
            assert since_us > 0
            await database.check_replica()
            assert database.replica_failing_since_us == since_us
            assert not await database.read("A", lambda connection: connection.fetchval("SELECT pg_is_in_recovery()"))
        if trouble != "behind":

            async def is_well():
                await database.check_replica()
                return database.replica_failing_since_us is None

            await until(is_well)
        await database.close()
        return said

    said = asyncio.run(run())
    assert said[0].startswith("searches read from the primary, not from the replica: ")
    assert said[1:] == ([] if trouble == "behind" else ["searches read from the replica again"])
