"""Verb: tail. Tell what comes into the trail of a tenant, as it comes, from a position on."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from axonflow.audit import AuditEvent, AuditQuery
from axonflow.audit.tail import TailPosition
from axonflow.ports import AuditTail

__all__ = ["PAGE", "TailLook", "tail_audit"]

PAGE: Final = 100
"""Events that are held at most, between the store and who reads."""


class TailLook(Struct, frozen=True):
    """What one look found: `events` that were asked for, each with the position behind it, and the `position` behind
    all that was looked at. `is_last` says that there was no more at the time."""

    events: tuple[tuple[TailPosition, AuditEvent], ...]
    position: TailPosition
    is_last: bool


async def tail_audit(tail: AuditTail, query: AuditQuery, position: TailPosition) -> TailLook:
    """Look once behind `position` for what `query` covers; its limit and offset do not matter. Raises AuditError."""
    found = await tail.later(query.tenant_id, position, PAGE)
    events = []
    for told in found:
        position = position.past(told)
        if query.covers(told.event):
            events.append((position, told.event))
    return TailLook(tuple(events), position, len(found) < PAGE)
