"""A decision that thousands of rules match, from the spool to a real PostgreSQL: it verifies, is found and exported."""

import asyncio
import csv
import json

import pytest

from axonflow import AxonFlow, Request
from axonflow.adapters.postgres import migrate
from axonflow.app.durable import Durable
from axonflow.audit.grounds import left_out
from tests.postgres import fresh_database, postgres_dsn
from tests.strategies import policy_set

__all__ = ["postgres_dsn"]

COUNT = 3_000
RULES = [{"id": f"rule-{number:04}", "effect": "warn", "reason": f"{number} " * 190} for number in range(COUNT)]


async def record(dsn, folder):
    durable = await Durable.open(spool=folder, database_url=dsn, report=print)
    flow = AxonFlow.open(policy_set(RULES, default="allow"), audit=durable.audit)
    decision = await flow.enforce(Request("user:ann", "tool.call", "tool:search"))
    assert await durable.close(20)
    return decision


@pytest.fixture(scope="module")
def trail(postgres_dsn, tmp_path_factory):
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(migrate(dsn))
        yield asyncio.run(record(dsn, tmp_path_factory.mktemp("spool"))), ("--database-url", dsn)


def test_search_of_a_decision_by_thousands_of_policies_finds_it_by_those_that_are_named(run, trail):
    decision, database = trail
    (event,) = json.loads(run("audit", "search", *database, "--policy", "rule-0000", "--json").stdout)["events"]
    kept = len(event["policies"]) - 1
    assert event["policies"][:-1] == list(decision.policies[:kept])
    assert left_out(event["policies"]) == COUNT - kept
    assert json.loads(run("audit", "search", *database, "--policy", "rule-2999", "--json").stdout)["events"] == []
    assert f"... {COUNT - kept} sha256:" in run("audit", "show", event["event_id"], *database).stdout


def test_verify_of_a_decision_by_thousands_of_policies_holds_in_the_database_and_exported(run, trail, tmp_path):
    _, database = trail
    assert run("audit", "verify", *database).exit_code == 0
    for form in ("jsonl", "parquet"):
        place = str(tmp_path / form)
        export = run("audit", "export", *database, "--tenant", "default", "--format", form, "-o", place)
        assert (export.exit_code, run("audit", "verify", "--export", place).exit_code) == (0, 0)
    place = str(tmp_path / "csv")
    assert run("audit", "export", *database, "--tenant", "default", "--format", "csv", "-o", place).exit_code == 0
    with open(place, encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["policies"].split(" ")[-3] == "..."
