"""The durable spool in one process: files, lock, limits, failures of the disk, cancellation, many loops."""

import asyncio
import os
import sqlite3
import stat
import threading

import pytest
from msgspec.structs import replace

from axonflow.adapters.sqlite_spool import SqliteAuditSpool, held_records, owner_thread, rows, transactions
from axonflow.audit import verify_chain
from axonflow.errors import AuditError, ConfigurationError
from tests.unit.audit.test_chain import chain, event, event_id


@pytest.fixture
def spool(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path)
    yield spool
    spool.close()


def own(spool, number, **changes):
    return replace(event(number), writer_id=spool.writer_id, **changes)


def append(spool, *numbers):
    async def run():
        return [await spool.append(own(spool, number)) for number in numbers]

    return asyncio.run(run())


def held(spool, limit=10_000):
    return asyncio.run(spool.oldest(limit))


def on_thread(spool, job):
    """What `job` returns, given the spool's own connection, on its own thread."""
    return asyncio.run(spool._owner.do(lambda records: job(records._connection)))


class Gate:
    """Holds the spool's thread inside a job, until it is opened."""

    def __init__(self, spool):
        self._entered, self._open = threading.Event(), threading.Event()

        def job(records):
            self._entered.set()
            self._open.wait()

        self.passed = asyncio.ensure_future(spool._owner.do(job))

    async def reached(self):
        await asyncio.to_thread(self._entered.wait)

    def open(self):
        self._open.set()


def test_spool_reopened_goes_on_with_its_writer_its_records_and_its_chains(tmp_path):
    first = SqliteAuditSpool.open(tmp_path)
    records = append(first, 0, 1, 2)
    asyncio.run(first.discard(records[:2]))
    counts = (first.pending, first.pending_bytes, first.oldest_us)
    first.close()
    again = SqliteAuditSpool.open(tmp_path)
    assert again.writer_id == first.writer_id
    assert (again.pending, again.pending_bytes, again.oldest_us) == counts == (1, counts[1], 2)
    records += append(again, 3)
    asyncio.run(again.discard(records))
    assert (again.pending, again.pending_bytes, again.oldest_us) == (0, 0, None)
    again.close()
    last = SqliteAuditSpool.open(tmp_path)
    assert verify_chain(records + append(last, 4)) == 5
    last.close()


def test_spool_folder_and_files_whatever_the_umask_are_for_the_owner_only(tmp_path):
    for umask in (0, 0o777):
        before = os.umask(umask)
        try:
            spool = SqliteAuditSpool.open(tmp_path / oct(umask))
        finally:
            os.umask(before)
        append(spool, 1)
        folder = tmp_path / oct(umask)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
        assert set(modes) >= {"spool.sqlite3", "spool.sqlite3-wal", "spool.lock"}
        assert set(modes.values()) == {0o600}
        spool.close()


def test_spool_opened_a_second_time_says_who_holds_it(tmp_path, spool):
    with pytest.raises(ConfigurationError, match=f"process {os.getpid()} holds it"):
        SqliteAuditSpool.open(tmp_path, lock_timeout_s=0)
    spool.close()
    SqliteAuditSpool.open(tmp_path, lock_timeout_s=0).close()


def test_spool_opened_while_another_closes_waits_for_the_lock(tmp_path, spool):
    threading.Timer(0.01, spool.close).start()
    SqliteAuditSpool.open(tmp_path, lock_timeout_s=60).close()


def test_spool_in_a_place_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigurationError, match="cannot be used"):
            SqliteAuditSpool.open(place)
    (tmp_path / "spool.sqlite3").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        SqliteAuditSpool.open(tmp_path)
    (tmp_path / "other" / "spool.mark").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="the mark of the audit spool"):
        SqliteAuditSpool.open(tmp_path / "other")
    with pytest.raises(ConfigurationError, match="wrong size"):
        SqliteAuditSpool.open(tmp_path, max_bytes=0)


def test_spool_file_of_something_else_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "spool.sqlite3"
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE t (a)")
    other.close()
    before = file.read_bytes()
    with pytest.raises(ConfigurationError, match="not an audit spool"):
        SqliteAuditSpool.open(tmp_path)
    assert file.read_bytes() == before


def test_spool_file_of_a_newer_version_is_refused_and_left_alone(tmp_path, spool):
    append(spool, 1)
    on_thread(spool, lambda connection: connection.execute("UPDATE meta SET value = '5' WHERE name = 'schema_version'"))
    spool.close()
    before = (tmp_path / "spool.sqlite3").read_bytes()
    with pytest.raises(ConfigurationError, match="another version: expected version 4, found version 5"):
        SqliteAuditSpool.open(tmp_path)
    assert (tmp_path / "spool.sqlite3").read_bytes() == before


