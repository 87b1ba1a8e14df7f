"""What is decided on: who (principal) wants to do what (action) to what (resource), and in which context.

The words are those of AuthZEN (OpenID Authorization API 1.0) and Cedar. These types are domain and wire at
once: ``Request.to_json`` and ``Request.from_json`` are each other's inverse.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from axonflow.errors import RequestError
from axonflow.policy.json_text import check_members, hint_on
from axonflow.policy.json_value import check_json_value, check_text

__all__ = ["ACTIONS", "Principal", "Request", "Resource"]

ACTIONS: Final = frozenset(
    {
        "agent.message",
        "connector.query",
        "connector.result",
        "llm.request",
        "llm.response",
        "plan.approve",
        "plan.start",
        "plan.step",
        "tool.call",
        "tool.result",
    }
)
"""The actions that AxonFlow's own enforcement points ask about. Policies may name more; a request whose action
is neither here nor in any policy is denied."""

MAX_ID_CHARS = 512
MAX_MEMBERSHIPS = 1_000
MAX_DELEGATIONS = 8
MAX_REQUEST_BYTES = 16 * 1024 * 1024
_ACTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*", re.ASCII)
_RESOURCE_TYPE = re.compile(r"[a-z][a-z0-9_.-]*", re.ASCII)
_MAX_MESSAGE_CHARS = 200
"""Of what a parser says: it quotes names as they are, and a name may be megabytes."""
_MAX_TIME_US = 253_402_300_799_999_999  # 9999-12-31T23:59:59.999999Z, the last instant RFC 3339 can write

T = TypeVar("T")

PrincipalType = Literal["user", "agent", "service"]


def _split_short_form(text: str, at: str, example: str) -> tuple[str, str]:
    kind, colon, name = text.partition(":")
    if not (kind and colon and name):
        raise RequestError(
            "not a short form", expected=f'"type:id", such as "{example}"', found="no type or no id", at=at
        )
    return kind, name


def _memberships(values: object, at: str) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, (list, tuple, set, frozenset)):
        raise RequestError("wrong type", expected="a list of strings", found=type(values).__name__, at=at)
    if len(values) > MAX_MEMBERSHIPS:
        raise RequestError("too many", expected=f"at most {MAX_MEMBERSHIPS}", found=str(len(values)), at=at)
    for position, value in enumerate(values):
        check_text(value, f"{at}[{position}]", MAX_ID_CHARS)
    return tuple(values)


def _attributes(values: object, at: str) -> None:
    if values.__class__ is not dict:
        raise RequestError("wrong type", expected="an object", found=type(values).__name__, at=at)
    if values:
        check_json_value(values, at)


def _convert(value: object, kind: type[T], at: str) -> T:
    if not isinstance(value, dict):  # msgspec asks some other things for keys that they do not have
        expected = f'an object, or a short form such as "{"user:ann" if kind is Principal else "tool:shell"}"'
        raise RequestError("wrong type", expected=expected, found=type(value).__name__, at=at)
    _attributes(value.get("attributes", {}), f"{at}.attributes")  # msgspec would ask what is no dict for its keys
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _translated(error, at) from None
    except UnicodeEncodeError as error:  # a lone surrogate in a str has no UTF-8 form
        raise RequestError("not UTF-8", expected="UTF-8 text", found=error.reason, at=at) from None


def _translated(error: msgspec.ValidationError, at: str) -> RequestError:
    """msgspec's message, or ours when a ``__post_init__`` raised it, as one RequestError."""
    if isinstance(error.__cause__, RequestError):
        return error.__cause__
    message, _, where = str(error).partition(" - at `$")
    shown = message if len(message) <= _MAX_MESSAGE_CHARS else f"{message[:_MAX_MESSAGE_CHARS]}..."
    return RequestError(shown.replace("`", "'"), at=at + where.rstrip("`")[:_MAX_MESSAGE_CHARS])


