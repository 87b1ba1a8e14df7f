"""Every way to die: PostgreSQL's, its supervisor's, and in the middle of the making."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import asyncpg
import pytest

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.embedded import EmbeddedPostgres, postmaster
from axonflow_sidecar.hosting.embedded import server as embedded_server
from axonflow_sidecar.hosting.embedded.account import account_to_run_as
from tests.postgres import execute

pytestmark = pytest.mark.embedded


def kill(server, until):
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not server.running())


@pytest.fixture
def stranger():
    """A living process of the account that PostgreSQL runs as."""
    account = account_to_run_as()
    switch = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.is_other else {}
    with subprocess.Popen(["/bin/sleep", "600"], cwd="/", **switch) as process:
        yield process
        process.kill()


def test_server_killed_starts_again_with_its_data(server, until, kept):
    dsn = server.start()
    kept.put(dsn)
    kill(server, until)
    assert kept.found(server.start())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_supervisor_killed_takes_its_server_with_it(server, made_folder, supervise, until):
    supervisor = supervise(made_folder, "as-here")
    supervisor.stdout.readline()
    supervisor.kill()
    until(lambda: not (made_folder / "data" / "postmaster.pid").exists())


@pytest.mark.parametrize("how", ["as-here", "as-elsewhere"])
def test_supervisor_killed_leaves_a_folder_that_starts_with_its_data(server, made_folder, supervise, how, kept):
    before = len(server.log_path.read_text())
    supervisor = supervise(made_folder, how)
    pid, dsn = supervisor.stdout.readline().split()
    kept.put(dsn)
    supervisor.kill()
    supervisor.wait()
    if how == "as-elsewhere":
        assert execute(dsn, "SELECT 1")  # it outlived its supervisor
    assert kept.found(server.start())
    assert server.pid != int(pid)
    said = server.log_path.read_text()[before:]
    assert "system is shut down" in said
    assert "not properly shut down" not in said


def test_supervisor_killed_while_making_the_cluster_leaves_a_folder_that_starts(data_folder, supervise, until):
    supervisor = supervise(data_folder, "as-here")
    until(lambda: list(data_folder.glob("data.new-*/data/PG_VERSION")))
    supervisor.kill()
    supervisor.wait()
    assert not (data_folder / "data").exists()
    server = EmbeddedPostgres(data_folder)
    try:
        assert execute(server.start(), "SELECT 1 AS one")[0]["one"] == 1
        assert not list(data_folder.glob("*.new*"))
    finally:
        server.stop()


def test_server_backend_of_a_killed_one_at_work_is_waited_for(made_folder, until, monkeypatch):
    """Two servers on one cluster would ruin it: PostgreSQL must keep noticing, whatever we do to its pid file."""
    server = EmbeddedPostgres(made_folder)
    dsn = server.start()
    before, noticed = len(server.log_path.read_text()), "pre-existing shared memory block"

    async def freeze_backend_and_kill_server():
        connection = await asyncpg.connect(dsn)
        backend = connection.get_server_pid()
        os.kill(backend, signal.SIGSTOP)
        kill(server, until)
        connection.terminate()
        return backend

    def later_once_noticed():
        """Two minutes pass when it has been refused twice; a busy machine may take as long as it does for these."""
        return time.monotonic() + 120 * (server.log_path.read_text()[before:].count(noticed) > 1)

    backend = asyncio.run(freeze_backend_and_kill_server())
    try:
        with monkeypatch.context() as patched:
            patched.setattr(embedded_server, "time", SimpleNamespace(monotonic=later_once_noticed, sleep=time.sleep))
            with pytest.raises(ConfigurationError, match=noticed):
                server.start()
    finally:
        os.kill(backend, signal.SIGKILL)
    try:
        assert execute(server.start(), "SELECT 1")
    finally:
        server.stop()


def test_pid_file_stale_with_the_pid_of_a_stranger_stops_nothing(server, made_folder, until, stranger):
    server.start()
    kill(server, until)
    pid_file = made_folder / "data" / "postmaster.pid"
    _, rest = pid_file.read_text().split("\n", 1)
    pid_file.write_text(f"{stranger.pid}\n{rest}")
    server.start()
    assert server.running()
    assert stranger.poll() is None


@pytest.mark.parametrize("content", ["", "garbage\n", "99999999999999\n", "\0\0\0"])
def test_pid_file_without_a_pid_stops_nothing(shared_server, content):
    shared_server.start()
    shared_server.stop()
    pid_file = shared_server.log_path.with_name("data") / "postmaster.pid"
    pid_file.write_text(content)
    shared_server.start()
    assert shared_server.running()


def test_pid_file_of_a_single_user_session_is_left_alone(tmp_path):
    (tmp_path / "postmaster.pid").write_text("-1234\nrest\n")
    postmaster.end_survivor(tmp_path, os.geteuid())
    assert (tmp_path / "postmaster.pid").read_text() == "-1234\nrest\n"


def test_pid_file_stale_keeps_all_but_its_pid(tmp_path, stranger):
    (tmp_path / "postmaster.pid").write_text(f"{stranger.pid}\nrest\nof it\n")
    postmaster.end_survivor(tmp_path, os.geteuid())
    assert (tmp_path / "postmaster.pid").read_text() == "2147483647\nrest\nof it\n"


@pytest.mark.parametrize("works_on", [postmaster._works_on_linux, postmaster._works_on_elsewhere])
def test_postmaster_alive_is_told_from_strangers(shared_server, works_on, stranger, tmp_path):
    if works_on is postmaster._works_on_linux and not os.path.exists("/proc/self/cmdline"):
        pytest.skip("no /proc here")
    if works_on is postmaster._works_on_elsewhere and not os.path.exists("/bin/ps"):
        pytest.skip("no ps here")
    shared_server.start()
    data = shared_server.log_path.resolve().with_name("data")
    uid = account_to_run_as().uid
    assert works_on(shared_server.pid, data, uid)
    assert not works_on(shared_server.pid, tmp_path, uid)
    assert not works_on(shared_server.pid, data, uid + 1)
    assert not works_on(stranger.pid, data, uid)
    assert not works_on(os.getpid(), data, os.geteuid())
