"""`axonflow audit spool`, beside the process that owns it and without one."""

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.app.auditing import told_of_quarantine
from axonflow.cli.audit import command
from axonflow.flows.drain import drain_once
from axonflow.flows.verify_audit import verify_audit
from tests.unit.audit.test_chain import event


def run(*arguments):
    return CliRunner().invoke(command, ["spool", *map(str, arguments)])


@pytest.fixture
def spool(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path / "spool" / "agent")
    yield spool
    spool.close()


def filled(spool):
    async def go():
        records = [
            await spool.append(replace(event(number), tenant_id=f"t{number % 2}", writer_id=spool.writer_id))
            for number in range(10)
        ]
        await spool.quarantine(records[2:4], "the store said no")
        return records

    return asyncio.run(go())


def test_audit_spool_shows_what_waits_while_its_process_runs(tmp_path, spool):
    records = filled(spool)
    result = run("--data", tmp_path, "--json")
    assert result.exit_code == 0, result.output
    (view,) = json.loads(result.output)["spools"]
    assert (view["records"], view["tenants"], view["quarantined"], view["sealed"]) == (8, 2, 2, 0)
    assert view["writer_id"] == spool.writer_id
    assert view["quarantine"][0] == {
        "tenant_id": "t0", "sequence": 1, "event_id": records[2].event.event_id, "reason": "the store said no",
    }  # fmt: skip
    text = run(tmp_path / "spool" / "agent").output
    assert "8 records of 2 tenants" in text
    assert "the store said no" in text
    assert spool.pending == 8


def test_audit_spool_says_how_many_batches_are_sealed(tmp_path, spool):
    filled(spool)

    async def seal():
        await spool.ahead(await spool.sealed(3), 3)

    asyncio.run(seal())
    (view,) = json.loads(run("--data", tmp_path, "--json").output)["spools"]
    assert (view["next_batch"], view["sealed"]) == (0, 2)
    assert "0, 2 sealed" in run("--data", tmp_path).output


def changed(folder, statement):
    with closing(sqlite3.connect(folder / "spool" / "agent" / "spool.sqlite3")) as connection:
        connection.execute(statement)
        connection.commit()


def test_audit_spool_shows_the_quarantine_of_a_tenant_whose_name_was_damaged(tmp_path, spool):
    filled(spool)
    changed(tmp_path, "UPDATE quarantine SET tenant_id = CAST(x'74ff' AS TEXT)")
    result = run("--data", tmp_path, "--json")
    assert [one["tenant_id"] for one in json.loads(result.output)["spools"][0]["quarantine"]] == ["t\ufffd"] * 2


def test_verify_with_a_spool_at_hand_that_says_nothing_of_its_writer_goes_on(tmp_path, spool):
    filled(spool)
    report = asyncio.run(verify_audit(MemoryAuditProofs()))
    changed(tmp_path, "DELETE FROM meta WHERE name = 'writer_id'")
    assert told_of_quarantine(report, [tmp_path / "spool" / "agent"]) == report


def test_audit_spool_retry_offers_the_quarantine_again_once_nobody_owns_it(tmp_path, spool):
    filled(spool)
    refused = run("--data", tmp_path, "--retry")
    assert refused.exit_code != 0
    assert "in use" in str(refused.exception)
    spool.close()
    result = run("--data", tmp_path, "--retry")
    assert result.exit_code == 0, result.output
    assert "2 records are offered again" in result.output
    assert "10 records of 2 tenants" in result.output


@pytest.mark.parametrize("options", [["nowhere"], ["--data", "nowhere"], ["nowhere", "--retry"]])
def test_audit_spool_without_one_says_what_is_expected(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    result = run(*options)
    assert result.exit_code != 0
    assert "there is no audit spool" in str(result.exception)


def test_audit_spool_of_a_damaged_one_says_what_became_of_it(tmp_path, spool):
    filled(spool)
    spool.close()
    folder = tmp_path / "spool" / "agent"
    (folder / "spool.sqlite3").write_bytes(b"x" * 8192)
    assert "is damaged" in str(run(folder).exception)
    SqliteAuditSpool.open(folder).close()
    result = run(folder)
    assert "0 kept, 8 missing" in result.output, result.output


def test_verify_with_the_writers_spool_at_hand_names_what_is_missing_as_quarantined(tmp_path, spool):
    store = MemoryAuditProofs()

    async def drained():
        while spool.pending:
            await drain_once(spool, store)
        return await verify_audit(store)

    filled(spool)
    report = asyncio.run(drained())
    assert [one.kind for one in report.broken] == ["missing", "missing"]
    assert told_of_quarantine(report, [tmp_path, tmp_path / "nowhere"]) == report
    told = told_of_quarantine(report, [tmp_path / "spool" / "agent"])
    assert [one.what.rpartition("; ")[2] for one in told.broken] == ["record 1 is in quarantine: the store said no"] * 2
