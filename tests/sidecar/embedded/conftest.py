"""Folders and servers for the tests of the embedded PostgreSQL. All of it is real."""

import contextlib
import subprocess
import sys
import threading
import time

import pytest

from axonflow_sidecar.hosting.embedded import EmbeddedPostgres
from tests.postgres import execute, temporary_data_folder

PATIENCE_S = 60.0

# Starts a server, says its pid and address, and then lives until it is killed or its input ends.
SUPERVISOR = """
import sys
from pathlib import Path
from axonflow_sidecar.hosting.embedded import EmbeddedPostgres, launch

if sys.argv[2] == "as-elsewhere":  # no other system has PR_SET_PDEATHSIG
    launch._signalled_at_our_death = lambda number: None
server = EmbeddedPostgres(Path(sys.argv[1]))
dsn = server.start()
print(server.pid, dsn, flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def data_folder():
    """A folder, not made yet and with a space in its path, that the account of PostgreSQL can get to."""
    with temporary_data_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def shared_server():
    """One server for all tests, running or not: most of a first start is the making, and every test leaves a folder
    that starts again."""
    with temporary_data_folder() as folder:
        server = EmbeddedPostgres(folder)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def server(shared_server):
    """A server that has a cluster and is not running."""
    shared_server.stop()
    yield shared_server
    shared_server.stop()


@pytest.fixture
def made_folder(server):
    """The folder of `server`."""
    return server.log_path.parent


@pytest.fixture
def kept():
    """Commits a row: ``kept.put(dsn)``; and finds it again: ``kept.found(dsn)``."""
    return Kept


class Kept:
    @staticmethod
    def put(dsn):
        execute(dsn, "DROP TABLE IF EXISTS kept", "CREATE TABLE kept (number int)", "INSERT INTO kept VALUES (7)")

    @staticmethod
    def found(dsn):
        return [row["number"] for row in execute(dsn, "SELECT number FROM kept")] == [7]


@pytest.fixture
def supervise():
    """Starts another process that starts a server: ``supervise(folder, "as-here")``."""
    with contextlib.ExitStack() as stack:

        def start(folder, how):
            process = subprocess.Popen(
                [sys.executable, "-c", SUPERVISOR, str(folder), how],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def until():
    """Polls until a condition holds."""

    def wait(condition):
        deadline = time.monotonic() + PATIENCE_S
        while not (value := condition()):
            assert time.monotonic() < deadline, "waited in vain"
            threading.Event().wait(0.01)
        return value

    return wait
