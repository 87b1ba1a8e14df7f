"""`axonflow audit verify --spool`: what waits on a disk, as it was written and as somebody changed it."""

import asyncio
import json
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.app.audit_keys import ask_for_rotation
from axonflow.app.spooling import signing
from axonflow.flows.drain import drain_once
from tests.audit_trail import an_event, signer
from tests.unit.adapters.test_sqlite_spool_async import filled


@pytest.fixture
def key(tmp_path):
    """The public key of the spool's writer."""
    (tmp_path / "writer.pem").write_bytes(signer("key").public_pem)
    return str(tmp_path / "writer.pem")


def spooled(folder, count):
    """A spool with `count` events of two tenants, two of them in a sealed batch that no store has yet."""

    async def fill():
        spool = SqliteAuditSpool.open(folder)
        spool.sign_with(signer("key"))
        try:
            for number in range(count):
                await spool.append(an_event("ab"[number % 2], spool.writer_id, number))
                if number == 1:
                    await spool.sealed(10)
        finally:
            spool.close()

    asyncio.run(fill())
    (folder / "audit.pub").write_bytes(signer("key").public_pem)
    return str(folder)


def test_verify_of_a_spool_says_what_waits_and_finds_what_was_changed(run, key, tmp_path):
    folder = spooled(tmp_path / "spool", 5)
    result = run("audit", "verify", "--spool", folder, "--trust", key)
    assert (result.exit_code, "3 records wait for their batch" in result.stdout) == (0, True)
    report = json.loads(run("audit", "verify", "--spool", folder, "--json").stdout)
    assert (report["records"], report["unsealed"], report["writers"][0]["signed"]) == (5, 3, 1)
    for change, kind in (
        (
            "UPDATE records SET canonical = CAST(replace(canonical, 'deny', 'allow') AS BLOB) WHERE sequence = 1",
            "altered",
        ),
        ("UPDATE records SET canonical = x'ff' WHERE sequence = 0 AND tenant_id = 'a'", "altered"),
        ("UPDATE records SET hash = zeroblob(32) WHERE sequence = 0 AND tenant_id = 'b'", "batch_altered"),
        ("UPDATE records SET tenant_id = 'c' WHERE sequence = 0 AND tenant_id = 'b'", "column"),
        ("UPDATE batch SET signature = zeroblob(64)", "bad_signature"),
        ("DELETE FROM records WHERE sequence = 1 AND tenant_id = 'a'", "missing"),
    ):
        copy = tmp_path / kind / change[:6].strip()
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        connection = sqlite3.connect(copy / "spool.sqlite3", isolation_level=None)
        connection.execute(change)
        connection.close()
        result = run("audit", "verify", "--spool", str(copy), "--json")
        assert result.exit_code == 1, change
        assert kind in {one["kind"] for one in json.loads(result.stdout)["broken"]}


@pytest.fixture
def both_sealed(tmp_path):
    """A folder of a spool with a batch, the one ahead of it, and a record behind them."""

    async def fill():
        spool = SqliteAuditSpool.open(tmp_path / "both")
        spool.sign_with(signer("key"))
        try:
            for number in range(7):
                await spool.append(an_event("ab"[number % 2], spool.writer_id, number))
            assert await spool.ahead(await spool.sealed(3), 3)
        finally:
            spool.close()

    asyncio.run(fill())
    (tmp_path / "both" / "audit.pub").write_bytes(signer("key").public_pem)
    return tmp_path / "both"


def test_verify_of_a_spool_with_two_sealed_batches_verifies_both(run, key, both_sealed):
    report = json.loads(run("audit", "verify", "--spool", str(both_sealed), "--trust", key, "--json").stdout)
    assert (report["broken"], report["records"], report["unsealed"]) == ([], 7, 1)
    assert (report["writers"][0]["batches"], report["writers"][0]["signed"]) == (2, 2)


@pytest.mark.parametrize(("change", "kind"), [
    ("UPDATE batch_ahead SET signature = zeroblob(64)", "bad_signature"),
    ("UPDATE batch_ahead SET statement = (SELECT statement FROM batch), signature = (SELECT signature FROM batch)",
     "batch_misplaced"),
    ("UPDATE batch_ahead SET last_position = 5", "batch_altered"),
    ("UPDATE records SET hash = zeroblob(32) WHERE position = 5", "batch_altered"),
    ("DELETE FROM records WHERE position = 5", "missing"),
    ("UPDATE batch SET number = number + 1", "batch_misplaced"),
])  # fmt: skip
def test_verify_of_a_spool_whose_batch_ahead_was_changed_finds_it(run, both_sealed, change, kind):
    connection = sqlite3.connect(both_sealed / "spool.sqlite3", isolation_level=None)
    connection.execute(change)
    connection.close()
    result = run("audit", "verify", "--spool", str(both_sealed), "--json")
    assert result.exit_code == 1
    assert kind in {one["kind"] for one in json.loads(result.stdout)["broken"]}


