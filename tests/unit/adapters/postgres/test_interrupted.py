"""Migrations, backups and restores that are interrupted: kill -9, a lost connection, a restart, a lock, a timeout."""

import asyncio
import subprocess
import sys
import zipfile

import asyncpg
import pytest

from axonflow.adapters.postgres import PostgresAuditStore, migrate, migrating
from axonflow.adapters.postgres.backup import backup, restore
from axonflow.adapters.postgres.sql_files import migrations
from axonflow.errors import ConfigurationError
from tests.postgres import execute, fresh_database
from tests.postgres_rows import add_rows
from tests.postgres_stores import audit_event, chained, opened
from tests.running import eventually

NAMES = [migration.name for migration in migrations()]
MIGRATE = """
import asyncio, sys
from msgspec.structs import replace
from axonflow.adapters.postgres import migrate, migrating
from axonflow.adapters.postgres.sql_files import migrations

known = migrations()
known[3] = replace(known[3], sql=known[3].sql + "SELECT pg_sleep(600);")
migrating.migrations = lambda: known
asyncio.run(migrate(sys.argv[1]))
"""
SLEEPING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
OF_OURS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'axonflow %' AND datname = current_database()"


def started(program, *arguments):
    return subprocess.Popen([sys.executable, "-c", program, *arguments], stderr=subprocess.PIPE, text=True)


@pytest.fixture
def halfway(new_database):
    """A process that is in the middle of the fourth migration."""
    process = started(MIGRATE, new_database)
    try:
        eventually(lambda: execute(new_database, SLEEPING), "in the middle of a migration")
        yield process
    finally:
        process.kill()
        process.communicate()


def recorded(dsn):
    return [row[0] for row in execute(dsn, "SELECT name FROM axonflow.schema_migration ORDER BY version")]


def tables(dsn):
    rows = execute(dsn, "SELECT tablename FROM pg_tables WHERE schemaname = 'axonflow'")
    return {row[0] for row in rows}


def test_migration_that_is_killed_halfway_leaves_the_one_before_and_the_next_run_goes_on(halfway, new_database):
    assert (recorded(new_database), "policy_set" in tables(new_database)) == (NAMES[:3], False)
    halfway.kill()
    assert asyncio.run(migrate(new_database)) == NAMES[3:]
    assert recorded(new_database) == NAMES


def test_migration_whose_connection_is_cut_ends_with_a_message_and_can_be_run_again(halfway, new_database):
    execute(new_database, f"SELECT pg_terminate_backend(pid) FROM ({SLEEPING}) AS those")
    assert halfway.wait(60) != 0
    said = halfway.stderr.read()
    assert "ConfigurationError: PostgreSQL could not migrate the database" in said
    assert asyncio.run(migrate(new_database)) == NAMES[3:]


def test_migration_while_the_server_restarts_can_be_run_again(lone_server):
    server, admin_dsn = lone_server
    with fresh_database(admin_dsn) as dsn:
        process = started(MIGRATE, dsn)
        eventually(lambda: execute(dsn, SLEEPING), "in the middle of a migration")
        server.stop()
        assert process.wait(60) != 0
        process.communicate()
        server.start()
        assert recorded(dsn) == NAMES[:3]
        assert asyncio.run(migrate(dsn)) == NAMES[3:]


def test_second_migration_waits_for_the_first_and_gives_up_in_time(halfway, new_database):
    with pytest.raises(ConfigurationError, match="lock timeout"):
        asyncio.run(migrate(new_database, lock_timeout_s=0.1))
    halfway.kill()
    assert asyncio.run(migrate(new_database)) == NAMES[3:]


