"""Pools: what a wrong address gives, and that a server may go away and come back."""

import asyncio

import asyncpg
import pytest

from axonflow.adapters.postgres import (
    DatabaseSettings,
    PostgresAuditProofs,
    PostgresAuditStore,
    PostgresDatabase,
    PostgresPlanStore,
    migrate,
)
from axonflow.audit import AuditQuery
from axonflow.errors import AuditConflict, AuditError, ConfigurationError, PlanError
from tests.postgres import execute
from tests.postgres_stores import ReadableStore, audit_event, chained, opened, plan_execution

END_ALL = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'axonflow'"
ABSENT = "no connection to PostgreSQL"
NO_ADDRESS = "not the address of a PostgreSQL"


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("", ABSENT + "|" + NO_ADDRESS),
        ("mysql://ann:secret-word@host/db", NO_ADDRESS),
        ("ann:secret-word@host", NO_ADDRESS),
        ("postgresql://ann:secret-word@host:port/db", NO_ADDRESS),
        ("postgresql://ann:secret-word@[host/db", NO_ADDRESS),
        ("postgresql://ann:secret-word@127.0.0.1:1/db?sslmode=secret-word", NO_ADDRESS),
        ("postgresql://ann:secret-word@127.0.0.1:1/db?sslmode=require", ABSENT),
        ("postgresql://ann:secret-word@/db?host=/nowhere", ABSENT),
        ("postgresql://ann:secret-word@/db?host=/nowhere&unknown=secret-word", ABSENT),
    ],
)
def test_database_address_that_does_not_work_is_refused_without_its_password(dsn, message, monkeypatch):
    monkeypatch.setenv("PGHOST", "/nowhere")
    for connecting in (PostgresDatabase.connect, migrate):
        with pytest.raises(ConfigurationError, match=message) as caught:
            asyncio.run(connecting(dsn))
        assert "secret-word" not in str(caught.value) + repr(caught.value)


def test_database_that_was_not_migrated_is_refused_with_a_hint(new_database, migrated_dsn):
    with pytest.raises(ConfigurationError, match=r"expected version \d+, found none\. Migrate it first"):
        asyncio.run(PostgresDatabase.connect(new_database))


def test_database_of_a_cluster_without_our_roles_is_refused_with_a_hint(bare_database):
    with pytest.raises(ConfigurationError, match=r"no roles of AxonFlow\. Migrate it first"):
        asyncio.run(PostgresDatabase.connect(bare_database))


def test_database_closed_twice_or_in_use_ends(migrated_dsn):
    async def run():
        database = await PostgresDatabase.connect(migrated_dsn)
        with pytest.raises(asyncpg.InterfaceError, match="closed"):
            async with database.tenant("t"):
                await database.close(timeout_s=0.01)
        await database.close()
        with pytest.raises(AuditError, match="PostgreSQL could not"):
            await PostgresAuditProofs(database).stored_chains()

    asyncio.run(run())


def test_stores_whose_connections_were_cut_connect_again(migrated_dsn, tenant):
    with opened(migrated_dsn) as (run, database):
        store = ReadableStore(database)
        records = chained([audit_event(tenant)])
        run(store.write(records))
        assert run(store.chain(tenant, "writer", 0, 9)) == records
        execute(migrated_dsn, END_ALL)
        run(asyncio.sleep(0))
        for again in (lambda: store.write(records), lambda: store.chain(tenant, "writer", 0, 9)):
            try:
                run(again())
            except AuditError:  # a connection may still look alive to the one who takes it first
                run(again())
        assert run(store.search(AuditQuery(tenant_id=tenant))).total == 1


def test_stores_of_a_server_that_went_away_work_when_it_is_back(lone_server, bare_database, tenant):
    server, _ = lone_server
    asyncio.run(migrate(bare_database))
    with opened(bare_database) as (run, database):
        audit, plans = PostgresAuditStore(database), PostgresPlanStore(database)
        run(audit.write(chained([audit_event(tenant)])))
        run(plans.add(plan_execution(tenant, plan_id="p")))
        server.stop()
        for call in (
            lambda: audit.search(AuditQuery(tenant_id=tenant)),
            lambda: audit.write(chained([audit_event("t")])),
        ):
            with pytest.raises(AuditError, match="PostgreSQL could not") as caught:
                run(call())
            assert not isinstance(caught.value, AuditConflict)
        with pytest.raises(PlanError, match="PostgreSQL could not read a plan"):
            run(plans.get(tenant, "p"))
        server.start()
        assert run(audit.search(AuditQuery(tenant_id=tenant))).total == 1
        assert run(plans.get(tenant, "p")).name == "trip"


def test_call_that_is_cancelled_stays_cancelled_and_gives_its_connection_back(migrated_dsn, tenant):
    async def run():
        database = await PostgresDatabase.connect(migrated_dsn)
        store = PostgresAuditStore(database)
        for _ in range(10):
            task = asyncio.create_task(store.write(chained([audit_event(tenant)])))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await store.write(chained([audit_event(tenant)]))
        await database.close()

    asyncio.run(run())


def test_command_that_takes_too_long_is_an_error_of_the_store(migrated_dsn, tenant):
    async def run():
        database = await PostgresDatabase.connect(migrated_dsn)
        impatient = PostgresDatabase.lazily(migrated_dsn, DatabaseSettings(statement_timeout_s=0.2))
        impatient._is_checked = True  # for which it has no time on a busy machine
        plans = PostgresPlanStore(database)
        await plans.add(plan_execution(tenant, plan_id="p"))
        async with database.tenant(tenant) as other:
            await other.execute("SELECT * FROM axonflow.plan_execution WHERE tenant_id = $1 FOR UPDATE", tenant)
            with pytest.raises(PlanError, match="canceling statement due to statement timeout"):
                await PostgresPlanStore(impatient).begin(tenant, "p", "e", 6)
        await impatient.close()
        assert (await plans.begin(tenant, "p", "e", 6)).status == "running"
        await database.close()

    asyncio.run(run())
