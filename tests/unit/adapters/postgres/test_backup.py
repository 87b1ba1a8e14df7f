"""Backups: everything comes back as it was, into an empty database, or nothing does."""

import asyncio
import json
import zipfile

import asyncpg
import pytest

from axonflow.adapters.postgres import PostgresAuditStore, migrate
from axonflow.adapters.postgres.backup import backup, restore
from axonflow.adapters.postgres.sql_files import migrations
from axonflow.audit import AuditQuery
from axonflow.errors import ConfigurationError
from axonflow.ids import now_us
from tests.postgres import execute, fresh_database
from tests.postgres_rows import add_rows, rows_of
from tests.postgres_stores import audit_event, chained, opened
from tests.unit.adapters.postgres.test_catalogue import catalogue

MONTH_US = 31 * 86_400_000_000
TEXT = 'tab\t, line\n, \\. backslash \\, "quotes", ü\U0001f600'
COUNTS = (
    "SELECT (SELECT count(*) FROM axonflow.audit_event) AS events, (SELECT count(*) FROM axonflow.tenant) AS tenants"
)


@pytest.fixture(scope="module")
def filled(postgres_dsn):
    """A database with rows in every table, and a trail over several partitions."""
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(migrate(dsn))
        asyncio.run(add_rows(dsn, "A", "B"))
        times_us = [now_us() + month * MONTH_US for month in (0, 1, 2, 20)] * 50
        events = [audit_event("A", time_us=time_us + n, principal=TEXT) for n, time_us in enumerate(times_us)]
        with opened(dsn) as (run, database):
            run(PostgresAuditStore(database).write(chained(events)))
        yield dsn


@pytest.fixture(scope="module")
def archive(filled, tmp_path_factory):
    path = tmp_path_factory.mktemp("backup") / "monday.zip"
    asyncio.run(backup(filled, path))
    return path


def contents(dsn):
    tables = [row[0] for row in execute(dsn, "SELECT name FROM (VALUES ('tier')) AS t (name)")] + sorted(rows_of(""))
    return {name: execute(dsn, f"SELECT t::text FROM axonflow.{name} t ORDER BY 1") for name in tables}


def test_backup_that_is_restored_gives_every_row_and_the_same_schema(filled, archive, new_database):
    seen = []
    manifest = asyncio.run(restore(new_database, archive, progress=lambda *now: seen.append(now)))
    assert contents(new_database) == contents(filled)
    assert catalogue(new_database) == catalogue(filled)
    assert seen[-1] == (2 * sum(table.rows for table in manifest.tables),) * 2
    with opened(new_database) as (run, database):
        page = run(PostgresAuditStore(database).search(AuditQuery(tenant_id="A", principal=TEXT)))
        assert page.total == 200


def test_backup_file_is_for_its_owner_only_and_says_what_is_in_it(archive):
    assert archive.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(archive) as file:
        manifest = json.loads(file.read("manifest.json"))
        assert file.namelist()[-1] == "manifest.json"
    rows = {table["name"]: table["rows"] for table in manifest["tables"]}
    assert (rows["audit_event"], rows["tenant"]) == (202, 4)
    assert manifest["schema_version"] == migrations()[-1].version


def test_backup_of_one_moment_holds_nothing_that_was_written_later(filled, tmp_path, new_database):
    """A row is put in after the first table was read."""
    asyncio.run(restore(new_database, make(filled, tmp_path / "first.zip")))
    done = []

    def write_once(rows, whole):
        if not done:
            done.append(whole)
            execute_elsewhere(new_database)

    asyncio.run(backup(new_database, tmp_path / "second.zip", progress=write_once))
    with zipfile.ZipFile(tmp_path / "second.zip") as file:
        assert b"written later" not in file.read("tables/vault_value.copy")
    written = "SELECT count(*) FROM axonflow.vault_value WHERE tenant_id = 'written later'"
    assert execute(new_database, written)[0][0] == 1


def execute_elsewhere(dsn):
    import threading

    sql = "INSERT INTO axonflow.vault_value VALUES ('written later', 'l', 1, '\\x01')"
    thread = threading.Thread(target=execute, args=(dsn, sql))
    thread.start()
    thread.join()


def make(dsn, path):
    asyncio.run(backup(dsn, path))
    return path


def test_backup_over_a_file_that_is_there_is_refused(filled, archive):
    before = archive.read_bytes()
    with pytest.raises(ConfigurationError, match="the file is there already"):
        asyncio.run(backup(filled, archive))
    assert archive.read_bytes() == before


@pytest.mark.parametrize("place", ["missing/folder.zip", "."])
def test_backup_that_cannot_be_written_is_refused_and_leaves_no_file(filled, tmp_path, place):
    with pytest.raises(ConfigurationError, match=r"cannot be written|is there already"):
        asyncio.run(backup(filled, tmp_path / place))
    assert list(tmp_path.iterdir()) == []


