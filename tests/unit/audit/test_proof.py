"""Proofs of single events: each holds, and nothing in one can be changed without it failing."""

import asyncio
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.audit import GENESIS, AuditEvent
from axonflow.audit.proof import EventProof, check_proof
from axonflow.errors import AuditError
from axonflow.flows.prove_event import prove_event
from tests.audit_trail import START_US, Writer, public_key, signer, two_writers

TRUSTED = frozenset({public_key("key")})


def proved(writers, event_id, tenant_id=None, tamper=None):
    async def run():
        store = MemoryAuditProofs()
        for writer in writers:
            await writer.put_into(store)
        if tamper:
            tamper(store)
        return await prove_event(store, event_id, tenant_id, verify=made_signature)

    return asyncio.run(run())


@pytest.fixture(scope="module")
def proof():
    writers = two_writers()
    return proved(writers, writers[1].batches[2].records[3].event.event_id)


def test_proof_of_every_event_of_a_trail_holds():
    writers = two_writers()
    for record in writers[1].batches[2].records:
        proof = EventProof.from_json(proved(writers, record.event.event_id).to_json())
        found = check_proof(proof, TRUSTED, made_signature)
        assert found.event == record.event
        assert (found.sequence, found.number, found.sealed_us) == (record.sequence, 2, START_US + 120_000_000)
        assert found.key_id == signer("key").key_id


@given(st.integers(1, 40), st.integers(1, 5), st.data())
def test_proof_of_any_event_in_batches_of_any_size_holds(records, tenants, data):
    writer = Writer("w")
    batch = writer.seal(**dict.fromkeys("abcde"[:tenants], records))
    record = data.draw(st.sampled_from(batch.records))
    found = check_proof(proved([writer], record.event.event_id), TRUSTED, made_signature)
    assert found.event == record.event


def test_proof_says_nothing_of_other_events_and_tenants(proof):
    text = proof.to_json().decode()
    assert text.count('\\"event_id\\"') == 1
    assert '\\"b\\"' not in text


CHANGES = {
    "sequence": 5, "previous": GENESIS.hex(), "index": 1, "position": 1, "path": (), "batch_path": (),
    "signature": "00" * 64, "keys": (),
}  # fmt: skip


@pytest.mark.parametrize("field", CHANGES)
def test_proof_with_another_value_does_not_hold(proof, field):
    with pytest.raises(AuditError, match="does not hold"):
        check_proof(replace(proof, **{field: CHANGES[field]}), TRUSTED, made_signature)


@given(st.data())
def test_proof_with_any_digit_changed_does_not_hold(proof, data):
    text = proof.to_json().decode()
    place = data.draw(st.integers(0, len(text) - 1).filter(lambda place: text[place].isalnum()))
    other = data.draw(st.sampled_from("0123456789abcdefxyz").filter(lambda char: char != text[place].lower()))
    changed = (text[:place] + other + text[place + 1 :]).encode()
    with pytest.raises(AuditError):
        check_proof(EventProof.from_json(changed), TRUSTED, made_signature)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"tenant_id":"a"', '"tenant_id":"b"'),
        ('"writer_id":"w"', '"writer_id":"v"'),
        ('"effect":"deny"', '"effect":"allow"'),
    ],
)
def test_proof_of_another_event_or_of_another_chain_does_not_hold(proof, old, new):
    for field in ("canonical", "segment", "batch"):
        text = getattr(proof, field)
        if old in text:
            with pytest.raises(AuditError, match="does not hold"):
                check_proof(replace(proof, **{field: text.replace(old, new)}), TRUSTED, made_signature)


def test_proof_of_an_event_in_a_segment_of_another_chain_does_not_hold():
    """Two honest halves: the event's own segment, and a batch of another writer."""
    first, second = Writer("v"), Writer("w")
    first.seal(a=1)
    second.seal(a=1)
    (mine,) = second.batches[0].records
    one = proved([second], mine.event.event_id)
    other = proved([first], first.batches[0].records[0].event.event_id)
    mixed = replace(one, batch=other.batch, signature=other.signature)
    with pytest.raises(AuditError, match="the segment is in the batch"):
        check_proof(mixed, TRUSTED, made_signature)


