"""A real PostgreSQL for tests: import the fixtures into a conftest.

``postgres_dsn`` is one server for the session; ``new_database`` is a database of its own for one test.

Two variables of the environment put another PostgreSQL in the place of the embedded one; ``nox -s servers`` sets them.
AXONFLOW_TEST_DATABASE_URL, a superuser's address of a server that runs somewhere, is the server of the session.
AXONFLOW_TEST_POSTGRES, a folder with bin/postgres and bin/initdb, is what those are made of that tests start and stop.
"""

import asyncio
import contextlib
import os
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from axonflow_sidecar.hosting.embedded import EmbeddedPostgres
from tests.installed_postgres import InstalledPostgres

__all__ = [
    "execute", "fresh_database", "given_server", "new_database", "own_server", "postgres_dsn", "skip_if_elsewhere",
    "temporary_data_folder", "whole_day",
]  # fmt: skip

DAY_S = 86_400
SHORTLY_S = 120
NOT_OURS = "needs a PostgreSQL that it may stop; AXONFLOW_TEST_POSTGRES names a folder to make one of"


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


def given_server() -> str | None:
    """The superuser's address of the server that the tests are to use, if it is not to be one of their own."""
    return os.environ.get("AXONFLOW_TEST_DATABASE_URL")


@pytest.fixture
def whole_day() -> None:
    """A test that counts in days of UTC does not begin shortly before one ends."""
    left_s = DAY_S - time.time() % DAY_S
    if left_s < SHORTLY_S:
        threading.Event().wait(left_s + 1)


def skip_if_elsewhere() -> None:
    """Skip a test that stops a server, or processes of it, where that server is somebody else's."""
    if given_server() and not os.environ.get("AXONFLOW_TEST_POSTGRES"):
        pytest.skip(NOT_OURS)


def own_server(folder: Path) -> EmbeddedPostgres | InstalledPostgres:
    """A PostgreSQL in `folder`, not started yet, for nobody else."""
    skip_if_elsewhere()
    installation = os.environ.get("AXONFLOW_TEST_POSTGRES")
    return InstalledPostgres(folder, installation) if installation else EmbeddedPostgres(folder)


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """The superuser's address of an empty database, on a PostgreSQL that lives as long as the session."""
    if given := given_server():
        with fresh_database(given) as dsn:
            yield dsn
        return
    with temporary_data_folder() as folder:
        server = own_server(folder)
        try:
            yield server.start()
        finally:
            server.stop()


@pytest.fixture
def new_database(postgres_dsn: str) -> Iterator[str]:
    """The superuser's address of an empty database of its own."""
    with fresh_database(postgres_dsn) as dsn:
        yield dsn
