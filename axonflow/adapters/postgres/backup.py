"""Back up and restore without any program of PostgreSQL: COPY out of one snapshot, COPY into one transaction.

What an installation is: every row of every table of the schema. Roles, logins and settings of the server are not in it;
`migrate` makes what AxonFlow needs of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from axonflow.adapters.postgres.administration import administered, quoted
from axonflow.adapters.postgres.archive import (
    FORMAT,
    ArchiveReader,
    Digest,
    Manifest,
    TableEntry,
    opened_archive,
    written,
)
from axonflow.adapters.postgres.database import Connection
from axonflow.adapters.postgres.failures import translated
from axonflow.adapters.postgres.migrating import apply_migrations, current_migration, migrate
from axonflow.adapters.postgres.sql_files import Migration, migrations, named_queries
from axonflow.errors import ConfigurationError

__all__ = ["Manifest", "backup", "restore"]

Progress = Callable[[int, int], None]
"""``(rows done, rows in all)``; the second is an estimate where nobody has counted."""

_SQL: Final = named_queries("backup.sql")
_MADE: Final = {"tier": "WHERE false", "tenant": "WHERE tenant_id NOT IN ('*', 'default')"}
"""What migrations put there themselves, and so nobody's data."""


class _Count:
    """Rows that have passed by, of `whole`."""

    def __init__(self, whole: int, progress: Progress) -> None:
        self._whole = whole
        self._done = 0
        self._progress = progress

    def add(self, data: bytes) -> None:
        """A piece of COPY text."""
        self._done += data.count(b"\n")
        self._progress(self._done, max(self._whole, self._done))


