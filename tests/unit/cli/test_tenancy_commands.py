"""`axonflow tenant`, `key` and `role`, against a real PostgreSQL."""

import asyncio
import json

import pytest

from axonflow.adapters.postgres import migrate
from axonflow.app.peppers import parse_peppers, read_peppers
from axonflow.app.tenancy import opened_tenancy
from axonflow.audit import verify_chain
from axonflow.errors import ConfigurationError
from axonflow.tenancy import LATEST_US
from tests.postgres import fresh_database, postgres_dsn
from tests.postgres_stores import ReadableStore, opened
from tests.tenancy import new_tenant_id

__all__ = ["postgres_dsn"]

PEPPERS = f"new {'ab' * 32}\nold {'cd' * 32}\n"


@pytest.fixture(scope="module")
def database(postgres_dsn):
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(migrate(dsn))
        yield dsn


@pytest.fixture
def pepper(tmp_path):
    file = tmp_path / "pepper"
    file.write_text(PEPPERS)
    return str(file)


@pytest.fixture
def axonflow(run, database):
    """Runs a command, and gives what it prints: as JSON where it succeeds, the message where it does not."""

    def call(*arguments, exit_code=0):
        result = run(*arguments, "--database-url", database, "--json")
        assert result.exit_code == exit_code, result.output
        return json.loads(result.stdout) if exit_code == 0 else result.stderr

    return call


@pytest.fixture
def acme(axonflow):
    return axonflow("tenant", "create", new_tenant_id(), "--name", "Acme", "--tier", "enterprise")["tenant_id"]


def holder(database, key):
    async def look():
        async with opened_tenancy(database, parse_peppers(PEPPERS, "here")) as tenancy:
            hashed = tenancy.recognised(key)
            return hashed and await tenancy.holder(hashed)

    return asyncio.run(look())


def test_key_or_grant_that_would_end_when_nobody_can_write_it_is_refused_and_the_list_goes_on(axonflow, acme, pepper):
    far = ("--tenant", acme, "--expires", "9999999d")
    said = [
        axonflow("key", "create", "--client", "crm", "--pepper", pepper, *far, exit_code=2),
        axonflow("role", "grant", "agent", "service:crm", *far, exit_code=2),
    ]
    assert all("it would end too late" in one for one in said)
    assert axonflow("key", "list", "--tenant", acme, "--all")["keys"] == []


def test_key_that_is_rotated_ends_when_it_can_still_be_written(axonflow, acme, pepper):
    made = axonflow("key", "create", "--client", "crm", "--tenant", acme, "--pepper", pepper, "--expires",
                    "9998-12-31T23:59:59Z")  # fmt: skip
    new = axonflow("key", "rotate", made["record"]["key_id"], "--tenant", acme, "--pepper", pepper)
    assert made["record"]["expires_us"] < new["record"]["expires_us"] < LATEST_US


def test_tenant_is_made_changed_moved_and_listed(axonflow, acme):
    assert axonflow("tenant", "create", acme, exit_code=2).startswith(f"error: {acme}: the tenant id is taken")
    assert axonflow("tenant", "change", acme, "--max-keys", "3", "--hold")["audit_hold"] is True
    assert axonflow("tenant", "suspend", acme)["status"] == "suspended"
    assert axonflow("tenant", "suspend", acme)["version"] == 3
    listed = axonflow("tenant", "list", "--status", "suspended")["tenants"]
    assert acme in [one["tenant_id"] for one in listed]
    assert axonflow("tenant", "resume", acme)["status"] == "active"
    shown = axonflow("tenant", "show", acme)
    assert (shown["max_api_keys"], shown["name"], shown["created_by"][:4]) == (3, "Acme", "cli:")


@pytest.mark.parametrize(
    "arguments",
    [("show", "nobody"), ("suspend", "nobody"), ("create", "a/b"), ("create", "x", "--tier", "golden"),
     ("create", "x", "--organization", "@nobody"), ("change", "nobody", "--name", "x"), ("change", "nobody"),
     ("delete", "nobody", "--confirm", "nobody"), ("delete", "nobody", "--confirm", "x")],
)  # fmt: skip
def test_tenant_command_that_cannot_be_done_says_so(axonflow, arguments):
    assert "rror" in axonflow("tenant", *arguments, exit_code=2)


def test_key_is_made_rotated_listed_and_revoked(axonflow, acme, pepper, database):
    here = ("--tenant", acme)
    made = axonflow("key", "create", *here, "--client", "crm", "--role", "auditor", "--expires", "90d",
                    "--pepper", pepper)  # fmt: skip
    old = holder(database, made["key"])
    assert (old.tenant_id, old.client_id, made["record"]["pepper_id"]) == (acme, "crm", "new")
    rotated = axonflow("key", "rotate", made["record"]["key_id"], *here, "--overlap", "1h", "--pepper", pepper)
    assert holder(database, rotated["key"]).permissions == old.permissions
    assert holder(database, made["key"]).until_us < old.until_us
    axonflow("key", "revoke", made["record"]["key_id"], *here)
    assert holder(database, made["key"]) is None
    keys = [key["key_id"] for key in axonflow("key", "list", *here)["keys"]]
    assert keys == [rotated["record"]["key_id"]]
    assert len(axonflow("key", "list", *here, "--all")["keys"]) == 2
    assert "no such key" in axonflow("key", "revoke", made["record"]["key_id"], *here, exit_code=2)


