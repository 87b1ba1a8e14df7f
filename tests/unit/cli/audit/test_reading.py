"""`axonflow audit search`, `show` and `tail`: pages, one event, and what comes, from a real PostgreSQL and an agent."""

import asyncio
import json

import pytest

from axonflow.adapters.postgres import PostgresAuditStore, PostgresDatabase, migrate
from axonflow.cli.audit import tail
from tests.postgres import fresh_database, postgres_dsn
from tests.postgres_stores import audit_event, chained
from tests.sidecar.doors import ACME_KEY, KEY, REQUEST
from tests.sidecar.serving import served
from tests.sidecar.test_audit_tail import QUICK, TailDoors

__all__ = ["postgres_dsn"]

START_US = 1_780_000_000_000_000
SINCE = "2026-05-28T00:00:00Z"
LONG_AGO = ("--since", "2020-01-01T00:00:00Z")
EVENTS = [
    audit_event("default", f"w{number % 2}", time_us=START_US + number * 1_000_000, decision_id=f"d{number}",
                resource="tool:x" if number % 2 else "tool:\x1b[31my", allowed=number == 3)
    for number in range(5)
]  # fmt: skip


@pytest.fixture(scope="module")
def database(postgres_dsn):
    async def fill(dsn):
        await migrate(dsn)
        opened = await PostgresDatabase.connect(dsn)
        await PostgresAuditStore(opened).write(chained(EVENTS))
        await opened.close()

    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(fill(dsn))
        yield ("--database-url", dsn)


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """Which ends each tail after what one look gave."""
    doors = TailDoors(QUICK.__class__(poll_s=0.02, gather_s=0.0, slow_s=0.0))
    doors.ids = [doors.post("/v1/decisions", REQUEST).json()["decision_id"] for _ in range(3)]
    doors.post("/api/v1/audit/search", {})
    with served(doors.app, tmp_path_factory.mktemp("tls")) as server:
        yield doors, server


def decisions(result):
    assert result.exit_code == 0, result.stderr
    return [json.loads(line)["decision_id"] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("options", "ids"),
    [(("--resource", "tool:x"), ["d3", "d1"]), (("--allowed",), ["d3"]), (("--refused", "--limit", "2"), ["d4", "d2"]),
     (("--before", EVENTS[2].event_id), ["d1", "d0"])],
)  # fmt: skip
def test_search_by_resource_outcome_and_page_finds_those(run, database, options, ids):
    found = json.loads(run("audit", "search", *database, "--json", *options).stdout)
    assert [event["decision_id"] for event in found["events"]] == ids


def test_search_that_finds_more_than_a_page_says_how_to_go_on(run, database):
    assert (
        f"2 of 5; more with --before {EVENTS[3].event_id}" in run("audit", "search", *database, "--limit", "2").stdout
    )
    assert "more with" not in run("audit", "search", *database).stdout


def test_show_prints_all_of_one_event_and_steers_no_terminal(run, database):
    result = run("audit", "show", EVENTS[0].event_id, *database)
    assert result.exit_code == 0
    assert "\x1b[31m" not in result.stdout
    told = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert (told["decision_id"], told["principal"], told["allowed"]) == ("d0", "user:ann", "false")
    as_json = run("audit", "show", EVENTS[0].event_id, *database, "--json").stdout
    assert as_json.strip() == EVENTS[0].canonical().decode()


@pytest.mark.parametrize(
    "arguments", [("nonsense",), (EVENTS[0].event_id, "--tenant", "acme"), (EVENTS[0].event_id[:-1] + "z",)]
)
def test_show_of_an_event_that_is_not_there_says_so(run, database, arguments):
    result = run("audit", "show", *arguments, *database)
    assert result.exit_code == 2
    assert ("no such tenant" if "acme" in arguments else "no such event") in result.stderr


def test_tail_of_the_database_tells_events_of_all_writers_in_order(run, database):
    result = run("audit", "tail", *database, "--since", SINCE, "--count", "5", "--json")
    assert decisions(result) == [f"d{number}" for number in range(5)]


def test_tail_of_the_database_by_filter_and_behind_an_event_tells_those(run, database):
    behind = ("--after", EVENTS[1].event_id)
    assert decisions(run("audit", "tail", *database, *behind, "--count", "2", "--json")) == ["d2", "d3"]
    filtered = run("audit", "tail", *database, "--since", SINCE, "--resource", "tool:x", "--count", "2")
    assert [line.split("  ")[1] for line in filtered.stdout.splitlines()] == ["deny", "deny"]


@pytest.mark.parametrize("option", [
    ("--after", "nonsense"), ("--after", ""), ("--since", "monday"), ("--count", "0"), ("--kind", "nonsense"),
    ("--after", EVENTS[0].event_id, "--since", SINCE), ("--via", "http", "http://127.0.0.1:9"),
])  # fmt: skip
def test_tail_with_a_wrong_option_is_bad_input(run, database, option):
    result = run("audit", "tail", *database, *option)
    assert (result.exit_code, option[0] in result.stderr or "nonsense" in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize("scheme", ["http", "https", "ftp"])
def test_tail_of_an_address_with_a_password_in_it_does_not_show_it(run, tmp_path, scheme):
    (tmp_path / "key").write_text("k" * 40)
    address = f"{scheme}://ann:hunter2@127.0.0.1:9"
    result = run("audit", "tail", "--via", "http", address, "--key-file", str(tmp_path / "key"))
    assert (result.exit_code, "without a login" in result.stderr) == (2, True), result.stderr
    assert "hunter2" not in result.stderr


def via(server, tmp_path, key=KEY):
    (tmp_path / "key").write_text(key)
    return ("--via", "http", server.tls.url, "--key-file", str(tmp_path / "key"), "--ca-file", server.authority)


def test_tail_of_an_agent_goes_on_whenever_that_ends_it(run, agent, tmp_path, monkeypatch):
    monkeypatch.setattr(tail, "RETRY_S", 0)
    doors, server = agent
    options = (*via(server, tmp_path), *LONG_AGO, "--kind", "decision", "--json")
    assert decisions(run("audit", "tail", *options, "--count", "3")) == doors.ids
    last = json.loads(run("audit", "tail", *options, "--count", "1").stdout)["event_id"]
    again = (*via(server, tmp_path), "--after", last, "--kind", "decision", "--principal", "user:ann", "--json")
    assert decisions(run("audit", "tail", *again, "--count", "2")) == doors.ids[1:]


def test_tail_of_an_agent_that_refuses_or_is_away_says_so(run, agent, tmp_path):
    _, server = agent
    foreign = run("audit", "tail", *via(server, tmp_path, ACME_KEY), "--tenant", "default", "--count", "1")
    wrong = run("audit", "tail", *via(server, tmp_path, "w" * 40), "--count", "1")
    away = run("audit", "tail", "--via", "http", "http://127.0.0.1:9", "--key-file", str(tmp_path / "key"))
    assert [one.exit_code for one in (foreign, wrong, away)] == [2, 2, 2]
    assert "does not answer" in away.stderr