class Principal(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who asks. `on_behalf_of` is the principal that this one acts for, and so on up the chain (RFC 8693 `act`,
    read from the other end). Everything a policy should know beyond the named fields goes into `attributes`.
    """

    id: str
    type: PrincipalType = "user"
    tenant: str = "default"
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}
    if TYPE_CHECKING:
        on_behalf_of: Principal | None = None
    else:  # the wire also has the short form, which __post_init__ turns into a Principal
        on_behalf_of: Principal | str | None = None

    def __post_init__(self) -> None:
        at = "$.principal"
        check_text(self.id, f"{at}.id", MAX_ID_CHARS)
        check_text(self.tenant, f"{at}.tenant", MAX_ID_CHARS)
        kind: Any = self.type
        if kind.__class__ is not str or kind not in {"user", "agent", "service"}:
            raise RequestError("unknown type", expected="user, agent or service", found=_shown(kind), at=f"{at}.type")
        if self.roles != ():
            force_setattr(self, "roles", _memberships(self.roles, f"{at}.roles"))
        if self.groups != ():
            force_setattr(self, "groups", _memberships(self.groups, f"{at}.groups"))
        _attributes(self.attributes, f"{at}.attributes")
        if self.on_behalf_of is not None:
            force_setattr(self, "on_behalf_of", Principal.of(self.on_behalf_of))
            self._check_chain()

    def _check_chain(self) -> None:
        acting: Principal | None = self
        for _ in range(MAX_DELEGATIONS + 2):
            if acting is None:
                return
            acting = acting.on_behalf_of
        raise RequestError(
            "too many delegations", expected=f"at most {MAX_DELEGATIONS}", found="more", at="$.principal.on_behalf_of"
        )

    @classmethod
    def of(cls, value: object) -> Principal:
        """`value` as a principal: one, its short form ``"user:ann"``, or an object. Raises RequestError."""
        if isinstance(value, Principal):
            return value
        if isinstance(value, str):
            kind, name = _split_short_form(value, "$.principal", "user:ann")
            return cls(name, kind)  # type: ignore[arg-type]  # __post_init__ refuses any other type
        return _convert(value, cls, "$.principal")


class Resource(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is acted upon: a tool, a model, a connector, an agent, a plan..."""

    type: str
    id: str
    attributes: dict[str, Any] = {}

    def __post_init__(self) -> None:
        at = "$.resource"
        check_text(self.type, f"{at}.type", MAX_ID_CHARS)
        if not _RESOURCE_TYPE.fullmatch(self.type):
            raise RequestError(
                "not a resource type",
                expected='a word such as "tool" or "model"',
                found=_shown(self.type),
                at=f"{at}.type",
            )
        check_text(self.id, f"{at}.id", MAX_ID_CHARS)
        _attributes(self.attributes, f"{at}.attributes")

    @classmethod
    def of(cls, value: object) -> Resource:
        """`value` as a resource: its short form ``"tool:shell"``, or an object. Raises RequestError."""
        if isinstance(value, str):
            return cls(*_split_short_form(value, "$.resource", "tool:shell"))
        return _convert(value, cls, "$.resource")


if TYPE_CHECKING:
    _PrincipalField = Principal
    _ResourceField = Resource
else:  # short forms are legal on the wire; __post_init__ turns them into the full ones
    _PrincipalField = Principal | str
    _ResourceField = Resource | str


class Request(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One question to the policy engine.

    `principal` and `resource` may be given as objects, as dictionaries or in short form (``"user:ann"``,
    ``"tool:shell"``). `content` is the JSON value to inspect: a prompt, a reply, tool arguments, rows. `time`
    is in microseconds since the Unix epoch, UTC; absent it is now. What is enforced, rather than only decided, is
    always judged now.

    Raises RequestError when a part is malformed or over its limit; nothing is repaired silently.
    """

    principal: _PrincipalField
    action: str
    resource: _ResourceField
    context: dict[str, Any] = {}
    content: Any = None
    time: int | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            principal: Principal | dict[str, Any] | str,
            action: str,
            resource: Resource | dict[str, Any] | str,
            context: dict[str, Any] = ...,
            content: Any = None,
            time: int | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        if self.principal.__class__ is not Principal:
            force_setattr(self, "principal", Principal.of(self.principal))
        if self.resource.__class__ is not Resource:
            force_setattr(self, "resource", Resource.of(self.resource))
        if self.action.__class__ is not str or self.action not in ACTIONS:  # which need no look at their characters
            _check_action(self.action)
        _attributes(self.context, "$.context")
        if self.content is not None:
            check_json_value(self.content, "$.content")
        if self.time is not None:
            _check_time(self.time)

    def to_json(self) -> bytes:
        """This request as UTF-8 JSON, without the fields that hold their defaults."""
        return _encode(self)

    @classmethod
    def from_json(cls, data: bytes | str) -> Request:
        """The request in `data`. Raises RequestError, also for unknown fields and members that are there twice."""
        return decode_json(data, _decoder)


def _shown(value: object) -> str:
    """A short, safe rendering of a name for a message. Never for content or attribute values."""
    return f"{value[:64]!a}" if isinstance(value, str) else type(value).__name__


def _check_action(value: str) -> None:
    check_text(value, "$.action", MAX_ID_CHARS)
    if not _ACTION.fullmatch(value):
        raise RequestError(
            "not an action",
            expected='dotted lower-case words such as "tool.call"',
            found=_shown(value),
            at="$.action",
        )


def _check_time(value: object) -> None:
    if value.__class__ is not int:
        raise RequestError(
            "wrong type", expected="microseconds since the Unix epoch", found=type(value).__name__, at="$.time"
        )
    if not 0 <= value <= _MAX_TIME_US:
        found = str(value) if value.bit_length() < 128 else "a number of many digits"  # which str() may refuse to write
        raise RequestError("out of range", expected="a time from 1970 to 9999", found=found, at="$.time")


def decode_json(data: bytes | str, decoder: msgspec.json.Decoder[T]) -> T:
    """`data` decoded.

    Raises RequestError for what is too large, not UTF-8, not JSON, not of the shape, or has a member twice.
    """
    if len(data) > MAX_REQUEST_BYTES:
        raise RequestError("too large", expected=f"at most {MAX_REQUEST_BYTES} bytes", found=str(len(data)), at="$")
    try:
        value = decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _translated(error, "$") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(str(error), at="$", hint=hint_on(error, data)) from None
    except UnicodeEncodeError as error:  # a lone surrogate in a str has no UTF-8 form
        raise RequestError("not UTF-8", expected="UTF-8 text", found=error.reason, at="$") from None
    except RecursionError:
        raise RequestError("nested too deep", expected="fewer levels", found="too many to decode", at="$") from None
    check_members(data)
    return value


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Request)
