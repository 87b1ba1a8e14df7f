"""One audit event: who, what, on what, with which policies, and what was decided. Never the content itself."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

__all__ = ["SCHEMA_VERSION", "AuditEvent"]

SCHEMA_VERSION: Final = 1


class AuditEvent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`principal` and those it acts for (`on_behalf_of`, nearest first) and `resource` are in short form,
    ``type:id``. `time_us` is in microseconds since the Unix epoch, UTC. `content_chars` tells how much was inspected,
    not what it was: text that policies look at is text that may hold secrets.
    """

    event_id: str
    tenant_id: str
    writer_id: str
    time_us: int
    kind: str
    decision_id: str
    policy_digest: str
    principal: str
    action: str
    resource: str
    effect: str
    allowed: bool
    policies: tuple[str, ...]
    reasons: tuple[str, ...]
    errors: tuple[str, ...] = ()
    on_behalf_of: tuple[str, ...] = ()
    content_chars: int = 0
    schema_version: int = SCHEMA_VERSION

    def canonical(self) -> bytes:
        """The bytes that the chain covers: JSON, fields in a fixed order, no white space."""
        return _encode(self)


_encode = msgspec.json.Encoder(order="deterministic").encode
