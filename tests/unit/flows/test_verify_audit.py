"""Verifying a trail as it should be, in all the ways in which it may come; what was tampered with has its own tests."""

import asyncio
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.audit import ChainHead, link
from axonflow.audit.stored import StoredWriter
from axonflow.audit.trust import Trust
from axonflow.errors import AuditError
from axonflow.flows import verify_audit as module
from axonflow.flows.verify_audit import verify_audit
from tests.audit_trail import START_US, Writer, an_event, public_key, two_writers


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(module, "_PAGE", 4)


def store_of(*writers):
    async def run():
        store = MemoryAuditProofs()
        for writer in writers:
            await writer.put_into(store)
        return store

    return asyncio.run(run())


def verified(store, tenant_id=None, **options):
    return asyncio.run(verify_audit(store, tenant_id, verify=made_signature, **options))


def kinds(report):
    return [one.kind for one in report.broken]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(1, 6), min_size=1), max_size=6), st.integers(1, 9))
def test_verify_audit_of_what_was_sealed_finds_nothing_whatever_the_pages(lengths, page):
    writer, other = Writer("w"), Writer("x")
    for some in lengths:
        writer.seal(**some)
    other.seal(a=2)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PAGE", page)
        report = verified(store_of(writer, other), progress=lambda *numbers: seen.append(numbers))
    records = sum(sum(some.values()) for some in lengths) + 2
    chains = len({name for some in lengths for name in some}) + 1
    assert (report.broken, report.records, report.chains, report.unsealed) == ((), records, chains, 0)
    assert [(one.writer_id, one.batches, one.signed) for one in report.writers] == [
        ("w", len(lengths), len(lengths)), ("x", 1, 1),
    ]  # fmt: skip
    assert seen == sorted(seen)
    assert seen[-1] == (chains, chains, records)


def test_verify_audit_of_a_writer_without_a_key_says_that_nothing_was_signed():
    writer = Writer("w", seed=None)
    writer.seal(a=3)
    report = verified(store_of(writer))
    assert (report.broken, report.writers[0].signed) == ((), 0)
    assert kinds(verified(store_of(writer), trust=Trust(frozenset({public_key("key")})))) == ["unsigned"]


def test_verify_audit_without_a_way_to_check_signatures_says_that_none_was_checked():
    report = asyncio.run(verify_audit(store_of(*two_writers())))
    assert (report.broken, {one.signed for one in report.writers}) == ((), {0})


def test_verify_audit_tells_since_when_the_tail_cannot_be_proved():
    report = verified(store_of(*two_writers()))
    assert [(one.sealed_us, one.anchored_us) for one in report.writers] == [(START_US + 120_000_000, None)] * 2
    assert (report.trust, verified(store_of(), trust=Trust(frozenset())).trust) == ("store", "named")


def test_verify_audit_of_one_tenant_looks_at_no_other(small_pages):
    store = store_of(*two_writers())
    del store._chains["b", "w"][1]
    assert verified(store, "a").broken == ()
    assert (verified(store, "a").chains, verified(store, "a").records) == (2, 50)
    assert kinds(verified(store, "b")) == ["missing"]
    assert verified(store, "nobody").chains == 0


def test_verify_audit_of_a_store_that_does_not_answer_blames_nobody():
    class Away(MemoryAuditProofs):
        async def stored_records(self, *_):
            raise AuditError("the store is away")

    async def run():
        store = Away()
        await Writer("w").put_into(store)
        await store.write([link(an_event("a", "w", 0), None)])
        with pytest.raises(AuditError, match="away"):
            await verify_audit(store)

    asyncio.run(run())


def test_verify_audit_gives_heads_that_the_next_one_holds_it_to(small_pages):
    writer = Writer("w")
    writer.seal(a=12, b=3)
    first = verified(store_of(writer))
    assert first.heads == (ChainHead.of(writer.batches[0].records[11]), ChainHead.of(writer.batches[0].records[14]))
    writer.seal(a=4)
    assert verified(store_of(writer), heads=first.heads).broken == ()

    other = Writer("w")
    other.seal(a=12, b=1)
    report = verified(store_of(other), heads=first.heads)
    assert [(one.kind, one.tenant_id, one.sequence) for one in report.broken] == [
        ("rewritten", "a", 11), ("missing", "b", 1),
    ]  # fmt: skip
    assert kinds(verified(store_of(), heads=first.heads)) == ["missing", "missing"]
    assert kinds(verified(store_of(), "b", heads=first.heads)) == ["missing"]