@pytest.mark.parametrize("change", [
    "UPDATE records SET canonical = CAST(canonical AS TEXT) WHERE position = 2",
    "UPDATE records SET sequence = 'x' WHERE position = 2",
    "UPDATE records SET tenant_id = x'ff' WHERE position = 2",
    "UPDATE batch SET previous = 'x'",
    "INSERT INTO batch_ahead VALUES (0, 'x', x'', 3)",
    "DELETE FROM batch",
    "DELETE FROM meta WHERE name = 'writer_id'",
])  # fmt: skip
def test_verify_of_a_spool_with_values_of_other_types_says_that_it_is_damaged(run, tmp_path, change):
    folder = spooled(tmp_path / "spool", 5)
    connection = sqlite3.connect(tmp_path / "spool" / "spool.sqlite3", isolation_level=None)
    connection.execute(change)
    connection.close()
    result = run("audit", "verify", "--spool", folder)
    assert (result.exit_code, "the audit spool is damaged" in result.stderr) == (2, True)


@pytest.mark.parametrize("version", ["3", "5", "x"])
def test_verify_of_a_spool_of_another_version_says_so_and_so_does_who_looks_at_it(run, tmp_path, version):
    folder = spooled(tmp_path / "spool", 2)
    with closing(sqlite3.connect(tmp_path / "spool" / "spool.sqlite3", isolation_level=None)) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", (version,))
    for command in (("verify", "--spool"), ("spool",)):
        result = run("audit", *command, folder)
        assert (result.exit_code, "an audit spool of another version" in result.stderr) == (2, True)


def test_verify_of_a_spool_after_a_rotation_knows_who_sealed_what_still_waits(run, tmp_path):
    async def open_and_seal():
        spool = SqliteAuditSpool.open(tmp_path)
        try:
            await signing(spool, tmp_path, print)
            await spool.append(an_event("a", spool.writer_id, 1))
            await spool.sealed(10)
        finally:
            spool.close()

    asyncio.run(open_and_seal())
    ask_for_rotation(tmp_path)
    asyncio.run(open_and_seal())
    report = json.loads(run("audit", "verify", "--spool", str(tmp_path), "--json").stdout)
    assert (report["broken"], report["writers"][0]["signed"], report["records"]) == ([], 1, 2)


def test_verify_of_a_spool_beside_its_owner_goes_on_from_what_a_store_has(run, tmp_path):
    async def fill_and_verify():
        spool, store = SqliteAuditSpool.open(tmp_path / "s"), MemoryAuditProofs()
        for number in range(6):
            await spool.append(an_event("ab"[number % 2], spool.writer_id, number))
            if number == 3:
                await drain_once(spool, store)
        try:
            return run("audit", "verify", "--spool", str(tmp_path / "s"), "--json")
        finally:
            await asyncio.to_thread(spool.close)

    with ThreadPoolExecutor(1) as pool:  # the command has an event loop of its own
        run_command = run
        run = lambda *args: pool.submit(run_command, *args).result()  # noqa: E731
        report = json.loads(asyncio.run(fill_and_verify()).stdout)
    assert (report["broken"], report["records"], report["unsealed"]) == ([], 2, 2)


def test_verify_of_a_spool_calls_what_a_store_has_drained_and_not_past_its_time(run, tmp_path):
    async def fill():
        spool = SqliteAuditSpool.open(tmp_path / "s")
        for number in range(6):
            await spool.append(an_event("ab"[number % 2], spool.writer_id, number))
            if number == 3:
                await drain_once(spool, MemoryAuditProofs())
        await asyncio.to_thread(spool.close)

    asyncio.run(fill())
    said = run("audit", "verify", "--spool", str(tmp_path / "s")).stdout
    assert "drained before  4: verify the database" in said
    assert "past their time" not in said


def test_verify_of_a_folder_without_a_spool_is_bad_input(run, tmp_path):
    result = run("audit", "verify", "--spool", str(tmp_path))
    assert (result.exit_code, "there is no audit spool" in result.stderr) == (2, True)
    assert run("audit", "verify", "--spool", str(tmp_path), "--tenant", "a").exit_code == 2
    (tmp_path / "spool.sqlite3").write_text("no database, but some text that is longer than a header of one" * 9)
    assert run("audit", "verify", "--spool", str(tmp_path)).exit_code == 2


def test_verify_of_a_spool_that_let_records_go_says_how_many(run, tmp_path):
    folder = str(tmp_path / "spool")
    spool = filled(folder, 1_000)
    gone = spool.shed
    spool.close()
    report = json.loads(run("audit", "verify", "--spool", folder, "--json").stdout)
    assert (report["broken"], report["shed"]) == ([], gone)
    assert f"{gone:,} for want of room" in run("audit", "verify", "--spool", folder).stdout
