"""What a full spool let go of, as a record at the end of the chain says."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from axonflow.audit.event import AuditEvent
from axonflow.errors import AuditError

__all__ = ["SHED_ACTION", "Shed"]

SHED_ACTION: Final = "audit.shed"
_MARK: Final = f'"action":"{SHED_ACTION}"'.encode()


class Shed(Struct, frozen=True):
    """`records` of the chain, from sequence `first` on; `hash` (hexadecimal) is that of the last of them."""

    first: int
    records: int
    hash: str

    @property
    def end(self) -> int:
        """The sequence number behind the last of them."""
        return self.first + self.records

    @classmethod
    def told_by(cls, canonical: bytes) -> Shed | None:
        """What the event with these bytes says is gone; None when it is of something else."""
        if _MARK not in canonical:
            return None
        try:
            event = AuditEvent.from_canonical(canonical)
        except AuditError:
            return None
        if event.kind != "admin" or event.action != SHED_ACTION:
            return None
        try:
            return msgspec.convert(event.details, cls)
        except msgspec.ValidationError:
            return None
