"""`axonflow up` as a process: what it prints and leaves, how it ends, and what it survives."""

import json
import os
import secrets
import signal
import socket
import stat
import sys
from pathlib import Path

import httpx
import pytest

from tests.lasting_ports import lasting_ports
from tests.running import (
    FREE_PORTS,
    PLAIN,
    REQUEST,
    axonflow,
    commanded,
    data_folder,
    eventually,
    kill_agent_under_load,
    query,
    up,
    verified,
)
from tests.strategies import policy_set

pytestmark = pytest.mark.slow


@pytest.fixture
def folder():
    with data_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def running():
    with data_folder() as folder, up(folder, "--plans", "axonflow.samples.ten_agents:plans") as running:
        yield running


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def failed(*options):
    done = axonflow("up", *options)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_up_serves_agent_and_orchestrator_and_keeps_its_secrets_to_its_user(running):
    assert httpx.get(f"{running.endpoints['agent']}/health", **PLAIN).json()["status"] == "healthy"
    assert httpx.get(f"{running.endpoints['orchestrator']}/health", **PLAIN).json()["status"] == "healthy"
    for name in ("api-key", "secret", "database-url", "tls/server.key", "lock"):
        assert mode(running.folder / name) == 0o600, name
    for name in ("spool", "tls"):
        assert mode(running.folder / name) == 0o700, name
    assert running.key not in running.said() + json.dumps(running.endpoints)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_up_every_process_and_log_is_free_of_secrets(running):
    secrets_ = [running.key, (running.folder / "secret").read_text().strip()]
    pids = [running.now()[name] for name in ("pid", "agent_pid", "orchestrator_pid")]
    for pid in pids:
        for name in ("cmdline", "environ"):
            text = Path(f"/proc/{pid}/{name}").read_bytes().decode("utf-8", "replace")
            assert not [one for one in secrets_ if one in text], name


def test_up_decision_over_http_2_is_recorded_and_found_by_the_command_line(running):
    with running.client() as client:
        decision = client.post("/v1/decisions", json=REQUEST).json()
        found = client.post("/api/v1/audit/search", json={"decision_id": decision["decision_id"]}).json()
    assert [one["policy_details"]["effect"] for one in found["entries"]] == [decision["effect"]]
    done = commanded("audit", "search", "--data", running.folder, "--decision", decision["decision_id"], "--json")
    assert [one["decision_id"] for one in json.loads(done.stdout)["events"]] == [decision["decision_id"]]


def test_up_plan_of_ten_agents_is_made_run_and_kept(running):
    with running.client() as client:
        made = client.post("/api/request", json={"query": "Rome", "request_type": "multi-agent-plan",
                                                 "context": {"domain": "travel"}}).json()  # fmt: skip
        execute = {"query": "", "request_type": "execute-plan", "context": {"plan_id": made["plan_id"]}}
        assert client.post("/api/request", json=execute).json()["success"] is True
        kept = client.get(f"/api/v1/plan/{made['plan_id']}").json()
    assert (kept["status"], len(kept["step_results"])) == ("completed", 10)


def test_up_replay_through_the_agent_gives_the_verdicts_of_the_library(running, tmp_path):
    from axonflow.samples import traffic_file

    lines = traffic_file().read_text("utf-8").splitlines()[::4]
    sample = tmp_path / "sample.jsonl"
    sample.write_text("\n".join(lines), "utf-8")
    reach = ("--key-file", running.endpoints["key_file"], "--ca-file", running.endpoints["authority_file"])
    over = axonflow("replay", sample, "--via", "http", running.endpoints["agent_tls"], *reach, "--expect", "--json")
    here = axonflow("replay", sample, "--policies", "@baseline", "--expect", "--json")
    assert (over.returncode, here.returncode) == (0, 0), over.stderr
    same = ("effects", "policies", "decided", "unmatched", "policy_digest", "expect", "undecidable")
    over, here = json.loads(over.stdout), json.loads(here.stdout)
    assert {name: over[name] for name in same} == {name: here[name] for name in same}
    assert (over["protocol"], here["protocol"]) == ("HTTP/2", None)


def test_up_second_start_in_the_same_folder_says_who_has_it(running):
    message = failed("--data", running.folder, *FREE_PORTS)
    assert f"process {running.process.pid}" in message
    assert "--data" in message