def test_key_command_prints_the_key_once_and_for_people(run, database, acme, pepper):
    printed = run("key", "create", "--tenant", acme, "--client", "crm", "--pepper", pepper, "--database-url", database)
    key = next(line.split()[1] for line in printed.stdout.splitlines() if line.startswith("key "))
    assert holder(database, key).client_id == "crm"
    listed = run("key", "list", "--tenant", acme, "--database-url", database).stdout
    assert "agent" in listed
    assert key not in listed


@pytest.mark.parametrize(
    "arguments",
    [("--client", "crm", "--role", "nobody"), ("--client", "a:b"), ("--client", "crm", "--expires", "yesterday"),
     ("--client", "crm", "--expires", "2020-01-01"), ("--client", "crm", "--scope", "x")],
)  # fmt: skip
def test_key_that_cannot_be_made_is_refused(axonflow, acme, pepper, arguments):
    assert "rror" in axonflow("key", "create", "--tenant", acme, *arguments, "--pepper", pepper, exit_code=2)


def test_role_is_defined_granted_withdrawn_and_removed(axonflow, acme):
    here = ("--tenant", acme)
    assert axonflow("role", "define", "clerk", *here, "--permission", "keys.read")["version"] == 1
    assert axonflow("role", "define", "clerk", *here, "--permission", "keys.*")["version"] == 2
    assert [role["role"] for role in axonflow("role", "list", *here)["own"]] == ["clerk"]
    axonflow("role", "grant", "clerk", "service:crm", *here, "--expires", "2999-01-01T00:00:00Z")
    assert [grant["role"] for grant in axonflow("role", "grants", *here)["grants"]] == ["clerk"]
    axonflow("role", "withdraw", "clerk", "service:crm", *here)
    assert axonflow("role", "grants", *here)["grants"] == []
    axonflow("role", "remove", "clerk", *here)
    assert "no such role" in axonflow("role", "remove", "clerk", *here, exit_code=2)
    assert "no such grant" in axonflow("role", "withdraw", "clerk", "service:crm", *here, exit_code=2)
    assert "built in" in axonflow("role", "define", "owner", *here, "--permission", "*", exit_code=2)


def test_tables_for_people_name_what_there_is(run, database, acme):
    at = ("--database-url", database)
    assert acme in run("tenant", "list", *at).stdout
    assert "policy_author" in run("role", "list", "--tenant", acme, *at).stdout
    assert run("role", "grants", "--tenant", acme, *at).stdout == "no grants\n"
    assert run("key", "list", "--tenant", acme, *at).stdout == "no keys\n"
    run("role", "grant", "viewer", "service:ann", "--tenant", acme, *at)
    assert "service:ann" in run("role", "grants", "--tenant", acme, *at).stdout


def test_tenant_is_exported_whole_to_a_file_or_standard_output(run, axonflow, acme, database, tmp_path):
    axonflow("role", "grant", "viewer", "service:ann", "--tenant", acme)
    out = tmp_path / "acme.jsonl"
    assert run("tenant", "export", acme, "--out", str(out), "--database-url", database).exit_code == 0
    assert out.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert lines[-1]["manifest"]["role_grant"]["rows"] == 1
    printed = run("tenant", "export", acme, "--database-url", database).stdout
    of_the_trail = '{"table":"audit_'  # which grows by each export
    told = [line for line in printed.splitlines()[1:-1] if not line.startswith(of_the_trail)]
    assert told == [line for line in out.read_text().splitlines()[1:-1] if not line.startswith(of_the_trail)]
    assert run("tenant", "export", "nobody", "--out", str(out), "--database-url", database).exit_code == 2
    assert run("tenant", "export", acme, "--out", f"{out}/x", "--database-url", database).exit_code == 2
    assert len(out.read_text().splitlines()) == len(lines)


def test_tenant_is_deleted_with_what_it_has_unless_it_is_held(axonflow, acme):
    axonflow("role", "grant", "viewer", "service:ann", "--tenant", acme)
    axonflow("tenant", "change", acme, "--hold")
    assert "hold" in axonflow("tenant", "delete", acme, "--confirm", acme, exit_code=2)
    assert axonflow("tenant", "show", acme)["status"] == "active"
    axonflow("tenant", "change", acme, "--no-hold")
    erased = axonflow("tenant", "delete", acme, "--confirm", acme)
    assert (erased["rows"]["role_grant"], erased["rows"]["tenant"], erased["kept_events"]) == (1, 0, 9)
    assert axonflow("tenant", "show", acme)["status"] == "deleting"
    erased = axonflow("tenant", "delete", acme, "--confirm", acme, "--audit", "erase")
    assert (erased["rows"]["audit_event"], erased["rows"]["tenant"], erased["kept_events"]) == (9, 1, 0)
    assert "no such tenant" in axonflow("tenant", "show", acme, exit_code=2)


