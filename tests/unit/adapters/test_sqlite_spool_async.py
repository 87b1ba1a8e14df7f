"""The spool when no answer waits for it: what is taken is recorded soon, refused without room, counted when lost."""

import asyncio
import os
import threading
from time import monotonic

import pytest
from msgspec.structs import replace

from axonflow import AxonFlow, Request
from axonflow.adapters.sqlite_spool import SqliteAuditSpool, owner_thread
from axonflow.adapters.sqlite_spool.batches import Sealing
from axonflow.adapters.sqlite_spool.held_records import RECORD_BYTES
from axonflow.audit import AuditModes, verify_chain
from axonflow.errors import AuditError, ConfigurationError
from tests.unit.audit.test_chain import event

ASYNC = AuditModes("async")


@pytest.fixture
def spool(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path, modes=ASYNC)
    yield spool
    spool.close()


def own(spool, number, **changes):
    return replace(event(number), writer_id=spool.writer_id, **changes)


def held(spool):
    return asyncio.run(spool.oldest(100_000))


def on_disk(spool):
    """Until nothing is in memory any more, without asking the spool's thread for anything."""
    end = monotonic() + 60
    while spool.waiting and monotonic() < end:
        os.sched_yield()
    return spool.pending


class Gate:
    """Holds the spool's thread inside a job, until it is opened."""

    def __init__(self, spool):
        self._spool, self._entered, self._open = spool, threading.Event(), threading.Event()

    def __enter__(self):
        def job(_):
            self._entered.set()
            self._open.wait()

        self._thread = threading.Thread(target=asyncio.run, args=(self._spool._owner.do(job),))
        self._thread.start()
        self._entered.wait()

    def __exit__(self, *_):
        self._open.set()
        self._thread.join()


def test_spool_given_events_that_nobody_waits_for_has_them_on_the_disk_soon(spool):
    for number in range(5):
        assert spool.append_later(own(spool, number))
    assert on_disk(spool) == 5
    assert spool.waiting == 0
    assert spool.append_later(own(spool, 5))
    assert on_disk(spool) == 6
    assert verify_chain(held(spool)) == 6


def test_spool_closed_at_once_has_recorded_what_it_took(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path, modes=ASYNC)
    with Gate(spool):
        for number in range(2_500):
            assert spool.append_later(own(spool, number))
        assert spool.pending == 2_500
    spool.close()
    assert not spool.append_later(own(spool, 1))
    again = SqliteAuditSpool.open(tmp_path)
    assert verify_chain(held(again)) == 2_500
    again.close()


def test_spool_given_both_kinds_keeps_them_in_order_in_one_chain(spool):
    async def run():
        for number in range(30):
            if number % 3:
                assert spool.append_later(own(spool, number))
            else:
                await spool.append(own(spool, number))

    asyncio.run(run())
    assert [record.event.time_us for record in held(spool)] == list(range(30))
    assert verify_chain(held(spool)) == 30


def test_spool_asked_for_what_it_holds_counts_what_it_has_just_taken(spool):
    with Gate(spool):
        assert spool.append_later(own(spool, 1))
        assert spool.pending == 1
    assert len(asyncio.run(spool.sealed(10)).records) == 1


@pytest.mark.parametrize(
    ("modes", "taken"),
    [
        (AuditModes(), (False, False)),
        (AuditModes("async"), (True, True)),
        (AuditModes("durable", {"t": "async"}), (True, False)),
        (AuditModes("async", {"t": "durable"}), (False, True)),
    ],
)
def test_spool_takes_only_events_of_tenants_whose_mode_is_so(tmp_path, modes, taken):
    spool = SqliteAuditSpool.open(tmp_path, modes=modes)
    assert tuple(spool.append_later(own(spool, 1, tenant_id=tenant)) for tenant in ("t", "u")) == taken
    for kind in ("admin", "login"):
        assert not spool.append_later(own(spool, 1, kind=kind))
    spool.close()


def test_audit_modes_of_another_name_are_refused():
    with pytest.raises(ConfigurationError, match="expected durable or async"):
        AuditModes("fast")


