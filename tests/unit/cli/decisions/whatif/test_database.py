"""`axonflow whatif --database`: decisions that were enforced, on their way through a spool into a real PostgreSQL."""

import asyncio
import json

import pytest

from axonflow import AxonFlow, Request
from axonflow.adapters.postgres import migrate
from axonflow.app.durable import Durable, PersonSettings
from tests.postgres import fresh_database, postgres_dsn
from tests.strategies import policy_set
from tests.unit.cli.conftest import RULES

__all__ = ["postgres_dsn"]

SECRET = bytes(range(32))
MORE = [*RULES, {"id": "not-bob", "effect": "deny", "match": {"principal.id": "bob"}}]


async def record(dsn, folder, *, seals):
    durable = await Durable.open(
        spool=folder, database_url=dsn, report=print, persons=PersonSettings(SECRET, seals=seals)
    )  # fmt: skip
    flow = AxonFlow.open(policy_set(RULES), audit=durable.audit)
    for tenant in ("default", "acme"):
        for who in ("ann", "bob"):
            principal = {"id": who, "tenant": tenant}
            await flow.enforce(Request(principal, "tool.call", "tool:search"))
            await flow.enforce(Request(principal, "llm.request", "model:m", content="to ann@example.com"))
            await flow.enforce(Request(principal, "tool.call", "tool:shell"))
    assert await durable.close(20)


@pytest.fixture(scope="module")
def filled(postgres_dsn, tmp_path_factory):
    """The options that name the database, and a folder with the key of persons."""
    folder = tmp_path_factory.mktemp("installation")
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(migrate(dsn))
        asyncio.run(record(dsn, folder / "plain", seals=False))
        asyncio.run(record(dsn, folder / "sealed", seals=True))
        (folder / "audit-persons.key").write_text(SECRET.hex())
        yield ("--database", "--database-url", dsn), folder


@pytest.fixture
def told(run, folder, filled):
    """What the command printed as JSON of the stricter policies, and how it ended."""
    (folder / "old.json").write_text(json.dumps(policy_set(RULES)))
    (folder / "next.json").write_text(json.dumps(policy_set(MORE)))
    url, installation = filled

    def told(*options):
        done = run("whatif", "next.json", *url, "--data", str(installation), *options, "--json")
        assert done.exit_code in {0, 1}, done.stderr
        return json.loads(done.stdout), done.exit_code

    return told


def changes(found):
    return {(one["before"], one["after"]): one["count"] for one in found["effects"]}


def test_whatif_of_the_database_goes_through_all_decisions_of_one_tenant_persons_opened(told):
    found, code = told("--against", "old.json")
    assert code == 1
    assert changes(found) == {
        ("allow", "allow"): 2, ("allow", "deny"): 2, ("redact", "redact"): 2, ("redact", "deny"): 2,
        ("deny", "deny"): 4,
    }  # fmt: skip
    assert (found["undecidable"]["count"], found["decided_by"]) == (0, {"not-bob": 4})
    assert found["source"] == "the audit trail of default"


def test_whatif_of_the_database_compares_those_that_are_asked_for(told):
    found, code = told("--tenant", "acme", "--principal", "user:bob", "--action", "tool.call", "--effect", "allow")
    assert (changes(found), code) == ({("allow", "deny"): 2}, 1)
    found, code = told("--principal", "user:ann", "--fail-on", "flips", "--fail-on", "undecidable")
    assert (found["compared"], found["flips"], code) == (6, 0, 0)
    found, code = told("--until", "2020-01-01T00:00:00Z")
    assert (found["compared"], code) == (0, 1)


def test_whatif_of_the_database_without_the_key_cannot_tell_of_what_is_sealed(told, folder):
    other = folder / "another.key"
    other.write_text("ab" * 32)
    found, _ = told("--persons-key", str(other))
    assert found["undecidable"]["missing"] == {"sealed": 6}
    assert found["compared"] == 6
