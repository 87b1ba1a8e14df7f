"""Draining more than a batch: the next is made while the store writes, whatever fails in between."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from axonflow.adapters.memory import MemoryAuditLog, MemoryAuditStore
from axonflow.audit import verify_chain
from axonflow.errors import AuditError
from tests.unit.flows.test_drain import Store, append, draining


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


@given(st.lists(st.sampled_from(["write", "written", "ahead", "release", "released"]), max_size=8), st.integers(1, 4))
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
            return await super().ahead(batch, limit)

        async def release(self, batch, following=None):
            fails("release")
            released = await super().release(batch, following)
            fails("released")
            return released

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
