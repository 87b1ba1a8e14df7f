"""What a writer signs: a batch of records of many chains, by one statement, however many they are.

Two levels of Merkle trees (RFC 9162). The records of one chain in a batch that follow each other are a segment, with a
tree over their hashes; the batch has one over its segments. So what belongs to one tenant is proved without a word of
the others', and what may be removed of one takes nothing from the rest. Batches of one writer are chained by their
hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Protocol

import msgspec
from msgspec import Meta, Struct

from axonflow.audit.chain import AuditRecord, ChainHead
from axonflow.audit.merkle import leaf_hash, merkle_root
from axonflow.errors import AuditError

__all__ = [
    "BATCH_FORMAT",
    "NO_BATCH",
    "BatchSigner",
    "BatchStatement",
    "SealedBatch",
    "Segment",
    "batch_hash",
    "seal",
]

Count = Annotated[int, Meta(ge=0, le=2**62)]
"""So that sums of two fit into 64 bits."""
BATCH_FORMAT: Final = "axonflow.audit.batch.v1"
NO_BATCH: Final = bytes(32)
"""What the first batch of a writer names as the one before it."""


class BatchSigner(Protocol):
    """A private key and the name of its public half."""

    @property
    def key_id(self) -> str:
        """The first 16 hexadecimal digits of SHA-256 of the public key."""

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature: 64 bytes."""


class Segment(Struct, frozen=True):
    """`records` records of one chain, from sequence `first` on. `head` is the hash of the last, `root` the Merkle root
    over the hashes of all of them."""

    tenant_id: str
    writer_id: str
    first: int
    records: int
    head: bytes
    root: bytes

    @classmethod
    def of(cls, records: Sequence[AuditRecord]) -> Segment:
        """Of records of one chain that follow each other; at least one."""
        first = records[0]
        return cls(
            first.event.tenant_id, first.event.writer_id, first.sequence, len(records), records[-1].hash,
            merkle_root([record.hash for record in records]),
        )  # fmt: skip

    def canonical(self) -> bytes:
        """The bytes whose leaf hash stands in the tree of the batch."""
        return _encode(_SegmentText(
            self.tenant_id, self.writer_id, self.first, self.records, self.head.hex(), self.root.hex()
        ))  # fmt: skip

    @classmethod
    def from_canonical(cls, data: bytes) -> Segment:
        """The segment whose bytes `data` are. Raises AuditError for anything else."""
        try:
            said = _decode_segment(data)
            segment = cls(
                said.tenant_id, said.writer_id, said.first, said.records,
                bytes.fromhex(said.head), bytes.fromhex(said.root),
            )  # fmt: skip
        except (msgspec.MsgspecError, ValueError) as error:
            raise AuditError("not a segment of an audit batch", found=str(error)[:200]) from None
        if segment.canonical() != data:
            raise AuditError("not a segment of an audit batch", expected="its bytes as they are written")
        return segment

    @property
    def end(self) -> int:
        """The sequence number behind its last record."""
        return self.first + self.records

    @property
    def chain_head(self) -> ChainHead:
        """Where the chain stood behind it."""
        return ChainHead(self.tenant_id, self.writer_id, self.end, self.head.hex())


class _SegmentText(Struct, frozen=True, forbid_unknown_fields=True):
    tenant_id: str
    writer_id: str
    first: Count
    records: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    head: str
    root: str


class BatchStatement(Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed. `number` counts the batches of a writer from 0; `previous` is the hash of the statement before,
    `root` the Merkle root over the leaf hashes of its segments, in hexadecimal digits; `key_id` is empty when nothing
    is signed. `sealed_us` is in microseconds since the Unix epoch, UTC, by the writer's clock."""

    format: str
    writer_id: str
    number: Count
    previous: str
    segments: Count
    records: Count
    root: str
    sealed_us: Count
    key_id: str

    @classmethod
    def from_bytes(cls, data: bytes) -> BatchStatement:
        """The statement that `data` is. Raises AuditError for anything else."""
        try:
            statement = _decode_statement(data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise AuditError("not the statement of an audit batch", found=str(error)[:200]) from None
        if statement.format != BATCH_FORMAT:
            raise AuditError("not the statement of an audit batch", expected=BATCH_FORMAT, found=statement.format[:64])
        return statement


class SealedBatch(Struct, frozen=True):
    """A batch as it goes to a store and stays. `statement` are the bytes that `signature` (64 bytes, or none) is over;
    `records` are in the order of `segments`: by tenant, then sequence."""

    statement: bytes
    signature: bytes
    segments: tuple[Segment, ...]
    records: tuple[AuditRecord, ...]

    @property
    def said(self) -> BatchStatement:
        """The statement, read."""
        return BatchStatement.from_bytes(self.statement)


def batch_hash(statement: bytes) -> bytes:
    """What the batch behind names as `previous`: SHA-256 of the statement's bytes."""
    return hashlib.sha256(statement).digest()


def seal(
    records: Sequence[AuditRecord],
    writer_id: str,
    number: int,
    previous: bytes,
    sealed_us: int,
    signer: BatchSigner | None,
) -> SealedBatch:
    """The batch `number` of `writer_id`, behind the one whose hash is `previous` (number 0: NO_BATCH), signed by
    `signer`, or by nobody.

    Records may be of any tenants and in any order. Where numbers of a chain are missing among them, a new segment
    begins. Raises AuditError for none, for records of another writer, and for two in one place.
    """
    ordered = sorted(records, key=_place)
    if not ordered:
        raise AuditError("an audit batch of nothing", expected="at least one record")
    segments = [Segment.of(run) for run in _runs(ordered, writer_id)]
    statement = _encode(
        BatchStatement(
            BATCH_FORMAT, writer_id, number, previous.hex(), len(segments), len(ordered),
            merkle_root([leaf_hash(segment.canonical()) for segment in segments]).hex(), sealed_us,
            signer.key_id if signer else "",
        )
    )  # fmt: skip
    return SealedBatch(statement, signer.sign(statement) if signer else b"", tuple(segments), tuple(ordered))


def _runs(ordered: Sequence[AuditRecord], writer_id: str) -> Iterator[list[AuditRecord]]:
    """Those that follow each other in one chain, of records in the order of their places."""
    run: list[AuditRecord] = []
    tenant_id, following = "", -1
    for record in ordered:
        event, sequence = record.event, record.sequence
        if event.writer_id != writer_id:
            raise AuditError("a record of another writer", expected=writer_id, found=event.writer_id[:64])
        if sequence != following or event.tenant_id != tenant_id:
            if run:
                if sequence == following - 1 and event.tenant_id == tenant_id:
                    raise AuditError("two records in one place", found=f"{tenant_id} {sequence}")
                yield run
            run, tenant_id = [], event.tenant_id
        run.append(record)
        following = sequence + 1
    yield run


def _place(record: AuditRecord) -> tuple[str, int]:
    return record.event.tenant_id, record.sequence


_encode: Final = msgspec.json.Encoder().encode
_decode_segment: Final = msgspec.json.Decoder(_SegmentText).decode
_decode_statement: Final = msgspec.json.Decoder(BatchStatement).decode
