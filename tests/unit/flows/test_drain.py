"""Draining: everything arrives once, whatever fails in between, and nothing holds up the rest."""

import asyncio
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryAuditLog, MemoryAuditStore
from axonflow.audit import AuditQuery, link, verify_chain
from axonflow.errors import AuditConflict, AuditError
from axonflow.flows import drain
from axonflow.flows.drain import Drain, drain_once
from tests.unit.audit.test_chain import event, event_id


class Store(MemoryAuditStore):
    """Fails as long as `failures` says so."""

    def __init__(self):
        super().__init__()
        self.failures, self.writes = 0, 0
        self.tried = asyncio.Condition()
        self.gate = asyncio.Event()
        self.gate.set()

    async def write_batch(self, batch):
        async with self.tried:
            self.writes += 1
            self.tried.notify_all()
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise AuditError("the store is away")
        await super().write_batch(batch)

    async def tried_times(self, count):
        async with self.tried:
            await self.tried.wait_for(lambda: self.writes >= count)


async def append(spool, *numbers, tenant_id="t", **changes):
    made = (replace(event(number), tenant_id=tenant_id, writer_id=spool.writer_id, **changes) for number in numbers)
    return [await spool.append(one) for one in made]


async def conflict_with(store, record):
    """Put another history where `record` would go."""
    other = link(replace(record.event, event_id=f"other-{record.sequence}", kind="other"), None)
    await MemoryAuditStore.write(store, [replace(other, sequence=record.sequence)])


def draining(spool, store, reports, **settings):
    return Drain(spool, store, reports.append, **{"idle_s": 0, "retry_from_s": 0, "retry_to_s": 0} | settings)


@given(st.lists(st.integers(0, 5), max_size=6), st.integers(1, 4))
def test_drain_once_killed_between_write_and_discard_doubles_nothing(counts, limit):
    class Dying(MemoryAuditLog):
        async def discard(self, records):
            raise AuditError("killed")

    async def run():
        spool, store, moved = Dying(), MemoryAuditStore(), []
        for count in counts:
            await append(spool, *range(len(moved), len(moved) + count))
            moved += range(count)
            if moved:
                with pytest.raises(AuditError, match="killed"):
                    await drain_once(spool, store, limit)
        discarding = MemoryAuditLog.discard
        Dying.discard = discarding
        numbers = [await drain_once(spool, store, limit) for _ in range(len(moved) + 1)]
        assert sum(numbers) == len(moved)
        chain = await store.chain("t", spool.writer_id, 0, 100)
        assert verify_chain(chain) == len(moved)

    asyncio.run(run())


def test_drain_once_with_a_conflict_moves_the_others_and_says_which():
    async def run():
        spool, store = MemoryAuditLog(), MemoryAuditStore()
        records = [(await append(spool, number, tenant_id=f"t{number}"))[0] for number in range(7)]
        await conflict_with(store, records[3])
        with pytest.raises(AuditConflict, match=event_id(3)):
            await drain_once(spool, store)
        assert await spool.oldest(10) == []
        assert [record for record, _ in await spool.in_quarantine()] == [records[3]]
        assert await store.chains() == [(f"t{number}", spool.writer_id) for number in range(7)]

    asyncio.run(run())


def test_drain_of_a_store_that_was_down_reports_each_change_once_and_loses_nothing():
    async def run():
        spool, store, reports = MemoryAuditLog(), Store(), []
        store.failures = 5
        await append(spool, *range(10))
        one = draining(spool, store, reports)
        one.start()
        await store.tried_times(3)
        assert one.failing
        assert await one.flush(60)
        assert [str(report) for report in reports] == ["the store is away", "None"]
        assert (one.failing, one.drained, one.refusals) == (False, 10, 0)
        assert await one.stop(60)
        assert verify_chain(await store.chain("t", spool.writer_id, 0, 100)) == 10

    asyncio.run(run())


def test_drain_with_conflicts_moves_all_others_and_reports_each_chain_once():
    async def run():
        spool, store, reports = MemoryAuditLog(), Store(), []
        first = await append(spool, *range(20))
        for record in (first[4], first[5], first[17]):
            await conflict_with(store, record)
        one = draining(spool, store, reports, limit=4)
        one.start()
        assert not await one.flush(60)
        await append(spool, *range(20, 40), tenant_id="other")
        assert not await one.flush(60)
        assert [type(report) for report in reports] == [AuditConflict]
        assert (one.refusals, one.failing, one.drained) == (3, False, 37)
        assert [record for record, _ in await spool.in_quarantine()] == [first[4], first[5], first[17]]
        assert all("another record holds this place" in why for _, why in await spool.in_quarantine())
        assert not await one.stop(60)
        assert verify_chain(await store.chain("other", spool.writer_id, 0, 100)) == 20

    asyncio.run(run())


