"""One server for the tests of this folder, and one of their own for those that stop it or need it without roles."""

import contextlib

import pytest

from axonflow.adapters.postgres.database import ROLES
from axonflow.ids import new_id
from tests.postgres import (
    execute,
    fresh_database,
    new_database,
    own_server,
    postgres_dsn,
    temporary_data_folder,
    whole_day,
)  # fmt: skip
from tests.postgres_stores import migrated_dsn, opened

__all__ = [
    "bare_database", "lone_server", "migrated_dsn", "new_database", "opened_database", "postgres_dsn", "tenant",
    "whole_day",
]  # fmt: skip


@pytest.fixture(scope="module")
def opened_database(migrated_dsn):
    """What runs coroutines, and the pools of a migrated database."""
    with opened(migrated_dsn) as both:
        yield both


@pytest.fixture
def tenant():
    return new_id(1)


@pytest.fixture(scope="module")
def lone_server():
    """A server that nobody else uses, and its superuser's address."""
    with temporary_data_folder() as folder:
        server = own_server(folder)
        try:
            yield server, server.start()
        finally:
            server.stop()


@pytest.fixture
def bare_database(lone_server):
    """An empty database of a cluster that has none of our roles."""
    _, admin_dsn = lone_server
    try:
        with fresh_database(admin_dsn) as dsn:
            yield dsn
    finally:
        with contextlib.suppress(Exception):
            execute(admin_dsn, "DROP OWNED BY migrator CASCADE")
        execute(admin_dsn, *(f"DROP ROLE IF EXISTS {role}" for role in (*ROLES, "migrator", "worker")), "SELECT 1")
