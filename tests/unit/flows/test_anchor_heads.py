"""Anchoring: what is new is brought, in order, whatever fails in between; and read again it holds a store to it."""

import asyncio
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.memory import MemoryAuditAnchor, MemoryAuditProofs
from axonflow.audit.anchor import AnchoredHead, AnchoredKey
from axonflow.audit.trust import Trust
from axonflow.errors import AuditError, ConfigurationError
from axonflow.flows import anchor_heads as module
from axonflow.flows.anchor_heads import HeadAnchoring
from axonflow.flows.read_anchor import newest_index, read_anchor
from axonflow.flows.verify_audit import verify_audit
from tests.audit_trail import Writer, public_key


def anchoring(anchor, writer, report=None, every_s=0.001):
    told = [] if report is None else report
    return HeadAnchoring(anchor, writer.writer_id, public_key(writer.seed), told.append, every_s=every_s)


async def anchored(anchor, writer, *batches, report=None):
    flow = anchoring(anchor, writer, report)
    flow.start()
    for batch in batches:
        flow.saw(batch)
    return await flow.stop(60)


def test_anchoring_brings_the_key_then_the_newest_statement_and_what_moved():
    async def run():
        anchor, writer = MemoryAuditAnchor(), Writer("w")
        first, second, third = writer.seal(a=2, b=1), writer.seal(a=1), writer.seal(b=4)
        assert await anchored(anchor, writer, first, second)
        assert await anchored(anchor, writer, third)
        assert list(anchor.objects) == [
            "writers/000000000000.json", "heads/w/000000000000.json", "heads/w/000000000001.json",
        ]  # fmt: skip
        key, one, two = (json.loads(data) for data in anchor.objects.values())
        assert (key["format"], key["writer_id"], key["public_key"]) == (
            "axonflow.audit.writer.v1", "w", public_key("key").hex(),
        )  # fmt: skip
        assert one["format"] == "axonflow.audit.anchor.v1"
        assert one["statement"].encode() == second.statement
        assert one["signature"] == second.signature.hex()
        assert [(head["tenant_id"], head["records"]) for head in one["heads"]] == [("a", 3), ("b", 1)]
        assert [(head["tenant_id"], head["records"]) for head in two["heads"]] == [("b", 5)]
        assert (one["previous"], two["previous"]) == (
            "00" * 32, hashlib.sha256(anchor.objects["heads/w/000000000000.json"]).hexdigest(),
        )  # fmt: skip

    asyncio.run(run())


def test_anchoring_of_nothing_new_brings_nothing():
    async def run():
        anchor = MemoryAuditAnchor()
        assert await anchored(anchor, Writer("w"))
        assert await HeadAnchoring(anchor, "w", b"", print).stop(1)
        assert anchor.objects == {}

    asyncio.run(run())


class Shaky(MemoryAuditAnchor):
    """Fails as often as it is told to, before or after it did what it was asked for."""

    def __init__(self, failures):
        super().__init__()
        self.failures = list(failures)
        self.worked = asyncio.Event()

    async def put(self, name, data):
        failure = self.failures.pop(0) if self.failures else None
        if failure == "before":
            raise AuditError("the anchor is away")
        kept = await super().put(name, data)
        if failure == "after":
            raise OSError("the answer was lost")
        if not self.failures:
            self.worked.set()
        return kept


