"""Verb: prove_event. Gather what a third party needs to be sure that one event was recorded and signed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from axonflow.audit import WriterKey
from axonflow.audit.merkle import merkle_path
from axonflow.audit.proof import PROOF_FORMAT, EventProof, ProofKey, check_proof
from axonflow.audit.stored import StoredBatch, StoredPlace, StoredRecord, StoredSegment
from axonflow.audit.trust import SignatureCheck
from axonflow.errors import AuditError
from axonflow.ports import AuditPlaces

__all__ = ["prove_event"]

_PAGE: Final = 1_000
_HASH_BYTES: Final = 32
_VERIFY: Final = "See what `axonflow audit verify` finds"


async def prove_event(
    places: AuditPlaces, event_id: str, tenant_id: str | None = None, *, verify: SignatureCheck
) -> EventProof:
    """The proof of the event with this id, which holds for whoever trusts a key of its writer: that was tried.

    Raises AuditError when there is no such event, when several tenants have one and `tenant_id` does not say whose is
    meant, and when it cannot be proved: nobody signed it, or something was changed.
    """
    found = await places.stored_places(event_id, tenant_id)
    if not found:
        raise AuditError("no such event", found=ascii(event_id)[:80])
    if len(found) > 1:
        raise AuditError("events of several tenants have this id", hint="Name the tenant with --tenant")
    (place,) = found
    one = await _segment(places, place)
    leaves, record = await _leaves(places, place, one)
    batches = await places.stored_batches(place.writer_id, one.number, 1)
    if not batches or batches[0].number != one.number:
        raise _cannot(f"batch {one.number} of writer {place.writer_id} is not there")
    keys = [writer.keys for writer in await places.stored_writers() if writer.writer_id == place.writer_id]
    proof = _proof(record, one, leaves, batches[0], [key for key in sum(keys, ()) if key.number <= one.number])
    roots = frozenset(bytes.fromhex(key.public_key) for key in proof.keys[:1])
    try:
        check_proof(proof, roots, verify)
    except AuditError as error:
        raise _cannot(str(error)) from None
    return proof


async def _segment(places: AuditPlaces, place: StoredPlace) -> StoredSegment:
    """The one that the record is in. Most hold no more than a page of records, so looking begins a page before it."""
    for first in (place.sequence - _PAGE, -1):
        after = (first, -1)
        while True:
            page = await places.stored_segments(place.tenant_id, place.writer_id, after, _PAGE)
            for one in page:
                if one.segment.first <= place.sequence < one.segment.end:
                    return one
            if len(page) < _PAGE or page[-1].segment.first > place.sequence:
                break
            after = (page[-1].segment.first, page[-1].number)
    raise _cannot("it is in no batch: nobody signed it, or not yet")


async def _leaves(places: AuditPlaces, place: StoredPlace, one: StoredSegment) -> tuple[list[bytes], StoredRecord]:
    """The hashes of all records of the segment, and the record that is proved."""
    segment, removed = one.segment, one.removed
    leaves = [removed[start : start + _HASH_BYTES] for start in range(0, len(removed), _HASH_BYTES)]
    record: StoredRecord | None = None
    while len(leaves) < segment.records:
        first = segment.first + len(leaves)
        page = await places.stored_records(place.tenant_id, place.writer_id, first, min(_PAGE, segment.end - first))
        expected = range(first, first + max(len(page), 1))
        if [each.sequence for each in page] != [*expected]:
            absent = min({*expected} - {each.sequence for each in page})
            raise _cannot(f"record {absent} of its segment is not there")
        leaves += (each.hash for each in page)
        record = next((each for each in page if each.sequence == place.sequence), record)
    if record is None:
        raise _cannot(f"record {place.sequence} is not there")
    return leaves, record


def _proof(
    record: StoredRecord, one: StoredSegment, leaves: Sequence[bytes], batch: StoredBatch, keys: Sequence[WriterKey]
) -> EventProof:
    index = record.sequence - one.segment.first
    segments = [batch.leaves[start : start + _HASH_BYTES] for start in range(0, len(batch.leaves), _HASH_BYTES)]
    try:
        return EventProof(
            PROOF_FORMAT, record.sequence, record.previous.hex(), record.canonical.decode(),
            index, _shown(merkle_path(leaves, index)), one.segment.canonical().decode(),
            one.position, _shown(merkle_path(segments, one.position)), batch.statement.decode(),
            batch.signature.hex(), tuple(map(ProofKey.of, keys)),
        )  # fmt: skip
    except (IndexError, UnicodeDecodeError) as error:
        raise _cannot(str(error)) from None


def _shown(path: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(each.hex() for each in path)


def _cannot(why: str) -> AuditError:
    return AuditError("the event cannot be proved", found=why, hint=_VERIFY)