@pytest.mark.parametrize(
    "to_the_version_before",
    [
        """DROP TABLE batch; DROP TABLE quarantine; DROP INDEX records_that_may_go; DROP TABLE person_key;
        DROP TABLE batch_ahead; ALTER TABLE records DROP COLUMN may_go;
        UPDATE meta SET value = '1' WHERE name = 'schema_version'""",
        """DROP TABLE person_key; DROP TABLE batch_ahead;
        UPDATE meta SET value = '2' WHERE name = 'schema_version'""",
        "DROP TABLE batch_ahead; UPDATE meta SET value = '3' WHERE name = 'schema_version'",
    ],
)
def test_spool_file_of_an_earlier_version_is_brought_up_to_date_and_goes_on(tmp_path, spool, to_the_version_before):
    records = append(spool, 1, 2)
    on_thread(spool, lambda connection: connection.executescript(to_the_version_before))
    spool.close()
    (tmp_path / "spool.mark").unlink()
    again = SqliteAuditSpool.open(tmp_path)
    records += append(again, 3)
    assert again.writer_id == spool.writer_id
    assert asyncio.run(again.sealed(10)).records == tuple(records)
    assert verify_chain(records) == 3
    again.close()


def test_spool_made_again_after_a_kill_before_its_first_commit_is_new(tmp_path):
    (tmp_path / "spool.sqlite3").touch()
    spool = SqliteAuditSpool.open(tmp_path)
    assert spool.damage == []
    assert verify_chain(append(spool, 1)) == 1
    spool.close()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"reasons": ("x" * rows.MAX_EVENT_BYTES,)}, "too large"),
        ({"reasons": ("\0",)}, "text that cannot be recorded"),
        ({"principal": 5}, "not an event"),
        ({"time_us": 1.0}, "not an event"),
        ({"time_us": 2**70}, "not an event"),
        ({"event_id": "e1"}, "not the id of an event of this time"),
        ({"details": {"a": object()}}, "not an event"),
    ],
)
def test_spool_given_what_could_not_be_drained_refuses_it_and_goes_on(spool, changes, match):
    append(spool, 0)
    with pytest.raises(AuditError, match=match):
        asyncio.run(spool.append(own(spool, 1, **changes)))
    append(spool, 2)
    assert [record.event.event_id for record in held(spool)] == [event_id(0), event_id(2)]
    assert verify_chain(held(spool)) == 2


def test_spool_with_max_bytes_waiting_refuses_until_a_store_takes_them(tmp_path):
    with_room_for_three = 3 * (len(event(1).canonical()) + len("0" * 35) + held_records.RECORD_BYTES)
    spool = SqliteAuditSpool.open(tmp_path, max_bytes=with_room_for_three)
    records = append(spool, 0, 1, 2)
    assert 0 < spool.pending_bytes <= with_room_for_three
    with pytest.raises(AuditError, match=r"is full.*has not taken records since 1970-01-01T00:00:00"):
        append(spool, 3)
    asyncio.run(spool.discard(records[:1]))
    records += append(spool, 4)
    assert verify_chain(records) == 4
    spool.close()


def test_spool_filled_with_events_of_times_beyond_any_calendar_still_says_that_it_is_full(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path, max_bytes=1_000)
    asyncio.run(spool.append(own(spool, 1, time_us=2**62, event_id="ffffffff-ffff-7000-8000-000000000000")))
    with pytest.raises(AuditError, match=r"is full.*since an unknown time"):
        append(spool, 2)
    spool.close()


