"""Tenants and their keys in a running `axonflow up`: made beside it, heard by it, known to it without its database."""

import contextlib
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from axonflow_sidecar.http.stored_keys import FRESH_S
from tests.running import PLAIN, commanded, data_folder, eventually, have_heard, up
from tests.strategies import policy_set

pytestmark = pytest.mark.slow

ALLOWED_S = 25.0
"""What is promised is a second; a test on a busy machine allows for what shows that it was heard."""
assert ALLOWED_S < FRESH_S, "after which a key is looked up by itself"


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """A folder with the plan `slow`: its first step touches `begun` and waits for `gate`, its second one `second`."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "slow_plan.py").write_text(
        "import pathlib\n"
        "from axonflow import Plan\n"
        f"folder = pathlib.Path({str(folder)!r})\n"
        "def first():\n"
        "    (folder / 'begun').touch()\n"
        "    return (folder / 'gate').read_text()\n"
        "async def second(first):\n"
        "    (folder / 'second').touch()\n"
        "plan = Plan('slow').step('first', first).step('second', second, needs=['first'])\n"
        "plans = {'slow': plan}\n"
    )
    os.mkfifo(folder / "gate")
    return folder


@pytest.fixture(scope="module")
def running(gate):
    (gate / "p.json").write_text(json.dumps(policy_set([], default="allow")))
    with pytest.MonkeyPatch.context() as patch, data_folder() as folder:
        patch.setenv("PYTHONPATH", f"{gate}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        with up(folder, "--plans", "slow_plan:plans", policies=gate / "p.json") as running:
            yield running


def told(running, *arguments):
    done = commanded(*arguments, "--data", running.folder, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def asked(running, key, tenant_id="acme"):
    body = {"principal": {"id": "ann", "tenant": tenant_id}, "action": "tool.call", "resource": "tool:search",
            "context": {"env": "dev"}}  # fmt: skip
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{running.endpoints['agent']}/v1/decisions", json=body, headers=headers, **PLAIN).status_code


def until(running, key, status):
    eventually(lambda: asked(running, key) == status, f"the answer {status}", ALLOWED_S)


@pytest.fixture(scope="module")
def key(running):
    told(running, "tenant", "create", "acme", "--tier", "enterprise")
    return told(running, "key", "create", "--tenant", "acme", "--client", "crm")


def test_key_that_is_made_beside_a_running_agent_works_at_once_for_its_tenant_alone(running, key):
    assert asked(running, key["key"]) == 200
    assert asked(running, key["key"], "default") == 403
    assert asked(running, key["key"][:-2] + "AA") == 401
    assert (running.folder / "pepper").stat().st_mode & 0o777 == 0o600


def test_key_that_is_revoked_beside_a_running_agent_is_refused_soon(running, key):
    made = told(running, "key", "create", "--tenant", "acme", "--client", "gone")
    assert asked(running, made["key"]) == 200
    told(running, "key", "revoke", made["record"]["key_id"], "--tenant", "acme")
    until(running, made["key"], 401)
    assert asked(running, key["key"]) == 200


def test_tenant_that_is_suspended_beside_a_running_agent_is_refused_soon_and_resumed(running, key):
    operator = (running.folder / "api-key").read_text().strip()
    assert asked(running, operator) == 200
    told(running, "tenant", "suspend", "acme")
    until(running, key["key"], 403)
    assert asked(running, operator) == 403
    assert asked(running, operator, "default") == 200
    told(running, "tenant", "resume", "acme")
    until(running, key["key"], 200)


def test_export_over_http_is_whole_and_may_be_repeated(running, key):
    owner = told(running, "key", "create", "--tenant", "acme", "--client", "boss", "--role", "owner")
    headers = {"authorization": f"Bearer {owner['key']}"}
    url = f"{running.endpoints['agent']}/v1/tenant/export"
    lines = httpx.get(url, headers=headers, **PLAIN).text.splitlines()
    manifest = json.loads(lines[-1])["manifest"]
    assert len(lines) == 2 + sum(table["rows"] for table in manifest.values())
    assert {"tenant", "api_key"} <= manifest.keys()
    assert key["key"] not in "".join(lines)
    assert httpx.get(url, headers=headers, **PLAIN).status_code == 200


def test_change_by_command_and_over_http_are_found_by_a_search_of_the_tenant(running, key):
    owner = told(running, "key", "create", "--tenant", "acme", "--client", "owner", "--role", "owner")
    headers = {"authorization": f"Bearer {owner['key']}"}
    agent = running.endpoints["agent"]
    grant = {"principal": "service:crm", "role": "viewer"}
    assert httpx.post(f"{agent}/v1/grants", json=grant, headers=headers, **PLAIN).status_code == 201
    found = httpx.post(f"{agent}/api/v1/audit/search", json={"limit": 100}, headers=headers, **PLAIN).json()
    assert owner["record"]["key_id"] in json.dumps(found)
    events = told(running, "audit", "search", "--tenant", "acme", "--kind", "admin")["events"]
    done = {
        (one["principal"].partition(":")[0], one["action"]) for one in events if one["details"]["outcome"] == "done"
    }
    assert {("cli", "tenant.create"), ("cli", "key.create"), ("service", "role.grant")} <= done
    assert commanded("audit", "verify", "--tenant", "acme", "--data", running.folder).returncode == 0


def test_tenant_that_calls_too_often_is_refused_and_another_is_not(running, key):
    told(running, "tenant", "create", "small", "--max-requests", "3")
    made = told(running, "key", "create", "--tenant", "small", "--client", "crm")
    assert [asked(running, made["key"], "small") for _ in range(4)] == [200, 200, 200, 429]
    assert asked(running, key["key"]) == 200


def test_plan_that_runs_while_its_tenant_is_suspended_stops_before_its_next_step(running, gate, key):
    headers = {"authorization": f"Bearer {key['key']}"}
    with httpx.Client(base_url=running.endpoints["agent"], headers=headers, **PLAIN) as client:
        made = {"query": "q", "request_type": "multi-agent-plan", "context": {"domain": "slow"}}
        plan_id = client.post("/api/request", json=made).json()["plan_id"]
        execute = {"query": "", "request_type": "execute-plan", "context": {"plan_id": plan_id}}
        with ThreadPoolExecutor(1) as pool:
            ran = pool.submit(client.post, "/api/request", json=execute)
            eventually((gate / "begun").exists, "the first step runs")
            told(running, "tenant", "suspend", "acme")
            until(running, key["key"], 403)
            have_heard(
                (running.folder / "database-url").read_text().strip(), 2
            )  # the orchestrator hears it by itself, as the agent has
            (gate / "gate").write_text("go on")
            answer = ran.result().json()
    told(running, "tenant", "resume", "acme")
    until(running, key["key"], 200)
    assert (answer["success"], (gate / "second").exists()) == (False, False)
    assert "second: TenancyForbidden: the tenant is suspended" in answer["error"]


@pytest.mark.embedded
def test_known_keys_and_suspensions_hold_while_the_database_hangs(running, key):
    fresh = told(running, "key", "create", "--tenant", "acme", "--client", "new")
    assert asked(running, key["key"]) == 200
    with hanging_database(running):
        assert [asked(running, key["key"]) for _ in range(5)] == [200] * 5
        assert asked(running, fresh["key"]) == 503
        assert asked(running, "axf_" + "A" * 54) == 401
    eventually(lambda: asked(running, fresh["key"]) == 200, "keys are looked up again")


@pytest.mark.embedded
def test_tenant_that_was_suspended_still_is_for_an_agent_that_starts_without_its_database(running, key):
    told(running, "tenant", "suspend", "acme")
    until(running, key["key"], 403)
    eventually(lambda: "acme" in remembered(running), "it is remembered")
    operator = (running.folder / "api-key").read_text().strip()
    with hanging_database(running):
        before = running.now()["agent_pid"]
        os.kill(before, signal.SIGKILL)
        eventually(lambda: running.now()["agent_pid"] != before, "a new agent")
        assert asked(running, operator) == 403
        assert asked(running, operator, "default") == 200
    told(running, "tenant", "resume", "acme")
    eventually(lambda: asked(running, key["key"]) == 200, "it is resumed")
    eventually(lambda: "acme" not in remembered(running), "it is forgotten")


def remembered(running):
    file = running.folder / "inactive.json"
    return json.loads(file.read_text()) if file.exists() else {}


@contextlib.contextmanager
def hanging_database(running):
    """All processes of the server stand still: connections stay open, and nobody answers."""
    postmaster = int((running.folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    children = [int(pid) for pid in os.listdir("/proc") if pid.isdecimal() and parent(pid) == postmaster]
    for pid in (postmaster, *children):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in (*children, postmaster):
            os.kill(pid, signal.SIGCONT)


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
