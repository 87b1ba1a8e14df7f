"""Bring a database to the schema of this code."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import asyncpg

from axonflow.adapters.postgres.administration import administered
from axonflow.adapters.postgres.database import ROLES, SERVICE_ROLES, Connection
from axonflow.adapters.postgres.failures import translated
from axonflow.adapters.postgres.sql_files import Migration, migrations, named_queries
from axonflow.errors import ConfigurationError

__all__ = ["Recorded", "apply_migrations", "current_migration", "migrate", "pending_migrations"]

_SQL: Final = named_queries("migration.sql")
_ROLES_SQL: Final = named_queries("roles.sql")
_OLDEST: Final = 15
_TABLE_LOCK_MS: Final = 2_000
_PAUSE_S: Final = 0.5

Progress = Callable[[str, int, int], None]
"""``(name of the migration that begins, how many are done, of how many)``"""


class Recorded(NamedTuple):
    """A migration as the database remembers it."""

    version: int
    name: str
    sha256: str


async def migrate(
    dsn: str,
    *,
    connect_timeout_s: float = 10.0,
    lock_timeout_s: float = 60.0,
    progress: Progress = lambda _name, _done, _whole: None,
) -> list[str]:
    """Apply what is missing, each migration in its own transaction, and return the names of what was applied.

    Also makes the roles of AxonFlow that the cluster does not have, and grants them to the login of `dsn`. Of two at
    once one waits, at most `lock_timeout_s` seconds, as does one that needs a table that is in use. Raises
    ConfigurationError, and then nothing of the migration at fault is left, for: a database with a changed history, or
    newer than this code; PostgreSQL older than 15; a login that lacks a right (the message has the SQL that gives it).
    """
    with translated(ConfigurationError, "migrate the database"):
        async with administered(
            dsn, "migrate", connect_timeout_s=connect_timeout_s, lock_timeout_s=lock_timeout_s
        ) as connection:
            return await apply_migrations(connection, migrations(), lock_timeout_s=lock_timeout_s, progress=progress)


async def apply_migrations(
    connection: Connection,
    known: Sequence[Migration],
    *,
    lock_timeout_s: float = 60.0,
    progress: Progress = lambda _name, _done, _whole: None,
) -> list[str]:
    """As `migrate`, on a connection that is there already and may be in a transaction."""
    server = await connection.fetchrow(_SQL["server"])
    _check_server(server)
    await connection.fetch(_SQL["lock"])
    missing = await _missing(connection, known)
    owns_schema = await _check_rights(connection, server, bool(missing))
    await _ensure_roles(connection, server, ROLES if owns_schema else SERVICE_ROLES)
    deadline_s = time.monotonic() + lock_timeout_s
    for done, migration in enumerate(missing):
        progress(migration.name, done, len(missing))
        while not await _apply(connection, migration, deadline_s):  # noqa: ASYNC110  only the server knows when
            await asyncio.sleep(_PAUSE_S)
    return [migration.name for migration in missing]


async def _apply(connection: Connection, migration: Migration, deadline_s: float) -> bool:
    """Whether `migration` was applied; False when somebody was using a table that it changes, and there is time left.

    It does not wait for a table for long, because all others who want that table would wait behind it.
    """
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_MS}ms'")
            await connection.execute(migration.sql)
            await connection.execute(_SQL["record"], migration.version, migration.name, migration.sha256)
            if migration.oldest_code is not None:
                await connection.execute(_SQL["record_oldest_code"], migration.version, migration.oldest_code)
    except asyncpg.LockNotAvailableError:
        if time.monotonic() > deadline_s:
            raise
        return False
    return True


async def pending_migrations(connection: Connection, known: Sequence[Migration]) -> tuple[int, list[str]]:
    """The version that the database is at (0: none), and the names of the migrations that it has not. Raises
    ConfigurationError when its history is another than that of this code."""
    missing = await _missing(connection, known)
    try:
        version = (await current_migration(connection)).version
    except ConfigurationError:
        version = 0
    return version, [migration.name for migration in missing]


async def current_migration(connection: Connection) -> Recorded:
    """The last one that was applied. Raises ConfigurationError when there is none."""
    try:
        rows = await connection.fetch(_SQL["recorded"])
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        rows = []
    if not rows:
        raise ConfigurationError("the database has no schema of AxonFlow", hint="axonflow db migrate makes it")
    return Recorded(rows[-1]["version"], rows[-1]["name"], rows[-1]["sha256"])


def _check_server(server: Any) -> None:
    if server["version_number"] < _OLDEST * 10_000:
        raise ConfigurationError("PostgreSQL is too old", expected=f"{_OLDEST} to 18", found=server["version"])
    if server["encoding"] != "UTF8":
        raise ConfigurationError(
            "the database cannot hold all text", expected="encoding UTF8", found=server["encoding"],
            hint="CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0",
        )  # fmt: skip


async def _missing(connection: Connection, known: Sequence[Migration]) -> list[Migration]:
    if not await connection.fetchval(_SQL["has_migrations"]):
        return list(known)
    try:
        recorded = await connection.fetch(_SQL["recorded"])
    except asyncpg.InsufficientPrivilegeError:
        raise ConfigurationError(
            "the login may not read which migrations were applied",
            hint="Migrate with the login that owns the schema axonflow",
        ) from None
    by_version = {migration.version: migration for migration in known}
    for version, name, sha256, oldest_code in recorded:
        migration = by_version.get(version)
        if migration is None:
            if oldest_code <= known[-1].version:
                continue  # of a later release, and made so that this one goes on working
            raise ConfigurationError(
                "the database is newer than this code", expected=f"at most version {known[-1].version}",
                found=f"version {version}, for code of version {oldest_code} on", hint="Run a newer AxonFlow",
            )  # fmt: skip
        if migration.sha256 != sha256:
            raise ConfigurationError(
                "a migration was changed after it was applied", expected=f"SHA-256 {sha256}",
                found=migration.sha256, at=name, hint="Restore the file as it was released, or the database",
            )  # fmt: skip
    applied = {row["version"] for row in recorded}
    return [migration for migration in known if migration.version not in applied]


async def _check_rights(connection: Connection, server: Any, is_behind: bool) -> bool:  # noqa: FBT001  one fact, one caller
    """Whether the login owns the schema, or is about to make it."""
    rights = await connection.fetchrow(_SQL["rights"])
    login, lacking, remedies = _quoted(server["login"]), [], []
    if await connection.fetch(_ROLES_SQL["missing_roles"], list(ROLES)) and not rights["creates_roles"]:
        lacking.append("CREATEROLE")
        remedies.append(f"ALTER ROLE {login} CREATEROLE;")
    if rights["owns_schema"] is None and not rights["creates_schemas"]:
        lacking.append(f"CREATE on database {server['database']}")
        remedies.append(f"GRANT CREATE ON DATABASE {_quoted(server['database'])} TO {login};")
    if is_behind and rights["owns_schema"] is False:
        lacking.append("ownership of schema axonflow")
        remedies.append(f"GRANT <the owner of schema axonflow> TO {login};")
    if lacking:
        raise ConfigurationError(
            "the login may not migrate the database", expected=" and ".join(lacking), found=f"login {login} without",
            hint=f"An administrator of the database runs: {' '.join(remedies)}",
        )  # fmt: skip
    return rights["owns_schema"] is not False


async def _ensure_roles(connection: Connection, server: Any, needed: Sequence[str]) -> None:
    await connection.execute(_ROLES_SQL["create_roles"])
    unsafe = [row["rolname"] for row in await connection.fetch(_ROLES_SQL["unsafe_roles"], list(ROLES))]
    if unsafe:
        raise ConfigurationError(
            "a role of AxonFlow may do more than it should", found=", ".join(unsafe),
            expected="NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB",
        )  # fmt: skip
    if not await connection.fetch(_ROLES_SQL["roles_not_granted"], list(needed)):
        return
    try:
        async with connection.transaction():
            await connection.execute(_ROLES_SQL["grant_roles"])
    except asyncpg.PostgresError:  # not allowed, or another database's migration of the same login was at it too
        if await connection.fetch(_ROLES_SQL["roles_not_granted"], list(needed)):
            raise ConfigurationError(
                "the login may not work as AxonFlow's roles", expected=f"a member of {', '.join(needed)}",
                hint=f"An administrator of the database runs: GRANT {', '.join(needed)} TO {_quoted(server['login'])};",
            ) from None  # fmt: skip


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
