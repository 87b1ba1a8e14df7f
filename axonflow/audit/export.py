"""The trail of one tenant as lines of JSON, which can be verified where nothing else is.

A header; then, of each chain, a line that says where it begins and which keys its writer had, and of each segment a
line with its batch and the path from one to the other, ahead of its records; then, last, how much it was. Events stand
in the lines as they were hashed, byte by byte.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from axonflow.audit.batch import Count
from axonflow.audit.proof import ProofKey
from axonflow.errors import AuditError

__all__ = [
    "EXPORT_FORMAT",
    "ExportedChain",
    "ExportedEnd",
    "ExportedHeader",
    "ExportedRecord",
    "ExportedSegment",
    "read_line",
    "write_line",
]

EXPORT_FORMAT: Final = "axonflow.audit.export.v1"


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


class ExportedRecord(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A record: its place, its hash in hexadecimal digits, and the bytes of its event. `previous` is the hash that it
    names as its predecessor where that is not the one of the line before."""

    sequence: Count
    writer_id: str
    hash: str
    event: Raw
    previous: str = ""


class ExportedEnd(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The last line: of so many chains and records were the others."""

    chains: Count
    records: Count


Line = ExportedHeader | ExportedChain | ExportedSegment | ExportedRecord | ExportedEnd


def write_line(line: Line) -> bytes:
    """The bytes of a line, with its end."""
    return _encode(line) + b"\n"


def read_line(data: bytes) -> Line:
    """What a line says. Raises AuditError for anything else."""
    try:
        if data.startswith(_RECORD):
            return _decode_record(data)
        for start, decode in _OTHERS:
            if data.startswith(start):
                return decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AuditError("not a line of an export of the audit trail", found=str(error)[:200]) from None
    raise AuditError(
        "not a line of an export of the audit trail", expected=EXPORT_FORMAT, found=ascii(data[:40].decode("latin-1"))
    )


_encode: Final = msgspec.json.Encoder().encode
_decode_record: Final = msgspec.json.Decoder(ExportedRecord).decode
_RECORD: Final = b'{"sequence":'
_OTHERS: Final = (
    (b'{"segment":', msgspec.json.Decoder(ExportedSegment).decode),
    (b'{"chain":', msgspec.json.Decoder(ExportedChain).decode),
    (b'{"format":"axonflow.audit.export.v1",', msgspec.json.Decoder(ExportedHeader).decode),
    (b'{"chains":', msgspec.json.Decoder(ExportedEnd).decode),
)
