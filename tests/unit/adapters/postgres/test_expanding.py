"""A database that is migrated while tasks of the release before it run: they go on, and nothing of theirs is lost."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from axonflow.adapters.postgres import (
    PostgresDatabase,
    audit_store,
    migrate,
    migrating,
    sql_files,
    vault,
)
from axonflow.adapters.postgres.sql_files import migrations
from axonflow.adapters.postgres.vault import PostgresVault
from axonflow.audit import verify_chain
from axonflow.detect import RedactionKey
from axonflow.errors import AuditConflict
from axonflow.ids import new_id, now_us
from tests.postgres import execute
from tests.postgres_stores import ReadableStore, audit_event, chained, opened

BEFORE = Path(__file__).parents[3] / "data" / "sql_of_schema_2"
DAY_US = 86_400_000_000
NEXT_MONTH_US = 40 * DAY_US
OF_BEFORE = {"on_behalf_of": ("user:bob",)}
"""That release wrote every field, and its statement asks for them."""
PLAN = (
    "t", "p", "trip", "travel", b"", "user:ann", "pending", b"[]", 5, "", None, None, b"null", b"{}", None, 1, b"{}",
)  # fmt: skip


@pytest.fixture
def queries_of_before(monkeypatch):
    """The stores work with the queries of the release before."""
    with monkeypatch.context() as folder:
        folder.setattr(sql_files, "_FOLDER", BEFORE)
        queries = {name: sql_files.named_queries(name) for name in ("audit.sql", "plans.sql", "vault.sql")}
    for module, name in ((audit_store, "audit.sql"), (vault, "vault.sql")):
        monkeypatch.setattr(module, "_SQL", queries[name])
    return queries["plans.sql"]


@pytest.fixture
def of_before(new_database, monkeypatch):
    """A database at version 2."""
    with monkeypatch.context() as known:
        known.setattr(migrating, "migrations", lambda: migrations()[:2])
        asyncio.run(migrate(new_database))
    return new_database


async def running(dsn):
    """The pools of a task that has been running since before the migration."""
    database = PostgresDatabase.lazily(dsn)
    database._is_checked = True
    return database


def test_task_of_the_release_before_goes_on_while_the_database_is_migrated(of_before, queries_of_before):
    async def run():
        database = await running(of_before)
        audit, plans = ReadableStore(database), queries_of_before
        kept = PostgresVault(database, RedactionKey(bytes(32)))
        records = chained(audit_event("t", time_us=now_us() + number, **OF_BEFORE) for number in range(3_000))
        written = 0

        async def write_on(end):
            nonlocal written
            while written < end:
                await audit.write(records[written : written + 10])
                written += 10

        await write_on(500)
        async with database.tenant("t") as connection:
            await connection.execute(plans["add"], *PLAN)
        await kept.put("t", "label", "value")
        writing = asyncio.create_task(write_on(2_000))
        assert len(await migrate(of_before)) == len(migrations()) - 2
        assert written < 2_000, "it was to write meanwhile"
        await writing
        await write_on(3_000)
        assert await audit.chain("t", "writer", 0, 5_000) == records
        async with database.tenant("t") as connection:
            found = await connection.fetch(audit_store._SQL["search"], "t", 3, 0, *[None] * 9)
        assert [row["total"] for row in found] == [3_000] * 3
        assert await audit.chains() == [("t", "writer")]
        async with database.tenant("t") as connection:
            assert (await connection.fetchrow(plans["begin"], "t", "p", "executor", 6))["name"] == "trip"
        async with database.executor("executor") as connection:
            assert await connection.execute(plans["abandon"], "executor", b"ended", 7) == "UPDATE 1"
        assert await kept.get("t", "label") == "value"
        await database.close()

    asyncio.run(run())


def test_migration_of_a_trail_with_events_ahead_of_their_time_keeps_each_where_it_belongs(of_before):
    times_us = [0, now_us(), now_us() + NEXT_MONTH_US, now_us() + 400 * DAY_US]
    records = chained(audit_event("t", time_us=time_us) for time_us in times_us)

    async def write():
        database = await running(of_before)
        await ReadableStore(database).write(records)
        await database.close()

    asyncio.run(write())
    asyncio.run(migrate(of_before))
    with opened(of_before) as (run, database):
        assert verify_chain(run(ReadableStore(database).chain("t", "writer", 0, 9))) == 4
    where = "SELECT tableoid::regclass::text FROM axonflow.audit_event ORDER BY sequence"
    first, now, soon, later = (row[0].removeprefix("axonflow.audit_event_") for row in execute(of_before, where))
    assert (first, now, later) == ("first", "first", "other")
    assert soon == datetime.fromtimestamp(times_us[2] / 1e6, UTC).strftime("%Y_%m")


@pytest.mark.parametrize("sql", ["of this release", "of the release before"])
def test_second_history_in_another_partition_is_refused(migrated_dsn, sql, request):
    if sql == "of the release before":
        request.getfixturevalue("queries_of_before")
    tenant = new_id(1)
    kept = chained(audit_event(tenant, time_us=now_us() + number, **OF_BEFORE) for number in range(3))
    ahead_us = now_us() + NEXT_MONTH_US
    other = chained(audit_event(tenant, time_us=ahead_us + number, **OF_BEFORE) for number in range(2))
    with opened(migrated_dsn) as (run, database):
        store = ReadableStore(database)
        run(store.write(kept))
        with pytest.raises(AuditConflict, match="another record holds this place") as caught:
            run(store.write([*kept[2:], *other]))
        assert caught.value.at in {"sequence 0 of writer writer", "sequence 1 of writer writer"}
        assert run(store.chain(tenant, "writer", 0, 9)) == kept


def test_second_history_written_at_the_same_time_is_kept_once(migrated_dsn):
    tenant = new_id(1)
    histories = [chained([audit_event(tenant, time_us=now_us() + ahead)]) for ahead in (0, NEXT_MONTH_US)]

    async def run():
        database = await PostgresDatabase.connect(migrated_dsn)
        store = ReadableStore(database)
        found = await asyncio.gather(*(store.write(one) for one in histories), return_exceptions=True)
        kept = await store.chain(tenant, "writer", 0, 9)
        await database.close()
        return found, kept

    found, kept = asyncio.run(run())
    assert sorted(type(one) for one in found if one) == [AuditConflict]
    assert kept in histories


def test_plans_of_the_release_before_are_named_by_who_approves_and_have_somebody_who_runs_them(
    new_database, monkeypatch
):
    with monkeypatch.context() as known:
        known.setattr(migrating, "migrations", lambda: migrations()[:12])
        asyncio.run(migrate(new_database))
    columns = (
        "plan_id, status, executor_id, held, tenant_id, name, domain, query, context, principal, steps, created_us"
    )
    rest = "'t', 'trip', 'travel', '', '{}', 'user:ann', '[]', 5, 1, 'null', '{}'"
    rows = (("p", "running", "old", "NULL"), ("q", "running", "old", "NULL"), ("r", "awaiting_approval", "e", "'{}'"))
    inserts = [
        f"INSERT INTO axonflow.plan_execution ({columns}, schema_version, result, step_results)"
        f" VALUES ('{plan_id}', '{status}', '{executor}', {held}, {rest})"
        for plan_id, status, executor, held in rows
    ]
    execute(new_database, *inserts, "SELECT 1")
    asyncio.run(migrate(new_database))
    holds = execute(new_database, "SELECT plan_id, holds, replans FROM axonflow.plan_execution ORDER BY 1")
    assert [tuple(row) for row in holds] == [("p", 0, 0), ("q", 0, 0), ("r", 2, 0)]
    assert [tuple(row) for row in execute(new_database, "SELECT executor_id, beat FROM axonflow.plan_executor")] == [
        ("old", "")
    ]
