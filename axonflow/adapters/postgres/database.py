"""The database as its users see it: one kind of transaction for each role, and what each of them may see."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from urllib.parse import urlsplit

import asyncpg

from axonflow.adapters.postgres.connections import (
    ROLES,
    SERVICE_ROLES,
    Connection,
    DatabaseSettings,
    Role,
    RoleConnections,
)
from axonflow.adapters.postgres.failures import DRIVER_ERRORS, described
from axonflow.adapters.postgres.listener import PostgresListener
from axonflow.adapters.postgres.sql_files import migrations, named_queries
from axonflow.errors import ConfigurationError
from axonflow.ids import now_us

__all__ = [
    "ONE_MOMENT", "ROLES", "SERVICE_ROLES", "Connection", "DatabaseSettings", "PostgresDatabase", "Role", "refused",
]  # fmt: skip

T = TypeVar("T")

_USUAL: Final = DatabaseSettings()
_READ_ONLY: Final = frozenset({"axonflow_auditor", "axonflow_keys", "axonflow_sync", "axonflow_backup"})
_CHECK_TIMEOUT_S: Final = 5.0
_RETRY_S: Final = 10.0
"""How long searches stay with the primary when the replica did not answer, or was too far behind."""
_CURRENT_VERSION: Final = named_queries("migration.sql")["current_version"]
_LAG: Final = named_queries("doctor.sql")["lag"]
_USUAL_ISOLATION: Final = "READ COMMITTED"
ONE_MOMENT: Final = "REPEATABLE READ"
"""The isolation of several reads that have to be of one moment."""
_DSN_FORM: Final = "postgresql://login:password@host:5432/database, or ...@/database?host=/socket/folder"
_MIGRATE: Final = "Migrate it first"


class PostgresDatabase:
    """One database, and its read replica where there is one. Connections are made when first needed."""

    def __init__(self, dsn: str, settings: DatabaseSettings, report: Callable[[str], None]) -> None:
        self._dsn = dsn
        self._settings = settings
        self._report = report
        # One connection is always left to whoever drains the spool and looks up keys.
        app = max(settings.max_connections - 1, 1)
        most = dict.fromkeys(ROLES, settings.max_connections)
        self._connections = RoleConnections(dsn, settings, {**most, "axonflow_app": app})
        self._replica = RoleConnections(settings.replica_url, settings, most) if settings.replica_url else None
        self.listener = PostgresListener(dsn, settings)
        """What the database announces, as those see it who use `sync`; one connection beside the others."""
        self._replica_from_s = 0.0
        self._replica_failing_since_us: int | None = None
        self._is_checked = False
        self.made_us = 0
        """When its schema was made, in microseconds since the Unix epoch, which tells it from others; known once it was
        checked."""

    @classmethod
    async def connect(cls, dsn: str, settings: DatabaseSettings = _USUAL) -> PostgresDatabase:
        """The database at `dsn`, once it has answered and its schema is one that this code works with.

        The login has to be a member of the roles (`migrate` sees to that for the login it runs under). Raises
        ConfigurationError, which never shows the password.
        """
        database = cls.lazily(dsn, settings)
        try:
            await database._check_version()  # noqa: SLF001  its own class
        except BaseException:
            await database.close()
            raise
        return database

    @classmethod
    def lazily(
        cls, dsn: str, settings: DatabaseSettings = _USUAL, *, report: Callable[[str], None] = lambda _said: None
    ) -> PostgresDatabase:
        """As `connect`, but for a database that may be away: its schema is checked before its first transaction.

        `report` is told, in one sentence, when searches begin to read from the primary instead of the replica, and when
        they read from that again. Raises ConfigurationError for what is no address.
        """
        for url in filter(None, (dsn, settings.replica_url)):
            if not _is_address(url):
                raise refused(url, ValueError())
        if settings.max_connections < 1:
            raise ConfigurationError("no connections", expected="1 or more", found=str(settings.max_connections))
        return cls(dsn, settings, report)

    async def check(self) -> None:
        """Raises ConfigurationError when the schema is not one that this code works with. Asked until it is."""
        if not self._is_checked:
            await self._check_version()

    async def _check_version(self) -> None:
        try:
            async with self._begun("axonflow_app") as connection:
                found, oldest_code, made_us = await connection.fetchrow(_CURRENT_VERSION)
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            found, oldest_code, made_us = None, None, 0
        except (*DRIVER_ERRORS, ValueError) as failure:
            raise refused(self._dsn, failure) from None
        expected = migrations()[-1].version
        # A later release that takes nothing away from this one may have migrated: tasks are replaced one by one.
        if found is None or found < expected or oldest_code > expected:
            newer = found is not None and found > expected
            raise ConfigurationError(
                "the database has another schema than this code", expected=f"version {expected}",
                found=f"version {found}" if found else "none",
                hint="It is newer: run a newer AxonFlow" if newer else _MIGRATE,
            )  # fmt: skip
        self.made_us, self._is_checked = made_us, True

    @asynccontextmanager
    async def tenant(self, tenant_id: str, *, isolation: str = _USUAL_ISOLATION) -> AsyncIterator[Connection]:
        """A transaction that sees and writes the rows of one tenant, and no others."""
        async with self._transaction("axonflow_app", "axonflow.tenant_id", tenant_id, isolation) as connection:
            yield connection

    @asynccontextmanager
    async def writer(self, writer_ids: set[str]) -> AsyncIterator[Connection]:
        """A transaction that appends audit records, and knows those of these writers again."""
        quoted = ",".join('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in sorted(writer_ids))
        async with self._transaction("axonflow_writer", "axonflow.writer_ids", f"{{{quoted}}}") as connection:
            yield connection

    @asynccontextmanager
    async def executor(self, executor_id: str) -> AsyncIterator[Connection]:
        """A transaction that can give up the running plans of one executor, of any tenant."""
        async with self._transaction("axonflow_executor", "axonflow.executor_id", executor_id) as connection:
            yield connection

    @asynccontextmanager
    async def auditor(self) -> AsyncIterator[Connection]:
        """A transaction that reads the audit trail of all tenants, and nothing else."""
        async with self._transaction("axonflow_auditor") as connection:
            yield connection

    @asynccontextmanager
    async def key_lookup(self, key_hmacs: Sequence[bytes]) -> AsyncIterator[Connection]:
        """A transaction that sees the API keys with these hashes, of whichever tenant, and their tenants."""
        quoted = ",".join(f'"\\\\x{value.hex()}"' for value in key_hmacs)
        async with self._transaction("axonflow_keys", "axonflow.key_hmacs", f"{{{quoted}}}") as connection:
            yield connection

    @asynccontextmanager
    async def sync(self) -> AsyncIterator[Connection]:
        """A transaction that sees which policies are in force for which tenant, but not what they say."""
        async with self._transaction("axonflow_sync") as connection:
            yield connection

    @asynccontextmanager
    async def registrar(self) -> AsyncIterator[Connection]:
        """A transaction that makes and changes tenants, and sees nothing in them."""
        async with self._transaction("axonflow_registrar") as connection:
            yield connection

    @asynccontextmanager
    async def keeper(self, tenant_id: str) -> AsyncIterator[Connection]:
        """A transaction that removes what is past its time of one tenant, or all of one that is being deleted."""
        async with self._transaction("axonflow_keeper", "axonflow.tenant_id", tenant_id) as connection:
            yield connection

    @asynccontextmanager
    async def backup(self) -> AsyncIterator[Connection]:
        """A transaction that reads everything as it is at its beginning, and changes nothing."""
        async with self._transaction("axonflow_backup", isolation=ONE_MOMENT) as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(
        self, role: Role, setting: str = "", value: str = "", isolation: str = _USUAL_ISOLATION
    ) -> AsyncIterator[Connection]:
        await self.check()
        async with self._begun(role, setting, value, isolation) as connection:
            yield connection

    @asynccontextmanager
    async def _begun(
        self, role: Role, setting: str = "", value: str = "", isolation: str = _USUAL_ISOLATION
    ) -> AsyncIterator[Connection]:
        # Named, for a database may have another default, under which concurrent writers fail.
        begin = f"BEGIN ISOLATION LEVEL {isolation}{', READ ONLY' if role in _READ_ONLY else ''}"
        async with self._connections.acquire(role, begin + _locally(setting, value)) as connection:
            yield connection

    async def read(self, tenant_id: str, work: Callable[[Connection], Awaitable[T]]) -> T:
        """What `work` reads of one tenant: from the replica if there is one and it is well, else from the primary.

        What was written in the last seconds may not be in the replica yet (`max_replica_lag_s`).
        """
        if self._replica is not None and time.monotonic() >= self._replica_from_s:
            try:
                begin = "BEGIN READ ONLY" + _locally("axonflow.tenant_id", tenant_id)
                async with self._replica.acquire("axonflow_app", begin) as connection:
                    lag_s = await connection.fetchval(_LAG)
                    if lag_s <= self._settings.max_replica_lag_s:
                        found = await work(connection)
                        self._replica_is(None)
                        return found
                self._replica_is(_behind(lag_s))
            except (*DRIVER_ERRORS, ValueError) as failure:
                self._replica_is(described(failure))
        async with self.tenant(tenant_id) as connection:
            return await work(connection)

    @property
    def replica_failing_since_us(self) -> int | None:
        """Since when searches read from the primary instead of the replica, in microseconds since 1970; or None."""
        return self._replica_failing_since_us

    async def check_replica(self) -> None:
        """Find out, within seconds, whether searches may read from the replica: else the next one would have to, and
        wait for one that hangs. On a connection of its own, for none of the pool may be free."""
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                connection = await asyncpg.connect(
                    self._settings.replica_url,
                    server_settings={**self._settings.on_the_server, "role": "axonflow_app"},
                )
                try:
                    lag_s = await connection.fetchval(_LAG)
                finally:
                    connection.terminate()
            self._replica_is(_behind(lag_s) if lag_s > self._settings.max_replica_lag_s else None)
        except (*DRIVER_ERRORS, ValueError) as failure:
            self._replica_is(described(failure))

    def _replica_is(self, failure: str | None) -> None:
        self._replica_from_s = 0.0 if failure is None else time.monotonic() + _RETRY_S
        if failure is None and self._replica_failing_since_us is not None:
            self._replica_failing_since_us = None
            self._report("searches read from the replica again")
        elif failure is not None and self._replica_failing_since_us is None:
            self._replica_failing_since_us = now_us()
            self._report(f"searches read from the primary, not from the replica: {failure}")

    async def close(self, timeout_s: float = 10.0) -> None:
        """Close all connections: after `timeout_s` seconds without waiting for what runs on them."""
        self.listener.close()
        await self._connections.close(timeout_s)
        if self._replica is not None:
            await self._replica.close(timeout_s)


def _behind(lag_s: float) -> str:
    return f"it is {lag_s:.0f} s behind"


def _locally(setting: str, value: str) -> str:
    """A further statement: `setting` is `value` until the end of the transaction. The value is in it as hexadecimal
    digits, so whatever it is, it is nothing but a value."""
    if not setting:
        return ""
    digits = value.encode("utf-8", "surrogatepass").hex()  # text that is none the server refuses, as it does elsewhere
    return f"; SELECT set_config('{setting}', convert_from(decode('{digits}', 'hex'), 'UTF8'), true)"


def _is_address(dsn: str) -> bool:
    try:
        parts = urlsplit(dsn)
        has_port = parts.port != 0  # reading it raises ValueError for what is no number
    except ValueError:
        return False
    return has_port and parts.scheme in ("postgresql", "postgres")


def refused(dsn: str, failure: BaseException) -> ConfigurationError:
    """Why there is no connection to `dsn`, for whoever has configured it."""
    if isinstance(failure, asyncpg.InvalidParameterValueError):  # "role ... does not exist"
        return ConfigurationError("the database has no schema and no roles of AxonFlow", hint=_MIGRATE)
    if isinstance(failure, asyncpg.InsufficientPrivilegeError):
        return ConfigurationError(
            "the login of the database may not work as AxonFlow's roles", found=described(failure),
            expected=f"for a service, a member of {', '.join(SERVICE_ROLES)}",
            hint=f"An administrator of the database runs: GRANT {', '.join(SERVICE_ROLES)} TO {_login(dsn)};",
        )  # fmt: skip
    if isinstance(failure, ValueError):  # the driver's message quotes the address
        return ConfigurationError("not the address of a PostgreSQL database", expected=_DSN_FORM)
    return ConfigurationError("no connection to PostgreSQL", found=described(failure))


def _login(dsn: str) -> str:
    try:
        return f'"{urlsplit(dsn).username or "..."}"'
    except ValueError:
        return '"..."'