async def backup(dsn: str, path: Path, *, progress: Progress = lambda _done, _whole: None) -> Manifest:
    """Write the state of the database at this moment to a new file at `path`; services go on meanwhile.

    The login has to be a member of axonflow_backup. Raises ConfigurationError, and then there is no file.
    """
    with written(path) as archive, translated(ConfigurationError, "back up the database"):
        async with (
            administered(dsn, "backup", role="axonflow_backup") as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            at = await connection.fetchrow(_SQL["now"])
            migration = await current_migration(connection)
            tables = await connection.fetch(_SQL["tables"])
            count = _Count(sum(table["about_rows"] for table in tables), progress)
            entries: list[TableEntry] = []
            for table in tables:
                with archive.table(table["name"]) as put:
                    digest = await _copy_out(connection, table, count, put)
                entries.append(digest.entry(table["name"], tuple(table["columns"])))
            manifest = Manifest(
                format=FORMAT, time_us=at["time_us"], schema_version=migration.version,
                schema_sha256=migration.sha256, server=at["server"], database=at["database"], tables=tuple(entries),
            )  # fmt: skip
            archive.finish(manifest)
    return manifest


async def _copy_out(
    connection: Connection, table: Mapping[str, Any], count: _Count, put: Callable[[bytes], object] = len
) -> Digest:
    """Hand the table's text on to `put`, piece by piece."""
    digest = Digest()

    async def take(data: bytes) -> None:
        digest.update(data)
        put(data)
        count.add(data)

    # By the primary key, so that the same rows are the same text, in whichever order they lie.
    columns, key = (", ".join(map(quoted, table[part])) for part in ("columns", "key"))
    query = f"SELECT {columns} FROM axonflow.{quoted(table['name'])} ORDER BY {key}"  # noqa: S608  names, quoted
    await connection.copy_from_query(query, output=take)
    return digest


async def restore(dsn: str, path: Path, *, progress: Progress = lambda _done, _whole: None) -> Manifest:
    """Put the backup at `path` into the empty database of `dsn`, compare what is there then with what was backed up,
    and bring it to the schema of this code.

    One transaction: whatever interrupts it leaves an empty database. The login has to be able to migrate. Raises
    ConfigurationError for a database that is not empty, a backup of a newer release, a file that is damaged.
    """
    with opened_archive(path) as archive:
        known = _migrations_of(archive.manifest, str(path))
        with translated(ConfigurationError, "restore the database"):
            async with administered(dsn, "restore") as connection:
                async with connection.transaction():
                    await _restore(connection, archive, known, progress)
                for entry in archive.manifest.tables:
                    await connection.execute(f"ANALYZE axonflow.{quoted(entry.name)}")
    await migrate(dsn)
    return archive.manifest


def _migrations_of(manifest: Manifest, at: str) -> list[Migration]:
    known = migrations()
    if manifest.schema_version > known[-1].version:
        raise ConfigurationError(
            "the backup is of a newer release", expected=f"at most schema version {known[-1].version}",
            found=f"version {manifest.schema_version}", at=at, hint="Restore it with that release",
        )  # fmt: skip
    upto = [migration for migration in known if migration.version <= manifest.schema_version]
    if not upto or upto[-1].sha256 != manifest.schema_sha256:
        raise ConfigurationError(
            "the backup has another schema than its version says", found=f"SHA-256 {manifest.schema_sha256[:80]}",
            expected=f"SHA-256 {upto[-1].sha256}" if upto else "version 1 or later", at=at,
        )  # fmt: skip
    return upto


async def _restore(
    connection: Connection, archive: ArchiveReader, known: Sequence[Migration], progress: Progress
) -> None:
    if await connection.fetchval(_SQL["is_there"]):
        await _make_room(connection)
    await apply_migrations(connection, known)
    tables = {table["name"]: table for table in await connection.fetch(_SQL["tables"])}
    _check_tables(archive.manifest, tables)
    forced = [row["name"] for row in await connection.fetch(_SQL["forced"])]
    named = [f"axonflow.{quoted(name)}" for name in tables]
    for table in named:
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for name in forced:  # COPY FROM is refused where policies hold: nobody else sees the tables before the end
        await connection.execute(f"ALTER TABLE axonflow.{quoted(name)} NO FORCE ROW LEVEL SECURITY")
    await connection.execute(f"TRUNCATE {', '.join(named)}")  # what migrations put there is in the backup as well
    await connection.execute("SET CONSTRAINTS ALL DEFERRED")
    count = _Count(2 * sum(entry.rows for entry in archive.manifest.tables), progress)
    for entry in archive.manifest.tables:
        await connection.copy_to_table(
            entry.name, source=_source(archive, entry, count), columns=entry.columns, schema_name="axonflow"
        )
    await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for entry in archive.manifest.tables:
        await _compare(connection, entry, tables[entry.name], count)
    for name in forced:
        await connection.execute(f"ALTER TABLE axonflow.{quoted(name)} FORCE ROW LEVEL SECURITY")
    for table in named:
        await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


async def _make_room(connection: Connection) -> None:
    """Take away a schema in which nobody has put anything: the backup may be of an earlier one."""
    tables = await connection.fetch(_SQL["tables"])
    # What somebody is about to commit would not be seen, and go with the schema.
    named = ", ".join(f"axonflow.{quoted(table['name'])}" for table in tables)
    await connection.execute(f"LOCK TABLE {named} IN ACCESS EXCLUSIVE MODE")
    await connection.execute("SET LOCAL ROLE axonflow_backup")
    for table in tables:
        query = f"SELECT EXISTS (SELECT FROM axonflow.{quoted(table['name'])} {_MADE.get(table['name'], '')})"  # noqa: S608  a name, quoted
        if await connection.fetchval(query):
            raise ConfigurationError(
                "the database is not empty", expected="no schema axonflow, or one without data",
                found=f"rows in axonflow.{table['name']}",
                hint="Restore into a new database, then point the services at it",
            )  # fmt: skip
    await connection.execute("RESET ROLE")
    await connection.execute("DROP SCHEMA axonflow CASCADE")


def _check_tables(manifest: Manifest, tables: Mapping[str, Any]) -> None:
    found = {entry.name: entry.columns for entry in manifest.tables}
    expected = {name: tuple(table["columns"]) for name, table in tables.items()}
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            raise ConfigurationError(
                "the backup does not fit its schema", expected=_columns(expected.get(name)),
                found=_columns(found.get(name)), at=f"table {name[:80]}",
            )  # fmt: skip


def _columns(names: Sequence[str] | None) -> str:
    return "no such table" if names is None else f"columns {', '.join(names)}"


async def _source(archive: ArchiveReader, entry: TableEntry, count: _Count) -> AsyncIterator[bytes]:
    for piece in archive.chunks(entry):
        count.add(piece)
        yield piece


async def _compare(connection: Connection, entry: TableEntry, table: Mapping[str, Any], count: _Count) -> None:
    digest = await _copy_out(connection, table, count)
    if digest.entry(entry.name, entry.columns) != entry:
        raise ConfigurationError(
            "what was restored is not what was backed up", expected=f"{entry.rows} rows, SHA-256 {entry.sha256}",
            found=f"{digest.rows} rows, {digest.sha256}", at=f"table {entry.name}",
        )  # fmt: skip
