"""The one connection on which a process hears what is announced, for all of it that want to hear.

They ask on it too, one at a time: a connection that has died unseen, and a server that hangs, are found out by that,
and all are told. A process so takes one connection for this, whatever hears.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import asyncpg

from axonflow.adapters.postgres.connections import Connection, DatabaseSettings

__all__ = ["Hearing", "PostgresListener"]

T = TypeVar("T")

ANSWER_TIMEOUT_S: Final = 5.0
"""For connecting, and for one answer."""
_LARGE_ANSWER_TIMEOUT_S: Final = 10.0
_AS_TENANT: Final = "SELECT set_config('role', 'axonflow_app', true), set_config('axonflow.tenant_id', $1, true)"
"""Until the end of the transaction; the login is a member of both roles."""


class PostgresListener:
    """Made without a connection. There is one from the first question on, until nobody hears any more."""

    def __init__(self, dsn: str, settings: DatabaseSettings, *, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._dsn = dsn
        self._settings = settings
        self._timeout_s = timeout_s
        self._hearings: dict[Hearing, Callable[[str], None]] = {}
        self._connection: Connection | None = None
        self._times = 0
        self._turn = asyncio.Lock()  # a connection takes one question at a time

    def hearing(self, heard: Callable[[str], None]) -> Hearing:
        """For one who wants to hear. `heard` is called with what is announced ("<table> <tenant>"), and with "" when
        the connection is lost; from the first question on."""
        return Hearing(self, heard)

    @property
    def time(self) -> int:
        """Which connection this is, counted from 1; 0 while there is none."""
        return 0 if self._connection is None else self._times

    def close(self) -> None:
        """Let the connection go, without a word: a server that hangs would not hear it."""
        self._hearings.clear()
        if self._connection is not None:
            self._lose(self._connection)

    def leave(self, hearing: Hearing) -> None:
        """`hearing` hears no more. The connection stays as long as others do."""
        self._hearings.pop(hearing, None)
        if not self._hearings:
            self.close()

    async def answer(
        self, hearing: Hearing, heard: Callable[[str], None], read: Callable[[Connection], Awaitable[T]]
    ) -> tuple[T, int]:
        """What `read` reads, and the `time` of the connection it came on, on which `hearing` hears from then on."""
        async with self._turn:
            self._hearings[hearing] = heard
            if self._connection is not None and self._connection.is_closed():
                self._lose(self._connection)
            connection = self._connection or await self._connected()
            time = self._times
            try:
                return await read(connection), time
            except BaseException as failure:
                # What the server refuses says nothing against the connection, which others hear on.
                if connection.is_closed() or not isinstance(failure, asyncpg.PostgresError):
                    self._lose(connection)
                raise

    async def _connected(self) -> Connection:
        connection = await asyncpg.connect(
            self._dsn, timeout=self._timeout_s, command_timeout=self._timeout_s,
            server_settings={
                **self._settings.on_the_server, "application_name": "axonflow listener", "role": "axonflow_sync",
            },
        )  # fmt: skip
        connection.add_termination_listener(self._lose)
        try:
            await connection.add_listener("axonflow", lambda *announced: self._tell(str(announced[-1])))
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        self._times += 1
        return connection

    def _lose(self, connection: Connection) -> None:
        current = self._connection is connection  # of an earlier one all were told
        if current:
            self._connection = None
            connection.terminate()
            self._tell("")

    def _tell(self, announced: str) -> None:
        for heard in list(self._hearings.values()):
            heard(announced)


class Hearing:
    """What one of a process hears, and asks. Closed, it begins anew with the next question."""

    def __init__(self, listener: PostgresListener, heard: Callable[[str], None]) -> None:
        self._listener = listener
        self._heard = heard
        self._since = 0

    @property
    def is_whole(self) -> bool:
        """Whether all was heard since the first question: no connection was lost, whoever has found that out."""
        return self._since == self._listener.time != 0

    async def ask(self, query: str) -> list[Any]:
        """The rows of `query`, as the role `axonflow_sync`. Connects if need be. Raises what asyncpg raises, and
        TimeoutError."""

        async def read(connection: Connection) -> list[Any]:
            rows: list[Any] = await connection.fetch(query)
            return rows

        return await self._answered(read)

    async def ask_of(self, tenant_id: str, query: str, *values: object) -> Any:
        """The first value that `query` finds of one tenant, as `PostgresDatabase.tenant` would. Here because a
        connection of that role, made anew for what is asked once in a while, takes the event loop milliseconds."""

        async def read(connection: Connection) -> Any:
            async with connection.transaction(readonly=True):
                await connection.execute(_AS_TENANT, tenant_id)
                return await connection.fetchval(query, *values, timeout=_LARGE_ANSWER_TIMEOUT_S)

        return await self._answered(read)

    async def _answered(self, read: Callable[[Connection], Awaitable[T]]) -> T:
        found, time = await self._listener.answer(self, self._heard, read)
        self._since = self._since or time
        return found

    def close(self) -> None:
        """Hear no more."""
        self._since = 0
        self._listener.leave(self)
