"""A database that is read-only, has no connection left, or hangs: an error in time, and well when it is well again."""

import asyncio
import os
import signal

import pytest

from axonflow.adapters.postgres import DatabaseSettings, PostgresAuditStore, PostgresDatabase, service_login
from axonflow.adapters.postgres import connections as module
from axonflow.audit import AuditQuery
from axonflow.errors import AuditConflict, AuditError
from tests.postgres import execute, skip_if_elsewhere
from tests.postgres_stores import answers_within, audit_event, chained


def altered(dsn, change):
    name = execute(dsn, "SELECT current_database()")[0][0]
    execute(dsn, f"ALTER DATABASE {name} {change}", "SELECT 1")


async def written(store, tenant):
    await store.write(chained([audit_event(tenant)]))


async def total(store, tenant):
    return (await store.search(AuditQuery(tenant_id=tenant))).total


def fresh(dsn, **settings):
    return PostgresDatabase.lazily(dsn, DatabaseSettings(max_connections=1, **settings))


def test_database_that_is_read_only_refuses_for_now_and_answers_searches(migrated_dsn, tenant):
    async def run(expected):
        database = fresh(migrated_dsn)
        store = PostgresAuditStore(database)
        if expected:
            with pytest.raises(AuditError, match=r"read-only transaction|SQLSTATE 25006") as caught:
                await written(store, tenant)
            assert not isinstance(caught.value, AuditConflict)
        else:
            await written(store, tenant)
        found = await total(store, tenant)
        await database.close()
        return found

    altered(migrated_dsn, "SET default_transaction_read_only = on")
    try:
        assert asyncio.run(run(expected=True)) == 0
    finally:
        execute(
            migrated_dsn, "SET default_transaction_read_only = off",
            f"ALTER DATABASE {execute(migrated_dsn, 'SELECT current_database()')[0][0]} "
            "RESET default_transaction_read_only", "SELECT 1",
        )  # fmt: skip
    assert asyncio.run(run(expected=False)) == 1


def test_database_without_a_connection_left_is_an_error_until_there_is_one(migrated_dsn, tenant):
    dsn = asyncio.run(service_login(migrated_dsn))

    async def run():
        database = fresh(dsn)
        with pytest.raises(AuditError, match="too many connections"):
            await written(PostgresAuditStore(database), tenant)
        await asyncio.to_thread(altered, migrated_dsn, "CONNECTION LIMIT -1")
        await written(PostgresAuditStore(database), tenant)
        found = await total(PostgresAuditStore(database), tenant)
        await database.close()
        return found

    altered(migrated_dsn, "CONNECTION LIMIT 0")
    try:
        assert asyncio.run(run()) == 1
    finally:
        altered(migrated_dsn, "CONNECTION LIMIT -1")


def test_database_that_hangs_is_an_error_in_time_and_the_next_connection_works(migrated_dsn, tenant, monkeypatch):
    skip_if_elsewhere()

    async def run():
        database = fresh(migrated_dsn)
        store = PostgresAuditStore(database)
        await written(store, tenant)
        async with database.tenant(tenant) as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            answers_within(connection, 1)  # what is not to hang has more time: the machine may be busy
        monkeypatch.setattr(module, "_RESET_TIMEOUT_S", 0.2)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(AuditError, match="no answer in time"):
                await total(store, tenant)
            found = await total(store, tenant)
        finally:
            os.kill(pid, signal.SIGCONT)
        await database.close()
        return found

    assert asyncio.run(run()) == 1
