"""Batches: what is signed covers every record, and is the same however its records came."""

import hashlib
import json
import random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from axonflow.adapters.ed25519 import Signer
from axonflow.audit.batch import NO_BATCH, BatchStatement, Segment, batch_hash, seal
from axonflow.audit.chain import ChainHead, link
from axonflow.errors import AuditError
from tests.unit.audit.test_chain import event
from tests.unit.audit.test_merkle import defined_root

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def chains(**lengths):
    """Records of one writer, of each tenant so many."""
    records = []
    for tenant, length in lengths.items():
        last = None
        for number in range(length):
            last = link(replace(event(number), tenant_id=tenant, event_id=f"{tenant}{number}"), last)
            records.append(last)
    return records


def entry(record):
    return b"axonflow.audit.v2\0" + record.previous + record.sequence.to_bytes(8, "big") + record.canonical


def test_seal_of_records_in_any_order_gives_segments_by_tenant():
    records = chains(b=3, a=5, c=1)
    batch = seal(random.Random(1).sample(records, 9), "w", 0, NO_BATCH, 17, None)
    assert batch == seal(records, "w", 0, NO_BATCH, 17, None)
    assert [(one.tenant_id, one.first, one.records, one.end) for one in batch.segments] == [
        ("a", 0, 5, 5), ("b", 0, 3, 3), ("c", 0, 1, 1),
    ]  # fmt: skip
    assert [one.canonical for one in batch.records] == [
        one.canonical for one in sorted(records, key=lambda one: (one.event.tenant_id, one.sequence))
    ]


def test_seal_computes_roots_and_hashes_as_the_standard_defines_them():
    records = chains(a=5, b=3)
    batch = seal(records, "w", 7, bytes([7]) * 32, 17, Signer(KEY))
    texts = []
    for tenant, one in zip("ab", batch.segments, strict=True):
        mine = [record for record in records if record.event.tenant_id == tenant]
        assert one.root == defined_root([entry(record) for record in mine])
        assert one.head == mine[-1].hash == hashlib.sha256(b"\0" + entry(mine[-1])).digest()
        assert one.chain_head == ChainHead.of(mine[-1])
        shown = {"tenant_id": tenant, "writer_id": "w", "first": 0, "records": len(mine)}
        texts.append(json.dumps(shown | {"head": one.head.hex(), "root": one.root.hex()}, separators=(",", ":")))
        assert one.canonical() == texts[-1].encode()
    said = json.loads(batch.statement)
    assert said == {
        "format": "axonflow.audit.batch.v1", "writer_id": "w", "number": 7, "previous": "07" * 32, "segments": 2,
        "records": 8, "root": defined_root([text.encode() for text in texts]).hex(), "sealed_us": 17,
        "key_id": Signer(KEY).key_id,
    }  # fmt: skip
    assert list(said) == list(BatchStatement.__struct_fields__)
    KEY.public_key().verify(batch.signature, batch.statement)
    assert batch.said == BatchStatement.from_bytes(batch.statement)
    assert batch_hash(batch.statement) == hashlib.sha256(batch.statement).digest()


def test_seal_without_a_key_says_that_nobody_signed():
    batch = seal(chains(a=1), "w", 0, NO_BATCH, 17, None)
    assert (batch.signature, batch.said.key_id) == (b"", "")


def test_seal_of_a_chain_with_a_gap_begins_a_segment_behind_it():
    records = chains(a=6)
    batch = seal([*records[:2], *records[3:]], "w", 0, NO_BATCH, 17, None)
    assert [(one.first, one.records) for one in batch.segments] == [(0, 2), (3, 3)]


def test_seal_of_what_is_no_batch_is_refused():
    records = chains(a=2)
    with pytest.raises(AuditError, match="at least one record"):
        seal([], "w", 0, NO_BATCH, 17, None)
    with pytest.raises(AuditError, match="another writer: expected v, found w"):
        seal(records, "v", 0, NO_BATCH, 17, None)
    with pytest.raises(AuditError, match="two records in one place: found a 1"):
        seal([*records, records[1]], "w", 0, NO_BATCH, 17, None)


def test_segment_and_statement_read_from_their_bytes_are_the_same():
    batch = seal(chains(a=3), "w", 0, NO_BATCH, 17, None)
    (segment,) = batch.segments
    assert Segment.from_canonical(segment.canonical()) == segment


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff", b'{"tenant_id":"a","writer_id":"w","first":0,"records":1,"head":"x","root":""}']
)
def test_segment_of_other_bytes_is_refused(data):
    with pytest.raises(AuditError, match="not a segment"):
        Segment.from_canonical(data)


def test_segment_of_the_same_fields_in_other_bytes_is_refused():
    (segment,) = seal(chains(a=3), "w", 0, NO_BATCH, 17, None).segments
    with pytest.raises(AuditError, match="as they are written"):
        Segment.from_canonical(segment.canonical() + b" ")


@pytest.mark.parametrize("data", [b"", b"{}", b'"\xff"'])
def test_statement_of_other_bytes_is_refused(data):
    with pytest.raises(AuditError, match="not the statement"):
        BatchStatement.from_bytes(data)


def test_statement_of_another_format_is_refused():
    statement = seal(chains(a=1), "w", 0, NO_BATCH, 17, None).statement
    with pytest.raises(AuditError, match=r"batch\.v1, found axonflow\.audit\.batch\.v9"):
        BatchStatement.from_bytes(statement.replace(b"batch.v1", b"batch.v9"))
