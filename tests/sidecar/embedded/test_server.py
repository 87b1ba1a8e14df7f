"""One server, from its first start to its end."""

import os
import signal
from pathlib import Path

import asyncpg
import pytest

from axonflow_sidecar.hosting.embedded import EmbeddedPostgres, log
from tests.postgres import execute, fresh_database

pytestmark = pytest.mark.embedded


@pytest.fixture
def running(shared_server):
    """The server, started, and its address."""
    return shared_server, shared_server.start()


def test_server_new_folder_answers_as_postgresql(data_folder):
    server = EmbeddedPostgres(data_folder)
    try:
        (row,) = execute(server.start(), "SELECT version(), current_database() AS name, current_user AS me")
        assert row["version"].startswith(f"PostgreSQL {server.version} ")
        assert (row["name"], row["me"]) == ("axonflow", "postgres")
        assert server.running()
        assert server.pid is not None
    finally:
        server.stop()


def test_server_restarted_keeps_data(running, kept):
    server, dsn = running
    kept.put(dsn)
    server.stop()
    assert not server.running()
    assert server.pid is None
    assert server.start() == dsn
    assert kept.found(dsn)


def test_server_started_while_running_stays_the_same(running):
    server, dsn = running
    pid = server.pid
    assert server.start() == dsn
    assert server.pid == pid


def test_server_stopped_twice_stays_stopped(running):
    server, _ = running
    server.stop()
    server.stop()
    assert not server.running()


def test_server_frozen_is_stopped_by_force(running, kept):
    server, dsn = running
    kept.put(dsn)
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)
    server.stop(timeout_s=0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert kept.found(server.start())


def test_server_wrong_password_is_refused(running):
    server, dsn = running
    password = server.log_path.with_name("password").read_text().strip()
    with pytest.raises(asyncpg.InvalidPasswordError):
        execute(dsn.replace(password, "wrong"), "SELECT 1")
    assert password not in server.log_path.read_text()


def test_server_started_listens_on_its_socket_only(running):
    _, dsn = running
    (row,) = execute(dsn, "SELECT current_setting('listen_addresses') AS tcp, current_setting('fsync') AS fsync")
    assert dict(row) == {"tcp": "", "fsync": "on"}


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="no /proc here")
def test_server_environment_of_ours_stays_out(server, monkeypatch):
    """It holds keys, and names such as PGPORT that would change the server."""
    monkeypatch.setenv("PROVIDER_API_KEY", "topsecret")
    server.start()
    environment = Path(f"/proc/{server.pid}/environ").read_bytes()
    assert b"LC_ALL=C" in environment
    assert b"topsecret" not in environment


def test_log_statement_fails_holds_nothing_of_it(running):
    server, dsn = running
    with pytest.raises(asyncpg.UniqueViolationError):
        execute(dsn, "CREATE TEMP TABLE t (v text UNIQUE)", "INSERT INTO t VALUES ('topsecret'), ('topsecret')")
    assert "topsecret" not in server.log_path.read_text()


def test_log_grown_too_long_begins_anew(running, monkeypatch):
    server, _ = running
    before = server.log_path.read_bytes()
    assert before
    monkeypatch.setattr(log, "MAX_LOG_BYTES", 1)
    assert server.running()
    assert server.log_path.with_name("postgres.log.1").read_bytes().startswith(before)  # it may have said more
    server.stop()
    after = server.log_path.read_text()
    assert "database system is shut down" in after
    assert "\0" not in after


def test_fresh_database_left_with_a_connection_is_dropped(running):
    _, dsn = running
    with fresh_database(dsn) as other:
        name = execute(other, "SELECT current_database() AS name")[0]["name"]
    assert name != "axonflow"
    assert execute(dsn, f"SELECT count(*) AS found FROM pg_database WHERE datname = '{name}'")[0]["found"] == 0