@given(st.lists(st.sampled_from(["before", "after"]), max_size=6))
def test_anchoring_that_fails_is_told_once_and_tried_until_it_works(failures):
    async def run():
        anchor, writer, told = Shaky(failures), Writer("w"), []
        flow = anchoring(anchor, writer, told)
        flow.start()
        flow.saw(writer.seal(a=2))
        await asyncio.wait_for(anchor.worked.wait(), 60)
        flow.saw(writer.seal(a=1))
        assert await flow.stop(60)
        assert flow.failing_since_us is None
        assert told == [] or (len(told) % 2 == 0 and told[1::2] == [None] * (len(told) // 2))
        writers = await read_anchor(anchor)
        assert writers["w"].statement == writer.batches[-1].statement
        indexes = sorted(name for name in anchor.objects if name.startswith("heads"))
        previous = "00" * 32
        for name in indexes:
            assert json.loads(anchor.objects[name])["previous"] == previous
            previous = hashlib.sha256(anchor.objects[name]).hexdigest()

    asyncio.run(run())


def test_anchoring_at_an_anchor_that_stays_away_ends_in_time_and_says_so():
    class Stuck(MemoryAuditAnchor):
        async def get(self, name):
            await asyncio.Event().wait()

    async def run():
        flow, writer = anchoring(Stuck(), Writer("w")), Writer("w")
        flow.start()
        flow.saw(writer.seal(a=1))
        assert not await flow.stop(0.05)

    asyncio.run(run())


def test_anchoring_whose_report_fails_goes_on():
    async def run():
        anchor, writer = Shaky(["before"]), Writer("w")
        flow = HeadAnchoring(anchor, "w", b"", lambda _: 1 / 0, every_s=0.001)
        flow.start()
        flow.saw(writer.seal(a=1))
        await asyncio.wait_for(anchor.worked.wait(), 60)
        assert await flow.stop(60)

    asyncio.run(run())


def test_anchoring_of_many_chains_brings_them_in_several_objects(monkeypatch):
    monkeypatch.setattr(module, "_MAX_HEADS", 2)

    async def run():
        anchor, writer = MemoryAuditAnchor(), Writer("w")
        flow = anchoring(anchor, writer)
        flow.start()
        flow.saw(writer.seal(a=1, b=1, c=1, d=1, e=1))
        assert await flow.stop(60)
        heads = [json.loads(data)["heads"] for name, data in anchor.objects.items() if name.startswith("heads")]
        assert [len(some) for some in heads] == [2, 2, 1]

    asyncio.run(run())


def test_anchoring_by_two_of_one_writer_is_told_to_a_person():
    async def run():
        anchor, writer, told = MemoryAuditAnchor(), Writer("w"), []
        first, second = writer.seal(a=1), writer.seal(a=1)
        assert await anchored(anchor, writer, second)
        assert not await anchored(anchor, writer, first, report=told)
        assert "the anchor has a newer batch" in str(told[0])

        class Racing(MemoryAuditAnchor):
            async def put(self, name, data):
                if name.startswith("heads"):
                    self.objects[name] = b"another's"
                return await super().put(name, data)

        told.clear()
        assert not await anchored(Racing(), writer, first, report=told)
        assert "another process anchors for this writer" in str(told[0])

    asyncio.run(run())


def test_anchoring_of_writers_that_begin_at_once_registers_each():
    async def run():
        anchor = MemoryAuditAnchor()
        writers = [Writer(f"w{number}") for number in range(6)]
        batches = [writer.seal(a=1) for writer in writers]
        assert all(await asyncio.gather(*map(anchored, [anchor] * 6, writers, batches)))
        assert sorted(await read_anchor(anchor)) == [f"w{number}" for number in range(6)]

    asyncio.run(run())


def test_anchoring_for_a_writer_whose_name_is_a_path_is_refused():
    with pytest.raises(ConfigurationError, match="cannot be anchored"):
        HeadAnchoring(MemoryAuditAnchor(), "../w", b"", print)


@given(st.integers(0, 70))
def test_newest_index_is_found_with_few_questions(count):
    class Counting(MemoryAuditAnchor):
        asked = 0

        async def get(self, name):
            self.asked += 1
            return await super().get(name)

    anchor = Counting()
    anchor.objects = {str(number): b"" for number in range(count)}
    assert asyncio.run(newest_index(anchor, str)) == count - 1
    assert anchor.asked <= 2 * count.bit_length() + 2


def test_read_anchor_takes_the_first_key_of_a_writer_and_writers_without_a_statement():
    async def run():
        anchor = MemoryAuditAnchor()
        for number, key in enumerate((b"\1" * 32, b"\2" * 32)):
            said = {"format": "axonflow.audit.writer.v1", "writer_id": "w", "public_key": key.hex(), "since_us": 1}
            anchor.objects[f"writers/{number:012}.json"] = json.dumps(said).encode()
        assert (await read_anchor(anchor))["w"].public_key == b"\1" * 32
        assert (await read_anchor(anchor))["w"].statement == b""

    asyncio.run(run())


@pytest.mark.parametrize("spoil", ["key", "key digits", "key format", "name", "head", "head format", "head of another"])
def test_read_anchor_of_what_is_no_anchor_is_refused(spoil):
    async def run():
        anchor, writer = MemoryAuditAnchor(), Writer("w")
        await anchored(anchor, writer, writer.seal(a=1))
        key, head = "writers/000000000000.json", "heads/w/000000000000.json"
        name, old, new = {
            "key": (key, b"{", b""), "key digits": (key, b'"public_key":"', b'"public_key":"zz'),
            "key format": (key, b"writer.v1", b"writer.v2"), "name": (key, b'"writer_id":"w"', b'"writer_id":"../w"'),
            "head": (head, b"{", b""), "head format": (head, b"anchor.v1", b"anchor.v2"),
            "head of another": (head, b'"writer_id":"w"', b'"writer_id":"x"'),
        }[spoil]  # fmt: skip
        anchor.objects[name] = anchor.objects[name].replace(old, new, 1)
        with pytest.raises(AuditError, match="anchor"):
            await read_anchor(anchor)

    asyncio.run(run())


def test_anchor_objects_read_from_their_bytes_are_the_same():
    async def run():
        anchor, writer = MemoryAuditAnchor(), Writer("w")
        await anchored(anchor, writer, writer.seal(a=1))
        key, head = anchor.objects.values()
        assert AnchoredKey.from_bytes(key).writer_id == AnchoredHead.from_bytes(head, "w").writer_id == "w"
        with pytest.raises(AuditError, match="not an object"):
            AnchoredHead.from_bytes(head, "x")

    asyncio.run(run())


def test_anchor_that_was_read_shows_what_was_cut_off_everywhere_at_once():
    async def run():
        anchor, writer, store = MemoryAuditAnchor(), Writer("w"), MemoryAuditProofs()
        first, second = writer.seal(a=3), writer.seal(a=2)
        await anchored(anchor, writer, first, second)
        await store.register(writer.keys[0])
        await store.write_batch(first)
        report = await verify_audit(store, verify=made_signature)
        assert report.broken == ()
        report = await verify_audit(store, verify=made_signature, trust=Trust(writers=await read_anchor(anchor)))
        assert [(one.kind, one.number) for one in report.broken] == [("batch_missing", 1)]
        await store.write_batch(second)
        report = await verify_audit(store, verify=made_signature, trust=Trust(writers=await read_anchor(anchor)))
        assert (report.broken, report.writers[0].anchored_us, report.trust) == ((), second.said.sealed_us, "anchor")

    asyncio.run(run())
