"""What verification reads from wherever a trail is kept, and how it names what it finds there."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from axonflow.audit.batch import NO_BATCH, Segment
from axonflow.audit.chain import ChainHead
from axonflow.audit.writer_key import WriterKey

__all__ = [
    "Finding",
    "FindingKind",
    "StoredBatch",
    "StoredChain",
    "StoredPlace",
    "StoredRecord",
    "StoredSegment",
    "StoredWriter",
]


class StoredRecord(Struct, frozen=True, gc=False):
    """A record as it is stored; nothing of it was checked but this: `altered` names the first thing beside the hashed
    bytes that says other than they do (a column that is searched by; `canonical` when they are no event at all), and is
    empty when there is none. `event_id` is as it is stored, empty when that is nowhere but in the bytes.
    """

    sequence: int
    previous: bytes
    hash: bytes
    canonical: bytes
    event_id: str = ""
    altered: str = ""


class StoredSegment(Struct, frozen=True):
    """A segment as it is stored, and its place: `position` in the batch `number` of its writer. `removed` are the
    hashes, 32 bytes each, of the first of its records, those that are past their time and gone."""

    segment: Segment
    number: int
    position: int
    removed: bytes = b""


class StoredBatch(Struct, frozen=True):
    """A batch as it is stored under `number`. `leaves` are the leaf hashes of its segments, 32 bytes each, in order;
    `altered` names what beside the statement says other than it does, and is empty when nothing is."""

    number: int
    statement: bytes
    signature: bytes
    leaves: bytes
    altered: str = ""


class StoredWriter(Struct, frozen=True):
    """A writer, and its keys. Its batches go from `first_number` on, behind the one with the hash `previous`: a spool
    holds no more than the newest."""

    writer_id: str
    keys: tuple[WriterKey, ...] = ()
    first_number: int = 0
    previous: bytes = NO_BATCH


class StoredChain(Struct, frozen=True):
    """A chain of which there is something, be it records, segments or only where it was cut."""

    tenant_id: str
    writer_id: str
    cut: ChainHead | None = None


class StoredPlace(Struct, frozen=True):
    """Where a record stands."""

    tenant_id: str
    writer_id: str
    sequence: int


FindingKind = Literal[
    "altered", "unlinked", "missing", "column", "rewritten", "unsealed", "sealed_twice", "cut", "removed_early",
    "batch_missing", "batch_unreadable", "batch_misplaced", "batch_unlinked", "batch_altered",
    "segment_altered", "segment_missing", "unsigned", "bad_signature", "unknown_key", "untrusted_key", "unendorsed_key",
    "writer_missing", "writer_unknown", "anchor_broken",
]  # fmt: skip


class Finding(Struct, frozen=True, kw_only=True):
    """Something in a trail that is not as it was written. `what` is for a person; the rest is where: a chain and its
    record, or a writer and its batch `number`. What does not apply, or is not known, is empty or None."""

    kind: FindingKind
    what: str
    writer_id: str
    tenant_id: str = ""
    sequence: int | None = None
    number: int | None = None
    event_id: str = ""
