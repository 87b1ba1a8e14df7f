"""That one event was recorded and signed: what a third party needs to be sure of it, and nothing of other events.

docs/reference/audit-proof.md has the format, and a script that checks it with no more than SHA-256 and Ed25519.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from axonflow.audit.batch import BatchStatement, Count, Segment
from axonflow.audit.chain import record_hash
from axonflow.audit.event import AuditEvent
from axonflow.audit.merkle import leaf_hash, root_by_path
from axonflow.audit.trust import SignatureCheck
from axonflow.audit.writer_key import WriterKey, key_id_of
from axonflow.errors import AuditError

__all__ = ["PROOF_FORMAT", "EventProof", "ProofKey", "ProvedEvent", "check_proof"]

PROOF_FORMAT: Final = "axonflow.audit.proof.v1"
_HASH_BYTES: Final = 32


class ProofKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A key of the writer, as :class:`WriterKey`, in hexadecimal digits."""

    number: Count
    key_id: str
    public_key: str
    endorsement: str

    @classmethod
    def of(cls, key: WriterKey) -> ProofKey:
        """As it is registered."""
        return cls(key.number, key.key_id, key.public_key.hex(), key.endorsement.hex())

    def registered(self, writer_id: str) -> WriterKey:
        """As it was registered. Raises ValueError for what are no hexadecimal digits."""
        return WriterKey(
            writer_id, self.number, self.key_id, bytes.fromhex(self.public_key), bytes.fromhex(self.endorsement)
        )


class EventProof(Struct, frozen=True, forbid_unknown_fields=True):
    """The event's bytes (`canonical`) and its place; `path` from its hash, which is leaf `index`, to the root of
    `segment`; `batch_path` from there, leaf `position`, to the root of `batch`; the `signature` under that, and the
    `keys` of the writer up to the one that made it. Hashes are in hexadecimal digits, paths nearest first."""

    format: str
    sequence: Count
    previous: str
    canonical: str
    index: Count
    path: tuple[str, ...]
    segment: str
    position: Count
    batch_path: tuple[str, ...]
    batch: str
    signature: str
    keys: tuple[ProofKey, ...]

    @classmethod
    def from_json(cls, data: bytes) -> EventProof:
        """The proof in a document. Raises AuditError for another one."""
        try:
            proof = _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise AuditError("not a proof of an audit event", found=str(error)[:200]) from None
        if proof.format != PROOF_FORMAT:
            raise AuditError("not a proof of an audit event", expected=PROOF_FORMAT, found=proof.format[:64])
        return proof

    def to_json(self) -> bytes:
        """The proof as a document for people and programs."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


class ProvedEvent(Struct, frozen=True):
    """What a proof proves: `event` stands as record `sequence` of its chain, in batch `number` of its writer, which was
    sealed at `sealed_us` by the writer's clock and signed with a key that comes from the trusted `key_id`."""

    event: AuditEvent
    sequence: int
    number: int
    sealed_us: int
    key_id: str


def check_proof(proof: EventProof, public_keys: frozenset[bytes], verify: SignatureCheck) -> ProvedEvent:
    """What `proof` proves to whoever trusts `public_keys` (Ed25519, 32 bytes each).

    Raises AuditError, which says at which step it does not hold.
    """
    try:
        return _checked(proof, public_keys, verify)
    except ValueError as error:  # of bytes.fromhex
        raise AuditError("the proof does not hold", expected="hexadecimal digits", found=str(error)[:200]) from None


def _checked(proof: EventProof, public_keys: frozenset[bytes], verify: SignatureCheck) -> ProvedEvent:
    canonical, segment_bytes, batch_bytes = proof.canonical.encode(), proof.segment.encode(), proof.batch.encode()
    event = AuditEvent.from_canonical(canonical)
    segment = Segment.from_canonical(segment_bytes)
    batch = BatchStatement.from_bytes(batch_bytes)
    previous = bytes.fromhex(proof.previous)
    _hold(len(previous) == _HASH_BYTES, "the previous hash has 32 bytes")
    leaf = record_hash(proof.sequence, previous, canonical)
    root = root_by_path(leaf, proof.index, segment.records, [bytes.fromhex(one) for one in proof.path])
    _hold(root == segment.root, "the event is in the segment")
    _hold(segment.first + proof.index == proof.sequence, "it stands where the segment says")
    _hold((event.tenant_id, event.writer_id) == (segment.tenant_id, segment.writer_id), "it is of the segment's chain")
    path = [bytes.fromhex(one) for one in proof.batch_path]
    above = root_by_path(leaf_hash(segment_bytes), proof.position, batch.segments, path)
    _hold(above is not None and above.hex() == batch.root, "the segment is in the batch")
    _hold(segment.writer_id == batch.writer_id, "the batch is of the same writer")
    key_id = _signed_by(proof, batch, public_keys, verify)
    return ProvedEvent(event, proof.sequence, batch.number, batch.sealed_us, key_id)


def _signed_by(proof: EventProof, batch: BatchStatement, public_keys: frozenset[bytes], verify: SignatureCheck) -> str:
    """The id of the trusted key that signed the batch, or endorsed the one that did, or that one's, and so on."""
    _hold(batch.key_id != "", "somebody signed the batch")
    origin, before = "", None
    for key in (one.registered(batch.writer_id) for one in proof.keys):
        _hold(key.key_id == key_id_of(key.public_key), "each key has the id that it is said to have")
        _hold(before is None or before.number < key.number, "keys follow each other")
        if key.public_key in public_keys:
            origin = key.key_id
        elif origin and before is not None:
            good = verify(before.public_key, key.statement(), key.endorsement)
            _hold(good, f"the key {before.key_id} endorsed {key.key_id}")
        before = key
    _hold(bool(origin), "a key of the writer is trusted")
    if before is None or before.key_id != batch.key_id or before.number > batch.number:
        raise _fails("the last key is that of the batch")
    good = verify(before.public_key, proof.batch.encode(), bytes.fromhex(proof.signature))
    _hold(good, f"the key {before.key_id} signed the batch")
    return origin


def _hold(is_so: bool, step: str) -> None:  # noqa: FBT001  what is checked
    if not is_so:
        raise _fails(step)


def _fails(step: str) -> AuditError:
    return AuditError("the proof does not hold", expected=step, found="that it is not so")


_decode: Final = msgspec.json.Decoder(EventProof).decode
