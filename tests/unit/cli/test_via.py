"""`axonflow replay --via http`: over a real socket, and what is said when the agent is not there or refuses."""

import json
from pathlib import Path

import pytest

from axonflow.cli.via import Via, opened_decider
from axonflow.errors import AxonFlowError, ConfigurationError, RequestError
from axonflow.policy import Request
from tests.sidecar.doors import ALLOW_ALL, KEY, Doors
from tests.sidecar.serving import served

REQUEST = Request("user:ann", "tool.call", "tool:search")
LINE = json.dumps({"request": json.loads(REQUEST.to_json()), "expect": {"effect": "allow"}})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(Doors(ALLOW_ALL).agent, tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    return file


@pytest.fixture
def traffic(tmp_path):
    file = tmp_path / "traffic.jsonl"
    file.write_text(f"{LINE}\n{LINE}\nnonsense\n")
    return str(file)


def reach(server, key_file):
    return ("--via", "http", server.tls.url, "--key-file", str(key_file), "--ca-file", server.authority)


def test_replay_through_an_agent_counts_its_decisions(run, server, key_file, traffic):
    result = run("replay", traffic, *reach(server, key_file), "--expect", "--json")
    summary = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (summary["decided"], summary["protocol"], summary["malformed"]["count"]) == (2, "HTTP/2", 1)
    assert summary["policy_digest"].startswith("sha256:")
    assert "an agent over HTTP/2" in run("replay", traffic, *reach(server, key_file)).stdout


def test_replay_through_plain_http_works_on_loopback(run, server, key_file, traffic):
    result = run("replay", traffic, "--via", "http", server.plain.url, "--key-file", str(key_file), "--json")
    assert json.loads(result.stdout)["protocol"] == "HTTP/1.1"


def test_replay_takes_the_key_from_the_environment(run, server, traffic, monkeypatch):
    monkeypatch.setenv("AXONFLOW_API_KEY", KEY)
    assert run("replay", traffic, "--via", "http", server.plain.url).exit_code == 0


def test_replay_finds_key_and_authority_of_the_installation_of_this_machine(
    run, server, traffic, tmp_path, monkeypatch
):
    (tmp_path / "api-key").write_text(KEY)
    (tmp_path / "endpoints.json").write_text(json.dumps({"agent_tls": server.tls.url}))
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "ca.pem").write_bytes(Path(server.authority).read_bytes())
    monkeypatch.setenv("AXONFLOW_DATA", str(tmp_path))
    assert run("replay", traffic, "--via", "http", server.tls.url).exit_code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--via", "http", "ftp://x"), "https://"),
        (("--via", "http", "nonsense"), "https://"),
        (("--via", "http", "http://127.0.0.1:1"), "does not answer"),
        (("--via", "http", "http://127.0.0.1:1", "--policies", "@baseline"), "--policies or --via"),
        (("--via", "smtp", "x"), "smtp"),
    ],
)
def test_replay_via_somewhere_wrong_is_bad_input(run, traffic, key_file, options, words):
    result = run("replay", traffic, *options, "--key-file", str(key_file))
    assert result.exit_code == 2
    assert words in result.stderr


def test_replay_with_a_wrong_key_or_no_trust_stops_and_never_shows_the_key(run, server, traffic, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("w" * 40)
    for options in (reach(server, wrong), ("--via", "http", server.tls.url, "--key-file", str(wrong))):
        result = run("replay", traffic, *options)
        assert result.exit_code == 2
        assert "w" * 40 not in result.stderr


def test_replay_without_a_key_says_where_one_comes_from(run, traffic, tmp_path, monkeypatch):
    monkeypatch.setenv("AXONFLOW_DATA", str(tmp_path))
    monkeypatch.delenv("AXONFLOW_API_KEY", raising=False)
    result = run("replay", traffic, "--via", "http", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "axonflow up" in result.stderr


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"message": "no", "at": "$.x"}', RequestError),
        (401, b"{}", ConfigurationError),
        (403, b"not json", ConfigurationError),
        (503, b'{"message": "full"}', AxonFlowError),
        (200, b'{"effect": "allow"}', RequestError),
        (200, b"ok", RequestError),
        (302, b"", AxonFlowError),
    ],
)
def test_answer_that_is_no_decision_is_never_taken_for_one(tmp_path, key_file, status, body, kind):
    async def odd(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": [(b"location", b"/")]})
        await send({"type": "http.response.body", "body": body})

    with (
        served(odd, tmp_path / "tls") as server,
        opened_decider(None, Via(server.plain.url, key_file, None)) as decider,
        pytest.raises(kind),
    ):
        decider.decide(REQUEST)
