"""``POST /api/v1/audit/search``: what was recorded, newest first, with all that was answered before the search."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from axonflow import AxonFlowError, Effect
from axonflow.audit import AuditEvent, AuditQuery
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.services import AgentServices
from axonflow_sidecar.http.translate import OUTCOMES, parse_time_us, rfc3339, tenant_of

__all__ = ["audit_search"]


class _SearchBody(Struct, kw_only=True, forbid_unknown_fields=True):
    limit: int = 100
    offset: int = 0
    tenant_id: str | None = None
    user_email: str | None = None
    client_id: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    action: str | None = None
    decision_id: str | None = None
    policy_name: str | None = None
    override_id: str | None = None


_decoder = msgspec.json.Decoder(_SearchBody)


def audit_search(services: AgentServices) -> Handler:
    """The handler. Searches the tenant of the key; with a key for any tenant, the one that the body names."""

    async def handler(call: Call) -> Reply:
        if services.search is None:
            raise Refused(503, AxonFlowError("no database", hint="Events are kept in the spool until there is one."))
        body = decode_json(await call.json_body(), _decoder)
        if body.override_id:  # there are none yet, so nothing was decided by one
            tenant_of(call.caller, body.tenant_id or "")
            return Reply(msgspec.json.encode({"entries": [], "total": 0, "limit": body.limit, "offset": body.offset}))
        page = await services.search(
            AuditQuery(
                tenant_id=tenant_of(call.caller, body.tenant_id or ""),
                limit=body.limit,
                offset=body.offset,
                start_us=parse_time_us(body.start_time, "$.start_time") if body.start_time else None,
                end_us=parse_time_us(body.end_time, "$.end_time") if body.end_time else None,
                principal=f"user:{body.user_email}" if body.user_email else None,
                client_id=body.client_id or None,
                action=body.action or None,
                decision_id=body.decision_id or None,
                policy=body.policy_name or None,
            )
        )
        entries = [_entry(event) for event in page.events]
        answer = {"entries": entries, "total": page.total, "limit": body.limit, "offset": body.offset}
        return Reply(msgspec.json.encode(answer))

    return handler


def _entry(event: AuditEvent) -> dict[str, Any]:
    user = next((one for one in (event.principal, *event.on_behalf_of) if one.startswith("user:")), "")
    return {
        "id": event.event_id,
        "timestamp": rfc3339(event.time_us),
        "request_id": event.origin.request_id,
        "user_email": user.removeprefix("user:"),
        "client_id": event.origin.client_id,
        "tenant_id": event.tenant_id,
        "request_type": event.action,
        "policy_decision": OUTCOMES[Effect(event.effect)].policy_decision,
        "policy_details": {
            "kind": event.kind,
            "decision_id": event.decision_id,
            "effect": event.effect,
            "principal": event.principal,
            "resource": event.resource,
            "policies": event.policies,
            "reasons": event.reasons,
            "policy_digest": event.policy_digest,
            "trace_id": event.origin.trace_id,
        },
        "response_time_ms": (event.duration_us or 0) // 1000,
        **_used(event),
    }


def _used(event: AuditEvent) -> dict[str, Any]:
    """Of a model call, wherever its version of the event has that."""
    usage, details = event.usage, event.details
    if usage is None:
        return {
            "provider": details.get("provider", ""),
            "model": details.get("model", ""),
            "tokens_used": details.get("total_tokens", 0),
        }
    tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    return {
        "provider": usage.provider,
        "model": usage.model,
        "tokens_used": max(tokens, usage.total_tokens or 0),
    }