def test_spool_given_what_is_no_event_of_its_own_refuses_at_once(spool):
    with pytest.raises(AuditError, match="another writer"):
        spool.append_later(event(1))
    with pytest.raises(AuditError, match="cannot be recorded"):
        spool.append_later(own(spool, 1, reasons=("\ud800",)))
    assert not spool.append_later(own(spool, 1, reasons=("x" * (256 << 10),)))
    assert spool.pending == 0


def test_spool_that_took_what_cannot_be_recorded_counts_it_and_keeps_it_apart(spool):
    assert spool.append_later(own(spool, 1, principal=5))
    assert spool.append_later(own(spool, 2, event_id="e2"))
    assert spool.append_later(own(spool, 3))
    assert on_disk(spool) == 1
    assert len(held(spool)) == 1
    assert (spool.lost, spool.quarantined) == (2, 2)
    reasons = [reason for _, reason in asyncio.run(spool.in_quarantine())]
    assert "not an event" in reasons[0]
    assert "not the id of an event" in reasons[1]
    assert asyncio.run(spool.put_back()) == 0
    assert spool.quarantined == 2


def test_spool_without_room_takes_no_more_of_what_nobody_waits_for(tmp_path):
    size = len(event(1).canonical()) + 35 + RECORD_BYTES
    spool = SqliteAuditSpool.open(tmp_path, modes=ASYNC, max_bytes=3 * size)
    with Gate(spool):
        assert [spool.append_later(own(spool, number)) for number in range(5)] == [True] * 3 + [False] * 2
    assert on_disk(spool) == 3
    assert not spool.append_later(own(spool, 5))
    with pytest.raises(AuditError, match="is full"):
        asyncio.run(spool.append(own(spool, 5)))
    spool.close()


def test_spool_with_too_many_waiting_lets_the_next_wait(spool, monkeypatch):
    monkeypatch.setattr(owner_thread, "MAX_WAITING", 3)
    with Gate(spool):
        assert [spool.append_later(own(spool, number)) for number in range(4)] == [True] * 3 + [False]
    assert len(held(spool)) == 3


def test_spool_whose_disk_refuses_takes_no_more_and_loses_nothing_of_what_it_took(spool, monkeypatch):
    monkeypatch.setattr(owner_thread, "_RETRY_S", 0.01)

    def query_only(value):
        return spool._owner.do(lambda held: held._connection.execute(f"PRAGMA query_only = {value}").fetchall())

    asyncio.run(query_only("ON"))
    assert spool.append_later(own(spool, 1))
    end = monotonic() + 60
    while spool.failure is None and monotonic() < end:
        os.sched_yield()
    assert not spool.append_later(own(spool, 2))
    with pytest.raises(AuditError, match="cannot be used"):
        asyncio.run(spool.append(own(spool, 3)))
    asyncio.run(query_only("OFF"))
    assert on_disk(spool) == 1
    assert spool.failure is None
    assert spool.append_later(own(spool, 4))
    assert [record.event.time_us for record in held(spool)] == [1, 4]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_spool_whose_thread_breaks_counts_what_it_took_as_lost(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path, modes=ASYNC)

    def broken(_):
        assert spool.append_later(own(spool, 1))
        raise SystemExit

    with pytest.raises(AuditError, match="has stopped"):
        asyncio.run(spool._owner.do(broken))
    assert spool.lost == 1
    spool.close()


def filled(folder, count, *, sheds=True, modes=ASYNC, max_records=300):
    size = len(event(1).canonical()) + 35 + RECORD_BYTES
    spool = SqliteAuditSpool.open(folder, modes=modes, max_bytes=max_records * size, sheds=sheds)

    async def run():
        for number in range(count):
            one = own(spool, number, tenant_id=f"t{number % 2}")
            if not spool.append_later(one):
                await spool.append(one)

    asyncio.run(run())
    return spool


async def appended(spool, events):
    return [await spool.append(one) for one in events]


def gaps(records):
    """By tenant what its chain says of itself: the sequence numbers that are missing, and the hash before the next."""
    missing = {}
    for tenant in sorted({record.event.tenant_id for record in records}):
        chain = [record for record in records if record.event.tenant_id == tenant]
        there = {record.sequence: record for record in chain}
        absent = [number for number in range(chain[-1].sequence) if number not in there]
        missing[tenant] = [(number, there.get(number + 1)) for number in absent]
    return missing


