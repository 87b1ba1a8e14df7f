"""One connection for a command of an administrator, under the login of the address or as one of the roles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg

from axonflow.adapters.postgres.database import Connection, Role, refused
from axonflow.adapters.postgres.failures import DRIVER_ERRORS

__all__ = ["administered", "quoted"]


_NOTICE_OUR_DEATH: Final = "SET client_connection_check_interval = '1s'"
"""Else the statement of a process that was killed runs to its end, and keeps its locks until then."""


@asynccontextmanager
async def administered(
    dsn: str, doing: str, *, role: Role | None = None, connect_timeout_s: float = 10.0, lock_timeout_s: float = 60.0
) -> AsyncIterator[Connection]:
    """A connection whose name in the server's list of sessions says what it is `doing`. Nothing but waiting for a lock
    ends a statement: a backup may take hours. Raises ConfigurationError when there is no connection."""
    settings = {
        "application_name": f"axonflow {doing}",
        "search_path": "pg_catalog",
        "lock_timeout": f"{int(lock_timeout_s * 1000)}ms",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "jit": "off",
    }
    if role is not None:
        settings["role"] = role
    try:
        connection = await asyncpg.connect(dsn, timeout=connect_timeout_s, server_settings=settings)
    except (*DRIVER_ERRORS, ValueError) as failure:
        raise refused(dsn, failure) from None
    try:
        with suppress(asyncpg.PostgresError):  # not every server's system can tell
            await connection.execute(_NOTICE_OUR_DEATH)
        yield connection
    finally:
        try:
            await connection.close(timeout=connect_timeout_s)
        except DRIVER_ERRORS:  # the server went away, or a statement was interrupted
            connection.terminate()


def quoted(name: str) -> str:
    """`name` as an identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'
