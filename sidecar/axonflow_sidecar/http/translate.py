"""The wire contract's words for what was asked and decided, as pure functions. One table, for every route:

================  ================  ========  ===============  =========
effect            verdict           approved  policy_decision  blocked
================  ================  ========  ===============  =========
deny              deny              no        blocked          yes
require_approval  needs_approval    no        blocked          yes
redact            allow             yes       redacted         no
limit             allow             yes       allowed          no
allow             allow             yes       allowed          no
log, warn         (annotations)     yes       allowed          no
================  ================  ========  ===============  =========

Who asks, when the contract has only a key and an opaque ``user_token``: the service that holds the key, on behalf of a
user whose id is a pseudonym of the token (``anonymous`` without one). A token that nobody verified gives no roles.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct

from axonflow import Decision, Effect, Principal, Request, RequestError, Resource
from axonflow.policy import Approval, Limit, Redact
from axonflow.tenancy import ANY_TENANT
from axonflow_sidecar.http.asgi import Refused
from axonflow_sidecar.http.keys import MAX_NAME_CHARS, Client
from axonflow_sidecar.http.signing import Signer

__all__ = [
    "OUTCOMES",
    "DecideBody",
    "Outcome",
    "PreCheckBody",
    "block_reason",
    "decide_request",
    "decide_response",
    "parse_time_us",
    "pre_check_request",
    "pre_check_response",
    "principal_of",
    "required_actions",
    "rfc3339",
    "tenant_of",
    "wrong_tenant",
]


class Outcome(NamedTuple):
    """How the contract says one effect."""

    verdict: Literal["allow", "deny", "needs_approval"]
    approved: bool
    policy_decision: Literal["allowed", "blocked", "redacted"]


_ALLOWED: Final = Outcome("allow", approved=True, policy_decision="allowed")
OUTCOMES: Final[dict[Effect, Outcome]] = {
    Effect.DENY: Outcome("deny", approved=False, policy_decision="blocked"),
    Effect.REQUIRE_APPROVAL: Outcome("needs_approval", approved=False, policy_decision="blocked"),
    Effect.REDACT: Outcome("allow", approved=True, policy_decision="redacted"),
    Effect.LIMIT: _ALLOWED,
    Effect.ALLOW: _ALLOWED,
    Effect.WARN: _ALLOWED,
    Effect.LOG: _ALLOWED,
}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STAGES: Final = {
    "llm": ("llm.request", "model", "model"),
    "tool": ("tool.call", "tool", "tool"),
    "agent": ("agent.message", "agent", "server"),
}
"""Stage: the action, the resource's type, and the field of the target that names it."""
REDACTION: Final = "request_body_redaction"


class CallerIdentity(Struct):
    """Who the calling gateway says it is."""

    gateway_id: str = ""
    org_id: str = ""
    tenant_id: str = ""


class Target(Struct):
    """What the call is going to."""

    type: str = ""
    model: str = ""
    provider: str = ""
    server: str = ""
    tool: str = ""


class DecideBody(Struct, kw_only=True):
    """Of ``POST /api/v1/decide``."""

    stage: Literal["llm", "tool", "agent"]
    query: str
    caller_identity: CallerIdentity | None = None
    target: Target | None = None
    user_token: str | None = None
    context: dict[str, Any] | None = None
    fulfillment_capabilities: list[str] | None = None

    @property
    def redacts(self) -> bool:
        """Whether the caller can put redacted text in place; one that does not say is taken to follow obligations."""
        return self.fulfillment_capabilities is None or REDACTION in self.fulfillment_capabilities


class PreCheckBody(Struct, kw_only=True):
    """Of ``POST /api/policy/pre-check``."""

    query: str
    user_token: str | None = None
    client_id: str | None = None
    data_sources: list[str] | None = None
    context: dict[str, Any] | None = None


def tenant_of(client: Client, named: str = "") -> str:
    """The tenant that a call is for: the key's, or with a key for any tenant the one that is `named`, else default.

    Raises Refused (403) when the key is for another tenant than the one that is named, RequestError for no name.
    """
    if named == ANY_TENANT or not named.isprintable() or len(named) > MAX_NAME_CHARS:
        raise RequestError("not a tenant", expected=f"up to {MAX_NAME_CHARS} printable characters", at="the tenant")
    if client.tenant_id == ANY_TENANT:
        return named or "default"
    if named and named != client.tenant_id:
        raise wrong_tenant(client)
    return client.tenant_id


def wrong_tenant(client: Client) -> Refused:
    """The answer to a key that is for another tenant."""
    error = RequestError("the key is for another tenant", expected=f"tenant {client.tenant_id}", found="another")
    return Refused(403, error)


def principal_of(client: Client, tenant_id: str, user_token: str | None, signer: Signer) -> Principal:
    """Who asks, see the top of this module."""
    known = user_token not in (None, "", "anonymous")
    user_id = f"token-{signer.pseudonym(user_token or '')}" if known else "anonymous"
    user = Principal(user_id, "user", tenant_id)
    return Principal(client.client_id, "service", tenant_id, on_behalf_of=user)


