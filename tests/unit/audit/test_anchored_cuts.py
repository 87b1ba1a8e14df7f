"""What an anchor was told of cuts: objects that follow each other, and what of a store they do not cover."""

import msgspec
import pytest

from axonflow.audit import ChainHead
from axonflow.audit.anchor import anchor_hash
from axonflow.audit.anchored_cuts import AnchoredCuts, CutNotice, cut_name
from axonflow.errors import AuditError


def cut(records, tenant_id="a", digest=None):
    return ChainHead(tenant_id, "w", records, digest or f"{records:064x}")


def told(*notices):
    """What an anchor has that was told these: each cuts, and whether they were accepted."""
    known = AnchoredCuts()
    for cuts, accepted in notices:
        known.take(msgspec.json.encode(CutNotice.of(tuple(cuts), 7, known.previous, accepted=accepted)))
    return known


def test_cuts_up_to_where_the_anchor_was_told_are_known_and_what_goes_beyond_is_not():
    known = told(([cut(5), cut(2, "b")], False), ([cut(9)], False))
    assert [known.has(cut(records)) for records in (5, 8, 9, 10)] == [True, True, True, False]
    assert [known.is_news(cut(records)) for records in (9, 10)] == [False, True]
    assert (known.has(cut(2, "b")), known.has(cut(3, "b")), known.has(cut(1, "c"))) == (True, False, False)
    assert (known.next, cut_name(known.next)) == (2, "cuts/000000000002.json")


def test_findings_of_cuts_say_from_where_on_the_anchor_was_not_told():
    known = told(([cut(5)], False))
    found = known.findings([cut(5), cut(9), cut(3, "b"), cut(5, digest="f" * 64)])
    assert [(one.kind, one.tenant_id, one.writer_id, one.sequence) for one in found] == [
        ("cut", "a", "w", 8), ("cut", "b", "w", 2), ("cut", "a", "w", 4),
    ]  # fmt: skip
    assert found[0].what.startswith("records 5 to 8 were removed without a word to the anchor")
    assert found[1].what.startswith("records 0 to 2 were removed")
    assert found[2].what == "the anchor was told that the chain is cut behind another record"


def test_cuts_that_were_accepted_count_up_to_where_they_went():
    known = told(([cut(5)], True), ([cut(9), cut(2, "b")], False))
    assert [known.accepted(one) for one in (cut(9), cut(3), cut(2, "b"))] == [5, 3, 0]


def test_notice_of_an_older_cut_changes_nothing_of_what_is_known():
    known = told(([cut(9)], False), ([cut(5)], True))
    assert (known.has(cut(9)), known.has(cut(10)), known.accepted(cut(9))) == (True, False, 0)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b'{"format":"axonflow.audit.cut.v1"}',
     msgspec.json.encode(CutNotice.of((), 7, bytes(32), accepted=False)),
     msgspec.json.encode(CutNotice("another", (), False, 7, anchor_hash(b"first").hex()))],
    ids=["empty", "no text", "parts missing", "does not follow", "another format"],
)  # fmt: skip
def test_object_that_does_not_follow_is_refused_by_its_name(data):
    known = told(([cut(5)], False))
    with pytest.raises(AuditError, match=r"cuts/000000000001\.json"):
        known.take(data)
    assert known.next == 1
