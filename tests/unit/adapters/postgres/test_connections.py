"""The connections of a process: never more than it may have, whatever its roles want; and the read replica."""

import asyncio

import asyncpg
import pytest

from axonflow.adapters.postgres import DatabaseSettings, PostgresAuditStore, PostgresDatabase, migrate
from axonflow.adapters.postgres import database as module
from axonflow.adapters.postgres.connections import ROLES, RoleConnections
from axonflow.audit import AuditQuery
from axonflow.errors import AuditError, ConfigurationError
from axonflow.ids import new_id
from tests.postgres_rows import add_rows, key_hmac
from tests.postgres_stores import audit_event, chained

AWAY = "postgresql://ann:secret-word@/db?host=/nowhere"


def limited(most, **parts):
    return DatabaseSettings(max_connections=most, **parts)


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  it is another connection, or a timer, that makes it true
            await asyncio.sleep(0)


async def user_of(connections, role):
    async with connections.acquire(role) as connection:
        return await connection.fetchval("SELECT current_user")


@pytest.mark.parametrize("most", [1, 2, 5])
def test_connections_of_all_roles_at_once_are_never_more_than_allowed(migrated_dsn, most):
    async def run():
        connections = RoleConnections(migrated_dsn, limited(most), dict.fromkeys(ROLES, most))
        seen = []

        async def work(role):
            async with connections.acquire(role) as connection:
                seen.append(connections.open)
                return await connection.fetchval("SELECT current_user")

        users = await asyncio.gather(*(work(role) for role in ROLES * 8))
        assert users == list(ROLES * 8)
        assert max(seen) <= most
        await connections.close(60)
        assert connections.open == 0

    asyncio.run(run())


def test_connections_plan_for_the_values_but_for_the_writer_each_time_they_are_used(migrated_dsn):
    async def run():
        connections = RoleConnections(migrated_dsn, limited(3), dict.fromkeys(ROLES, 1))
        for _ in range(2):
            for role in ROLES:
                async with connections.acquire(role, "BEGIN") as connection:
                    kind = "generic" if role == "axonflow_writer" else "custom"
                    assert await connection.fetchval("SHOW plan_cache_mode") == f"force_{kind}_plan"
                    await connection.execute("SET plan_cache_mode = auto")
        await connections.close(60)

    asyncio.run(run())


def test_connection_is_used_again_and_left_clean(migrated_dsn):
    async def run():
        connections = RoleConnections(migrated_dsn, limited(2), {"axonflow_app": 2})
        async with connections.acquire("axonflow_app") as first:
            await first.execute("SET axonflow.tenant_id = 'A'")
            await first.execute("SELECT pg_advisory_lock(77)")
        async with connections.acquire("axonflow_app") as second:
            assert second is first
            assert await second.fetchval("SELECT nullif(current_setting('axonflow.tenant_id', true), '')") is None
            locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            assert await second.fetchval(locks) == 0
        await connections.close(60)

    asyncio.run(run())


def test_connection_that_nobody_uses_is_closed_after_a_while(migrated_dsn):
    async def run():
        connections = RoleConnections(migrated_dsn, limited(2, idle_connection_s=0.01), {"axonflow_app": 2})
        await user_of(connections, "axonflow_app")
        await until(lambda: not connections.open)
        assert await user_of(connections, "axonflow_app") == "axonflow_app"
        await connections.close(60)

    asyncio.run(run())


def test_connection_that_was_cut_while_unused_is_not_given_out(migrated_dsn):
    async def run():
        connections = RoleConnections(migrated_dsn, limited(1), {"axonflow_app": 1})
        async with connections.acquire("axonflow_app") as first:
            pid = await first.fetchval("SELECT pg_backend_pid()")
        cutting = await asyncpg.connect(migrated_dsn)
        await cutting.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
        await cutting.close()
        await until(first.is_closed)
        assert await user_of(connections, "axonflow_app") == "axonflow_app"
        await connections.close(60)

    asyncio.run(run())


def test_connection_in_use_by_others_is_waited_for_only_so_long(migrated_dsn):
    async def run():
        settings = limited(1, connect_timeout_s=0.05, statement_timeout_s=0.05)
        connections = RoleConnections(migrated_dsn, settings, dict.fromkeys(ROLES, 1))
        await connections._slots.acquire()
        for role in ROLES:
            with pytest.raises(TimeoutError):
                await user_of(connections, role)
        connections._slots.release()
        await connections.close(0)
        with pytest.raises(asyncpg.InterfaceError, match="closed"):
            await user_of(connections, "axonflow_app")

    asyncio.run(run())


def test_connection_that_cannot_be_made_leaves_its_place_to_the_next(migrated_dsn):
    async def run():
        connections = RoleConnections(AWAY, limited(1), {"axonflow_app": 1})
        for _ in range(3):
            with pytest.raises(OSError, match=r"nowhere|No such file|connect"):
                await user_of(connections, "axonflow_app")
        assert connections.open == 0
        connections._dsn = migrated_dsn
        assert await user_of(connections, "axonflow_app") == "axonflow_app"
        await connections.close(60)

    asyncio.run(run())


