"""Connections to PostgreSQL, in a pool for each role. A connection is born as its role; RESET cannot leave it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

import asyncpg

from axonflow.adapters.postgres.failures import DRIVER_ERRORS, described
from axonflow.adapters.postgres.sql_files import migrations, named_queries
from axonflow.errors import ConfigurationError

__all__ = ["ROLES", "Connection", "PostgresDatabase", "Role", "refused"]

Role = Literal[
    "axonflow_app", "axonflow_writer", "axonflow_executor", "axonflow_auditor", "axonflow_keys", "axonflow_sync",
    "axonflow_registrar", "axonflow_keeper", "axonflow_backup",
]  # fmt: skip
ROLES: Final[tuple[Role, ...]] = get_args(Role)

Connection: TypeAlias = Any
"""asyncpg's, or what its pools give in its place; neither is typed."""

_MAX_CONNECTIONS: Final[dict[Role, int]] = {
    "axonflow_app": 8,
    "axonflow_writer": 4,
    "axonflow_executor": 1,
    "axonflow_auditor": 2,
    "axonflow_keys": 1,
    "axonflow_sync": 1,
    "axonflow_registrar": 1,
    "axonflow_keeper": 1,
    "axonflow_backup": 1,
}
_READ_ONLY: Final = frozenset({"axonflow_auditor", "axonflow_keys", "axonflow_sync", "axonflow_backup"})
_SETTINGS: Final = {
    "application_name": "axonflow",
    "search_path": "pg_catalog",  # everything else is named in full, so nobody can put their own in its place
    # Plans are made for the values: "$4 IS NULL OR ..." falls away, and what is left finds its index.
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",  # compiling takes longer than these statements
    "idle_in_transaction_session_timeout": "60s",  # a process that hangs lets go of its locks
}
_CURRENT_VERSION: Final = named_queries("migration.sql")["current_version"]
_DSN_FORM: Final = "postgresql://login:password@host:5432/database, or ...@/database?host=/socket/folder"
_MIGRATE: Final = "Migrate it first"


class PostgresDatabase:
    """The pools of one database. They connect when first needed, and again when the server was away."""

    def __init__(self, dsn: str, pools: dict[Role, Any], acquire_timeout_s: float) -> None:
        self._dsn = dsn
        self._pools = pools
        self._acquire_timeout_s = acquire_timeout_s
        self._is_checked = False

    @classmethod
    async def connect(
        cls, dsn: str, *, connect_timeout_s: float = 10.0, command_timeout_s: float = 30.0
    ) -> PostgresDatabase:
        """Pools for the database at `dsn`, once it has answered and its schema is the one of this code.

        The login has to be a member of the roles (`migrate` sees to that for the login it runs under). Raises
        ConfigurationError, which never shows the password.
        """
        database = await cls.lazily(dsn, connect_timeout_s=connect_timeout_s, command_timeout_s=command_timeout_s)
        try:
            await database._check_version()  # noqa: SLF001  its own class
        except BaseException:
            await database.close()
            raise
        return database

    @classmethod
    async def lazily(
        cls, dsn: str, *, connect_timeout_s: float = 10.0, command_timeout_s: float = 30.0
    ) -> PostgresDatabase:
        """As `connect`, but for a database that may be away: its schema is checked before its first transaction.

        Raises ConfigurationError for what is no address.
        """
        try:
            pools = {role: _pool(dsn, role, connect_timeout_s, command_timeout_s) for role in ROLES}
            for pool in pools.values():
                await pool
        except (*DRIVER_ERRORS, ValueError) as failure:
            raise refused(dsn, failure) from None
        return cls(dsn, pools, connect_timeout_s + command_timeout_s)

    async def _check_version(self) -> None:
        try:
            async with self._begun("axonflow_app") as connection:
                found, oldest_code = await connection.fetchrow(_CURRENT_VERSION)
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            found, oldest_code = None, None
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
        self._is_checked = True

    @asynccontextmanager
    async def tenant(self, tenant_id: str, *, isolation: str = "read_committed") -> AsyncIterator[Connection]:
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

    async def listening(self, heard: Callable[[str], None], *, timeout_s: float) -> Connection:
        """A connection that sees what `sync` sees and belongs to the caller. `heard` is called with what is announced
        ("<table> <tenant>"), and with "" when the connection is lost. `timeout_s` is for connecting, and each call."""
        connection = await asyncpg.connect(
            self._dsn, timeout=timeout_s, command_timeout=timeout_s,
            server_settings={**_SETTINGS, "role": "axonflow_sync"},
        )  # fmt: skip
        connection.add_termination_listener(lambda _: heard(""))
        try:
            await connection.add_listener("axonflow", lambda *announced: heard(str(announced[-1])))
        except BaseException:
            connection.terminate()
            raise
        return connection

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
        async with self._transaction("axonflow_backup", isolation="repeatable_read") as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(
        self, role: Role, setting: str = "", value: str = "", isolation: str = "read_committed"
    ) -> AsyncIterator[Connection]:
        if not self._is_checked:
            await self._check_version()
        async with self._begun(role, isolation) as connection:
            if setting:
                await connection.execute("SELECT set_config($1, $2, true)", setting, value)
            yield connection

    @asynccontextmanager
    async def _begun(self, role: Role, isolation: str = "read_committed") -> AsyncIterator[Connection]:
        async with (
            self._pools[role].acquire(timeout=self._acquire_timeout_s) as connection,
            # Named, for a database may have another default, under which concurrent writers fail.
            connection.transaction(isolation=isolation, readonly=role in _READ_ONLY),
        ):
            yield connection

    async def close(self, timeout_s: float = 10.0) -> None:
        """Close all connections: after `timeout_s` seconds without waiting for what runs on them."""
        try:
            async with asyncio.timeout(timeout_s):
                for pool in self._pools.values():
                    await pool.close()
        except (*DRIVER_ERRORS, TimeoutError):
            for pool in self._pools.values():
                pool.terminate()


def _pool(dsn: str, role: Role, connect_timeout_s: float, command_timeout_s: float) -> Any:
    return asyncpg.create_pool(
        dsn, min_size=0, max_size=_MAX_CONNECTIONS[role], timeout=connect_timeout_s,
        command_timeout=command_timeout_s, server_settings={**_SETTINGS, "role": role},
    )  # fmt: skip


def refused(dsn: str, failure: BaseException) -> ConfigurationError:
    """Why there is no connection to `dsn`, for whoever has configured it."""
    if isinstance(failure, asyncpg.InvalidParameterValueError):  # "role ... does not exist"
        return ConfigurationError("the database has no schema and no roles of AxonFlow", hint=_MIGRATE)
    if isinstance(failure, asyncpg.InsufficientPrivilegeError):
        return ConfigurationError(
            "the login of the database may not work as AxonFlow's roles", expected=f"a member of {', '.join(ROLES)}",
            found=described(failure),
            hint=f"An administrator of the database runs: GRANT {', '.join(ROLES)} TO {_login(dsn)};",
        )  # fmt: skip
    if isinstance(failure, ValueError):  # the driver's message quotes the address
        return ConfigurationError("not the address of a PostgreSQL database", expected=_DSN_FORM)
    return ConfigurationError("no connection to PostgreSQL", found=described(failure))


def _login(dsn: str) -> str:
    try:
        return f'"{urlsplit(dsn).username or "..."}"'
    except ValueError:
        return '"..."'
