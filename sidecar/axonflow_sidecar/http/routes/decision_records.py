"""``GET /api/v1/decisions`` and ``GET /api/v1/decisions/{id}/explain``: what was decided and why, as recorded."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import msgspec

from axonflow import RequestError
from axonflow.audit import AuditQuery
from axonflow.audit.query import page_after
from axonflow.errors import PolicyMissing
from axonflow.policy.api.rules import policy_of_rule
from axonflow_sidecar.http.administration import limit_of, tenant_named
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.audit_shapes import decision_row, explanation, policies_named, tool_of, verdict_filter
from axonflow_sidecar.http.services import AgentServices, check_known, searched
from axonflow_sidecar.http.translate import parse_time_us

__all__ = ["decision_list", "explain_decision"]

_MAX_LOOKED_AT: Final = 16
"""Of the policies that matched: each is a question to the store."""


def decision_list(services: AgentServices) -> Handler:
    """The handler of the list, newest first; `next` is the `before` of the next page."""

    async def handler(call: Call) -> Reply:
        told = call.query("since", "decision", "policy_id", "tool_signature", "limit", "before")
        wanted: dict[str, Any] = dict(verdict_filter(told["decision"])) if told.get("decision") else {}
        signature = told.get("tool_signature")
        query = AuditQuery(
            tenant_id=tenant_named(call), limit=limit_of(told), before=page_after(told.get("before")), kind="decision",
            start_us=parse_time_us(told["since"], "since") if told.get("since") else None,
            policy=told.get("policy_id") or None, resource=tool_of(signature) if signature else None, **wanted,
        )  # fmt: skip
        events = (await searched(services, query)).events
        if not events:
            await check_known(services, call, query.tenant_id)
        last = events[-1].event_id if len(events) == query.limit else None
        return Reply(msgspec.json.encode({"decisions": [decision_row(event) for event in events], "next": last}))

    return handler


def explain_decision(services: AgentServices) -> Handler:
    """The handler of one decision. Of another tenant it is not there, like one that never was."""

    async def handler(call: Call) -> Reply:
        tenant_id = tenant_named(call)
        query = AuditQuery(tenant_id=tenant_id, limit=1, kind="decision", decision_id=call.value)
        events = (await searched(services, query)).events
        if not events:
            await check_known(services, call, tenant_id)
            raise Refused(
                404,
                RequestError(
                    "no such decision", expected="the decision_id of one that was recorded for this tenant",
                    found=ascii(call.value)[:80],
                ),
            )  # fmt: skip
        told = explanation(events[0], services.flow.policies_of_tenant(tenant_id))
        overrides = await _overrides(services, tenant_id, policies_named(events[0]))
        if "policies_left_out" in told and not overrides["override_available"]:
            del overrides["override_available"]  # one of those that are not named may be one that can be
        return Reply(msgspec.json.encode(told | overrides))

    return handler


async def _overrides(services: AgentServices, tenant_id: str, rules: Iterable[str]) -> dict[str, Any]:
    """Whether the tenant may override one of the policies whose `rules` matched, and the override that it has of one by
    now. Policies of sets have exceptions instead."""
    policies = services.api_policies
    if policies is None:
        return {"override_available": False}
    matched = dict.fromkeys(one for one in map(policy_of_rule, rules) if one is not None)
    standing = await policies.overrides(tenant_id) if matched else {}
    existing = next((standing[one].override_id for one in matched if one in standing), None)
    others = [one for one in matched if one not in standing][:_MAX_LOOKED_AT]
    is_available = False
    for one in others:
        with suppress(PolicyMissing):  # it is gone, or one of conditions, which no override is for
            is_available = await policies.get(tenant_id, one, "static") is not None
        if is_available:
            break
    return {"override_available": is_available} | ({"override_existing_id": existing} if existing else {})
