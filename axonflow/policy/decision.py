"""What was decided: a value with its reasons, ids and obligations."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from axonflow.detect import Style
from axonflow.errors import RequestError

__all__ = ["Approval", "Decision", "Effect", "Limit", "Obligation", "Redact", "Replaced", "RuleError", "ShadowVerdict"]


class Effect(StrEnum):
    """What a rule asks for, and what a decision comes to. `warn` and `log` annotate; they never decide."""

    DENY = "deny"
    REQUIRE_APPROVAL = "require_approval"
    REDACT = "redact"
    LIMIT = "limit"
    ALLOW = "allow"
    WARN = "warn"
    LOG = "log"


STRENGTH: Final = {effect: rank for rank, effect in enumerate(Effect)}
"""Strongest first: the effect with the lowest number names the decision."""


class Replaced(Struct, frozen=True, forbid_unknown_fields=True):
    """So many findings of a detector were replaced in this style."""

    detector: str
    style: Style
    findings: int


class Redact(Struct, frozen=True, tag="redact", forbid_unknown_fields=True, omit_defaults=True):
    """Replace every finding of `detectors` (ids) before the content goes on. `policy` is the rule that asks, `style`
    the way it asks for.

    `fulfilled_by` says who does it: ``axonflow`` has, and the decision's `redacted` is what may be sent; ``caller``
    has to, since the request carried no content; None where nothing may be sent. `done` counts what was replaced, by
    detector and style, which is another than asked for where a rule asks for a stricter one, or only a mask will do.
    """

    policy: str
    detectors: tuple[str, ...]
    style: Style = "mask"
    fulfilled_by: Literal["axonflow", "caller"] | None = None
    done: tuple[Replaced, ...] = ()


class Approval(Struct, frozen=True, tag="approval", forbid_unknown_fields=True, omit_defaults=True):
    """Hold the action until somebody from `approvers` (roles or ids; empty: whoever the tenant names) agrees."""

    policy: str
    approvers: tuple[str, ...] = ()


class Limit(Struct, frozen=True, tag="limit", forbid_unknown_fields=True, omit_defaults=True):
    """Count `unit` under `key` and refuse what would pass `maximum` within `window_s` seconds.

    `key` lists attribute paths whose values together name the counter, e.g. ``("principal.tenant",)``.
    """

    policy: str
    unit: Literal["requests", "tokens", "usd_micros"]
    maximum: int
    window_s: int
    key: tuple[str, ...] = ("principal.tenant", "principal.id")


Obligation = Redact | Approval | Limit


class RuleError(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule whose condition failed to evaluate. Unless its effect is allow, warn or log, it counted as a match."""

    policy: str
    message: str


class ShadowVerdict(Struct, frozen=True, forbid_unknown_fields=True):
    """What the shadow sets alone would have said. Reported, never enforced."""

    effect: Effect
    policies: tuple[str, ...]


class Decision(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The answer to one Request.

    `policies` are the ids of all matching rules, strongest effect first, and `reasons` what they say in the same
    order (or why there was none). `redacted` is the content to send on when a redaction is due, in the shape of
    the original; None when there is nothing to send on or nothing to redact. `policy_digest` names the exact set
    of policies that was in force.
    """

    effect: Effect
    allowed: bool
    reasons: tuple[str, ...]
    obligations: tuple[Obligation, ...]
    policies: tuple[str, ...]
    decision_id: str
    policy_digest: str
    redacted: Any = None
    errors: tuple[RuleError, ...] = ()
    shadow: ShadowVerdict | None = None

    def to_json(self) -> bytes:
        """This decision as UTF-8 JSON."""
        return _encode(self)

    @classmethod
    def from_json(cls, data: bytes) -> Decision:
        """The decision in `data`. Raises RequestError when it is none, so that nobody takes it for an allow."""
        try:
            return _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise RequestError("not a decision", found=str(error)[:200], at="$") from None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Decision).decode
