"""Draining more than a batch: the next is made while the store writes, whatever fails in between."""

import asyncio
import shutil

from hypothesis import given
from hypothesis import strategies as st

from axonflow.adapters.memory import MemoryAuditLog, MemoryAuditProofs, MemoryAuditStore
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.audit import verify_chain
from axonflow.errors import AuditError
from axonflow.flows.verify_audit import verify_audit
from tests.unit.flows.test_drain import Store, append, conflict_with, draining


def test_drain_with_more_than_a_batch_makes_the_next_while_the_store_writes():
    async def run():
        spool, store = MemoryAuditLog(), Store()
        await append(spool, *range(9))
        store.gate.clear()
        one = draining(spool, store, [], limit=4)
        made, ahead = asyncio.Event(), spool.ahead

        async def watched(batch, limit):
            found = await ahead(batch, limit)
            made.set()
            return found

        spool.ahead = watched
        one.start()
        await made.wait()
        assert (store.writes, one.drained) == (1, 0)
        store.gate.set()
        assert await one.flush(60)
        assert [batch.said.records for batch in store._batches[spool.writer_id].values()] == [4, 4, 1]
        assert await one.stop(60)

    asyncio.run(run())


MOMENTS = ["write", "written", "ahead", "sealed ahead", "release", "released"]


@given(st.lists(st.sampled_from(MOMENTS), max_size=8), st.integers(1, 4))
def test_drain_failing_at_any_moment_moves_everything_once_and_in_order(failures, limit):
    """Before or after each thing is done, as when an answer is lost."""
    left = list(failures)

    def fails(moment):
        if left and left[0] == moment:
            del left[0]
            raise AuditError(moment)

    class Spool(MemoryAuditLog):
        async def ahead(self, batch, limit):
            fails("ahead")
            following = await super().ahead(batch, limit)
            fails("sealed ahead")
            return following

        async def release(self, batch):
            fails("release")
            await super().release(batch)
            fails("released")

    class Failing(MemoryAuditStore):
        async def write_batch(self, batch):
            fails("write")
            await super().write_batch(batch)
            fails("written")

    async def run():
        spool, store = Spool(), Failing()
        one = draining(spool, store, [], limit=limit)
        one.start()
        for start in (0, 10):
            await append(spool, *range(start, start + 10))
            while not await one.flush(60):
                pass
        assert await one.stop(60)
        assert verify_chain(await store.chain("t", spool.writer_id, 0, 100)) == 20
        batches = [batch.said for batch in store._batches[spool.writer_id].values()]
        assert [said.number for said in batches] == list(range(len(batches)))
        assert sum(said.records for said in batches) == 20

    asyncio.run(run())


class Watched:
    """A spool, or a store, that tells `told` whatever was done, and with what."""

    def __init__(self, inner, told):
        self._inner = inner
        self._told = told

    def __getattr__(self, name):
        done = getattr(self._inner, name)

        async def and_tell(*values):
            found = await done(*values)
            self._told(name, *values)
            return found

        return and_tell


def test_drain_killed_after_any_step_of_two_batches_under_way_doubles_nothing(tmp_path):
    """Each step leaves a copy of the spool's folder and a store with what was written, as a kill would."""
    done, written, left = [], [], []

    def step(name, *values):
        done.append(name)
        if name == "write_batch":
            written.extend(values)
        folder = tmp_path / f"killed {len(done)}"
        shutil.copytree(tmp_path / "s", folder, ignore=shutil.ignore_patterns("spool.reserve"))
        left.append((folder, list(written)))

    async def run():
        spool, store = SqliteAuditSpool.open(tmp_path / "s"), MemoryAuditProofs()
        try:
            await append(spool, *range(6))
            await append(spool, *range(6, 9), tenant_id="u")
            one = draining(Watched(spool, step), Watched(store, step), [], limit=2)
            one.start()
            assert await one.flush(60)
            assert await one.stop(60)
        finally:
            await asyncio.to_thread(spool.close)

    async def goes_on(folder, written):
        spool, store = SqliteAuditSpool.open(folder), MemoryAuditProofs()
        for batch in written:
            await store.write_batch(batch)
        try:
            assert spool.damage == []
            await append(spool, 9)
            one = draining(spool, store, [], limit=2)
            one.start()
            assert await one.flush(60)
            assert await one.stop(60)
        finally:
            await asyncio.to_thread(spool.close)
        report = await verify_audit(store)
        assert (report.broken, report.records, report.unsealed) == ((), 10, 0)

    asyncio.run(run())
    assert done.index("write_batch", done.index("write_batch") + 1) < done.index("release")  # two were under way
    for folder, batches in left:
        asyncio.run(goes_on(folder, batches))


def test_drain_that_cannot_let_go_of_a_batch_seals_nothing_under_another_number():
    """The store refuses the second batch while the spool cannot let go of the first: that is told first, and both are
    offered again as they are."""

    async def run():
        spool, store, reports = MemoryAuditLog(), MemoryAuditStore(), []
        records = await append(spool, *range(4))
        await conflict_with(store, records[3])
        release, fails = spool.release, [True]

        async def released(batch):
            if fails:
                fails.clear()
                raise AuditError("the disk is away")
            await release(batch)

        spool.release = released
        one = draining(spool, store, reports, limit=2)
        one.start()
        assert not await one.flush(60)
        assert [str(report)[:16] for report in reports[:2]] == ["the disk is away", "None"]
        assert [batch.said.records for batch in store._batches[spool.writer_id].values()] == [2, 1]
        assert [record for record, _ in await spool.in_quarantine()] == [records[3]]
        assert not await one.stop(60)

    asyncio.run(run())


def test_drain_on_a_full_disk_lets_go_of_what_is_written_although_it_can_seal_nothing_ahead():
    async def run():
        spool, store, reports = MemoryAuditLog(), MemoryAuditStore(), []
        await append(spool, *range(9))

        async def refused(_batch, _limit):
            raise AuditError("the disk is full")

        spool.ahead = refused
        one = draining(spool, store, reports, limit=4)
        one.start()
        assert await one.flush(60)
        assert await one.stop(60)
        assert (reports, one.drained, await spool.oldest(1)) == ([], 9, [])

    asyncio.run(run())


def test_drain_stopped_while_it_writes_moves_what_came_meanwhile():
    async def run():
        spool, store = MemoryAuditLog(), Store()
        one = draining(spool, store, [], idle_s=3600)
        store.gate.clear()
        await append(spool, 0)
        one.start()
        await store.tried_times(1)
        await append(spool, 1, 2)
        stopped = asyncio.ensure_future(one.stop(60))
        await asyncio.sleep(0)
        store.gate.set()
        assert await stopped
        assert (one.drained, await spool.oldest(1)) == (3, [])

    asyncio.run(run())
