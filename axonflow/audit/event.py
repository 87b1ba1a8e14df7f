"""One audit event: who, what, on what, with which policies, and what was decided. Never the content itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from axonflow.errors import AuditError

__all__ = ["IN_PROCESS", "SCHEMA_VERSION", "AuditEvent", "Origin"]

SCHEMA_VERSION: Final = 1


class Origin(Struct, frozen=True, forbid_unknown_fields=True):
    """Through which door a request came: the client (of the API key), its request id and its trace id (W3C Trace
    Context, 32 hex digits). Empty in process, unless the caller gives them.
    """

    client_id: str = ""
    request_id: str = ""
    trace_id: str = ""


IN_PROCESS: Final = Origin()
"""The origin of what this process asks itself."""


class AuditEvent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`principal` and those it acts for (`on_behalf_of`, nearest first) and `resource` are in short form,
    ``type:id``. `time_us` is in microseconds since the Unix epoch, UTC. `content_chars` tells how much was inspected,
    not what it was: text that policies look at is text that may hold secrets. `details` are further facts of this kind
    of event, by name: the provider and the tokens of a model call, for one.
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
    origin: Origin = IN_PROCESS
    details: dict[str, str | int | bool] = {}
    schema_version: int = SCHEMA_VERSION

    def canonical(self) -> bytes:
        """The bytes that the chain covers: JSON, fields in a fixed order, no white space."""
        return _encode(self)

    @classmethod
    def from_canonical(cls, data: bytes) -> AuditEvent:
        """The event whose bytes `data` are. Raises AuditError for anything else."""
        try:
            return _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise AuditError("not an audit event", found=str(error)[:200]) from None

    def unstorable(self) -> str | None:
        """The first field whose text no database keeps (PostgreSQL: a NUL, a lone surrogate), or None.

        Such an event has to be refused before it is acknowledged: later it would stand in the way of all behind it.
        """
        try:
            data = _encode(self)
        except UnicodeEncodeError:
            data = _NUL
        if _NUL not in data:
            return None
        for name in self.__struct_fields__:
            if any(_is_unstorable(text) for text in _texts(getattr(self, name))):
                return name
        return None


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from _texts(getattr(value, name))


def _is_unstorable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return "\0" in text


_NUL: Final = b"\\u0000"
"""How JSON writes it; also in text that merely speaks of it, so a hit is looked at more closely."""
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(AuditEvent).decode