def test_backup_of_a_database_without_our_schema_is_refused_and_leaves_no_file(new_database, filled, tmp_path):
    with pytest.raises(ConfigurationError, match=r"no schema of AxonFlow.*axonflow db migrate"):
        asyncio.run(backup(new_database, tmp_path / "b.zip"))
    assert list(tmp_path.iterdir()) == []


def test_restore_into_a_database_that_is_not_empty_is_refused_and_changes_nothing(filled, archive):
    before = contents(filled)
    with pytest.raises(ConfigurationError, match="the database is not empty"):
        asyncio.run(restore(filled, archive))
    assert contents(filled) == before


def test_restore_while_somebody_writes_waits_and_then_finds_the_row_of_theirs(new_database, archive):
    """Else the row that is not committed yet would go with the schema, and nobody would know."""

    async def run():
        await migrate(new_database)
        writer, watcher = [await asyncpg.connect(new_database) for _ in range(2)]
        try:
            async with writer.transaction():
                await writer.execute("INSERT INTO axonflow.tier (tier) VALUES ('own')")
                await writer.execute(
                    "INSERT INTO axonflow.tenant (tenant_id, name, tier, created_us, created_by, updated_us) "
                    "VALUES ('late', 'Late', 'own', 0, 'x', 0)"
                )
                restoring = asyncio.create_task(restore(new_database, archive))
                while not await watcher.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                    assert not restoring.done()
                    await asyncio.sleep(0)
            with pytest.raises(ConfigurationError, match="the database is not empty"):
                await restoring
            assert await watcher.fetchval("SELECT count(*) FROM axonflow.tenant WHERE tenant_id = 'late'") == 1
        finally:
            await writer.close()
            await watcher.close()

    asyncio.run(run())


def is_empty(dsn):
    return execute(dsn, "SELECT count(*) FROM pg_namespace WHERE nspname = 'axonflow'")[0][0] == 0


def changed(archive, target, change):
    """A copy of the archive with `change` done to its members, by name."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target


def in_manifest(before, after):
    return lambda name, data: data.replace(before, after) if name == "manifest.json" else data


DAMAGES = {
    "a value": lambda name, data: data.replace(b"user:ann", b"user:eve") if name == "tables/principal.copy" else data,
    "a row less": lambda name, data: b"\n".join(data.split(b"\n")[1:]) if name == "tables/tier.copy" else data,
    "a table less": lambda name, data: None if name == "tables/tier.copy" else data,
    "no manifest": lambda name, data: None if name == "manifest.json" else data,
    "a foreign manifest": lambda name, data: b"{}" if name == "manifest.json" else data,
    "another format": in_manifest(b"axonflow-backup/1", b"axonflow-backup/2"),
    "a newer schema": in_manifest(b'"schema_version": ', b'"schema_version": 99'),
    "another schema": in_manifest(migrations()[-1].sha256.encode(), b"0" * 64),
    "another column": in_manifest(b'"audit_hold"', b'"audit_held"'),
    "another table": in_manifest(b'"name": "tier"', b'"name": "pg_authid"'),
    "not text of COPY": lambda name, data: b"\xff\n" * 3 if name == "tables/tier.copy" else data,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_restore_of_a_damaged_backup_is_refused_and_leaves_the_database_empty(archive, new_database, tmp_path, damage):
    bad = changed(archive, tmp_path / "bad.zip", DAMAGES[damage])
    with pytest.raises(ConfigurationError):
        asyncio.run(restore(new_database, bad))
    assert is_empty(new_database)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9])
def test_restore_of_a_file_that_was_cut_off_is_refused(archive, new_database, tmp_path, share):
    bad = tmp_path / "bad.zip"
    bad.write_bytes(archive.read_bytes()[: int(share * archive.stat().st_size)])
    with pytest.raises(ConfigurationError, match="not a backup"):
        asyncio.run(restore(new_database, bad))
    assert is_empty(new_database)


FLAGS_AT, VERSION_AT = 8, 6
"""In an entry of a ZIP archive's central directory (APPNOTE.TXT, section 4.3.12)."""


@pytest.mark.parametrize("member", ["manifest.json", "tables/tier.copy"])
@pytest.mark.parametrize(("place", "bit"), [(FLAGS_AT, 0x01), (VERSION_AT, 0x80)])
def test_restore_of_a_file_with_a_bit_turned_in_its_directory_is_refused(
    archive, new_database, tmp_path, member, place, bit
):
    """Says that the member is encrypted, or made by a version of ZIP that there is not."""
    data = bytearray(archive.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(member.encode()))
    data[entry + place] ^= bit
    bad = tmp_path / "bad.zip"
    bad.write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"not a (whole )?backup"):
        asyncio.run(restore(new_database, bad))
    assert is_empty(new_database)


def test_restore_of_no_file_is_refused_by_its_name(new_database, tmp_path):
    with pytest.raises(ConfigurationError, match="none\\.zip: the backup cannot be read"):
        asyncio.run(restore(new_database, tmp_path / "none.zip"))
