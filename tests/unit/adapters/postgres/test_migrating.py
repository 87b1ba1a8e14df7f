"""Migrations: once each, one migrator at a time, and never over a history that is not theirs."""

import asyncio
import re
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from msgspec.structs import replace

from axonflow.adapters.postgres import PostgresAuditProofs, PostgresDatabase, migrate, migrating
from axonflow.adapters.postgres.database import ROLES, SERVICE_ROLES
from axonflow.adapters.postgres.sql_files import Migration, migrations
from axonflow.errors import AuditError, ConfigurationError
from tests.postgres import execute, fresh_database
from tests.postgres_stores import opened

NAMES = [migration.name for migration in migrations()]
BROKEN = Migration(9999, "9999_broken", "CREATE TABLE axonflow.half (a int); SELECT 1 / 0;")


def as_login(dsn, login):
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{login}:secret-word@{parts.netloc.rpartition('@')[2]}"))


def database_of(dsn):
    return urlsplit(dsn).path.lstrip("/")


def recorded(dsn):
    return [
        tuple(row) for row in execute(dsn, "SELECT version, name, sha256 FROM axonflow.schema_migration ORDER BY 1")
    ]


def test_migrate_of_an_empty_database_applies_all_and_then_nothing(new_database):
    assert asyncio.run(migrate(new_database)) == NAMES
    assert asyncio.run(migrate(new_database)) == []
    assert recorded(new_database) == [(one.version, one.name, one.sha256) for one in migrations()]
    rows = execute(
        new_database, "SELECT now() - to_timestamp(applied_us / 1e6) AS since FROM axonflow.schema_migration"
    )
    assert max(abs(row["since"].total_seconds()) for row in rows) < 3600


def test_migrate_by_many_at_once_applies_each_migration_once(new_database):
    async def run():
        return await asyncio.gather(*(migrate(new_database) for _ in range(4)))

    assert sorted(asyncio.run(run())) == [[], [], [], NAMES]


def test_migrate_of_several_databases_of_one_cluster_at_once_makes_the_roles_once(lone_server, bare_database):
    _, admin_dsn = lone_server
    with fresh_database(admin_dsn) as second, fresh_database(admin_dsn) as third:

        async def run():
            return await asyncio.gather(*(migrate(dsn) for dsn in (bare_database, second, third)))

        assert asyncio.run(run()) == [NAMES] * 3


def test_migrate_while_another_holds_the_lock_gives_up_in_time(new_database):
    async def run():
        other = await asyncpg.connect(new_database)
        await other.fetch(migrating._SQL["lock"])
        try:
            await migrate(new_database, lock_timeout_s=0.05)
        finally:
            await other.close()

    with pytest.raises(ConfigurationError, match="lock timeout"):
        asyncio.run(run())


def test_migrate_with_a_changed_file_is_refused(new_database):
    asyncio.run(migrate(new_database))
    execute(new_database, f"UPDATE axonflow.schema_migration SET sha256 = '{'0' * 64}' WHERE version = 1", "SELECT 1")
    with pytest.raises(ConfigurationError, match=f"{NAMES[0]}: a migration was changed after it was applied"):
        asyncio.run(migrate(new_database))


def test_migrate_of_a_newer_database_is_refused_and_so_is_connecting(new_database):
    asyncio.run(migrate(new_database))
    newer = f"INSERT INTO axonflow.schema_migration VALUES (9999, '9999_later', '{'0' * 64}', 1, 9000)"
    execute(new_database, newer, "SELECT 1")
    with pytest.raises(
        ConfigurationError, match=r"newer than this code.* 9999, for code of version 9000 on\. Run a newer"
    ):
        asyncio.run(migrate(new_database))
    with pytest.raises(ConfigurationError, match=r"another schema than this code.*It is newer"):
        asyncio.run(PostgresDatabase.connect(new_database))


def test_migrate_of_a_newer_database_that_takes_nothing_away_goes_on_and_so_does_connecting(new_database):
    asyncio.run(migrate(new_database))
    later = f"INSERT INTO axonflow.schema_migration VALUES (9999, '9999_later', '{'0' * 64}', 1, {len(NAMES)})"
    execute(new_database, later, "SELECT 1")
    assert asyncio.run(migrate(new_database)) == []
    with opened(new_database) as (run, database):
        assert run(PostgresAuditProofs(database).stored_chains()) == []


def test_migrate_with_a_migration_that_takes_something_away_says_from_which_code_on(new_database, monkeypatch):
    narrower = replace(BROKEN, sql="-- oldest code: 9999\nDROP TABLE axonflow.vault_value;")
    monkeypatch.setattr(migrating, "migrations", lambda: [*migrations(), narrower])
    asyncio.run(migrate(new_database))
    monkeypatch.undo()
    with pytest.raises(ConfigurationError, match=r"another schema than this code.*It is newer"):
        asyncio.run(PostgresDatabase.connect(new_database))


def test_migrate_with_a_migration_that_fails_leaves_nothing_of_it(new_database, monkeypatch):
    fine = replace(BROKEN, version=9998, name="9998_fine", sql="CREATE TABLE axonflow.whole (a int);")
    monkeypatch.setattr(migrating, "migrations", lambda: [*migrations(), fine, BROKEN])
    with pytest.raises(ConfigurationError, match="could not migrate"):
        asyncio.run(migrate(new_database))
    assert [name for _, name, _ in recorded(new_database)] == [*NAMES, "9998_fine"]
    (row,) = execute(
        new_database, "SELECT to_regclass('axonflow.half') AS half, to_regclass('axonflow.whole') AS whole"
    )
    assert (row["half"], row["whole"]) == (None, "axonflow.whole")
    monkeypatch.setattr(migrating, "migrations", lambda: [*migrations(), fine])
    assert asyncio.run(migrate(new_database)) == []


