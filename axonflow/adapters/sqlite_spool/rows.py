"""A record on its way into the spool's file, and as it is found there."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from axonflow.adapters.sqlite_spool.held_keys import HeldKeys
from axonflow.audit import GENESIS, AuditEvent, AuditRecord, link
from axonflow.audit.chain import is_record_hash
from axonflow.errors import AuditError

__all__ = ["MAX_EVENT_BYTES", "Entry", "Row", "end_of_chain", "linked"]

MAX_EVENT_BYTES: Final = 256 << 10
"""Of one event, canonical. A drain reads hundreds of records at once, so this also bounds its memory."""


_NO_EVENT: Final = AuditEvent(
    event_id="", tenant_id="", writer_id="", time_us=0, kind="", decision_id="", policy_digest="", principal="",
    action="", resource="", effect="", allowed=False, policies=(), reasons=(),
)  # fmt: skip


class Entry(Struct, frozen=True, gc=False):
    """An event to be recorded. What was taken before has its `canonical` bytes, and room was found for them. It
    `may_go` again when there is no room for others."""

    event: AuditEvent
    canonical: bytes | None = None
    may_go: bool = False


class Row(Struct, frozen=True, gc=False):
    """A record as it is stored. Its event is decoded elsewhere, so that the thread of the file is soon free."""

    position: int
    tenant_id: str
    sequence: int
    previous: bytes
    hash: bytes
    canonical: bytes

    def record(self) -> AuditRecord:
        """Raises AuditError when it is not what was recorded: the file was damaged or changed."""
        try:
            event = AuditEvent.from_canonical(self.canonical)
            is_whole = is_record_hash(self.hash, self.sequence, self.previous, self.canonical)
        except (AttributeError, OverflowError, TypeError) as error:  # SQLite keeps any value in any column
            raise AuditError("a record of the spool is damaged", found=f"a column of another type: {error}") from None
        if not is_whole or event.tenant_id != self.tenant_id:
            raise AuditError(
                "a record of the spool is damaged", expected="what was hashed", found="something else",
                at=f"event {event.event_id[:64]}",
            )  # fmt: skip
        return AuditRecord(self.sequence, self.previous, self.hash, self.canonical, event)


def linked(entry: Entry, after: AuditRecord | None, keys: HeldKeys) -> AuditRecord | AuditError:
    """The event in its chain, sealed, or why it cannot be. What does not read back as it was written would stand in
    the way of all behind it: Structs are not validated when they are made, so that is done here, before anything is
    promised.
    """
    event = entry.event
    try:
        event, used = keys.sealed(event)
        canonical = event.recordable(None if used else entry.canonical)
    except AuditError as error:
        return error
    except AttributeError:
        return AuditError("not an event", expected="an AuditEvent", found=type(event).__name__)
    if len(canonical) > MAX_EVENT_BYTES:
        return AuditError(
            "the event is too large to be recorded", expected=f"at most {MAX_EVENT_BYTES} bytes",
            found=f"{len(canonical)} bytes", at=f"event {event.event_id[:64]}",
        )  # fmt: skip
    keys.need(used)
    return link(event, after, canonical)


def end_of_chain(sequence: int, digest: bytes) -> AuditRecord:
    """The end of a chain, as much of it as its successor is linked to. A damaged hash is linked to by none: what comes
    behind it is recorded, and verification names the place."""
    is_hash = isinstance(digest, bytes) and len(digest) == len(GENESIS)
    return AuditRecord(sequence, b"", digest if is_hash else GENESIS, b"", _NO_EVENT)
