"""Telling an anchor of cuts: before they are made, once each, and never what it cannot vouch for."""

import asyncio
import json

import pytest

from axonflow.adapters.memory import MemoryAuditAnchor
from axonflow.audit import ChainHead
from axonflow.audit.anchor import anchor_hash
from axonflow.errors import AuditError, ConfigurationError
from axonflow.flows import anchor_cuts as module
from axonflow.flows.anchor_cuts import CutAnchoring, read_cuts

FIRST, SECOND = (f"cuts/{number:012}.json" for number in range(2))


def cut(records, tenant_id="a", digest=None):
    return ChainHead(tenant_id, "w", records, digest or f"{records:064x}")


def told(anchor, *announced, standing=(), accepts=False):
    """A run that announces these, one after the other."""

    async def run():
        witness = CutAnchoring(anchor, accepts=accepts)
        await witness.check(standing)
        for cuts in announced:
            await witness.announce(cuts)
        return witness

    return asyncio.run(run())


def test_announcing_brings_what_is_new_in_objects_that_follow_each_other(monkeypatch):
    monkeypatch.setattr(module, "_MAX_CUTS", 2)
    anchor = MemoryAuditAnchor()
    told(anchor, [cut(5), cut(2, "b")], [cut(5), cut(3)])
    assert list(anchor.objects) == [FIRST]
    told(anchor, [cut(5)], [cut(7), cut(1, "c"), cut(1, "d")], [], standing=[cut(5), cut(1, "b")])
    objects = [json.loads(data) for data in anchor.objects.values()]
    assert [(one["format"], one["accepted"], len(one["cuts"])) for one in objects] == [
        ("axonflow.audit.cut.v1", False, 2)
    ] * 2 + [("axonflow.audit.cut.v1", False, 1)]
    assert objects[0]["cuts"][0] == {"tenant_id": "a", "writer_id": "w", "records": 5, "hash": f"{5:064x}"}
    assert objects[0]["previous"] == "00" * 32
    assert [one["previous"] for one in objects[1:]] == [
        anchor_hash(data).hex() for data in [*anchor.objects.values()][:2]
    ]


def test_standing_cut_of_which_the_anchor_was_not_told_is_refused_by_name_and_not_anchored():
    anchor = MemoryAuditAnchor()
    told(anchor, [cut(5)])
    with pytest.raises(ConfigurationError, match=r"9 records of a, w.*--accept-cuts"):
        told(anchor, [cut(12)], standing=[cut(9)])
    with pytest.raises(ConfigurationError, match="2 chains more"):
        told(anchor, standing=[cut(1, f"t{number}") for number in range(12)])
    assert list(anchor.objects) == [FIRST]


def test_standing_cut_that_is_accepted_is_anchored_as_such_and_only_once():
    anchor = MemoryAuditAnchor()
    assert told(anchor, standing=[cut(9)], accepts=True).accepted == (cut(9),)
    assert told(anchor, standing=[cut(9)], accepts=True).accepted == ()
    assert json.loads(anchor.objects[FIRST])["accepted"] is True
    assert len(anchor.objects) == 1
    told(anchor, [cut(12)], standing=[cut(9)])
    assert asyncio.run(read_cuts(anchor)).accepted(cut(12)) == 9


def test_standing_cut_behind_another_record_than_was_told_is_never_accepted():
    anchor = MemoryAuditAnchor()
    told(anchor, [cut(9)])
    with pytest.raises(ConfigurationError, match="without a word"):
        told(anchor, standing=[cut(9, digest="f" * 64)], accepts=True)
    assert len(anchor.objects) == 1


def test_two_that_tell_an_anchor_at_the_same_time_get_a_place_each():
    async def run():
        anchor = MemoryAuditAnchor()
        one, other = CutAnchoring(anchor), CutAnchoring(anchor)
        for witness in (one, other):
            await witness.check([])
        await one.announce([cut(5)])
        await other.announce([cut(3, "b")])
        known = await read_cuts(anchor)
        assert (known.next, known.has(cut(5)), known.has(cut(3, "b"))) == (2, True, True)

    asyncio.run(run())


class Away(MemoryAuditAnchor):
    async def put(self, name, data):
        raise AuditError("the anchor is away")


class Forgetful(MemoryAuditAnchor):
    async def put(self, name, data):
        return False


@pytest.mark.parametrize(("anchor", "said"), [(Away(), "is away"), (Forgetful(), "takes no object")])
def test_anchor_that_cannot_be_told_is_said_to_keep_all_records_where_they_are(anchor, said):
    with pytest.raises(ConfigurationError, match=f"no audit record is removed.*{said}"):
        told(anchor, [cut(5)])


def test_anchor_that_holds_something_else_among_its_cuts_is_refused():
    anchor = MemoryAuditAnchor()
    anchor.objects[FIRST] = b"{}"
    with pytest.raises(ConfigurationError, match=FIRST):
        told(anchor)
    with pytest.raises(AuditError, match=FIRST):
        asyncio.run(read_cuts(anchor))
