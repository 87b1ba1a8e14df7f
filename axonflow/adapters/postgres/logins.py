"""A login for the services that is not the administrator's."""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg

from axonflow.adapters.postgres.database import refused
from axonflow.adapters.postgres.failures import DRIVER_ERRORS
from axonflow.adapters.postgres.sql_files import named_queries

__all__ = ["service_login"]

_SQL: Final = named_queries("roles.sql")
_LOGIN: Final = "axonflow_service"


async def service_login(dsn: str, *, connect_timeout_s: float = 10.0) -> str:
    """The address of the same database for a login that may work as the roles of the services and as nothing else: not
    as the auditor, who sees all tenants, and not as the administrator of `dsn`. Its password is new at each call.

    Raises ConfigurationError when `dsn` cannot make logins.
    """
    password = secrets.token_hex(32)
    try:
        connection = await asyncpg.connect(dsn, timeout=connect_timeout_s)
        try:
            async with connection.transaction():
                await connection.execute(_SQL["create_service"])
                await connection.execute(_SQL["grant_service"])
                await connection.execute(await connection.fetchval(_SQL["service_password"], password))
        finally:
            await connection.close(timeout=connect_timeout_s)
    except (*DRIVER_ERRORS, ValueError) as failure:
        raise refused(dsn, failure) from None
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    query = [pair for pair in parse_qsl(parts.query) if pair[0] not in ("user", "password")]
    login = f"{_LOGIN}:{password}@{host}"
    return urlunsplit(parts._replace(netloc=login, query=urlencode(query, quote_via=quote)))