def test_full_spool_that_sheds_lets_the_oldest_go_and_says_which(tmp_path):
    spool = filled(tmp_path, 2_000)
    records = held(spool)
    assert spool.pending_bytes <= spool._owner.held.max_bytes
    assert spool.shed > 1_500
    told = [record.event for record in records if record.event.action == "audit.shed"]
    assert {one.kind for one in told} == {"admin"}
    for tenant, missing in gaps(records).items():
        of_tenant = [one.details for one in told if one.tenant_id == tenant]
        said = {one["first"] + number for one in of_tenant for number in range(one["records"])}
        assert {number for number, _ in missing} <= said
        hashes = {one["first"] + one["records"]: one["hash"] for one in of_tenant}
        ends = [after for _, after in missing if after is not None and after.sequence in hashes]
        assert all(after.previous.hex() == hashes[after.sequence] for after in ends)
        assert ends or records[0].sequence == 0
    spool.close()


def test_full_spool_that_sheds_lets_nothing_go_that_was_waited_for_or_is_sealed(tmp_path):
    spool = filled(tmp_path / "durable", 290, modes=AuditModes("durable", {"t1": "async"}))
    durable = [record for record in held(spool) if record.event.tenant_id == "t0"]
    for number in range(300, 340):
        asyncio.run(spool.append(own(spool, number, tenant_id="t1")))
    assert spool.shed > 0
    assert [one for one in held(spool) if one.event.tenant_id == "t0" and one.event.kind != "admin"] == durable
    spool.close()
    spool = filled(tmp_path / "sealed", 290)
    batch = asyncio.run(spool.sealed(1_000))
    logins = [own(spool, number, kind="login") for number in range(300, 330)]
    with pytest.raises(AuditError, match="is full"):
        asyncio.run(appended(spool, logins))
    assert spool.is_full
    assert asyncio.run(spool.sealed(1_000)) == batch
    spool.close()


def test_full_spool_that_sheds_lets_nothing_go_of_the_batch_ahead(tmp_path):
    spool = filled(tmp_path, 290)
    batch = asyncio.run(spool.sealed(50))
    ahead = asyncio.run(spool.ahead(batch, 50))
    asyncio.run(appended(spool, [own(spool, number, kind="login") for number in range(300, 310)]))
    assert spool.shed > 0
    assert {record.hash for record in (*batch.records, *ahead.records)} <= {record.hash for record in held(spool)}
    asyncio.run(spool.release(batch))
    assert asyncio.run(spool.sealed(1_000)) == ahead
    spool.close()


def test_full_spool_that_sheds_what_is_about_to_be_sealed_ahead_does_not_seal_it(tmp_path):
    spool = filled(tmp_path, 290)
    batch = asyncio.run(spool.sealed(50))

    def sealed_after_shedding(held):
        found = held.batches.behind(batch.statement, 50)
        held._shed(held.max_bytes // 4)
        return held.seal_ahead(batch.statement, Sealing(b"{}", b"", found.last_position, len(found.rows)))

    assert not asyncio.run(spool._owner.do(sealed_after_shedding))
    assert spool.shed > 0
    assert asyncio.run(spool.next_number()) == 1
    spool.close()


def test_full_spool_that_does_not_shed_refuses_and_keeps_everything(tmp_path):
    with pytest.raises(AuditError, match="is full"):
        filled(tmp_path, 400, sheds=False)


def test_flow_in_async_mode_records_in_order_and_loses_nothing_when_it_is_closed(tmp_path):
    flow = AxonFlow.open("@baseline", audit=tmp_path, audit_mode="async")

    async def enforced():
        for number in range(50):
            await flow.enforce(Request("user:ann", "tool.call", f"tool:t{number}"))

    asyncio.run(enforced())
    flow.audit.close()
    again = SqliteAuditSpool.open(tmp_path)
    assert [record.event.resource for record in held(again)] == [f"tool:t{number}" for number in range(50)]
    again.close()


def test_flow_in_async_mode_without_a_folder_is_refused():
    with pytest.raises(ConfigurationError, match=r"expected audit=<a folder>, found none"):
        AxonFlow.open("@baseline", audit_mode="async")
