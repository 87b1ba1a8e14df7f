"""The trail of one tenant as lines of JSON, which can be verified where nothing else is.

A header; then, of each chain, a line that says where it begins and which keys its writer had, and of each segment a
line with its batch and the path from one to the other, ahead of its records; then, last, how much it was. Events stand
in the lines as they were hashed, byte by byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from axonflow.audit.batch import Count
from axonflow.audit.proof import ProofKey
from axonflow.audit.stored import StoredRecord
from axonflow.errors import AuditError

__all__ = [
    "EXPORT_FORMAT",
    "RECORD_START",
    "ExportedChain",
    "ExportedEnd",
    "ExportedHeader",
    "ExportedRecord",
    "ExportedSegment",
    "Line",
    "read_line",
    "read_records",
    "write_line",
]

EXPORT_FORMAT: Final = "axonflow.audit.export.v1"
RECORD_START: Final = b'{"sequence":'
"""What the line of a record begins with, and no other."""


class ExportedHeader(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first line. `exported_us` is in microseconds since the Unix epoch."""

    format: str = EXPORT_FORMAT
    tenant_id: str
    exported_us: Count


class ExportedChain(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The chain of a writer begins. Before its first record stood `removed` others, the last with the hash `hash`,
    which is what that names as its predecessor; of a whole chain they are 0 and 64 zeros."""

    chain: str
    removed: Count
    hash: str
    keys: tuple[ProofKey, ...]


class ExportedSegment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A segment of the chain begins; see :class:`EventProof`. `removed` are the hashes of its first records, those that
    are gone, in hexadecimal digits one behind the other."""

    segment: str
    position: Count
    batch_path: tuple[str, ...]
    batch: str
    signature: str
    removed: str


class ExportedRecord(Struct, frozen=True, omit_defaults=True):
    """A record: its place, its hash in hexadecimal digits, and the bytes of its event. `previous` is the hash that it
    names as its predecessor where that is not the one of the line before."""

    sequence: int
    writer_id: str
    hash: str
    event: Raw
    previous: str = ""


class _EventPlace(Struct, gc=False):
    """What an event says of its own place; the rest of it is passed over."""

    event_id: str
    tenant_id: str
    writer_id: str


class _RecordLine(Struct, forbid_unknown_fields=True, gc=False):
    sequence: Count
    writer_id: str
    hash: str
    event: _EventPlace
    previous: str = ""


class ExportedEnd(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The last line: of so many chains and records were the others."""

    chains: Count
    records: Count


Line = ExportedHeader | ExportedChain | ExportedSegment | ExportedEnd
"""All but records."""


def write_line(line: Line | ExportedRecord) -> bytes:
    """The bytes of a line, with its end."""
    return _encode(line) + b"\n"


def read_records(lines: Sequence[bytes], tenant_id: str, writer_id: str, previous: bytes) -> list[StoredRecord]:
    """The records in these lines, with their ends, which should be of this chain and follow the one with the hash
    `previous`. Raises AuditError for what are no such lines, ValueError for what are no hexadecimal digits.

    Lines are decoded together, and the bytes of an event cut out of its line: one by one takes half as long again.
    """
    try:
        found = _decode_records(b"".join(lines))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = []
    if len(found) != len(lines):
        number = next((number for number, line in enumerate(lines) if not _is_sound(line)), 0)
        raise AuditError("not a line of an export of the audit trail", expected="a record", at=f"{number} lines on")
    digests = [bytes.fromhex(said.hash) for said in found]
    return [
        StoredRecord(
            said.sequence, bytes.fromhex(said.previous) if said.previous else before, digest,
            line[line.index(_EVENT, _BEFORE_EVENT) + len(_EVENT) : -_END - (_PREVIOUS if said.previous else 0)],
            said.event.event_id,
            "" if said.event.tenant_id == tenant_id and said.event.writer_id == writer_id == said.writer_id
            else "its chain",
        )
        for line, said, before, digest in zip(lines, found, [previous, *digests], digests, strict=False)
    ]  # fmt: skip


def _is_sound(line: bytes) -> bool:
    try:
        return len(_decode_records(line)) == 1 and line.endswith(b"\n")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def read_line(data: bytes) -> Line:
    """What a line says that is not of a record. Raises AuditError for anything else."""
    try:
        for start, decode in _OTHERS:
            if data.startswith(start):
                return decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AuditError("not a line of an export of the audit trail", found=str(error)[:200]) from None
    raise AuditError(
        "not a line of an export of the audit trail", expected=EXPORT_FORMAT, found=ascii(data[:40].decode("latin-1"))
    )


_encode: Final = msgspec.json.Encoder().encode
_decode_records: Final = msgspec.json.Decoder(_RecordLine).decode_lines
_EVENT: Final = b'"event":'
"""In no text ahead of the field: there, its quotation marks would be escaped."""
_BEFORE_EVENT: Final = len(b'{"sequence":0,"writer_id":"","hash":""') + 64
"""So many bytes are ahead of it at least."""
_END: Final = len(b"}\n")
_PREVIOUS: Final = len(b',"previous":""') + 64
_OTHERS: Final = (
    (b'{"segment":', msgspec.json.Decoder(ExportedSegment).decode),
    (b'{"chain":', msgspec.json.Decoder(ExportedChain).decode),
    (b'{"format":"axonflow.audit.export.v1",', msgspec.json.Decoder(ExportedHeader).decode),
    (b'{"chains":', msgspec.json.Decoder(ExportedEnd).decode),
)
