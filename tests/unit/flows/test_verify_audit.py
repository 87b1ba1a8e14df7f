"""Verifying a store: every kind of change is found and named, in every chain, page by page."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryAuditStore
from axonflow.audit import ChainHead, link
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


def test_verify_audit_gives_the_heads_of_whole_chains(small_pages):
    async def run():
        store = await filled([12, 3])
        store.altered.add(("t1", 1))
        report = await verify_audit(store)
        assert report.heads == (ChainHead.of(store._chains["t0", "w"][11]),)

    asyncio.run(run())


@pytest.mark.parametrize(("left", "sequence"), [(11, 11), (10, 10), (0, 0)])
def test_verify_audit_of_a_chain_cut_off_since_its_head_names_what_is_missing(small_pages, left, sequence):
    async def run():
        store = await filled([12, 3])
        heads = (await verify_audit(store)).heads
        for place in range(left, 12):
            del store._chains["t0", "w"][place]
        if not left:
            del store._chains["t0", "w"]
        assert (await verify_audit(store)).broken == ()
        report = await verify_audit(store, heads=heads)
        assert report.broken == (
            BrokenChain("t0", "w", sequence, "", f"records {sequence} to 11 were there and are missing"),
        )
        assert report.chains == 2
        assert (await verify_audit(store, "t1", heads=heads)).broken == ()

    asyncio.run(run())


def test_verify_audit_of_a_chain_written_anew_names_the_record_of_the_head(small_pages):
    async def run():
        store = await filled([4])
        heads = (await verify_audit(store)).heads
        other, last = Store(), None
        for position in range(6):
            last = link(replace(event(position), tenant_id="t0", event_id=f"f{position}"), last)
            await other.write([last])
        assert (await verify_audit(other)).broken == ()
        (found,) = (await verify_audit(other, heads=heads)).broken
        assert (found.sequence, found.event_id) == (3, "f3")
        assert "written anew" in found.what

    asyncio.run(run())


def test_verify_audit_of_a_chain_that_grew_since_its_head_is_whole(small_pages):
    async def run():
        store = await filled([4])
        heads = (await verify_audit(store)).heads
        await store.write([link(replace(event(4), tenant_id="t0", event_id="e0-4"), store._chains["t0", "w"][3])])
        report = await verify_audit(store, heads=heads)
        assert (report.records, report.broken) == (5, ())

    asyncio.run(run())


def test_verify_audit_of_a_chain_that_was_cut_goes_on_from_there(small_pages):
    async def run():
        store = await filled([25, 12, 3])
        whole = await verify_audit(store)
        store.cut("t0", "w", 11)
        store.cut("t1", "w", 12)
        report = await verify_audit(store, heads=whole.heads)
        assert (report.chains, report.records, report.removed, report.broken) == (3, 17, 23, ())
        assert report.heads == whole.heads
        assert (await verify_audit(store, "t1")).heads == whole.heads[1:2]

    asyncio.run(run())


@pytest.mark.parametrize("forgery", ["another hash", "more records", "fewer records"])
def test_verify_audit_of_a_chain_that_was_cut_elsewhere_than_it_says_names_the_place(small_pages, forgery):
    async def run():
        store = await filled([25])
        store.cut("t0", "w", 11)
        cut = store._cuts["t0", "w"]
        store._cuts["t0", "w"] = {
            "another hash": replace(cut, hash="00" * 32),
            "more records": replace(cut, records=13),
            "fewer records": replace(cut, records=9),
        }[forgery]
        (found,) = (await verify_audit(store)).broken
        place, said = {
            "another hash": (11, "the chain is broken"), "more records": (13, "the chain is broken"),
            "fewer records": (9, "records 9 to 10 are missing"),
        }[forgery]  # fmt: skip
        assert found.sequence == place
        assert said in found.what

    asyncio.run(run())


def test_verify_audit_of_a_chain_cut_where_another_one_was_known_finds_it_written_anew(small_pages):
    async def run():
        store = await filled([25])
        store.cut("t0", "w", 11)
        known = replace(store._cuts["t0", "w"], hash="00" * 32)
        (found,) = (await verify_audit(store, heads=[known])).broken
        assert "the chain was written anew" in found.what

    asyncio.run(run())


def test_verify_audit_of_a_chain_that_is_cut_meanwhile_starts_again(small_pages):
    class Busy(Store):
        async def chain(self, *place):
            if not self._cuts:
                self.cut("t0", "w", 14)
            return await super().chain(*place)

    async def run():
        full = await filled([25])
        store = Busy()
        await store.write([*full._chains["t0", "w"].values()])
        report = await verify_audit(store)
        assert (report.broken, report.removed, report.records) == ((), 14, 11)

    asyncio.run(run())
