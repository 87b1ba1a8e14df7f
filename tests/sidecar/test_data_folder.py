"""The data folder: who may read what, whose it is, and what is said when it cannot be used."""

import os
import subprocess
import sys

import pytest

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.data_folder import DataFolder


def mode(path):
    return path.stat().st_mode & 0o777


def test_data_folder_keeps_its_key_and_secret_across_starts(tmp_path):
    first = DataFolder(tmp_path / "a" / "b")
    key, secret = first.api_key(), first.secret()
    again = DataFolder(tmp_path / "a" / "b")
    assert (again.api_key(), again.secret()) == (key, secret)
    assert len(key) >= 32
    assert (mode(first.key_file), mode(first.path / "secret")) == (0o600, 0o600)


def test_data_folder_is_closed_to_others_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        folder = DataFolder(tmp_path / "new")
        folder.api_key()
        folder.spool("agent")
    finally:
        os.umask(before)
    assert mode(folder.path) == (0o711 if os.geteuid() == 0 else 0o700)
    assert mode(folder.path / "spool") == 0o700
    assert mode(folder.key_file) == 0o600


def test_data_folder_that_was_there_keeps_its_permissions(tmp_path):
    tmp_path.chmod(0o750)
    DataFolder(tmp_path).api_key()
    assert mode(tmp_path) == 0o750


def test_data_folder_locked_by_a_living_process_is_refused_and_free_when_that_is_killed(tmp_path):
    script = (
        "import sys, pathlib; from axonflow_sidecar.hosting.data_folder import DataFolder;"
        "f = DataFolder(pathlib.Path(sys.argv[1])); f.lock(); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(ConfigurationError, match=f"process {holder.pid}"):
            DataFolder(tmp_path).lock()
        holder.kill()
        holder.wait()
    DataFolder(tmp_path).lock()


@pytest.mark.parametrize("damage", ["", "short", "\xff" * 3])
def test_data_folder_with_a_damaged_key_says_which_file(tmp_path, damage):
    folder = DataFolder(tmp_path)
    folder.key_file.write_text(damage, "latin-1")
    with pytest.raises(ConfigurationError, match="api-key"):
        folder.api_key()
    assert folder.key_file.read_text("latin-1") == damage


@pytest.mark.parametrize("damage", ["z" * 64, "ab" * 31 + "a", "short"])
def test_data_folder_with_a_damaged_secret_says_which_file(tmp_path, damage):
    (tmp_path / "secret").write_text(damage)
    with pytest.raises(ConfigurationError, match="secret"):
        DataFolder(tmp_path).secret()


def test_data_folder_has_a_key_for_persons_once_it_was_made_and_the_same_from_then_on(tmp_path):
    folder = DataFolder(tmp_path)
    assert folder.persons_key(made=False) is None
    key = folder.persons_key(made=True)
    assert len(key) == 32
    assert folder.persons_key(made=True) == DataFolder(tmp_path).persons_key(made=False) == key
    assert folder.persons_key_file.stat().st_mode & 0o777 == 0o600
    folder.persons_key_file.write_text("z" * 64)
    with pytest.raises(ConfigurationError, match=r"audit-persons\.key: not a key for persons"):
        folder.persons_key(made=False)


def test_data_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="--data"):
        DataFolder(tmp_path / "file" / "below")


def test_data_folder_on_a_full_disk_says_so_and_leaves_no_half_file(tmp_path, monkeypatch):
    folder = DataFolder(tmp_path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match=r"No space left.*Free some space"):
        folder.api_key()
    assert not folder.key_file.exists()
