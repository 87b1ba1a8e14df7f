"""One audit event: who, what, on what, with which policies, and what was decided. Never the content itself, unless the
operator asks for it, and then redacted."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta, Struct, field

from axonflow.audit.event_ids import is_id_of
from axonflow.audit.storable import Storable
from axonflow.errors import AuditError

__all__ = [
    "AUDIT_EFFECTS",
    "AUDIT_KINDS",
    "IN_PROCESS",
    "SCHEMA_VERSION",
    "SEALED_VERSION",
    "AuditEvent",
    "AuditKind",
    "Detected",
    "Origin",
    "Usage",
]

SCHEMA_VERSION: Final = 2
SEALED_VERSION: Final = 3
"""Of events with sealed parts, which readers of version 2 do not know."""

AuditKind = Literal["decision", "model_call", "tool_call", "plan_step", "admin", "login"]
AUDIT_KINDS: Final[tuple[AuditKind, ...]] = get_args(AuditKind)
"""What a new event may tell of. Those of version 1 had others, by which they are not searched."""

AUDIT_EFFECTS: Final = ("deny", "require_approval", "redact", "limit", "allow", "log")
"""What the effect of an event may be: of a decision, strongest first; and that of what was done and not decided."""

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""What fits into a bigint of PostgreSQL."""


class Origin(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Through which door a request came: the client (of the API key), its request id, and its trace (W3C Trace
    Context): 32 hex digits, 16 for the span in which it was answered and 16 for the caller's. Empty in process, unless
    the caller gives them.
    """

    client_id: str = ""
    request_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""


IN_PROCESS: Final = Origin()
"""The origin of what this process asks itself."""


class Usage(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What a call took: tokens in, out and in all (which may be more: some models think unseen), and its cost in
    millionths of a US dollar, where they are known; who provided it, and the model that answered."""

    provider: str = ""
    model: str = ""
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    total_tokens: Count | None = None
    cost_usd_micros: Count | None = None


class Detected(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """That `detector` found something in the content, never what: at `path` (RFC 9535), from character `start` to
    `end`, and the `validator` that confirmed it, if any."""

    detector: str
    path: str
    start: Count
    end: Count
    validator: str = ""


def _newest() -> int:
    return SCHEMA_VERSION


class AuditEvent(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """`principal` and those it acts for (`on_behalf_of`, nearest first) and `resource` are in short form,
    ``type:id``. `time_us` is in microseconds since the Unix epoch, UTC, when it was decided or done, and `duration_us`
    how long that took.

    `content_chars` tells how much was inspected, not what it was: text that policies look at is text that may hold
    secrets. `content_digest` is an HMAC-SHA-256 of it under the redaction key (``hmac-sha256:`` and 64 hex digits) and
    `content_redacted` a text in which everything that any detector knows is masked; which of them there is, if any, the
    operator chooses.

    `policies` are those that matched, strongest first, and the last of `reasons` are theirs, one for each; where there
    are very many, the last of either, and of `errors`, says how many were left out (`axonflow.audit.grounds`).

    `attributes` are the values, by path, of what the policies in force read of this request, and `findings` what they
    had found in its content. `details` are further facts of this kind of event, by name.

    `sealed` is what tells of persons, where that is sealed under keys of theirs (`axonflow.audit.persons`): by the ids
    of the keys, in base64. Such an event is of version 3.
    """

    event_id: str
    tenant_id: str
    writer_id: str
    time_us: Count
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
    content_chars: Count = 0
    content_digest: str = ""
    content_redacted: str = ""
    origin: Origin = IN_PROCESS
    duration_us: Count | None = None
    usage: Usage | None = None
    attributes: dict[str, Storable] = {}
    findings: tuple[Detected, ...] = ()
    details: dict[str, Storable] = {}
    sealed: dict[str, str] = {}
    schema_version: int = field(default_factory=_newest)  # of a factory, so always written: what has its default is not

    def canonical(self) -> bytes:
        """The bytes that the chain covers: JSON, fields in a fixed order, no white space."""
        return _encode(self)

    def encoded(self) -> bytes:
        """As `canonical`, but raises AuditError, which names the field, for what has no such bytes."""
        try:
            return _encode(self)
        except _NOT_ENCODABLE as error:
            raise self._refused(f"{type(error).__name__}: {error}"[:200]) from None

    @classmethod
    def from_canonical(cls, data: bytes) -> AuditEvent:
        """The event whose bytes `data` are, of this version or version 1. Raises AuditError for anything else."""
        try:
            return _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise AuditError("not an audit event", found=str(error)[:200]) from None

    def recordable(self, canonical: bytes | None = None) -> bytes:
        """The canonical bytes of a new event, once it is certain that every store keeps them and they can be read back.
        They are not made again where they are known.

        Raises AuditError, which names the field: later such an event would stand in the way of all behind it.
        """
        try:
            data = _encode(self) if canonical is None else canonical
            _decode(data)
        except _NOT_ENCODABLE as error:
            raise self._refused(f"{type(error).__name__}: {error}"[:200]) from None
        if self.kind not in AUDIT_KINDS:
            raise AuditError(
                "unknown kind", expected=" or ".join(get_args(AuditKind)), found=self.kind[:64], at="$.kind"
            )
        self.check_values(data)
        if not is_id_of(self.event_id, self.time_us):
            raise AuditError(
                "not the id of an event of this time", expected="what new_id(time_us) gives: a UUID of version 7",
                found=self.event_id[:64], at="$.event_id",
            )  # fmt: skip
        return data

    def check_values(self, written: bytes) -> None:
        """Raise AuditError for text that no database keeps, and for what JSON has no word for: it would be null. Only
        where `written`, what was made of it, gives reason to look."""
        if _NUL not in written and _NULL not in written:
            return
        broken = self._broken_field()
        if broken is not None:
            raise _text_refused(broken)
        for name in self.__struct_fields__:
            if any(isinstance(one, float) and not isfinite(one) for one in _leaves(getattr(self, name))):
                raise AuditError("a number that cannot be recorded", expected="a finite one", at=f"$.{name}")

    def _refused(self, why: str) -> AuditError:
        broken = self._broken_field()
        if broken is not None:
            return _text_refused(broken)
        return AuditError("not an event", expected="fields of the types that an AuditEvent declares", found=why)

    def _broken_field(self) -> str | None:
        for name in self.__struct_fields__:
            if any(isinstance(one, str) and _is_unstorable(one) for one in _leaves(getattr(self, name))):
                return name
        return None


def _leaves(value: object) -> Iterator[object]:
    """All within `value` that holds nothing else. It may be nested deeper than recursion reaches."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, (tuple, list)):
            left += one
        elif isinstance(one, dict):
            left += (*one.keys(), *one.values())
        elif isinstance(one, Struct):
            left += (getattr(one, name) for name in one.__struct_fields__)
        else:
            yield one


def _is_unstorable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return "\0" in text


def _text_refused(field_name: str) -> AuditError:
    return AuditError("text that cannot be recorded", expected="no NUL, no lone surrogate", at=f"$.{field_name}")


_NUL: Final = b"\\u0000"
"""How JSON writes it; also in text that merely speaks of it, so a hit is looked at more closely."""
_NULL: Final = b"null"
_NOT_ENCODABLE: Final = (ArithmeticError, TypeError, ValueError, RecursionError, msgspec.MsgspecError)
"""What comes of values of other types than the fields', which a Struct does not check by itself."""
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(AuditEvent).decode
