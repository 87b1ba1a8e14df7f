"""Look a database over: each check says what was found and, where something is wrong, what to do."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

import asyncpg
from msgspec import Struct

from axonflow.adapters.postgres.administration import administered
from axonflow.adapters.postgres.database import ROLES, SERVICE_ROLES, Connection
from axonflow.adapters.postgres.failures import DRIVER_ERRORS, described, translated
from axonflow.adapters.postgres.migrating import pending_migrations
from axonflow.adapters.postgres.retention import days_from
from axonflow.adapters.postgres.sql_files import migrations, named_queries
from axonflow.errors import ConfigurationError

__all__ = ["Check", "Status", "examine", "status"]

_SQL: Final = named_queries("doctor.sql")
_MAX_SHOWN: Final = 5
_OLDEST, _NEWEST = 15, 18
_SKEW_WARNING_S: Final = 2.0
_SKEW_PROBLEM_S: Final = 60.0
_LAG_WARNING_S: Final = 10.0
_FEW_FREE_SHARE: Final = 0.2

State = Literal["ok", "warning", "problem"]


class Check(Struct, frozen=True):
    """One thing that was looked at. `remedy` is what to do, empty when all is well."""

    name: str
    state: State
    found: str
    remedy: str = ""


class Status(Struct, frozen=True):
    """Where a database stands. `pending` are the names of migrations that this code has and the database has not."""

    server: str
    database: str
    schema_version: int
    code_version: int
    pending: tuple[str, ...]
    size_bytes: int
    connections: int
    max_connections: int
    partitions: tuple[str, ...]
    about_events: int


async def status(dsn: str) -> Status:
    """What `axonflow db status` shows. Changes nothing. Raises ConfigurationError."""
    with translated(ConfigurationError, "read the state of the database"):
        async with administered(dsn, "status") as connection:
            server = await connection.fetchrow(_SQL["server"])
            applied, pending = await pending_migrations(connection, migrations())
            connections = await connection.fetchrow(_SQL["connections"])
            is_partitioned = applied and not any(name.startswith("0006") for name in pending)
            partitions = await connection.fetch(_SQL["partitions"]) if is_partitioned else []
    return Status(
        server["version"], server["database"], applied, migrations()[-1].version, tuple(pending),
        server["size_bytes"], connections["taken"], connections["most"],
        tuple(row["name"] for row in partitions), sum(row["about_rows"] for row in partitions),
    )  # fmt: skip


class _Scan(NamedTuple):
    """A query that names what is wrong."""

    name: str
    query: str
    state: State
    well: str
    remedy: str
    asks: Sequence[object] = ()
    role: str = ""


def _scans() -> list[_Scan]:
    ours = [list(ROLES)]
    coming = [days_from(datetime.now(UTC).date(), 4)]
    migrate, maintain = "axonflow db migrate", "axonflow db maintain"
    drop = "Drop it, or let it read as its caller; it may show one tenant the rows of another"
    return [
        _Scan("extensions", "missing_extensions", "problem", "plpgsql", "CREATE EXTENSION plpgsql"),
        _Scan("roles", "missing_roles", "problem", f"all {len(ROLES)} are there", migrate, ours),
        _Scan("powers of roles", "powerful_roles", "problem", "none beyond their work",
              "ALTER ROLE ... NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION", ours),
        _Scan("memberships of roles", "inherited_powers", "problem", "none", "REVOKE the membership", ours),
        _Scan("owners", "owning_roles", "problem", "no role of the services owns anything",
              "ALTER ... OWNER TO the login that migrates", ours),
        _Scan("row-level security", "unforced_tables", "problem", "forced on every table with tenants",
              "ALTER TABLE ... ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"),
        _Scan("policies", "open_policies", "problem", "each asks for the tenant", "DROP POLICY ... ON ..."),
        _Scan("hidden rows", "hiding_policies", "problem", "none", "DROP POLICY ... ON ..., or make it as it was"),
        _Scan("views", "views", "problem", "none that go around policies", drop),
        _Scan("SECURITY DEFINER functions", "definer_functions", "problem", "none", drop),
        _Scan("rights of everybody", "public_rights", "problem", "none", "REVOKE ALL ON ... FROM PUBLIC"),
        _Scan("rights of roles", "excessive_rights", "problem", "none beyond their work", "REVOKE ... ON ... FROM ...",
              ours),
        _Scan("triggers", "sleeping_triggers", "problem", "all enabled", "ALTER TABLE ... ENABLE TRIGGER ..."),
        _Scan("indexes", "invalid_indexes", "problem", "all valid", "REINDEX INDEX ..."),
        _Scan("durability", "careless_settings", "problem", "what is committed survives a crash",
              "Turn it on in postgresql.conf, or in the parameter group"),
        _Scan("logins of services", "powerful_logins", "warning", "none that may do more than serve",
              f"Run the services under a login that may only: GRANT {', '.join(SERVICE_ROLES)} TO ...",
              [sorted(set(ROLES) - set(SERVICE_ROLES))]),
        _Scan("long transactions", "lasting_transactions", "warning", "none over 10 minutes",
              "SELECT pg_terminate_backend(pid), if nobody needs it: it holds locks, and nothing is vacuumed"),
        _Scan("partitions", "missing_partitions", "problem", "there for today and three days more", maintain, coming),
        _Scan("events beyond partitions", "misplaced_events", "warning", "none",
              f"{maintain}; and look for a machine whose clock is ahead", (), "axonflow_auditor"),
        _Scan("retention", "retention_due", "warning", "nothing is past its time", maintain, (), "axonflow_backup"),
    ]  # fmt: skip


async def examine(dsn: str, *, replica_url: str | None = None) -> list[Check]:
    """All checks of the database at `dsn`, and of its read replica where one is given.

    Changes nothing. Raises ConfigurationError when there is no connection to the database.
    """
    with translated(ConfigurationError, "examine the database"):
        async with administered(dsn, "doctor") as connection:
            server = await connection.fetchrow(_SQL["server"])
            checks = [_version(server), _encoding(server), await _clock(connection)]
            checks.append(await _schema(connection))
            checks.append(_connections(await connection.fetchrow(_SQL["connections"])))
            if checks[3].state != "problem":
                checks += [await _scanned(connection, scan) for scan in _scans()]
    if replica_url is not None:
        checks += await _replica(replica_url, server)
    return checks


def _version(server: Any) -> Check:
    found = f"PostgreSQL {server['version']}"
    if server["major"] < _OLDEST:
        return Check("version", "problem", found, f"Upgrade to {_OLDEST} to {_NEWEST}")
    if server["major"] > _NEWEST:
        return Check("version", "warning", found, f"AxonFlow is tested with {_OLDEST} to {_NEWEST}")
    return Check("version", "ok", found)


def _encoding(server: Any) -> Check:
    if server["encoding"] == "UTF8":
        return Check("encoding", "ok", "UTF8")
    remedy = "Restore a backup into CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
    return Check("encoding", "problem", server["encoding"], remedy)


async def _clock(connection: Connection) -> Check:
    before_s = time.time()
    theirs_us = await connection.fetchval(_SQL["clock"])
    after_s = time.time()
    # Half of the round trip either way cannot be told from skew.
    skew_s = max(abs(theirs_us / 1e6 - (before_s + after_s) / 2) - (after_s - before_s) / 2, 0.0)
    state: State = "problem" if skew_s > _SKEW_PROBLEM_S else "warning" if skew_s > _SKEW_WARNING_S else "ok"
    remedy = "" if state == "ok" else "Synchronise both clocks (NTP): expiry and retention go by them"
    return Check("clock", state, f"{skew_s:.1f} s apart from this machine", remedy)


async def _schema(connection: Connection) -> Check:
    try:
        version, pending = await pending_migrations(connection, migrations())
    except ConfigurationError as error:
        return Check("schema", "problem", str(error), error.hint or "Run the release that it was made by")
    if pending:
        return Check("schema", "problem", f"version {version}, {len(pending)} pending: {_listed(pending)}",
                     "axonflow db migrate")  # fmt: skip
    return Check("schema", "ok", f"version {version}")


def _connections(row: Any) -> Check:
    found = f"{row['taken']} of {row['usable']} taken, {row['ours']} of them by AxonFlow"
    if row["usable"] - row["taken"] >= row["usable"] * _FEW_FREE_SHARE:
        return Check("connections", "ok", found)
    return Check("connections", "warning", found, "Raise max_connections, or lower --database-connections")


async def _scanned(connection: Connection, scan: _Scan) -> Check:
    async def names() -> list[str]:
        async with connection.transaction(readonly=True):
            if scan.role:
                await connection.execute(f"SET LOCAL ROLE {scan.role}")
            return [row["what"] for row in await connection.fetch(_SQL[scan.query], *scan.asks)]

    return await _judged(scan, names)


async def _judged(scan: _Scan, names: Callable[[], Awaitable[list[str]]]) -> Check:
    try:
        found = await names()
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedFunctionError) as failure:
        return Check(scan.name, "problem", f"the schema is not whole: {described(failure)}",
                     "Somebody has changed it by hand: restore a backup into a new database")  # fmt: skip
    except DRIVER_ERRORS as failure:
        return Check(
            scan.name, "warning", f"not known: {described(failure)}", "Examine it with the login that migrates"
        )
    if not found:
        return Check(scan.name, "ok", scan.well)
    return Check(scan.name, scan.state, _listed(found), scan.remedy)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else ""
    return ", ".join(names[:_MAX_SHOWN]) + more


async def _replica(url: str, primary: Any) -> list[Check]:
    try:
        async with administered(url, "doctor") as connection:
            server = await connection.fetchrow(_SQL["server"])
            lag_s = await connection.fetchval(_SQL["lag"]) if server["is_replica"] else None
            schema = await _schema(connection)
    except (ConfigurationError, *DRIVER_ERRORS) as error:
        found = str(error) if isinstance(error, ConfigurationError) else described(error)
        return [Check("replica", "problem", found, "Searches read from the primary until it is back")]
    if lag_s is None:
        return [Check("replica", "warning", "it is no replica, but takes writes itself", "Name a replica, or none")]
    if server["database"] != primary["database"] or schema.state == "problem":
        return [Check("replica", "problem", f"database {server['database']}, {schema.found}",
                      "Name the replica of this very database")]  # fmt: skip
    state: State = "warning" if lag_s > _LAG_WARNING_S else "ok"
    remedy = "" if state == "ok" else "Searches read from the primary while it is this far behind"
    return [Check("replica", state, f"{lag_s:.1f} s behind", remedy)]