@pytest.mark.parametrize("option", ["--port", "--tls-port", "--orchestrator-port"])
def test_up_busy_port_is_named_with_its_option_and_nothing_is_left(folder, option):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        free = dict(zip(FREE_PORTS[::2], FREE_PORTS[1::2], strict=True)) | {option: str(port)}
        message = failed("--data", folder, *(part for pair in free.items() for part in pair))
    assert f"127.0.0.1:{port}" in message
    assert option in message
    assert not (folder / "postgres").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--policies", "gone"), ["gone", "no such file"]),
        (("--plans", "no.such.module:plans"), ["plans cannot be loaded", "no.such.module:plans", "on PYTHONPATH"]),
        (("--plans", "axonflow.samples.trip_plan:plan"), ["mapping"]),
        (("--tls-cert", "cert.pem"), ["--tls-key"]),
        (("--database-url", "postgresql://nobody:hunter2@127.0.0.1:1/none"), ["PostgreSQL"]),
        (("--database-url", "mysql://x"), ["postgresql://"]),
        (("--keys", "gone.json"), ["gone.json"]),
        (("--plan-limits", __file__), ["the limits of plans cannot be used", __file__]),
    ],
)
def test_up_wrong_setting_is_refused_with_what_to_do(folder, options, words):
    message = failed("--data", folder, *FREE_PORTS, *options)
    assert not [word for word in words if word not in message], message
    assert "hunter2" not in message


def test_up_data_folder_that_is_a_file_is_refused(tmp_path):
    file = tmp_path / "file"
    file.touch()
    assert "file" in axonflow("up", "--data", file / "below", *FREE_PORTS).stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up_told_to_stop_ends_in_order_and_the_next_start_has_everything(folder, number):
    with up(folder) as running, running.client() as client:
        key, decision = running.key, client.post("/v1/decisions", json=REQUEST).json()["decision_id"]
        assert running.stop(number) == 0
        assert not (folder / "endpoints.json").exists()
        assert not (folder / "database-url").exists()
        assert "error" not in running.said()
    with up(folder) as running, running.client() as client:
        assert running.key == key
        found = client.post("/api/v1/audit/search", json={"decision_id": decision}).json()
        assert found["total"] == 1
        assert verified(folder)["broken"] == []


def test_up_killed_leaves_nothing_to_repair_and_the_next_start_has_everything(folder):
    with up(folder) as running:
        with running.client() as client:
            decisions = [client.post("/v1/decisions", json=REQUEST).json()["decision_id"] for _ in range(20)]
        children = [running.now()["agent_pid"], running.now()["orchestrator_pid"]]
        running.kill()
        with up(folder) as again:
            for pid in children:
                eventually(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), "the children of the killed one to end")
            with again.client() as client:
                for decision in decisions:
                    assert client.post("/api/v1/audit/search", json={"decision_id": decision}).json()["total"] == 1
            assert verified(folder)["broken"] == []


@pytest.mark.embedded
def test_up_postgres_that_is_killed_comes_back_and_no_decision_waits_for_it(folder):
    with up(folder, "--log-level", "ERROR") as running, running.client() as client:
        client.post("/v1/decisions", json=REQUEST)
        (line, *_) = (folder / "postgres" / "data" / "postmaster.pid").read_text().splitlines()
        os.kill(int(line), signal.SIGKILL)
        decision = client.post("/v1/decisions", json=REQUEST).json()["decision_id"]
        search = {"decision_id": decision}
        found = eventually(
            lambda: client.post("/api/v1/audit/search", json=search).json().get("total") == 1, "the event in PostgreSQL"
        )
        assert found


def test_up_with_a_given_database_uses_it_and_starts_none(folder, new_database):
    with up(folder, "--database-url", new_database) as running, running.client() as client:
        assert running.endpoints["database"] == "given"
        decision = client.post("/v1/decisions", json=REQUEST).json()["decision_id"]
        assert client.post("/api/v1/audit/search", json={"decision_id": decision}).json()["total"] == 1
        assert running.stop() == 0
    assert not (folder / "postgres").exists()
    rows = query(new_database, "SELECT tenant_id FROM axonflow.audit_event WHERE decision_id = $1", decision)
    assert [row["tenant_id"] for row in rows] == ["default"]


