"""A hash chain for each tenant and writer: record n commits to record n-1, so none in it can change, go or come unseen.

A record's hash is the leaf hash of RFC 9162 (section 2.1.1) over a domain tag, the previous hash, the sequence number
and the canonical bytes: one SHA-256 (FIPS 180-4) gives the link of the chain and the leaf of a Merkle tree. Records of
the first version have one without the leaf's zero byte, over another tag; they verify as they are.

Verification hashes the bytes that are stored, and never encodes an event anew.

The oldest records of a chain may be removed when they are past their time. The `ChainHead` of what was removed is kept
then, and stands in for the predecessor of the first that is left.

What a chain cannot show by itself: that it was cut off at its end, or written anew as a whole. A `ChainHead`, taken
earlier and kept where the writer of the records cannot reach it, shows both, up to the record it names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from axonflow.audit.event import AuditEvent
from axonflow.errors import AuditError

__all__ = [
    "GENESIS",
    "AuditRecord",
    "ChainHead",
    "is_first_version",
    "is_record_hash",
    "link",
    "record_hash",
    "verify_chain",
]

GENESIS: Final = bytes(32)
"""What the first record of a chain names as its predecessor."""

LEAF_AND_DOMAIN: Final = b"\x00axonflow.audit.v2\x00"
"""What is hashed ahead of a record: that it is a leaf, and of what."""
_DOMAIN_V1: Final = b"axonflow.audit.v1\x00"


class AuditRecord(Struct, frozen=True, gc=False):
    """An event in its chain. `sequence` counts from 0; `canonical` are the event's bytes, exactly as hashed."""

    sequence: int
    previous: bytes
    hash: bytes
    canonical: bytes
    event: AuditEvent


class ChainHead(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a chain stood: how many `records` it had, and the `hash` of the last of them, in hexadecimal digits."""

    tenant_id: str
    writer_id: str
    records: int
    hash: str

    @classmethod
    def of(cls, record: AuditRecord) -> ChainHead:
        """The head of a chain that ends in `record`."""
        return cls(record.event.tenant_id, record.event.writer_id, record.sequence + 1, record.hash.hex())

    def contradicts(self, record: AuditRecord) -> bool:
        """Whether `record` stands in the place of the head's, and is another."""
        return record.sequence + 1 == self.records and record.hash.hex() != self.hash


def record_hash(sequence: int, previous: bytes, canonical: bytes) -> bytes:
    """The hash of a record, 32 bytes, of which `previous` has as many. About 1 us."""
    return hashlib.sha256(LEAF_AND_DOMAIN + previous + sequence.to_bytes(8, "big") + canonical).digest()


def is_first_version(digest: bytes, sequence: int, previous: bytes, canonical: bytes) -> bool:
    """Whether `digest` is the hash of such a record as the first version made it."""
    return digest == hashlib.sha256(_DOMAIN_V1 + previous + sequence.to_bytes(8, "big") + canonical).digest()


def is_record_hash(digest: bytes, sequence: int, previous: bytes, canonical: bytes) -> bool:
    """Whether `digest` is the hash of such a record, of this version or the first. `sequence` is of 64 bits."""
    return digest == record_hash(sequence, previous, canonical) or is_first_version(
        digest, sequence, previous, canonical
    )


def link(event: AuditEvent, after: AuditRecord | ChainHead | None, canonical: bytes | None = None) -> AuditRecord:
    """`event` as the successor of `after`, or as the first of its chain. `after` may also be the head of records that
    were removed; `canonical` are the event's bytes, if they are known already."""
    sequence, previous = _end(after)
    canonical = event.canonical() if canonical is None else canonical
    return AuditRecord(sequence, previous, record_hash(sequence, previous, canonical), canonical, event)


def _end(after: AuditRecord | ChainHead | None) -> tuple[int, bytes]:
    """The sequence number of what comes next, and the hash that it names."""
    if after is None:
        return 0, GENESIS
    if isinstance(after, ChainHead):
        return after.records, bytes.fromhex(after.hash)
    return after.sequence + 1, after.hash


def verify_chain(
    records: Iterable[AuditRecord], after: AuditRecord | ChainHead | None = None, *, head: ChainHead | None = None
) -> int:
    """The number of `records`, if they are an unbroken chain of one tenant and writer behind `after` (None: from its
    start; the head of what was removed: from there) that still holds, and may have grown beyond, what it held when
    `head` was taken.

    Raises AuditError that names the first record that does not fit, or says how many are missing at the end.
    """
    count = 0
    chain = (head.tenant_id, head.writer_id) if head else None
    for record in records:
        _check_link(record, after)
        chain = chain or _chain_of(after or record)
        if _chain_of(record) != chain:
            found = " ".join(_chain_of(record))
            raise AuditError("a record of another chain", expected=" ".join(chain), found=found, at=_place(record))
        if head and head.contradicts(record):
            raise AuditError(
                "the chain was written anew", expected=head.hash, found=record.hash.hex(), at=_place(record)
            )
        after = record
        count += 1
    reached, _ = _end(after)
    if head and reached < head.records:
        raise AuditError(
            "records are missing at the end of the chain", expected=f"{head.records} or more", found=str(reached)
        )
    return count


def _check_link(record: AuditRecord, after: AuditRecord | ChainHead | None) -> None:
    sequence, previous = _end(after)
    wrong = [
        field
        for field, fits in (
            ("sequence", record.sequence == sequence),
            ("previous", record.previous == previous),
            ("hash", is_record_hash(record.hash, sequence, previous, record.canonical)),
            ("event", _says(record.canonical, record.event)),
        )
        if not fits
    ]
    if wrong:
        raise AuditError(
            "the chain is broken", expected=f"record {sequence} as it was written",
            found=f"another {' and '.join(wrong)}", at=_place(record),
        )  # fmt: skip


def _says(canonical: bytes, event: AuditEvent) -> bool:
    """Whether `event` is what these bytes say."""
    try:
        return AuditEvent.from_canonical(canonical) == event
    except AuditError:
        return False


def _chain_of(record: AuditRecord | ChainHead) -> tuple[str, str]:
    if isinstance(record, ChainHead):
        return record.tenant_id, record.writer_id
    return record.event.tenant_id, record.event.writer_id


def _place(record: AuditRecord) -> str:
    return f"event {record.event.event_id}"
