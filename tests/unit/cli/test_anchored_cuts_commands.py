"""`axonflow db maintain`, `tenant delete` and `audit verify` with an anchor, on a trail that is signed."""

import asyncio
import json

import pytest

from axonflow.adapters.anchors import FolderAnchor
from axonflow.adapters.postgres import PostgresAuditStore, migrate
from axonflow.flows.anchor_heads import HeadAnchoring
from axonflow.ids import now_us
from tests.audit_trail import Writer, public_key
from tests.postgres import execute, new_database, postgres_dsn
from tests.postgres_stores import opened

__all__ = ["new_database", "postgres_dsn"]

DAY_US = 86_400_000_000
TENANT = """INSERT INTO axonflow.tenant
    (tenant_id, name, tier, audit_retention_days, created_us, created_by, updated_us)
    VALUES ('{0}', 'X', 'enterprise', 10, 1, 'user:ann', 1)"""


@pytest.fixture
def anchored(run, new_database, tmp_path):
    """The command line on a database with a trail of tenants a and b, 20 days and 1 day old, and its anchor."""
    asyncio.run(migrate(new_database))
    execute(new_database, TENANT.format("a"), TENANT.format("b"), "SELECT 1")
    writer = Writer("w")
    for days in (20, 1):
        time_us = now_us() - days * DAY_US
        writer.seal_records([writer.record(tenant, time_us=time_us) for tenant in "aab"])
    (tmp_path / "anchor").mkdir()

    async def anchor():
        anchoring = HeadAnchoring(FolderAnchor(tmp_path / "anchor"), "w", public_key("key"), print)
        anchoring.start()
        anchoring.saw(writer.batches[-1])
        assert await anchoring.stop(60)

    asyncio.run(anchor())
    with opened(new_database) as (go, pools):
        go(writer.put_into(PostgresAuditStore(pools)))

    def command(*args):
        return run(*args, "--database-url", new_database, env={"AXONFLOW_ANCHOR": f"file:{tmp_path}/anchor"})

    command.dsn, command.anchor = new_database, ("--anchor", f"file:{tmp_path}/anchor")
    return command


def test_verify_with_an_anchor_that_upkeep_told_says_so_and_without_it_believes_the_database(anchored):
    result = anchored("db", "maintain")
    assert (result.exit_code, "3 records of 2 chains" in result.stdout) == (0, True)
    result = anchored("audit", "verify", *anchored.anchor)
    assert (result.exit_code, result.stdout.split()[0]) == (0, "verified")
    assert "3, of which the anchor was told before: see --kept-for" in result.stdout
    assert "3, as the database says: see --kept-for" in anchored("audit", "verify").stdout


def test_verify_with_an_anchor_names_a_cut_that_it_was_not_told_of_until_it_is_accepted(run, anchored):
    execute(
        anchored.dsn,
        "INSERT INTO axonflow.audit_cut (tenant_id, writer_id, records, hash, cut_us)"
        " SELECT tenant_id, writer_id, sequence + 1, hash, 1 FROM axonflow.audit_event"
        " WHERE sequence = 1 AND tenant_id = 'a'",
        "DELETE FROM axonflow.audit_event WHERE sequence < 2 AND tenant_id = 'a'", "SELECT 1",
    )  # fmt: skip
    assert anchored("audit", "verify").exit_code == 0
    result = anchored("audit", "verify", *anchored.anchor)
    assert (result.exit_code, result.stdout.split()[0]) == (1, "broken")
    assert "records 0 to 1 were removed without a word to the anchor" in result.stdout
    assert "2, as the database says" in result.stdout
    report = json.loads(anchored("audit", "verify", *anchored.anchor, "--json").stdout)
    assert [head["tenant_id"] for head in report["heads"]] == ["b"]
    anchored("audit", "export", "--tenant", "a", "-o", "a.jsonl")
    result = run("audit", "verify", "--export", "a.jsonl", *anchored.anchor)
    assert (result.exit_code, "without a word" in result.stdout) == (1, True)
    result = anchored("db", "maintain")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "2 records of a, w" in result.stderr
    assert "2 records of a, w, on the database's word" in anchored("db", "maintain", "--accept-cuts").stdout
    result = anchored("audit", "verify", *anchored.anchor)
    assert (result.exit_code, "except 2, which were accepted on the database's word" in result.stdout) == (0, True)


def test_maintain_that_is_to_accept_cuts_for_no_anchor_is_refused(run, new_database):
    result = run("db", "maintain", "--accept-cuts", "--database-url", new_database)
    assert (result.exit_code, "--anchor" in result.stderr) == (2, True)


def test_tenant_that_is_erased_with_its_trail_tells_the_anchor_before(anchored, tmp_path):
    result = anchored(
        "tenant", "delete", "a", "--confirm", "a", "--audit", "erase", "--anchor", f"file:{tmp_path}/away"
    )
    assert (result.exit_code, "no audit record is removed" in result.stderr) == (2, True)
    assert execute(anchored.dsn, "SELECT count(*) FROM axonflow.audit_event WHERE writer_id = 'w'")[0][0] == 6
    assert anchored("tenant", "delete", "a", "--confirm", "a", "--audit", "erase").exit_code == 0
    result = anchored("audit", "verify", *anchored.anchor)
    assert (result.exit_code, "of which the anchor was told before" in result.stdout) == (0, True)