def test_tenant_is_shown_with_what_it_has_beside_what_it_may_have(run, axonflow, database, pepper):
    name = axonflow("tenant", "create", new_tenant_id(), "--max-policies", "7", "--max-requests", "30")["tenant_id"]
    axonflow("tenant", "change", name, "--max-principals", "1", "--max-keys", "2")
    axonflow("key", "create", "--tenant", name, "--client", "crm", "--pepper", pepper)
    axonflow("role", "grant", "viewer", "service:crm", "--tenant", name)
    said = axonflow("role", "grant", "viewer", "service:siem", "--tenant", name, exit_code=2)
    assert "at most 1" in said
    assert f"axonflow tenant change {name} --max-principals N" in said
    shown = axonflow("tenant", "show", name)
    assert (shown["max_policies"], shown["max_requests_per_minute"]) == (7, 30)
    assert shown["use"] == {
        "api_keys": 1, "max_api_keys": 2, "policies": 0, "max_policies": 7, "principals": 1, "max_principals": 1,
        "max_requests_per_minute": 30,
    }  # fmt: skip
    printed = run("tenant", "show", name, "--database-url", database).stdout
    for line in ("keys            1 of 2", "policies        0 of 7", "calls a minute  at most 30 to each agent"):
        assert line in printed
    printed = run("tenant", "change", name, "--tier", "enterprise", "--database-url", database).stdout
    assert "at most 7" in printed


def trail(database, tenant_id):
    with opened(database) as (run, connected):
        store = ReadableStore(connected)
        chains = [run(store.chain(*place, 0, 1000)) for place in run(store.chains(tenant_id))]
    assert all(verify_chain(records) == len(records) for records in chains)
    events = [record.event for records in chains for record in records]
    return sorted(events, key=lambda event: event.event_id)


def test_commands_are_in_the_trail_of_the_tenant_with_who_ran_them(axonflow, acme, pepper, database):
    here = ("--tenant", acme)
    key = axonflow("key", "create", *here, "--client", "crm", "--pepper", pepper)
    new = axonflow("key", "rotate", key["record"]["key_id"], *here, "--pepper", pepper)
    axonflow("key", "revoke", key["record"]["key_id"], *here)
    axonflow("role", "define", "clerk", *here, "--permission", "keys.read")
    axonflow("role", "grant", "clerk", "service:crm", *here)
    axonflow("role", "withdraw", "clerk", "service:crm", *here)
    axonflow("role", "remove", "clerk", *here)
    axonflow("role", "remove", "clerk", *here, exit_code=2)
    axonflow("tenant", "change", acme, "--name", "Acme Ltd")
    axonflow("tenant", "suspend", acme)
    axonflow("tenant", "resume", acme)
    events = trail(database, acme)
    done = [event.action for event in events if event.details["outcome"] == "done"]
    assert done == [
        "tenant.create", "key.create", "key.rotate", "key.revoke", "role.define", "role.grant", "role.withdraw",
        "role.remove", "tenant.change", "tenant.suspend", "tenant.resume",
    ]  # fmt: skip
    assert [event.details["error"] for event in events if event.details["outcome"] == "failed"] == ["not_found"]
    assert {event.principal.partition(":")[0] for event in events} == {"cli"}
    assert not any(made["key"] in repr(events) for made in (key, new))


def test_tenant_that_is_erased_with_its_trail_is_in_the_trail_of_the_installation(axonflow, acme, database):
    axonflow("tenant", "delete", acme, "--confirm", acme, "--audit", "erase")
    assert trail(database, acme) == []
    begun, done = [event for event in trail(database, "*") if event.resource == f"tenant:{acme}"]
    assert (begun.action, begun.details) == ("tenant.erase", {"outcome": "begun"})
    assert (done.details["outcome"], done.details["audit_erased"]) == ("done", True)


@pytest.mark.parametrize(
    "text", ["", "one", "one zz", f"one {'ab' * 31}", f"a/b {'ab' * 32}", f"one {'ab' * 32}\none {'cd' * 32}", "\u00e9"]
)
def test_file_without_peppers_is_refused_and_not_shown(tmp_path, text):
    file = tmp_path / "pepper"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        read_peppers(file)
    assert "abab" not in str(raised.value)


def test_file_of_peppers_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_peppers(tmp_path / "nothing")
    assert [pepper.pepper_id for pepper in parse_peppers(PEPPERS + "\n", "here")] == ["new", "old"]
