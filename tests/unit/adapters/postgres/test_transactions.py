"""Transactions of a role: what they begin with, how they end, and what they leave to whoever has their connection
next."""

import asyncio

import asyncpg
import pytest

from axonflow.adapters.postgres import DatabaseSettings, PostgresDatabase
from tests.postgres_stores import opened

TENANT = "SELECT current_setting('axonflow.tenant_id', true)"
STATE = (
    "SELECT current_user::text, current_setting('transaction_isolation'), current_setting('transaction_read_only'),"
    " nullif(current_setting('axonflow.tenant_id', true), '')"
)
PRINCIPAL = (
    "INSERT INTO axonflow.principal (tenant_id, principal_type, principal_id, created_us, created_by, updated_us)"
    " VALUES ($1, 'user', 'ann', 1, 'x', 1)"
)
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


@pytest.mark.parametrize(
    "tenant_id",
    [
        "acme", "", "é€𝄞", "'", "\\", "x', true); SET ROLE axonflow_auditor; SELECT ('",
        "'hex'), 'UTF8'), true); RESET ROLE --", "$1", "a\nb", "{}", "'; COMMIT; --",
    ],
)  # fmt: skip
def test_transaction_of_a_tenant_whose_name_looks_like_sql_is_of_that_name_alone(opened_database, tenant_id):
    run, database = opened_database

    async def seen():
        async with database.tenant(tenant_id) as connection:
            return [*await connection.fetchrow(STATE), await connection.fetchval(TENANT)]

    assert run(seen()) == ["axonflow_app", "read committed", "off", tenant_id or None, tenant_id]


@pytest.mark.parametrize("tenant_id", ["a\0b", "\ud800"])
def test_transaction_of_a_name_that_no_database_holds_is_refused_and_the_next_one_works(opened_database, tenant_id):
    run, database = opened_database

    async def refused():
        with pytest.raises(asyncpg.CharacterNotInRepertoireError):
            async with database.tenant(tenant_id):
                pytest.fail("there is no such tenant")
        async with database.tenant("b") as connection:
            return await connection.fetchval(TENANT)

    assert run(refused()) == "b"


@pytest.mark.parametrize(
    ("name", "arguments", "isolation", "read_only"),
    [
        ("auditor", (), "read committed", "on"), ("sync", (), "read committed", "on"),
        ("key_lookup", ([b"x"],), "read committed", "on"), ("backup", (), "repeatable read", "on"),
        ("registrar", (), "read committed", "off"), ("writer", ({"w"},), "read committed", "off"),
    ],
)  # fmt: skip
def test_transaction_of_a_role_reads_or_writes_as_it_should(opened_database, name, arguments, isolation, read_only):
    run, database = opened_database

    async def seen():
        async with getattr(database, name)(*arguments) as connection:
            return list(await connection.fetchrow(STATE))[1:]

    assert run(seen()) == [isolation, read_only, None]


def one_connection(dsn, work):
    """What `work` gives for a database of one connection, so that each transaction has the one before it had."""

    async def run():
        database = await PostgresDatabase.connect(dsn, DatabaseSettings(max_connections=1))
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


@pytest.mark.parametrize("how", ["committed", "raised", "refused", "swallowed"])
def test_connection_of_another_tenant_brings_nothing_along_however_its_transaction_ended(migrated_dsn, how):
    async def used(database):
        async with database.tenant("A") as connection:
            await connection.execute("SET axonflow.tenant_id = 'A'")
            await connection.execute("SELECT pg_advisory_lock(77)")
            await connection.execute("DECLARE kept CURSOR WITH HOLD FOR SELECT 1")
            if how == "raised":
                raise LookupError
            if how == "refused":
                await connection.execute("SELECT 1/0")
            if how == "swallowed":
                with pytest.raises(asyncpg.DivisionByZeroError):
                    await connection.execute("SELECT 1/0")

    async def work(database):
        try:
            await used(database)
        except (LookupError, asyncpg.DivisionByZeroError):
            assert how in ("raised", "refused")
        async with database.tenant("B") as connection:
            assert await connection.fetchval(TENANT) == "B"
        async with database._connections.acquire("axonflow_app") as bare:
            cursors = await bare.fetchval("SELECT count(*) FROM pg_cursors WHERE name = 'kept'")
            return await bare.fetchval(LOCKS), cursors, await bare.fetchval(TENANT)

    assert one_connection(migrated_dsn, work) == (0, 0, "")


def test_transaction_that_fails_at_its_very_end_raises_keeps_nothing_and_the_connection_is_clean(migrated_dsn, tenant):
    async def add_to_nobody(database):
        async with database.tenant(tenant) as connection:
            await connection.execute("SET CONSTRAINTS ALL DEFERRED")
            await connection.execute("SET search_path = axonflow")
            await connection.execute(PRINCIPAL, tenant)

    async def work(database):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await add_to_nobody(database)
        async with database._connections.acquire("axonflow_app") as bare:
            assert not bare.is_in_transaction()
            assert await bare.fetchval("SHOW search_path") == "pg_catalog"
        async with database.tenant(tenant) as connection:
            return await connection.fetchval("SELECT count(*) FROM axonflow.principal")

    assert one_connection(migrated_dsn, work) == 0


def test_transaction_whose_connection_is_cut_raises_and_the_next_one_has_another(migrated_dsn):
    with opened(migrated_dsn) as (run, database):

        async def cut():
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                async with database.tenant("A") as connection:
                    await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            async with database.tenant("B") as connection:
                return await connection.fetchval(TENANT)

        assert run(cut()) == "B"
