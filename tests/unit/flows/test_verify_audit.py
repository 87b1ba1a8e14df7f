"""Verifying a store: every kind of change is found and named, in every chain, page by page."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryAuditStore
from axonflow.audit import link
from axonflow.errors import AuditConflict, AuditError
from axonflow.flows import verify_audit as module
from axonflow.flows.verify_audit import BrokenChain, verify_audit
from tests.unit.audit.test_chain import event


class Store(MemoryAuditStore):
    """Refuses to read what stands at the places in `altered`, as a database does whose columns were changed."""

    def __init__(self):
        super().__init__()
        self.altered = set()
        self.largest = 0

    async def chain(self, tenant_id, writer_id, first, limit):
        page = await super().chain(tenant_id, writer_id, first, limit)
        self.largest = max(self.largest, len(page))
        for record in page:
            if (tenant_id, record.sequence) in self.altered:
                raise AuditConflict("not what was hashed", at=f"event {record.event.event_id}")
        return page


async def filled(lengths):
    """A store with a chain of each length: tenant t0, t1, ..."""
    store = Store()
    for number, length in enumerate(lengths):
        last, records = None, []
        for position in range(length):
            one = replace(event(position), tenant_id=f"t{number}", event_id=f"e{number}-{position}")
            last = link(one, last)
            records.append(last)
        await store.write(records)
    return store


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(module, "_PAGE", 10)
    monkeypatch.setattr(module, "_SLICE", 3)


@pytest.mark.parametrize("length", [1, 9, 10, 11, 20, 35])
def test_verify_audit_of_what_was_written_finds_nothing_broken(small_pages, length):
    async def run():
        store, seen = await filled([length, 3]), []
        report = await verify_audit(store, progress=lambda *numbers: seen.append(numbers))
        assert (report.chains, report.records, report.broken) == (2, length + 3, ())
        assert seen == sorted(seen)
        assert seen[-1] == (2, 2, length + 3)
        assert store.largest <= 10

    asyncio.run(run())


def test_verify_audit_of_one_tenant_looks_at_no_other(small_pages):
    async def run():
        store = await filled([5, 7])
        del store._chains["t0", "w"][2]
        report = await verify_audit(store, "t1")
        assert (report.chains, report.records, report.broken) == (1, 7, ())
        assert (await verify_audit(store, "nobody")).chains == 0

    asyncio.run(run())


def broken_by(change, chain, store, place):
    """Alter the record at `place`; what has to be reported about it."""
    record = chain[place]
    if change == "gap":
        del chain[place]
        return place, f"e0-{place + 1}", f"records {place} to {place} are missing"
    if change == "unreadable":
        store.altered.add(("t0", place))
        return place, "", "not what was hashed"
    altered = {
        "edit": replace(record, event=replace(record.event, effect="allow")),
        "bytes": replace(record, canonical=record.canonical + b" "),
        "hash": replace(record, hash=bytes(32)),
        "stranger": link(replace(record.event, tenant_id="t1"), chain.get(place - 1)),
    }
    chain[place] = altered[change]
    said = "another chain" if change == "stranger" else "the chain is broken"
    return place, f"e0-{place}", said


CHANGES = ["gap", "unreadable", "edit", "bytes", "hash", "stranger"]


@given(st.sampled_from(CHANGES), st.integers(0, 28))
def test_verify_audit_of_any_change_names_the_place_and_goes_on(change, place):
    async def run():
        store = await filled([30, 4])
        place_, event_id, said = broken_by(change, store._chains["t0", "w"], store, place)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_PAGE", 10)
            report = await verify_audit(store)
        assert (report.chains, report.records) == (2, place + 4)
        (found,) = report.broken
        assert found == BrokenChain("t0", "w", place_, event_id, found.what)
        assert said in found.what

    asyncio.run(run())


def test_verify_audit_of_a_store_that_does_not_answer_blames_no_chain(small_pages):
    class Away(Store):
        async def chain(self, *_):
            raise AuditError("the store is away")

    async def run():
        store = Away()
        await store.write([link(event(0), None)])
        with pytest.raises(AuditError, match="away"):
            await verify_audit(store)

    asyncio.run(run())
