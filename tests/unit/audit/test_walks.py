"""The walks along chains and batches, where a store could only lead them astray on purpose."""

from msgspec.structs import replace

from axonflow.adapters.ed25519 import made_signature
from axonflow.audit import ChainHead
from axonflow.audit.batch_walk import MAX_FINDINGS, BatchWalk
from axonflow.audit.chain_walk import ChainWalk
from axonflow.audit.merkle import leaf_hash
from axonflow.audit.stored import StoredBatch, StoredChain, StoredRecord, StoredSegment, StoredWriter
from axonflow.audit.trust import Trust
from tests.audit_trail import Writer


def stored(record):
    return StoredRecord(record.sequence, record.previous, record.hash, record.canonical, record.event.event_id)


def stored_batch(batch, number=None, **parts):
    leaves = b"".join(leaf_hash(one.canonical()) for one in batch.segments)
    number = batch.said.number if number is None else number
    return replace(StoredBatch(number, batch.statement, batch.signature, leaves), **parts)


def kinds(walk):
    return [one.kind for one in walk.findings]


def walked(writer, *batches):
    walk = BatchWalk(StoredWriter("w", tuple(writer.keys)), Trust(), made_signature)
    for batch in batches:
        walk.take(batch)
    walk.finish()
    return walk


def test_chain_walk_whose_segment_comes_after_its_records_does_not_believe_it():
    writer = Writer("w")
    batch = writer.seal(a=4)
    for given in (2, 4):
        walk = ChainWalk(StoredChain("a", "w"))
        walk.take([stored(one) for one in batch.records[:given]])
        walk.give([StoredSegment(batch.segments[0], 0, 0)])
        walk.take([stored(one) for one in batch.records[given:]])
        walk.finish(tail_may_wait=False)
        assert "rewritten" in kinds(walk)


def test_chain_walk_from_a_cut_that_an_earlier_report_contradicts_names_it():
    chain = StoredChain("a", "w", ChainHead("a", "w", 3, "00" * 32))
    assert kinds(ChainWalk(chain, ChainHead("a", "w", 3, "11" * 32))) == ["rewritten"]
    assert kinds(ChainWalk(chain, ChainHead("a", "w", 3, "00" * 32))) == []


def test_chain_walk_of_a_segment_that_notes_more_as_removed_than_was_cut_names_it():
    batch = Writer("w").seal(a=4)
    digests = b"".join(one.hash for one in batch.records[:3])
    for cut, noted, expected in ((None, 1, ["segment_altered"]), (2, 3, ["segment_altered"]), (2, 2, [])):
        head = ChainHead("a", "w", cut, batch.records[cut - 1].hash.hex()) if cut else None
        walk = ChainWalk(StoredChain("a", "w", head))
        walk.give([StoredSegment(batch.segments[0], 0, 0, digests[: noted * 32])])
        walk.take([stored(one) for one in batch.records[cut or 0 :]])
        walk.finish(tail_may_wait=False)
        assert kinds(walk) == expected


def test_chain_walk_of_nothing_has_no_head():
    walk = ChainWalk(StoredChain("a", "w"))
    walk.finish(tail_may_wait=False)
    assert (walk.head, walk.findings) == (None, [])


def test_chain_walk_whose_cut_nobody_signed_is_named_where_a_key_is():
    chain = StoredChain("a", "w", ChainHead("a", "w", 3, "00" * 32))
    for trusting, expected in ((True, []), (False, ["cut"])):
        walk = ChainWalk(chain, trusts_first_version=trusting)
        walk.finish(tail_may_wait=False)
        assert kinds(walk) == expected


def test_chain_walk_with_several_gaps_in_a_segment_names_each():
    writer = Writer("w")
    batch = writer.seal(a=9)
    walk = ChainWalk(StoredChain("a", "w"))
    walk.give([StoredSegment(batch.segments[0], 0, 0)])
    walk.take([stored(one) for one in batch.records if one.sequence not in (0, 3, 4, 7)])
    walk.finish(tail_may_wait=False)
    assert [(one.kind, one.sequence) for one in walk.findings] == [("missing", 0), ("missing", 3), ("missing", 7)]


def test_chain_walk_over_a_gap_that_no_batch_has_says_so():
    writer = Writer("w")
    records = [writer.record("a") for _ in range(6)]
    batch = writer.seal_records([*records[:2], *records[4:]])
    walk = ChainWalk(StoredChain("a", "w"))
    walk.give(StoredSegment(one, 0, place) for place, one in enumerate(batch.segments))
    walk.take([stored(one) for one in batch.records])
    walk.finish(tail_may_wait=False)
    (found,) = walk.findings
    assert (found.kind, found.sequence, found.number) == ("missing", 2, None)
    assert "quarantined by their writer, or lost" in found.what


def test_batch_walk_finds_the_place_of_a_segment_and_what_has_none():
    writer = Writer("w")
    batch = writer.seal(a=1, b=1)
    walk = walked(writer, stored_batch(batch))
    first, second = batch.segments
    assert walk.place(StoredSegment(first, 0, 0)) == batch.said.sealed_us
    assert walk.place(StoredSegment(second, 0, 0)) is None
    assert walk.place(StoredSegment(first, 0, 2)) is None
    assert walk.place(StoredSegment(first, 7, 0)) is None
    assert kinds(walk) == ["segment_altered", "segment_altered", "batch_missing"]
    walk.find_unseen()
    assert walk.findings[-1].kind == "segment_missing"
    walk.place(StoredSegment(second, 0, 1))
    walk.find_unseen()
    assert len(walk.findings) == 4


def test_batch_walk_names_what_stands_beside_a_statement_and_differs():
    writer = Writer("w")
    batch = writer.seal(a=1)
    assert kinds(walked(writer, stored_batch(batch, altered="hash"))) == ["batch_altered"]
    assert kinds(walked(writer, stored_batch(batch, leaves=b"\0" * 33))) == ["batch_altered"]


def test_batch_walk_in_great_disorder_ends_its_list():
    writer = Writer("w")
    batch = stored_batch(writer.seal(a=1))
    many = [replace(batch, number=number, statement=b"{}") for number in range(MAX_FINDINGS + 9)]
    assert len(walked(writer, *many).findings) == MAX_FINDINGS