@pytest.mark.parametrize("cut", [1, 9, 10, 11, 17, 18, 25])
def test_verify_audit_of_a_chain_that_was_cut_goes_on_from_there(small_pages, cut):
    store = store_of(*two_writers())
    heads = verified(store).heads
    store.cut("a", "w", cut)
    report = verified(store, heads=heads)
    assert (report.broken, report.removed, report.records, report.heads) == ((), cut, 62 - cut, heads)
    assert verified(store, kept_since_us=START_US + 180_000_000).broken == ()
    (early, *_) = verified(store, kept_since_us=START_US).broken
    assert (early.kind, early.tenant_id, early.sequence, early.number) == ("removed_early", "a", 0, 0)


def test_verify_audit_of_a_chain_cut_where_the_hashes_of_the_rest_are_gone_still_knows_its_head():
    class Forgetful(MemoryAuditProofs):
        async def stored_segments(self, *place):
            return [replace(one, removed=b"") for one in await super().stored_segments(*place)]

    async def run():
        store = Forgetful()
        for writer in two_writers():
            await writer.put_into(store)
        store.cut("a", "w", 4)
        assert (await verify_audit(store)).broken == ()
        chain = store._chains["a", "w"]
        last = store._cuts["a", "w"]
        for number in range(4, 10):
            chain[number] = last = link(replace(chain[number].event, effect="allow"), last)
        assert "rewritten" in kinds(await verify_audit(store))

    asyncio.run(run())


def test_verify_audit_of_a_chain_that_is_cut_meanwhile_starts_again(small_pages):
    class Busy(MemoryAuditProofs):
        async def stored_records(self, tenant_id, *place):
            if tenant_id == "a" and not self._cuts:
                self.cut("a", "w", 14)
            return await super().stored_records(tenant_id, *place)

    async def run():
        store = Busy()
        writer = two_writers()[1]
        await writer.put_into(store)
        report = await verify_audit(store, verify=made_signature)
        assert (report.broken, report.removed, report.records) == ((), 14, 17)

    asyncio.run(run())


def test_verify_audit_of_a_store_that_is_written_to_meanwhile_looks_at_what_was_there(small_pages):
    writer = Writer("w")
    writer.seal(a=6, b=3)
    writer.seal(a=5)

    class Busy(MemoryAuditProofs):
        async def stored_chains(self, tenant_id=None):
            for batch in writer.batches[1:]:
                await self.write_batch(batch)
            return await super().stored_chains(tenant_id)

    async def run():
        store = Busy()
        await store.register(writer.keys[0])
        await store.write_batch(writer.batches[0])
        report = await verify_audit(store, verify=made_signature)
        assert (report.broken, report.records, report.chains) == ((), 9, 2)

    asyncio.run(run())


def test_verify_audit_of_a_chain_that_grows_between_its_pages_looks_at_what_was_there(small_pages):
    writer = Writer("w")
    writer.seal(a=6)
    writer.seal(a=5)

    class Busy(MemoryAuditProofs):
        async def stored_records(self, tenant_id, writer_id, first, limit):
            if first > 0:
                await self.write_batch(writer.batches[1])
            return await super().stored_records(tenant_id, writer_id, first, limit)

    async def run():
        store = Busy()
        await store.register(writer.keys[0])
        await store.write_batch(writer.batches[0])
        report = await verify_audit(store, verify=made_signature)
        assert (report.broken, report.records, report.chains) == ((), 6, 1)

    asyncio.run(run())


def test_verify_audit_of_a_spool_counts_what_waits_for_its_batch():
    class Spool(MemoryAuditProofs):
        async def stored_writers(self):
            writer = await super().stored_writers()
            return [StoredWriter(one.writer_id, one.keys, 0) for one in writer]

    async def run():
        store, writer = Spool(), Writer("w")
        writer.seal(a=2)
        await writer.put_into(store)
        await store.write([writer.record("a"), writer.record("a"), writer.record("b")])
        report = await verify_audit(store, verify=made_signature, tail_may_wait=True)
        assert (report.broken, report.unsealed) == ((), 3)
        report = await verify_audit(store, verify=made_signature)
        assert [(one.kind, one.tenant_id, one.sequence) for one in report.broken] == [
            ("unsealed", "a", 2), ("unsealed", "b", 0),
        ]  # fmt: skip
        assert report.broken[0].what == "records 2 to 3 are in no batch: nobody signed them"

    asyncio.run(run())