def test_proof_trusts_a_later_key_by_endorsement_alone():
    writer = Writer("w")
    writer.seal(a=1)
    writer.rotate("second")
    writer.rotate_again = writer.seal(a=2)
    proof = proved([writer], writer.batches[1].records[0].event.event_id)
    assert check_proof(proof, TRUSTED, made_signature).key_id == signer("key").key_id
    second = frozenset({public_key("second")})
    assert check_proof(proof, second, made_signature).key_id == signer("second").key_id
    for keys, step in (
        (proof.keys[1:], "a key of the writer is trusted"),
        (proof.keys[:1], "the last key is that of the batch"),
        (proof.keys[::-1], "keys follow each other"),
        ((proof.keys[0], replace(proof.keys[1], endorsement="00" * 64)), "endorsed"),
        ((replace(proof.keys[0], key_id="0" * 16), proof.keys[1]), "has the id"),
        ((replace(proof.keys[0], public_key="zz"), proof.keys[1]), "hexadecimal digits"),
    ):
        with pytest.raises(AuditError, match=step):
            check_proof(replace(proof, keys=keys), TRUSTED, made_signature)
    with pytest.raises(AuditError, match="a key of the writer is trusted"):
        check_proof(proof, frozenset({public_key("nobody's")}), made_signature)


def test_proof_whose_key_signs_only_later_batches_does_not_hold():
    writer = Writer("w")
    writer.seal(a=1)
    proof = proved([writer], writer.batches[0].records[0].event.event_id)
    later = replace(proof, keys=(replace(proof.keys[0], number=1),))
    with pytest.raises(AuditError, match="the last key is that of the batch"):
        check_proof(later, TRUSTED, made_signature)


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"format": 1}'])
def test_proof_in_another_document_is_refused(data):
    with pytest.raises(AuditError, match="not a proof"):
        EventProof.from_json(data)


def test_proof_of_another_format_is_refused(proof):
    with pytest.raises(AuditError, match=r"expected axonflow.audit.proof.v1, found axonflow.audit.proof.v2"):
        EventProof.from_json(proof.to_json().replace(b"proof.v1", b"proof.v2"))


def test_prove_event_that_is_not_there_or_not_signed_is_refused():
    writers = two_writers()
    with pytest.raises(AuditError, match="no such event"):
        proved(writers, "nothing")
    unsigned = Writer("w", seed=None)
    unsigned.seal(a=1)
    with pytest.raises(AuditError, match="somebody signed the batch"):
        proved([unsigned], unsigned.batches[0].records[0].event.event_id)


def test_prove_event_of_several_tenants_asks_whose():
    writer = Writer("w")
    records = [writer.record(tenant, event_id="same") for tenant in "ab"]
    writer.seal_records(records)
    with pytest.raises(AuditError, match="several tenants"):
        proved([writer], "same")
    assert check_proof(proved([writer], "same", "b"), TRUSTED, made_signature).event.tenant_id == "b"


def remove_batch(store):
    del store._batches["w"][2]


def remove_segments(store):
    store._batches["w"][2] = replace(store._batches["w"][2], segments=())


def remove_neighbour(store):
    del store._chains["a", "w"][19]


def change(store):
    chain = store._chains["a", "w"]
    chain[21] = replace(chain[21], canonical=chain[21].canonical + b" ")


def change_beyond_text(store):
    chain = store._chains["a", "w"]
    chain[21] = replace(chain[21], canonical=b"\xff")


@pytest.mark.parametrize(
    ("tamper", "why"),
    [
        (remove_batch, "in no batch"), (remove_segments, "in no batch"), (remove_neighbour, "record 19 of its segment"),
        (change, "the event is in the segment"), (change_beyond_text, "utf-8"),
    ],
)  # fmt: skip
def test_prove_event_of_a_trail_that_was_tampered_with_says_what_is_missing(tamper, why):
    writers = two_writers()
    with pytest.raises(AuditError, match=why):
        proved(writers, writers[1].batches[2].records[3].event.event_id, tamper=tamper)


def test_prove_event_whose_segment_was_cut_in_part_still_holds():
    writers = two_writers()
    proof = proved(writers, writers[1].batches[2].records[3].event.event_id, tamper=lambda s: s.cut("a", "w", 20))
    assert check_proof(proof, TRUSTED, made_signature).sequence == 21


def test_prove_event_in_a_batch_larger_than_a_page_finds_its_segment():
    writer = Writer("w")
    writer.seal(a=3)
    writer.seal(a=2_500)
    proof = proved([writer], writer.batches[1].records[2_400].event.event_id)
    assert json.loads(proof.segment)["records"] == 2_500
    assert isinstance(msgspec.json.decode(proof.canonical.encode(), type=AuditEvent), AuditEvent)