def decide_request(body: DecideBody, client: Client, signer: Signer) -> Request:
    """What ``/api/v1/decide`` asks. Raises RequestError when the target does not say what is acted upon."""
    action, kind, field = _STAGES[body.stage]
    target = body.target or Target()
    name = getattr(target, field) or (target.tool if body.stage == "agent" else "")
    if not name:
        raise RequestError("nothing is acted upon", expected=f"the name of the {kind}", at=f"$.target.{field}")
    tenant_id = tenant_of(client, body.caller_identity.tenant_id if body.caller_identity else "")
    told = (("provider", target.provider), ("server", target.server), ("type", target.type))
    attributes = {key: value for key, value in told if value and not (kind == "agent" and key == "server")}
    if kind == "agent":  # agents belong to a tenant, and policies may require to be told which
        attributes["tenant"] = tenant_id
    principal = principal_of(client, tenant_id, body.user_token, signer)
    return Request(principal, action, Resource(kind, name, attributes), body.context or {}, body.query)


def decide_response(body: DecideBody, decision: Decision, trace_id: str) -> dict[str, Any]:
    """What ``/api/v1/decide`` answers. ``redacted_query`` is ours: what to send in place of the query."""
    detectors = sorted({one for due in decision.obligations if isinstance(due, Redact) for one in due.detectors})
    obligations = (
        [{"type": "redact_pii", "detail": ", ".join(detectors)}]
        if detectors and decision.effect is not Effect.DENY
        else []
    )
    answer = {
        "verdict": OUTCOMES[decision.effect].verdict,
        "decision_id": decision.decision_id,
        "trace_id": trace_id,
        "reasons": list(decision.reasons),
        "obligations": obligations,
        "evaluated_policies": list(decision.policies),
        "policy_identities": [
            # without a version: the contract's is a number, and ours is the digest in policy_bundle
            {"id": name, "name": name, "source": "axonflow"}
            for name in decision.policies
        ],
        "stage": body.stage,
        "engine": "axonflow",
        "policy_bundle": decision.policy_digest,
    }
    if decision.redacted is not None:  # also of a held one: it is what may be sent once somebody approves
        answer |= {"redacted_query": decision.redacted, "redactions": _redactions(decision)}
    return answer


def _redactions(decision: Decision) -> list[dict[str, Any]]:
    """What was replaced in ``redacted_query``, each detector and style once. Ours, as that is."""
    done = {one for due in decision.obligations if isinstance(due, Redact) for one in due.done}
    return [
        {"detector": one.detector, "style": one.style, "findings": one.findings}
        for one in sorted(done, key=lambda one: (one.detector, one.style))
    ]


def pre_check_request(body: PreCheckBody, client: Client, signer: Signer) -> Request:
    """What ``/api/policy/pre-check`` asks: may this go to the model that ``context.model`` names?"""
    context = dict(body.context or {})
    if body.data_sources:
        context["data_sources"] = body.data_sources
    model = context.get("model")
    principal = principal_of(client, tenant_of(client), body.user_token, signer)
    resource = Resource("model", model if isinstance(model, str) and model else "unspecified")
    return Request(principal, "llm.request", resource, context, body.query)


def pre_check_response(decision: Decision, context_id: str, expires_us: int) -> dict[str, Any]:
    """What ``/api/policy/pre-check`` answers. ``redacted_query`` is ours: what to send in place of the query."""
    outcome = OUTCOMES[decision.effect]
    answer: dict[str, Any] = {
        "context_id": context_id,
        "approved": outcome.approved,
        "expires_at": rfc3339(expires_us),
        "requires_redaction": decision.redacted is not None,
        "policies": list(decision.policies),
        "decision_id": decision.decision_id,
        "verdict": "allow" if outcome.approved else "deny",
        "engine": "axonflow",
        "policy_bundle": decision.policy_digest,
    }
    if not outcome.approved:
        answer["block_reason"] = block_reason(decision)
    elif decision.redacted is not None:
        answer |= {"redacted_query": decision.redacted, "redactions": _redactions(decision)}
    return answer


def block_reason(decision: Decision) -> str:
    """Why, in one line."""
    what = "Held for approval" if decision.effect is Effect.REQUIRE_APPROVAL else "Denied"
    return f"{what}: {'; '.join(decision.reasons)}" if decision.reasons else f"{what}."


def rfc3339(time_us: int) -> str:
    """The time in RFC 3339, UTC, microseconds."""
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_time_us(text: str, at: str) -> int:
    """Microseconds since the Unix epoch of an RFC 3339 time; digits beyond microseconds are dropped.

    Raises RequestError, also for a time without an offset: nobody could know when that is.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1970 < moment.year < 9999:
        raise RequestError(
            "not a time", expected="RFC 3339, such as 2026-01-31T12:00:00Z", found=ascii(text)[:40], at=at
        )
    return (moment - _EPOCH) // timedelta(microseconds=1)


def required_actions(decision: Decision) -> list[str]:
    """What has to be done before the request may go on, in the contract's words."""
    words = {Approval: "require_approval", Redact: "redact", Limit: "limit"}
    due = {words[type(obligation)] for obligation in decision.obligations}
    return sorted(due | ({"block"} if decision.effect is Effect.DENY else set()))
