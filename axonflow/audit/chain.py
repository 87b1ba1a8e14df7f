"""A hash chain for each tenant and writer: record n commits to record n-1, so none can change, go or come unseen.

The hash is SHA-256 (FIPS 180-4) over a domain tag, the previous hash, the sequence number and the canonical bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from axonflow.audit.event import AuditEvent
from axonflow.errors import AuditError

__all__ = ["GENESIS", "AuditRecord", "link", "verify_chain"]

GENESIS: Final = bytes(32)
"""What the first record of a chain names as its predecessor."""

_DOMAIN: Final = b"axonflow.audit.v1\x00"


class AuditRecord(Struct, frozen=True):
    """An event in its chain. `sequence` counts from 0; `canonical` are the event's bytes, exactly as hashed."""

    sequence: int
    previous: bytes
    hash: bytes
    canonical: bytes
    event: AuditEvent


def _hash(sequence: int, previous: bytes, canonical: bytes) -> bytes:
    return hashlib.sha256(_DOMAIN + previous + sequence.to_bytes(8, "big") + canonical).digest()


def link(event: AuditEvent, after: AuditRecord | None) -> AuditRecord:
    """`event` as the successor of `after`, or as the first of its chain."""
    sequence = after.sequence + 1 if after else 0
    previous = after.hash if after else GENESIS
    canonical = event.canonical()
    return AuditRecord(sequence, previous, _hash(sequence, previous, canonical), canonical, event)


def verify_chain(records: Iterable[AuditRecord], after: AuditRecord | None = None) -> int:
    """The number of `records`, if they are an unbroken chain behind `after` (None: from its start).

    Raises AuditError that names the first record that does not fit.
    """
    count = 0
    for record in records:
        expected = link(record.event, after)
        if record != expected:
            wrong = [
                field
                for field in ("sequence", "previous", "canonical", "hash")
                if getattr(record, field) != getattr(expected, field)
            ]
            raise AuditError(
                "the chain is broken", expected=f"record {expected.sequence} as it was written",
                found=f"another {' and '.join(wrong)}", at=f"event {record.event.event_id}",
            )  # fmt: skip
        after = record
        count += 1
    return count
