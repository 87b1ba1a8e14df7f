"""Verifying reads a page ahead, as large as memory allows, and leaves nothing behind."""

import asyncio

import pytest

from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.errors import AuditError
from axonflow.flows import verify_audit as module
from axonflow.flows.verify_audit import verify_audit
from tests.audit_trail import Writer


class Watched(MemoryAuditProofs):
    """Notes what is asked for, and answers only when the loop has turned."""

    def __init__(self):
        super().__init__()
        self.asked = []
        self.reading = 0

    async def stored_records(self, tenant_id, writer_id, first, limit):
        self.asked.append((max(first, 0), limit))
        self.reading += 1
        try:
            await asyncio.sleep(0)
            return await super().stored_records(tenant_id, writer_id, first, limit)
        finally:
            self.reading -= 1


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(module, "_PAGE", 4)
    monkeypatch.setattr(module, "_LEAST", 2)
    monkeypatch.setattr(module, "_STEP", 1)


async def filled(store, records):
    writer = Writer("w")
    writer.seal(a=records)
    await writer.put_into(store)
    return store


def test_verify_audit_of_short_records_reads_pages_of_four_times_as_many(small_pages):
    async def run():
        store = await filled(Watched(), 40)
        assert (await verify_audit(store)).broken == ()
        assert store.asked == [(0, 4), (3, 16), (18, 16), (33, 16)]

    asyncio.run(run())


def test_verify_audit_of_long_records_reads_no_more_of_them_than_fit(small_pages, monkeypatch):
    async def run():
        store = await filled(Watched(), 20)
        size_bytes = len((await store.stored_records("a", "w", 0, 1))[0].canonical)
        for least, limit in ((2, 8), (10, 10)):
            monkeypatch.setattr(module, "_READ_BYTES", 9 * size_bytes)
            monkeypatch.setattr(module, "_LEAST", least)
            store.asked.clear()
            report = await verify_audit(store)
            assert (report.broken, report.records) == ((), 20)
            assert {asked for _, asked in store.asked[1:]} == {limit}

    asyncio.run(run())


def test_verify_audit_reads_the_page_behind_while_it_walks_one(small_pages):
    async def run():
        store = await filled(Watched(), 20)
        asked = []
        await verify_audit(store, progress=lambda _done, _chains, records: asked.append((records, len(store.asked))))
        assert asked[0] == (1, 2)
        assert asked[-1] == (20, 3)

    asyncio.run(run())


def test_verify_audit_that_ends_early_waits_for_what_it_reads_ahead(small_pages):
    class Broken(Watched):
        async def stored_segments(self, *_place):
            raise AuditError("the store is away")

    async def run():
        for store in (Broken(), Watched()):
            await filled(store, 400)
            for number in range(0, 400, 2):
                del store._chains["a", "w"][number]  # so many findings that it looks no further
            if isinstance(store, Broken):
                with pytest.raises(AuditError, match="away"):
                    await verify_audit(store)
            else:
                assert len((await verify_audit(store)).broken) == 100
                assert store.asked[-1][0] < 399
            assert store.reading == 0
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())