def test_migration_of_a_table_in_use_gives_up_in_time_with_nothing_half_done(new_database, monkeypatch):
    monkeypatch.setattr(migrating, "_TABLE_LOCK_MS", 10)
    monkeypatch.setattr(migrating, "_PAUSE_S", 0)

    async def run():
        with monkeypatch.context() as known:
            known.setattr(migrating, "migrations", lambda: migrations()[:5])
            await migrate(new_database)
        reading = await asyncpg.connect(new_database)
        async with reading.transaction():
            await reading.fetch("SELECT FROM axonflow.audit_event")
            with pytest.raises(ConfigurationError, match="lock timeout"):
                await migrate(new_database, lock_timeout_s=0.2)
        await reading.close()
        return await migrate(new_database)

    assert asyncio.run(run()) == NAMES[5:]


def test_migration_in_a_database_with_a_statement_timeout_is_not_cut_short(new_database):
    name = execute(new_database, "SELECT current_database()")[0][0]
    execute(new_database, f"ALTER DATABASE {name} SET statement_timeout = '1ms'", "SELECT 1")
    assert asyncio.run(migrate(new_database)) == NAMES


@pytest.fixture(scope="module")
def archive(postgres_dsn, tmp_path_factory):
    path = tmp_path_factory.mktemp("backup") / "monday.zip"
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(migrate(dsn))
        asyncio.run(add_rows(dsn, "A"))
        with opened(dsn) as (run, database):
            run(PostgresAuditStore(database).write(chained(audit_event("A", time_us=n) for n in range(5_000))))
        asyncio.run(backup(dsn, path))
    return path


RESTORE = """
import asyncio, sys, threading
from pathlib import Path
from axonflow.adapters.postgres.backup import restore

def stop(done, whole):
    if done > whole * float(sys.argv[3]):
        print("there", file=sys.stderr, flush=True)
        threading.Event().wait()

asyncio.run(restore(sys.argv[1], Path(sys.argv[2]), progress=stop))
"""


@pytest.mark.parametrize("share", ["0.1", "0.6"])
def test_restore_that_is_killed_leaves_an_empty_database_that_can_be_restored_into(archive, new_database, share):
    process = started(RESTORE, new_database, str(archive), share)
    try:
        assert process.stderr.readline() == "there\n"
    finally:
        process.kill()
        process.communicate()
    eventually(lambda: not execute(new_database, OF_OURS), "the server noticed")
    assert tables(new_database) == set()
    manifest = asyncio.run(restore(new_database, archive))
    assert {entry.name: entry.rows for entry in manifest.tables}["audit_event"] == 5_001


BACKUP = RESTORE.replace("import restore", "import backup").replace(
    "restore(sys.argv[1], Path(sys.argv[2])", "backup(sys.argv[1], Path(sys.argv[2])"
)


def test_backup_that_is_killed_leaves_no_file_of_its_name(archive, new_database, tmp_path):
    asyncio.run(restore(new_database, archive))
    target = tmp_path / "tuesday.zip"
    process = started(BACKUP, new_database, str(target), "0.5")
    try:
        assert process.stderr.readline() == "there\n"
    finally:
        process.kill()
        process.communicate()
    assert not target.exists()
    asyncio.run(backup(new_database, target))
    with zipfile.ZipFile(target) as file:
        assert file.testzip() is None


def test_backup_whose_connection_is_cut_is_refused_and_leaves_no_file(archive, new_database, tmp_path):
    asyncio.run(restore(new_database, archive))
    cut = []

    def end(done, whole):
        if not cut and done > 1_000:
            cut.append(done)
            subprocess.run([sys.executable, "-c", CUT, new_database], check=True)

    with pytest.raises(ConfigurationError, match="could not back up the database"):
        asyncio.run(backup(new_database, tmp_path / "b.zip", progress=end))
    assert (bool(cut), list(tmp_path.iterdir())) == (True, [])


CUT = """
import asyncio, asyncpg, sys

async def run():
    connection = await asyncpg.connect(sys.argv[1])
    await connection.fetch(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'axonflow backup'"
    )
    await connection.close()

asyncio.run(run())
"""