def test_up_keys_of_a_file_open_their_tenant_alone(folder, tmp_path):
    key = secrets.token_urlsafe(32)
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps([{"key": key, "client_id": "crm", "tenant_id": "acme"}]))
    with up(folder, "--keys", keys) as running, running.client() as client:
        headers = {"authorization": f"Bearer {key}"}
        acme = REQUEST | {"principal": {"id": "ann", "tenant": "acme"}}
        assert client.post("/v1/decisions", json=acme, headers=headers).status_code == 200
        assert client.post("/v1/decisions", json=REQUEST, headers=headers).status_code == 403


def test_agent_killed_under_load_loses_and_doubles_no_answered_decision(folder):
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    answered, _ = kill_agent_under_load(folder, rounds=3, seed=seed)
    assert answered > 15


def test_up_killed_with_fixed_ports_starts_again_at_once_on_the_same_ones(folder):
    ports = dict(zip(FREE_PORTS[::2], lasting_ports(3), strict=True))
    same = [str(part) for pair in ports.items() for part in pair]
    with up(folder, *same) as running:
        running.kill()
    with up(folder, *same) as again:
        assert again.endpoints["agent"].endswith(f":{ports['--port']}")
        with again.client() as client:
            assert client.post("/v1/decisions", json=REQUEST).status_code == 200


def test_up_plans_that_print_disturb_nothing_and_keep_to_the_limits(folder, tmp_path, monkeypatch):
    (tmp_path / "noisy.py").write_text(
        "from axonflow import Plan\n"
        "from axonflow.plan import Takes\n"
        "print('imported')\n"
        "def plan(query, context):\n"
        "    print('x' * 200_000)\n"
        "    return Plan('noisy').step('a', lambda: print('y' * 200_000))\n"
        "async def costs():\n"
        "    return 1\n"
        "plans = {'noise': plan, 'dear': Plan('dear').step('a', costs, takes=Takes(tokens=11))}\n"
    )
    limits = tmp_path / "limits.json"
    limits.write_text('{"quotas": [{"unit": "tokens", "maximum": 10, "window_s": 3600}]}')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    options = ("--plans", "noisy:plans", "--plan-limits", limits)
    with up(folder, *options) as running, running.client() as client:
        made = {"query": "q", "request_type": "multi-agent-plan", "context": {"domain": "noise"}}
        for _ in range(3):
            plan_id = client.post("/api/request", json=made).json()["plan_id"]
            execute = {"query": "", "request_type": "execute-plan", "context": {"plan_id": plan_id}}
            assert client.post("/api/request", json=execute).json()["success"] is True
        made["context"]["domain"] = "dear"
        execute["context"]["plan_id"] = client.post("/api/request", json=made).json()["plan_id"]
        refused = client.post("/api/request", json=execute).json()
        assert "expected at most 10 tokens, found 11 at worst" in refused["error"]


def test_up_with_a_redaction_key_redacts_and_reveals_and_shows_the_key_nowhere(folder, tmp_path):
    secret = "5ecb" * 16
    (tmp_path / "redaction.key").write_text(secret)
    rule = {"id": "r", "effect": "redact", "obligations": [{"detectors": ["pii.email"], "style": "pseudonym"}]}
    cards = {"detectors": ["pii.credit_card"], "style": "vault"}
    rule["obligations"].append(cards)
    see = {"id": "see", "effect": "allow", "match": {"action": "vault.reveal"}}
    (tmp_path / "p.json").write_text(json.dumps(policy_set([rule, see], default="allow")))
    with up(folder, "--redaction-key", tmp_path / "redaction.key", policies=tmp_path / "p.json") as running:
        with running.client() as client:
            content = {"to": "ann@example.com", "card": "4111 1111 1111 1111"}
            decision = client.post("/v1/decisions", json=REQUEST | {"content": content}).json()
            asked = {"principal": "user:ann", "content": decision["redacted"]["card"]}
            assert client.post("/v1/reveal", json=asked).json() == {"content": content["card"]}
        assert decision["redacted"]["to"].startswith("[REDACTED:pii.email:pseudonym:")
        assert decision["obligations"][0]["fulfilled_by"] == "axonflow"
        assert secret not in running.said() + json.dumps(running.endpoints)
    refusal = failed("--data", folder, "--policies", tmp_path / "p.json", *FREE_PORTS)
    assert "the style pseudonym needs a key" in refusal