def test_drain_of_a_spool_that_was_put_back_goes_on_behind_what_the_store_has():
    """As a machine that is set back to a snapshot: what it had drained meanwhile stays, and the rest follows."""

    async def run():
        spool, store, reports = MemoryAuditLog(), MemoryAuditStore(), []
        await append(spool, *range(3))
        put_back = copy.copy(spool)
        put_back._chains = {tenant: copy.copy(chain) for tenant, chain in spool._chains.items()}
        put_back._heads = dict(spool._heads)
        await append(spool, 3)
        assert await drain_once(spool, store) == 4
        await append(put_back, 4)  # in the place of event 3
        await append(put_back, 5, 6, tenant_id="other")
        one = draining(put_back, store, reports)
        one.start()
        assert not await one.flush(60)
        assert not await one.stop(60)
        assert [type(report).__name__ for report in reports] == ["BatchConflict", "AuditConflict"]
        assert [record.event.event_id for record, _ in await put_back.in_quarantine()] == [event_id(4)]
        assert verify_chain(await store.chain("t", spool.writer_id, 0, 9)) == 4
        assert verify_chain(await store.chain("other", spool.writer_id, 0, 9)) == 2

    asyncio.run(run())


def test_drain_flush_returns_when_what_was_appended_before_is_found():
    async def run():
        spool, store = MemoryAuditLog(), Store()
        one = draining(spool, store, [], idle_s=3600)
        one.start()
        for number in range(30):
            await append(spool, number)
            assert await one.flush(60)
            assert (await store.search(AuditQuery(tenant_id="t"))).total == number + 1
        await append(spool, *range(30, 2_500))
        assert await one.flush(60)
        assert await one.stop(60)
        assert verify_chain(await store.chain("t", spool.writer_id, 0, 5_000)) == 2_500

    asyncio.run(run())


def test_drain_flush_asked_during_a_round_waits_for_the_next_one():
    async def run():
        spool, store = MemoryAuditLog(), Store()
        one = draining(spool, store, [])
        store.gate.clear()
        await append(spool, 0)
        one.start()
        await store.tried_times(1)
        await append(spool, 1)
        flushed = asyncio.ensure_future(one.flush(60))
        await asyncio.sleep(0)
        store.gate.set()
        assert await flushed
        assert len(await store.chain("t", spool.writer_id, 0, 10)) == 2
        assert await one.stop(60)

    asyncio.run(run())


def test_drain_flush_that_cannot_succeed_says_so():
    async def run():
        spool, store = MemoryAuditLog(), Store()
        one = draining(spool, store, [])
        assert not await one.flush(60)  # not started
        store.failures = 10**9
        await append(spool, 0)
        one.start()
        assert not await one.flush(0)
        waiting = asyncio.ensure_future(one.flush(60))
        await store.tried_times(3)
        assert not await one.stop(60)
        assert not await waiting
        assert not await one.flush(60)  # stopped
        assert len(await spool.oldest(10)) == 1

    asyncio.run(run())


def test_drain_flush_from_another_event_loop_reaches_the_store():
    async def run():
        spool, store = MemoryAuditLog(), Store()
        one = draining(spool, store, [], idle_s=3600)
        one.start()
        await append(spool, 0)
        assert await asyncio.to_thread(lambda: asyncio.run(one.flush(60)))
        assert len(await store.chain("t", spool.writer_id, 0, 10)) == 1
        assert await one.stop(60)

    asyncio.run(run())


def test_drain_stopped_while_a_write_hangs_gives_up_at_the_deadline():
    async def run():
        spool, store = MemoryAuditLog(), Store()
        one = draining(spool, store, [])
        assert not await one.stop(60)  # not started
        store.gate.clear()
        await append(spool, 0)
        one.start()
        await store.tried_times(1)
        assert not await one.stop(0)
        assert len(await spool.oldest(10)) == 1

    asyncio.run(run())


