"""The services' login: it may become what the services need, and nothing else."""

import asyncio

import asyncpg
import pytest

from axonflow.adapters.postgres import PostgresAuditProofs, PostgresAuditStore, PostgresDatabase, migrate, service_login
from axonflow.audit import AuditQuery
from axonflow.errors import ConfigurationError


async def connected(dsn):
    await migrate(dsn)
    return await asyncpg.connect(await service_login(dsn))


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE axonflow_auditor",
        "SET ROLE postgres",
        "SELECT * FROM axonflow.audit_event",
        "CREATE TABLE axonflow.mine (a int)",
        "CREATE ROLE another",
        "COPY (SELECT 1) TO '/tmp/x'",
    ],
)
def test_service_login_may_not_do_more_than_its_roles(new_database, statement):
    async def main():
        connection = await connected(new_database)
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(main())


def test_service_login_writes_and_searches_and_cannot_read_all_tenants(new_database):
    async def main():
        await migrate(new_database)
        database = await PostgresDatabase.connect(await service_login(new_database))
        store = PostgresAuditStore(database)
        assert (await store.search(AuditQuery(tenant_id="t"))).total == 0
        with pytest.raises(Exception, match=r"axonflow_auditor|PostgreSQL could not"):
            await PostgresAuditProofs(database).stored_chains()
        await database.close()

    asyncio.run(main())


def test_service_login_has_a_new_password_each_time(new_database):
    async def main():
        await migrate(new_database)
        first, second = await service_login(new_database), await service_login(new_database)
        assert first != second
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(first)
        await (await asyncpg.connect(second)).close()

    asyncio.run(main())


def test_service_login_of_a_database_that_is_away_is_refused_without_its_password():
    with pytest.raises(ConfigurationError) as raised:
        asyncio.run(service_login("postgresql://me:hunter2@127.0.0.1:1/x"))
    assert "hunter2" not in str(raised.value)
