"""What commands sign with: made when it is needed, one for all commands of a machine, and never without a place."""

import json
import sys

import pytest

from axonflow.app import command_keys as module
from axonflow.app.audit_keys import ask_for_rotation
from axonflow.app.command_keys import KeptCommandKey, PassingCommandKey
from axonflow.audit.commands import command_writer
from axonflow.errors import ConfigurationError


def test_key_is_made_when_it_is_needed_and_readable_by_its_owner_alone(tmp_path):
    folder = tmp_path / "data" / "commands" / "1"
    first = KeptCommandKey(folder)
    assert first.newest is None
    assert not folder.exists()
    signer, (key,) = first.signing(0)
    assert (first.writer_id, key.writer_id) == (command_writer(signer.key_id),) * 2
    assert (folder.stat().st_mode & 0o777, (folder / "audit.key").stat().st_mode & 0o777) == (0o700, 0o600)
    again = KeptCommandKey(folder)
    assert (again.writer_id, again.signing(5)[1]) == (first.writer_id, (key,))
    assert KeptCommandKey(tmp_path / "other").writer_id != first.writer_id


def test_key_that_is_rotated_signs_as_the_same_writer(tmp_path):
    writer_id = KeptCommandKey(tmp_path).writer_id
    first = KeptCommandKey(tmp_path).signing(0)[1]
    named = ask_for_rotation(tmp_path)
    signer, keys = KeptCommandKey(tmp_path).signing(3)
    assert (signer.key_id, keys[:1], keys[1].number) == (named, first, 3)
    assert KeptCommandKey(tmp_path).writer_id == writer_id == keys[1].writer_id


def test_command_that_still_runs_signs_with_the_key_that_another_rotated_to(tmp_path):
    running = KeptCommandKey(tmp_path)
    running.signing(0)
    ask_for_rotation(tmp_path)
    rotated, keys = KeptCommandKey(tmp_path).signing(1)
    signer, known = running.signing(2)
    assert (signer.key_id, known) == (rotated.key_id, keys)


def test_key_in_place_of_the_one_that_signed_is_refused_before_anything_is_made(tmp_path):
    KeptCommandKey(tmp_path).signing(0)
    (tmp_path / "audit.key").unlink()
    with pytest.raises(ConfigurationError, match="not the one that its writer signs with"):
        KeptCommandKey(tmp_path).writer_id  # noqa: B018  reading it is what fails


def test_newest_batch_is_noted_and_never_goes_back(tmp_path):
    key = KeptCommandKey(tmp_path)
    key.signed(3, b"\1" * 32)
    key.signed(2, b"\2" * 32)
    assert key.newest == KeptCommandKey(tmp_path).newest == (3, b"\1" * 32)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"number":1,"hash":"no"}'])
def test_note_that_is_none_is_refused_with_what_to_do(tmp_path, data):
    (tmp_path / "newest.json").write_bytes(data)
    key = KeptCommandKey(tmp_path)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="Remove it to go on"):
            key.writer_id  # noqa: B018  reading it is what fails, before anything is made


def test_machine_without_a_place_for_the_key_is_told_to_name_one(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"no place for the key.*AXONFLOW_COMMAND_KEYS") as caught:
        KeptCommandKey(tmp_path / "file" / "commands").writer_id  # noqa: B018  reading it is what fails
    assert str(tmp_path) in caught.value.at


def test_machine_whose_folder_became_read_only_refuses_before_anything_is_signed(tmp_path, monkeypatch):
    KeptCommandKey(tmp_path).signing(0)
    monkeypatch.setattr(module.os, "access", lambda *_: False)  # root may write wherever a disk may be written
    with pytest.raises(ConfigurationError, match=r"may write to, found Permission denied"):
        KeptCommandKey(tmp_path).signing(1)


def test_keys_of_another_writer_in_the_folder_are_refused(tmp_path):
    KeptCommandKey(tmp_path).signing(0)
    keys = json.loads((tmp_path / "audit.keys.json").read_text())
    (tmp_path / "audit.keys.json").write_text(json.dumps([*keys, keys[0] | {"writer_id": "cli-other"}]))
    with pytest.raises(ConfigurationError, match="one writer"):
        KeptCommandKey(tmp_path).writer_id  # noqa: B018  reading it is what fails


def test_passing_key_signs_for_one_process_and_is_kept_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    key = PassingCommandKey()
    signer, (only,) = key.signing(7)
    assert (key.writer_id, only.number) == (command_writer(signer.key_id), 0)
    assert key.newest is None
    key.signed(0, bytes(32))
    assert key.newest == (0, bytes(32))
    assert PassingCommandKey().writer_id != key.writer_id
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("make", [PassingCommandKey, lambda: KeptCommandKey(module.Path("nowhere"))])
def test_machine_without_cryptography_is_told_what_to_install(monkeypatch, make):
    for name in ("axonflow.adapters.ed25519", "axonflow.app.audit_keys"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError, match="pip install"):
        make().writer_id  # noqa: B018  reading it is what fails