def test_drain_stopped_with_records_left_drains_them_first():
    async def run():
        spool, store = MemoryAuditLog(), Store()
        one = draining(spool, store, [], idle_s=3600)
        one.start()
        await one.flush(60)
        await append(spool, *range(1_500))
        assert await one.stop(60)
        assert await spool.oldest(1) == []

    asyncio.run(run())


def test_drain_survives_errors_of_any_kind_and_a_report_that_fails():
    class Broken(Store):
        async def write_batch(self, batch):
            if self.failures:
                self.failures -= 1
                raise RuntimeError("a bug")
            await super().write_batch(batch)

    def report(error):
        reports.append(error)
        raise RuntimeError("a bug in the report")

    reports = []

    async def run():
        spool, store = MemoryAuditLog(), Broken()
        store.failures = 3
        await append(spool, 0)
        one = Drain(spool, store, report, idle_s=0, retry_from_s=0, retry_to_s=0)
        one.start()
        assert await one.flush(60)
        assert await one.stop(60)

    asyncio.run(run())
    assert [str(one) for one in reports] == ["draining failed: found RuntimeError", "None"]


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
def test_drain_that_moves_nothing_says_since_when_until_it_moves_again(monkeypatch, trouble):
    async def run():
        spool, store = MemoryAuditLog(), Store()
        if trouble == "fails":
            store.failures = 10**9
        else:
            monkeypatch.setattr(drain, "_LATE_US", -1)
            store.gate.clear()
        await append(spool, 0)
        one = draining(spool, store, [])
        assert one.stuck_since_us is None
        one.start()
        await store.tried_times(2 if trouble == "fails" else 1)
        since_us = one.stuck_since_us
        assert since_us > 0
        if trouble == "fails":
            await store.tried_times(4)
            assert one.stuck_since_us == since_us  # of the first that failed, not of the last
        store.failures = 0
        store.gate.set()
        assert await one.flush(60)
        assert await one.stop(60)
        assert one.stuck_since_us is None

    asyncio.run(run())


def test_drain_in_a_round_that_is_not_late_is_not_stuck():
    async def run():
        spool, store = MemoryAuditLog(), Store()
        store.gate.clear()
        await append(spool, 0)
        one = draining(spool, store, [])
        one.start()
        await store.tried_times(1)
        assert one.stuck_since_us is None
        store.gate.set()
        assert await one.stop(60)

    asyncio.run(run())


def test_drain_waits_between_tries_longer_and_longer_up_to_the_bound():
    one = Drain(MemoryAuditLog(), MemoryAuditStore(), print)
    spans = []
    for failures in (1, 2, 3, 10, 10_000):
        one._failures = failures
        delays = [one._delay_s() for _ in range(50)]
        spans.append((min(delays), max(delays)))
    for (low, high), top in zip(spans, (0.1, 0.2, 0.4, 5.0, 5.0), strict=True):
        assert top / 2 <= low < high <= top


def test_drain_of_large_records_takes_fewer_at_once():
    asked = []

    class Watched(MemoryAuditLog):
        async def sealed(self, limit):
            asked.append(limit)
            return await super().sealed(limit)

    async def run():
        spool = Watched()
        await append(spool, *range(300), reasons=("x" * 200_000,))
        one = draining(spool, MemoryAuditStore(), [], idle_s=3600)
        one.start()
        assert await one.flush(60)
        assert set(asked[1:]) == {41}
        assert await one.stop(60)

    asyncio.run(run())


def test_drain_that_moved_something_wakes_who_waits_for_it():
    async def run():
        spool, store, reports = MemoryAuditLog(), MemoryAuditStore(), []
        drain = draining(spool, store, reports)
        drain.start()
        before = drain.arrival
        (record,) = await append(spool, 1)
        await before.wait()
        assert await store.chain("t", spool.writer_id, 0, 5) == [record]
        assert not drain.arrival.is_set()
        await drain.stop(60)

    asyncio.run(run())


def test_drain_waits_for_what_goes_before_each_batch_and_tries_again_when_that_fails():
    async def run():
        spool, store, reports, order = MemoryAuditLog(), Store(), [], []

        async def before():
            order.append(store.writes)
            if len(order) == 1:
                raise AuditError("the store is away")

        one = draining(spool, store, reports, before=before)
        await append(spool, 0)
        one.start()
        assert await one.flush(10)
        await one.stop(60)
        return order, store.writes, reports

    order, writes, (failed, mended) = asyncio.run(run())
    assert (order, writes, mended) == ([0, 0], 1, None)
    assert failed.message == "the store is away"
