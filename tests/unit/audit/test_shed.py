"""Gaps of a chain that its writer has explained, and those that it has not."""

import itertools

import pytest
from msgspec.structs import replace

from axonflow.audit import Segment, link
from axonflow.audit.chain_walk import ChainWalk
from axonflow.audit.shed import Shed
from axonflow.audit.stored import StoredChain, StoredRecord, StoredSegment
from tests.unit.audit.test_chain import event

ADMIN = {"kind": "admin", "action": "audit.shed"}


def chain(*details, plain=10):
    """Ten records, and one more of a writer that says what it let go of, for each of `details`."""
    records = []
    for number in range(plain):
        records.append(link(event(number), records[-1] if records else None))
    for place, said in enumerate(details):
        made = said(records) if callable(said) else said
        records.append(link(replace(event(plain + place), details=made, **ADMIN), records[-1]))
    return records


def gone(first, count):
    return lambda records: {"first": first, "records": count, "hash": records[first + count - 1].hash.hex()}


def missing(records, absent, pages=1):
    """What a walk finds along `records` without those `absent`."""
    kept = [one for one in records if one.sequence not in absent]
    left = [StoredRecord(one.sequence, one.previous, one.hash, one.canonical) for one in kept]
    runs = [[kept[0]]]
    for before, one in itertools.pairwise(kept):
        if one.sequence == before.sequence + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    first = records[0].event
    walk = ChainWalk(StoredChain(first.tenant_id, first.writer_id))
    walk.give(StoredSegment(Segment.of(run), 0, position) for position, run in enumerate(runs))
    size = -(-len(left) // pages)
    for start in range(0, len(left), size):
        walk.take(left[start : start + size])
    walk.finish(tail_may_wait=True)
    assert walk.shed == len(absent) or walk.findings
    return [finding.kind for finding in walk.findings]


@pytest.mark.parametrize("pages", [1, 5])
def test_walk_behind_a_gap_that_the_writer_told_of_finds_nothing_missing(pages):
    assert missing(chain(gone(0, 4)), {0, 1, 2, 3}, pages) == []
    assert missing(chain(gone(3, 4)), {3, 4, 5, 6}, pages) == []
    assert missing(chain(gone(1, 2), gone(3, 3)), {1, 2, 3, 4, 5}, pages) == []
    assert missing(chain(gone(1, 2), gone(6, 2)), {1, 2, 6, 7}, pages) == []


@pytest.mark.parametrize("pages", [1, 5])
def test_walk_behind_a_gap_that_is_larger_or_another_than_was_told_finds_it_missing(pages):
    assert missing(chain(gone(3, 3)), {2, 3, 4, 5}, pages) == ["missing"]
    assert missing(chain(gone(3, 3)), {3, 4, 5, 6}, pages) == ["missing"]
    assert missing(chain(gone(1, 2)), {1, 2, 6}, pages) == ["missing"]  # and the two are told of
    assert missing(chain({"first": 3, "records": 2, "hash": "00" * 32}), {3, 4}, pages) == ["missing"]
    assert missing(chain({"first": 3, "records": 0, "hash": ""}), {3, 4}, pages) == ["missing"]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "decision"}, {"details": {"first": 1, "records": 2}},
        {"details": {"first": "1", "records": 2, "hash": ""}},
        {"action": "other", "reasons": ('"action":"audit.shed"',)},
    ],
)  # fmt: skip
def test_event_that_does_not_tell_of_records_let_go_tells_of_none(changes):
    details = {"first": 1, "records": 2, "hash": "00"}
    said = replace(event(1), **{**ADMIN, "details": details} | changes)
    assert Shed.told_by(said.canonical()) is None
    assert Shed.told_by(replace(event(1), **ADMIN, details=details).canonical()) == Shed(1, 2, "00")
    assert Shed.told_by(b'{"action":"audit.shed"}') is None


def walked(kept, sealed=(), *, late=False, tail_may_wait):
    """Along `kept`, of which `sealed` are in a segment that is given at first, or `late`, behind half of them."""
    first = kept[0].event
    walk = ChainWalk(StoredChain(first.tenant_id, first.writer_id))
    left = [StoredRecord(one.sequence, one.previous, one.hash, one.canonical) for one in kept]
    segments = [StoredSegment(Segment.of(sealed), 0, 0)] if sealed else []
    if not late:
        walk.give(segments)
    half = len(left) - 5
    walk.take(left[:half])
    if late:
        walk.give(segments)
    walk.take(left[half:])
    walk.finish(tail_may_wait=tail_may_wait)
    return walk


def with_two_gaps():
    return [one for one in chain(gone(2, 2), gone(6, 1)) if one.sequence not in {2, 3, 6}]


def test_walk_of_a_spool_from_which_records_went_counts_all_others_as_waiting():
    walk = walked(with_two_gaps(), tail_may_wait=True)
    assert (walk.findings, walk.unsealed, walk.shed) == ([], 9, 3)


def test_walk_of_a_store_with_explained_gaps_names_all_that_nobody_signed():
    walk = walked(with_two_gaps(), tail_may_wait=False)
    assert [(one.kind, one.sequence) for one in walk.findings] == [("unsealed", first) for first in (0, 4, 7)]
    assert (walk.unsealed, walk.shed) == (0, 3)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("tail_may_wait", [False, True])
def test_walk_with_unsigned_records_ahead_of_what_is_signed_names_them_wherever_it_is(late, tail_may_wait):
    kept = with_two_gaps()
    walk = walked(kept, kept[4:], late=late, tail_may_wait=tail_may_wait)
    assert [(one.kind, one.sequence) for one in walk.findings] == [("unsealed", 0), ("unsealed", 4)]
    assert (walk.unsealed, walk.shed) == (0, 3)
