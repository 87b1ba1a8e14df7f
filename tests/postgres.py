"""A real PostgreSQL for tests: import the fixtures into a conftest.

``postgres_dsn`` is one server for the session; ``new_database`` is a database of its own for one test.
"""

import asyncio
import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from axonflow_sidecar.hosting.embedded import EmbeddedPostgres

__all__ = ["execute", "fresh_database", "new_database", "postgres_dsn", "temporary_data_folder"]


@contextlib.contextmanager
def temporary_data_folder() -> Iterator[Path]:
    """A folder, not made yet, that the account which PostgreSQL runs as can get to. pytest's tmp_path is closed to it
    when root runs the tests."""
    parent = Path(tempfile.mkdtemp(prefix="axonflow test "))
    parent.chmod(0o711)
    try:
        yield parent / "postgres"
    finally:
        shutil.rmtree(parent)


def execute(dsn: str, *statements: str) -> list[asyncpg.Record]:
    """Run statements on a connection of their own; the rows of the last one."""

    async def run():
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetch(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(run())


@contextlib.contextmanager
def fresh_database(admin_dsn: str) -> Iterator[str]:
    """A new empty database on the server of `admin_dsn`: its address. Dropped afterwards, whoever is connected."""
    name = f"test_{uuid.uuid4().hex}"
    execute(admin_dsn, f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(admin_dsn)._replace(path=f"/{name}"))
    finally:
        execute(admin_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """The superuser's address of an empty database, on a PostgreSQL that lives as long as the session."""
    with temporary_data_folder() as folder:
        server = EmbeddedPostgres(folder)
        try:
            yield server.start()
        finally:
            server.stop()


@pytest.fixture
def new_database(postgres_dsn: str) -> Iterator[str]:
    """The superuser's address of an empty database of its own."""
    with fresh_database(postgres_dsn) as dsn:
        yield dsn