def test_settings_of_the_server_are_those_that_were_given(migrated_dsn):
    async def run():
        settings = limited(1, statement_timeout_s=7, lock_timeout_s=3.5, idle_transaction_timeout_s=11)
        connections = RoleConnections(migrated_dsn, settings, {"axonflow_app": 1})
        async with connections.acquire("axonflow_app") as connection:
            names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
            found = [await connection.fetchval("SELECT current_setting($1)", name) for name in names]
        await connections.close(60)
        return found

    assert asyncio.run(run()) == ["7s", "3500ms", "11s"]


@pytest.mark.parametrize("most", [0, -1])
def test_database_without_connections_is_refused(most):
    with pytest.raises(ConfigurationError, match="no connections"):
        PostgresDatabase.lazily("postgresql://host/db", limited(most))
    with pytest.raises(ConfigurationError, match="not the address"):
        PostgresDatabase.lazily("postgresql://host/db", limited(1, replica_url="mysql://host/db"))


def test_key_look_up_through_the_database_finds_the_key_that_was_shown(new_database):
    async def run():
        await add_rows(new_database, "A", "B")
        database = await PostgresDatabase.connect(new_database, limited(1))
        async with database.key_lookup([key_hmac("A"), key_hmac("nobody")]) as connection:
            rows = await connection.fetch(
                "SELECT tenant_id, status FROM axonflow.api_key JOIN axonflow.tenant USING (tenant_id)"
            )
        await database.close()
        return [tuple(row) for row in rows]

    asyncio.run(migrate(new_database))
    assert asyncio.run(run()) == [("A", "active")]


class Searching:
    """Searches of one tenant through a database with a replica, which is another database here."""

    def __init__(self, primary, replica, **parts):
        self.said = []
        settings = limited(2, replica_url=replica, **parts)
        self.database = PostgresDatabase.lazily(primary, settings, report=self.said.append)
        self.store = PostgresAuditStore(self.database)

    async def total(self, tenant):
        return (await self.store.search(AuditQuery(tenant_id=tenant))).total


def with_events(dsn, tenant, count):
    async def write():
        database = await PostgresDatabase.connect(dsn)
        await PostgresAuditStore(database).write(chained(audit_event(tenant) for _ in range(count)))
        await database.close()

    asyncio.run(write())


def test_search_reads_from_the_replica_while_it_is_well(migrated_dsn, new_database):
    asyncio.run(migrate(new_database))
    tenant = new_id(1)
    with_events(migrated_dsn, tenant, 2)
    with_events(new_database, tenant, 5)

    async def run():
        searching = Searching(migrated_dsn, new_database)
        found = await searching.total(tenant)
        await searching.database.close()
        return found, searching.said

    assert asyncio.run(run()) == (5, [])


def test_search_without_its_replica_reads_from_the_primary_and_says_so_once(migrated_dsn, new_database, monkeypatch):
    monkeypatch.setattr(module, "_RETRY_S", 0.0)
    asyncio.run(migrate(new_database))
    tenant = new_id(1)
    with_events(migrated_dsn, tenant, 2)
    with_events(new_database, tenant, 5)

    async def run():
        searching = Searching(migrated_dsn, AWAY)
        totals = [await searching.total(tenant) for _ in range(3)]
        searching.database._replica._dsn = new_database
        totals += [await searching.total(tenant) for _ in range(2)]
        await searching.database.close()
        return totals, searching.said

    totals, said = asyncio.run(run())
    assert totals == [2, 2, 2, 5, 5]
    assert said[0].startswith("searches read from the primary, not from the replica: ")
    assert said[1:] == ["searches read from the replica again"]
    assert "secret-word" not in said[0]


def test_search_while_the_replica_is_behind_reads_from_the_primary(migrated_dsn, new_database):
    asyncio.run(migrate(new_database))
    tenant = new_id(1)
    with_events(migrated_dsn, tenant, 2)

    async def run():
        searching = Searching(migrated_dsn, new_database, max_replica_lag_s=-1.0)
        totals = [await searching.total(tenant) for _ in range(2)]
        await searching.database.close()
        return totals, searching.said

    assert asyncio.run(run()) == ([2, 2], ["searches read from the primary, not from the replica: it is 0 s behind"])


def test_search_without_primary_and_replica_is_an_error_of_the_store():
    async def run():
        searching = Searching(AWAY, AWAY)
        with pytest.raises(AuditError, match="no connection to PostgreSQL"):
            await searching.total("t")
        await searching.database.close()

    asyncio.run(run())


def test_queries_that_wait_for_more_than_a_connection_do_not_need_two(migrated_dsn):
    """With a single connection, what the stores do in turn still works."""

    async def run():
        database = await PostgresDatabase.connect(migrated_dsn, limited(1))
        store = PostgresAuditStore(database)
        tenant = new_id(1)
        await asyncio.gather(*(store.write(chained([audit_event(tenant, f"w{n}")])) for n in range(9)))
        pages = await asyncio.gather(*(store.search(AuditQuery(tenant_id=tenant)) for _ in range(9)))
        await database.close()
        return {page.total for page in pages}

    assert asyncio.run(run()) == {9}