@pytest.mark.parametrize("failure", ["full", "read-only"])
def test_spool_on_a_disk_that_refuses_acknowledges_nothing_and_recovers(spool, failure):
    kept = append(spool, 0)
    pages = on_thread(spool, lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    break_, mend = {
        "full": (f"PRAGMA max_page_count = {pages}", "PRAGMA max_page_count = 100000"),
        "read-only": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    }[failure]
    on_thread(spool, lambda connection: connection.execute(break_).fetchall())

    async def burst(first):
        too_large = ("x" * 900,) * 10  # for what is left of any page: none may be written, however they are gathered
        events = [own(spool, number, reasons=too_large) for number in range(first, first + 64)]
        return await asyncio.gather(*map(spool.append, events), return_exceptions=True)

    outcomes = asyncio.run(burst(1))
    assert {type(one) for one in outcomes} == {AuditError}
    assert len(set(map(id, outcomes))) == 64
    assert ("disk of the audit spool is full" in str(outcomes[0])) == (failure == "full")
    assert (spool.pending, held(spool)) == (1, kept)
    on_thread(spool, lambda connection: connection.execute(mend).fetchall())
    kept += asyncio.run(burst(100))
    assert verify_chain(kept) == 65
    assert held(spool) == kept


def test_spool_append_that_is_cancelled_leaves_its_batch_and_chain_whole(spool):
    async def run():
        gate = Gate(spool)
        await gate.reached()
        tasks = [asyncio.ensure_future(spool.append(own(spool, number))) for number in range(20)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        gate.open()
        await gate.passed
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(run())
    recorded = [one for one in outcomes if not isinstance(one, asyncio.CancelledError)]
    assert len(recorded) == 13
    assert verify_chain(held(spool)) >= 13
    assert set(map(bytes, (one.hash for one in recorded))) <= {one.hash for one in held(spool)}


def test_spool_closed_while_appends_wait_records_them_and_refuses_later_ones(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path)

    async def run():
        gate = Gate(spool)
        await gate.reached()
        tasks = [asyncio.ensure_future(spool.append(own(spool, number))) for number in range(50)]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(asyncio.to_thread(spool.close))
        while not spool._owner.ended:  # noqa: ASYNC110  set by another thread, without a way to be told
            await asyncio.sleep(0)
        for late in (spool.append(own(spool, 99)), spool.oldest(1), spool.records("t")):
            with pytest.raises(AuditError, match="is closed"):
                await late
        gate.open()
        await closing
        return await asyncio.gather(*tasks)

    records = asyncio.run(run())
    spool.close()
    again = SqliteAuditSpool.open(tmp_path)
    assert held(again) == records
    again.close()


def test_spool_with_too_many_waiting_refuses_one_more(spool, monkeypatch):
    monkeypatch.setattr(owner_thread, "MAX_WAITING", 3)

    async def run():
        gate = Gate(spool)
        await gate.reached()
        tasks = [asyncio.ensure_future(spool.append(own(spool, number))) for number in range(5)]
        await asyncio.sleep(0)
        gate.open()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(run())
    assert [isinstance(one, AuditError) for one in outcomes] == [False] * 3 + [True] * 2
    assert "busy" in str(outcomes[3])


def test_spool_waiter_whose_loop_is_gone_does_not_keep_others_from_being_told(spool):
    loop = asyncio.new_event_loop()
    task = loop.create_task(spool.append(own(spool, 0)))
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    task._log_destroy_pending = False
    append(spool, 1)
    assert event_id(1) in {record.event.event_id for record in held(spool)}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_spool_thread_that_breaks_tells_all_who_wait(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path)

    async def run():
        def broken(records):
            raise SystemExit

        return await asyncio.gather(spool._owner.do(broken), spool.append(own(spool, 1)), return_exceptions=True)

    outcomes = asyncio.run(run())
    assert ["has stopped" in str(one) for one in outcomes] == [True, True]
    with pytest.raises(AuditError, match="has stopped"):
        append(spool, 2)
    spool.close()


def test_spool_asked_to_discard_the_record_of_another_history_keeps_its_own(spool):
    (record,) = append(spool, 1)
    asyncio.run(spool.discard([*chain(1), replace(record, hash=bytes(32))]))
    assert held(spool) == [record]


def test_spool_with_more_tenants_than_heads_in_memory_keeps_every_chain(spool, monkeypatch):
    monkeypatch.setattr(held_records, "_MAX_HEADS", 3)
    kept = {}

    async def run():
        for number in range(60):
            tenant_id = f"t{number * 7 % 10}"
            record = await spool.append(own(spool, number, tenant_id=tenant_id))
            kept.setdefault(tenant_id, []).append(record)
            if number % 3 == 0:
                await spool.discard([record])

    asyncio.run(run())
    assert [verify_chain(records) for records in kept.values()] == [6] * 10
    assert len(spool._owner.held._heads) == 3


def test_spool_drained_after_an_outage_gives_its_space_back(spool, monkeypatch, tmp_path):
    monkeypatch.setattr(transactions, "_VACUUM_FROM_PAGES", 16)

    async def run():
        for _ in range(40):
            await asyncio.gather(*(spool.append(own(spool, number, reasons=("x" * 1_000,))) for number in range(64)))
        return await spool.oldest(10_000)

    records = asyncio.run(run())
    full = (tmp_path / "spool.sqlite3").stat().st_size
    asyncio.run(spool.discard(records))
    pages = on_thread(spool, lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    spool.close()
    assert (tmp_path / "spool.sqlite3").stat().st_size == pages * 4096 < full / 4
    assert not (tmp_path / "spool.sqlite3-wal").exists()


def test_spool_record_that_was_damaged_on_disk_is_told_to_the_reader_and_keeps_no_other_from_being_recorded(spool):
    append(spool, 0)
    on_thread(spool, lambda connection: connection.execute("UPDATE records SET canonical = x'00'"))
    with pytest.raises(AuditError, match="not an audit event"):
        held(spool)
    (record,) = append(spool, 1)
    assert (record.sequence, spool.pending) == (1, 2)
