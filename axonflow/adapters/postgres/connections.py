"""The connections of one process: a few, shared by all roles, each of one role for as long as it lives.

A connection is born as its role; RESET cannot leave it. When all are taken, one of another role that nobody uses is
closed to make room. So a hundred processes need no more than a hundred times `max_connections`, whatever they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Literal, TypeAlias, get_args

import asyncpg
from msgspec import Struct

from axonflow.adapters.postgres.failures import DRIVER_ERRORS

__all__ = ["ROLES", "SERVICE_ROLES", "Connection", "DatabaseSettings", "Role", "RoleConnections"]

Role = Literal[
    "axonflow_app", "axonflow_writer", "axonflow_executor", "axonflow_auditor", "axonflow_keys", "axonflow_sync",
    "axonflow_registrar", "axonflow_keeper", "axonflow_backup",
]  # fmt: skip
ROLES: Final[tuple[Role, ...]] = get_args(Role)
SERVICE_ROLES: Final[tuple[Role, ...]] = (
    "axonflow_app", "axonflow_writer", "axonflow_executor", "axonflow_keys", "axonflow_sync", "axonflow_registrar",
)  # fmt: skip
"""What the services work as. The others are for whoever looks after the database."""

Connection: TypeAlias = Any
"""asyncpg's, which is not typed."""

_ALWAYS: Final = {
    "application_name": "axonflow",
    "search_path": "pg_catalog",  # everything else is named in full, so nobody can put their own in its place
    # Plans are made for the values: "$4 IS NULL OR ..." falls away, and what is left finds its index.
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",  # compiling takes longer than these statements
}
_ALWAYS_AS: Final[Mapping[Role, Mapping[str, str]]] = {
    # What it writes are arrays of a thousand records, for which there is one plan; to make it anew each time copied all
    # of them into it, a twentieth of the server's time for a batch.
    "axonflow_writer": {"plan_cache_mode": "force_generic_plan"},
}
_CLEAN: Final = "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL"
"""Takes away what a user may have left behind: locks, cursors and settings of the session. Those that are local to a
transaction have ended with it."""
_RESET_TIMEOUT_S: Final = 5.0
_GRACE_S: Final = 2.0
"""For the server's own word on what took too long to arrive before we stop waiting for it."""


class DatabaseSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one process uses a database. Times in seconds.

    At most `max_connections` are open at a time; one that nobody has used for `idle_connection_s` is closed. The
    server ends a statement after `statement_timeout_s`, one that waits for a lock after `lock_timeout_s`, and a
    transaction in which nothing happens after `idle_transaction_timeout_s`. Searches read from `replica_url`, where one
    is given, for as long as it answers and is no more than `max_replica_lag_s` behind; whether it does is looked at
    every `replica_check_s`, also when nobody searches.
    """

    max_connections: int = 4
    connect_timeout_s: float = 10.0
    statement_timeout_s: float = 30.0
    lock_timeout_s: float = 10.0
    idle_transaction_timeout_s: float = 60.0
    idle_connection_s: float = 60.0
    replica_url: str = ""
    max_replica_lag_s: float = 5.0
    replica_check_s: float = 5.0

    @property
    def on_the_server(self) -> dict[str, str]:
        """What a connection asks of the server."""
        return _ALWAYS | {
            "statement_timeout": _ms(self.statement_timeout_s),
            "lock_timeout": _ms(self.lock_timeout_s),
            "idle_in_transaction_session_timeout": _ms(self.idle_transaction_timeout_s),
        }


def _ms(seconds: float) -> str:
    return f"{max(round(seconds * 1000), 1)}ms"


class RoleConnections:
    """The connections to one server. They are made when first needed, and again when the server was away."""

    def __init__(self, dsn: str, settings: DatabaseSettings, roles: Mapping[Role, int]) -> None:
        """`roles`: how many connections each role may use at a time, of `settings.max_connections` in all."""
        self._dsn = dsn
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.max_connections)
        self._shares = {role: asyncio.Semaphore(most) for role, most in roles.items()}
        self._idle: dict[Connection, tuple[Role, asyncio.TimerHandle]] = {}  # the longest unused first
        self._used: set[Connection] = set()
        self._connecting = 0
        self._closing: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @asynccontextmanager
    async def acquire(self, role: Role, begin: str = "") -> AsyncIterator[Connection]:
        """A connection of `role`. Raises TimeoutError when none is free in time, and whatever asyncpg raises.

        With `begin`, statements that open a transaction, it is in one, which is committed unless something is raised.
        Each way to the server and back costs as much as a small query: so it begins in one, and in one it is committed
        and the connection made clean for whoever is next.
        """
        settings = self._settings
        share = self._shares[role]
        async with asyncio.timeout(settings.connect_timeout_s + settings.statement_timeout_s):
            await share.acquire()
            try:
                await self._slots.acquire()
            except BaseException:
                share.release()
                raise
        try:
            connection = await self._connected(role)
            self._used.add(connection)
            is_clean = False
            try:
                if begin:
                    await connection.execute(begin)
                yield connection
                if begin:
                    await connection.execute(f"COMMIT; {_CLEAN}")
                    is_clean = True
            finally:
                try:
                    await self._give_back(role, connection, is_clean=is_clean)
                finally:
                    self._used.discard(connection)
        finally:
            self._slots.release()
            share.release()

    @property
    def open(self) -> int:
        """How many there are, used or not."""
        return len(self._idle) + len(self._used) + self._connecting

    async def _connected(self, role: Role) -> Connection:
        if self._is_closed:
            raise asyncpg.InterfaceError("the connections to the database are closed")
        for connection in reversed([each for each, (its, _) in self._idle.items() if its == role]):
            self._idle.pop(connection)[1].cancel()
            if not connection.is_closed():
                return connection
        self._connecting += 1
        try:
            if self.open > self._settings.max_connections:
                longest_unused = next(iter(self._idle))
                self._idle.pop(longest_unused)[1].cancel()
                await _close(longest_unused)
            return await asyncpg.connect(
                self._dsn, timeout=self._settings.connect_timeout_s,
                command_timeout=self._settings.statement_timeout_s + _GRACE_S,
                server_settings={**self._settings.on_the_server, **_ALWAYS_AS.get(role, {}), "role": role},
            )  # fmt: skip
        finally:
            self._connecting -= 1

    async def _give_back(self, role: Role, connection: Connection, *, is_clean: bool) -> None:
        if connection.is_closed():
            return
        try:
            if not is_clean:
                undo = "ROLLBACK; " if connection.is_in_transaction() else ""
                await connection.execute(undo + _CLEAN, timeout=_RESET_TIMEOUT_S)
        except BaseException as failure:
            connection.terminate()
            if not isinstance(failure, (*DRIVER_ERRORS, ValueError)):  # cancelled, for one
                raise
            return
        if self._is_closed:
            await _close(connection)
            return
        loop = asyncio.get_running_loop()
        handle = loop.call_later(self._settings.idle_connection_s, self._expire, connection)
        self._idle[connection] = (role, handle)

    def _expire(self, connection: Connection) -> None:
        del self._idle[connection]
        task = asyncio.get_running_loop().create_task(_close(connection))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self, timeout_s: float) -> None:
        """Close all connections; those in use after `timeout_s` seconds, in the middle of what they do."""
        self._is_closed = True
        idle, self._idle = list(self._idle.items()), {}
        for connection, (_, handle) in idle:
            handle.cancel()
            await _close(connection)
        taken = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while taken < self._settings.max_connections:  # all slots are free when nobody uses one
                    await self._slots.acquire()
                    taken += 1
        for _ in range(taken):  # whoever waits is told that it is closed
            self._slots.release()
        for connection in self._used:
            connection.terminate()


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=_GRACE_S)
    except (*DRIVER_ERRORS, ValueError):
        connection.terminate()