def test_verify_audit_of_a_spool_that_holds_no_more_than_the_newest_batches_goes_on_from_them():
    writer = Writer("w")
    for _ in range(3):
        writer.seal(a=2)

    class Spool(MemoryAuditProofs):
        async def stored_writers(self):
            return [StoredWriter("w", tuple(writer.keys), 2, hashlib.sha256(writer.batches[1].statement).digest())]

    async def run():
        store = Spool()
        for batch in writer.batches[2:]:
            await store.write_batch(batch)
        store._cuts["a", "w"] = ChainHead.of(writer.batches[1].records[-1])
        report = await verify_audit(store, verify=made_signature, tail_may_wait=True)
        assert (report.broken, report.records, report.writers[0].signed) == ((), 2, 1)

    asyncio.run(run())


def of_version_1(event, last):
    made = link(event, last)
    entry = b"axonflow.audit.v1\0" + made.previous + made.sequence.to_bytes(8, "big") + made.canonical
    return replace(made, hash=hashlib.sha256(entry).digest())


def test_verify_audit_of_records_older_than_batches_counts_them_unless_a_key_is_named():
    async def run():
        store, writer, last = MemoryAuditProofs(), Writer("w"), None
        for number in range(5):
            last = of_version_1(an_event("a", "w", number), last)
            await store.write([last])
        writer.heads["a"] = last
        writer.count = 5
        writer.seal(a=3)
        await writer.put_into(store)
        report = await verify_audit(store, verify=made_signature)
        assert (report.broken, report.first_version, report.records) == ((), 5, 8)
        named = Trust(frozenset({public_key("key")}))
        assert kinds(await verify_audit(store, verify=made_signature, trust=named)) == ["unsealed"]
        last = of_version_1(an_event("a", "w", 9), writer.heads["a"])
        await store.write([last])
        assert kinds(await verify_audit(store, verify=made_signature)) == ["unsealed"]

    asyncio.run(run())


def test_verify_audit_of_a_writer_that_changes_its_key_meanwhile_follows_that_as_well():
    writer = Writer("w")
    writer.seal(a=1)

    class Coming(MemoryAuditProofs):
        async def stored_batches(self, writer_id, first, limit):
            if len(writer.keys) == 1:
                writer.rotate("second")
                writer.seal(a=1)
                await writer.put_into(self)
            return await super().stored_batches(writer_id, first, limit)

    async def run():
        store = Coming()
        await writer.put_into(store)
        report = await verify_audit(store, verify=made_signature)
        assert (report.broken, report.records, report.writers[0].signed) == ((), 2, 2)

    asyncio.run(run())


def test_verify_audit_of_a_writer_that_changed_its_key_follows_the_endorsements():
    writer = Writer("w")
    writer.seal(a=2)
    writer.rotate("second")
    writer.seal(a=2)
    writer.rotate("third")
    writer.seal(a=1)
    for trust in (Trust(), Trust(frozenset({public_key("key")})), Trust(frozenset(map(public_key, ("key", "third"))))):
        report = verified(store_of(writer), trust=trust)
        assert (report.broken, report.writers[0].signed) == ((), 3)
    assert kinds(verified(store_of(writer), trust=Trust(frozenset({public_key("third")})))) == ["untrusted_key"] * 2


def test_verify_audit_of_a_writer_that_is_known_to_sign_nothing_walks_its_chains_all_the_same():
    writer = Writer("commands", seed=None)
    writer.seal_records([writer.record("a", kind="admin") for _ in range(3)])
    keys = frozenset({public_key("key")})
    for trust in (Trust(keys, unsigned_writers=frozenset({"commands"})), Trust(None, {}, frozenset({"commands"}))):
        assert verified(store_of(writer), trust=trust).broken == ()
    store = store_of(writer)
    del store._chains["a", "commands"][1]
    assert kinds(verified(store, trust=Trust(keys, unsigned_writers=frozenset({"commands"})))) == ["missing"]


def test_verify_audit_of_a_decision_where_nobody_signs_finds_that_it_was_put_in():
    writer = Writer("commands", seed=None)
    writer.seal_records([writer.record("a", kind="admin"), writer.record("a"), writer.record("a", kind="admin")])
    store = store_of(writer)
    trust = Trust(unsigned_writers=frozenset({"commands"}))
    (one,) = verified(store, trust=trust).broken
    assert (one.kind, one.sequence, one.event_id) == ("unsigned", 1, writer.batches[0].records[1].event.event_id)
    store._chains["a", "commands"][1] = replace(store._chains["a", "commands"][1], canonical=b"{}")
    assert kinds(verified(store, trust=trust)) == ["altered"]
