"""What is kept of each writer in a place of another owner: its first key, and its newest statements.

Objects are only ever added, and numbered from 0 without a gap: so the newest is found by asking for some of them, and a
place need neither list nor change what it has. Each names the hash of the one before.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec
from msgspec import Struct

from axonflow.audit.batch import BatchStatement
from axonflow.errors import AuditError

__all__ = ["AnchoredChain", "AnchoredHead", "AnchoredKey", "anchor_hash", "head_name", "is_anchorable", "writer_name"]

HEAD_FORMAT: Final = "axonflow.audit.anchor.v1"
KEY_FORMAT: Final = "axonflow.audit.writer.v1"
_WRITER_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Of those that become part of a name."""


class AnchoredKey(Struct, frozen=True, forbid_unknown_fields=True):
    """That a writer began to anchor at `since_us` (microseconds since the Unix epoch, by its clock), with the first of
    its keys: 64 hexadecimal digits, empty when it signs nothing."""

    format: str
    writer_id: str
    public_key: str
    since_us: int

    @classmethod
    def of(cls, writer_id: str, public_key: bytes, since_us: int) -> AnchoredKey:
        """Of a writer that begins now."""
        return cls(KEY_FORMAT, writer_id, public_key.hex(), since_us)

    @classmethod
    def from_bytes(cls, data: bytes) -> AnchoredKey:
        """What an object says. Raises AuditError for another one."""
        try:
            said = _decode_key(data)
            bytes.fromhex(said.public_key)
        except (msgspec.MsgspecError, ValueError) as error:
            raise _no_anchor(str(error)) from None
        if said.format != KEY_FORMAT:
            raise _no_anchor(said.format)
        return said


class AnchoredChain(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a chain of the writer stood: how many `records` it had, and the `hash` of the last (hexadecimal digits)."""

    tenant_id: str
    records: int
    hash: str


class AnchoredHead(Struct, frozen=True, forbid_unknown_fields=True):
    """The newest `statement` of a writer and its `signature` (hexadecimal digits), and where those chains stood that
    have moved since the object before, whose hash is `previous` (64 zeros for the first)."""

    format: str
    writer_id: str
    statement: str
    signature: str
    heads: tuple[AnchoredChain, ...]
    previous: str

    @classmethod
    def of(
        cls, writer_id: str, statement: bytes, signature: bytes, heads: tuple[AnchoredChain, ...], previous: bytes
    ) -> AnchoredHead:
        """Behind the object with the hash `previous`."""
        return cls(HEAD_FORMAT, writer_id, statement.decode(), signature.hex(), heads, previous.hex())

    @classmethod
    def from_bytes(cls, data: bytes, writer_id: str) -> AnchoredHead:
        """What an object of this writer says. Raises AuditError for another one."""
        try:
            said = _decode_head(data)
            bytes.fromhex(said.signature)
        except (msgspec.MsgspecError, ValueError) as error:
            raise _no_anchor(str(error)) from None
        if (said.format, said.writer_id, said.said.writer_id) != (HEAD_FORMAT, writer_id, writer_id):
            raise _no_anchor(f"{said.format} of writer {said.writer_id}")
        return said

    @property
    def said(self) -> BatchStatement:
        """The statement, read. Raises AuditError for none."""
        return BatchStatement.from_bytes(self.statement.encode())


def anchor_hash(data: bytes) -> bytes:
    """What the object behind names as `previous`: SHA-256 of its bytes."""
    return hashlib.sha256(data).digest()


def is_anchorable(writer_id: str) -> bool:
    """Whether objects can be named after this writer."""
    return _WRITER_ID.fullmatch(writer_id) is not None


def writer_name(index: int) -> str:
    """Under which name the writer stands that came as number `index`."""
    return f"writers/{index:012}.json"


def head_name(writer_id: str, index: int) -> str:
    """Under which name the statement of a writer stands that was kept as number `index`."""
    return f"heads/{writer_id}/{index:012}.json"


def _no_anchor(found: str) -> AuditError:
    return AuditError("not an object of an audit anchor", expected=f"{HEAD_FORMAT} or {KEY_FORMAT}", found=found[:200])


_decode_key: Final = msgspec.json.Decoder(AnchoredKey).decode
_decode_head: Final = msgspec.json.Decoder(AnchoredHead).decode
