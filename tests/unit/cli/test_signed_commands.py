"""Commands that change something sign what they record; those that only read need no key."""

import asyncio
import json

import pytest

from axonflow.adapters.postgres import migrate
from tests.postgres import fresh_database, postgres_dsn
from tests.tenancy import new_tenant_id

__all__ = ["postgres_dsn"]


@pytest.fixture(scope="module")
def database(postgres_dsn):
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(migrate(dsn))
        yield dsn


@pytest.fixture
def axonflow(run, database):
    return lambda *args, **env: run(*args, "--database-url", database, env=env)


def test_commands_of_a_machine_are_one_signed_writer_and_the_anchor_is_told(run, axonflow, tmp_path):
    (tmp_path / "anchor").mkdir()
    place, name = f"file:{tmp_path}/anchor", new_tenant_id()
    keys = {"AXONFLOW_COMMAND_KEYS": str(tmp_path / "keys")}
    assert axonflow("tenant", "create", name, **keys).exit_code == 0
    assert axonflow("tenant", "suspend", name, **keys, AXONFLOW_ANCHOR=place).exit_code == 0
    report = json.loads(axonflow("audit", "verify", "--anchor", place, "--json").stdout)
    (public,) = (tmp_path / "keys").glob("*/audit.pub")
    (writer,) = [one for one in report["writers"] if one["batches"] == 3]
    assert (writer["signed"], writer["anchored_us"]) == (3, writer["sealed_us"])
    assert [one for one in report["broken"] if one["writer_id"] == writer["writer_id"]] == []
    (_, event) = json.loads(axonflow("audit", "search", "--tenant", name, "--json").stdout)["events"][:2]
    assert axonflow("audit", "prove", event["event_id"], "--output", "proof.json").exit_code == 0
    assert run("audit", "check-proof", "proof.json", "--trust", str(public)).exit_code == 0
    named = axonflow("audit", "verify", "--tenant", name, "--trust", str(public), "--json")
    assert [one for one in json.loads(named.stdout)["broken"] if one["writer_id"] == writer["writer_id"]] == []


def test_anchor_that_a_command_cannot_tell_is_warned_of_and_what_it_did_is_done(axonflow, tmp_path):
    result = axonflow("tenant", "create", new_tenant_id(), AXONFLOW_ANCHOR=f"file:{tmp_path}/away")
    assert (result.exit_code, "warning: this is recorded and signed, and the anchor was not told" in result.stderr) == (
        0, True,
    )  # fmt: skip


def test_command_without_a_place_for_its_key_changes_nothing_and_says_what_to_do(axonflow, tmp_path):
    (tmp_path / "file").write_text("")
    name, nowhere = new_tenant_id(), {"AXONFLOW_COMMAND_KEYS": str(tmp_path / "file" / "keys")}
    result = axonflow("tenant", "create", name, **nowhere)
    assert (result.exit_code, "AXONFLOW_COMMAND_KEYS=none" in result.stderr) == (2, True)
    assert axonflow("tenant", "show", name, **nowhere).exit_code == 2
    assert axonflow("tenant", "list", **nowhere).exit_code == 0
    assert axonflow("tenant", "create", name, AXONFLOW_COMMAND_KEYS="none").exit_code == 0
    assert axonflow("tenant", "suspend", name, **nowhere).exit_code == 2
    assert '"active"' in axonflow("tenant", "show", name, "--json", **nowhere).stdout


def test_command_on_the_data_folder_of_an_installation_keeps_its_key_there(run, database, tmp_path, monkeypatch):
    monkeypatch.delenv("AXONFLOW_COMMAND_KEYS")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "database-url").write_text(database)
    result = run("tenant", "create", new_tenant_id(), "--data", str(tmp_path / "data"))
    assert (result.exit_code, len([*(tmp_path / "data" / "commands").glob("*/audit.key")])) == (0, 1)
    rotated = run("audit", "rotate-key", "--data", str(tmp_path / "data"))
    assert (rotated.exit_code, "commands" in rotated.stdout) == (0, True)
    assert run("tenant", "create", new_tenant_id(), "--data", str(tmp_path / "data")).exit_code == 0
    report = json.loads(run("audit", "verify", "--data", str(tmp_path / "data"), "--json").stdout)
    assert report["broken"] == []