def test_migrate_of_a_database_without_unicode_is_refused(postgres_dsn):
    name = "latin_text"
    execute(
        postgres_dsn,
        f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
        "SELECT 1",
    )
    try:
        with pytest.raises(ConfigurationError, match="expected encoding UTF8, found LATIN1"):
            asyncio.run(migrate(urlunsplit(urlsplit(postgres_dsn)._replace(path=f"/{name}"))))
    finally:
        execute(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


def test_migrate_of_an_old_server_is_refused_by_its_version():
    with pytest.raises(ConfigurationError, match=r"too old: expected 15 to 18, found 14\.9"):
        migrating._check_server({"version_number": 140009, "version": "14.9", "encoding": "UTF8"})


def test_migrate_by_an_ordinary_login_with_the_rights_it_needs_works(lone_server, bare_database):
    execute(
        bare_database,
        "CREATE ROLE migrator LOGIN CREATEROLE PASSWORD 'secret-word'",
        f"GRANT CREATE ON DATABASE {database_of(bare_database)} TO migrator",
        "SELECT 1",
    )
    dsn = as_login(bare_database, "migrator")
    assert asyncio.run(migrate(dsn)) == NAMES
    assert asyncio.run(migrate(dsn)) == []

    async def connects():
        await (await PostgresDatabase.connect(dsn)).close()

    asyncio.run(connects())


def test_migrate_by_a_login_without_rights_says_which_and_how_to_give_them(lone_server, bare_database):
    execute(bare_database, "CREATE ROLE migrator LOGIN PASSWORD 'secret-word'", "SELECT 1")
    dsn, name = as_login(bare_database, "migrator"), database_of(bare_database)
    with pytest.raises(ConfigurationError) as caught:
        asyncio.run(migrate(dsn))
    message = str(caught.value)
    assert "expected CREATEROLE and CREATE on database" in message
    statements = re.findall(r"(?:ALTER|GRANT)[^;]*;", message)
    assert statements == ['ALTER ROLE "migrator" CREATEROLE;', f'GRANT CREATE ON DATABASE "{name}" TO "migrator";']
    execute(bare_database, *statements, "SELECT 1")
    assert asyncio.run(migrate(dsn)) == NAMES


def test_migrate_by_a_login_that_made_no_roles_needs_them_granted(lone_server, bare_database):
    with fresh_database(lone_server[1]) as first:
        asyncio.run(migrate(first))
        execute(
            bare_database,
            "CREATE ROLE migrator LOGIN PASSWORD 'secret-word'",
            f"GRANT CREATE ON DATABASE {database_of(bare_database)} TO migrator",
            "SELECT 1",
        )
        dsn = as_login(bare_database, "migrator")
        with pytest.raises(ConfigurationError, match="may not work as AxonFlow's roles") as caught:
            asyncio.run(migrate(dsn))
        execute(bare_database, *re.findall(r"GRANT[^;]*;", str(caught.value)), "SELECT 1")
        assert asyncio.run(migrate(dsn)) == NAMES


def test_migrate_by_another_login_than_the_owner_is_refused_only_when_behind(lone_server, bare_database, monkeypatch):
    asyncio.run(migrate(bare_database))
    execute(bare_database, "CREATE ROLE worker LOGIN PASSWORD 'secret-word'", "SELECT 1")
    dsn = as_login(bare_database, "worker")
    with pytest.raises(ConfigurationError, match="login that owns the schema"):
        asyncio.run(migrate(dsn))
    with pytest.raises(ConfigurationError, match=r'GRANT axonflow_app, .* TO "worker";'):
        asyncio.run(PostgresDatabase.connect(dsn))
    execute(bare_database, f"GRANT {', '.join(ROLES)} TO worker", "SELECT 1")
    assert asyncio.run(migrate(dsn)) == []
    monkeypatch.setattr(migrating, "migrations", lambda: [*migrations(), BROKEN])
    with pytest.raises(ConfigurationError, match="ownership of schema axonflow"):
        asyncio.run(migrate(dsn))


def test_migrate_by_a_login_of_services_when_there_is_nothing_to_do_asks_for_no_more_than_they_need(
    lone_server, bare_database
):
    asyncio.run(migrate(bare_database))
    execute(bare_database, "CREATE ROLE worker LOGIN PASSWORD 'secret-word'", "SELECT 1")
    execute(bare_database, f"GRANT {', '.join(SERVICE_ROLES)} TO worker", "SELECT 1")
    dsn = as_login(bare_database, "worker")
    assert asyncio.run(migrate(dsn)) == []
    with opened(dsn) as (run, database), pytest.raises(AuditError, match="axonflow_auditor"):
        run(PostgresAuditProofs(database).stored_chains())


def test_migrate_with_a_role_that_bypasses_policies_is_refused(lone_server, bare_database):
    execute(bare_database, "CREATE ROLE axonflow_app BYPASSRLS", "SELECT 1")
    with pytest.raises(ConfigurationError, match=r"may do more than it should.*axonflow_app"):
        asyncio.run(migrate(bare_database))


def test_migrate_with_a_wrong_password_does_not_show_it(postgres_dsn):
    with pytest.raises(ConfigurationError, match="no connection to PostgreSQL") as caught:
        asyncio.run(migrate(as_login(postgres_dsn, "nobody_here")))
    assert "secret-word" not in str(caught.value)
