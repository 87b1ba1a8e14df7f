"""``POST /api/v1/audit/search`` and ``GET /api/v1/audit/tenant/{tenant_id}``: what was recorded, newest first, with all
that was answered before the search."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow.audit import AuditEvent, AuditPage, AuditQuery
from axonflow.audit.event_ids import earliest_us
from axonflow.audit.query import check_period, check_short_form, page_after
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.administration import limit_of, offset_of
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.audit_shapes import audit_entry
from axonflow_sidecar.http.services import AgentServices, check_known, searched
from axonflow_sidecar.http.translate import parse_time_us, tenant_of

__all__ = ["audit_of_tenant", "audit_search"]

_OVERRIDE: Final = "policy.override"
_MAKING_US: Final = 300_000_000
"""Within which an override is recorded, after it got its id."""


class _SearchBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """`request_type` is the contract's second name of the action. Ours are `before`, `principal`, `kind`, `effect`
    and `resource`."""

    limit: int = 100
    offset: int = 0
    before: str | None = None
    tenant_id: str | None = None
    user_email: str | None = None
    principal: str | None = None
    client_id: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    action: str | None = None
    request_type: str | None = None
    decision_id: str | None = None
    policy_name: str | None = None
    override_id: str | None = None
    kind: str | None = None
    effect: str | None = None
    resource: str | None = None


_decoder = msgspec.json.Decoder(_SearchBody)


def audit_search(services: AgentServices) -> Handler:
    """The handler. Searches the tenant of the key; with a key for any tenant, the one that the body names."""

    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _decoder)
        start_us = parse_time_us(body.start_time, "$.start_time") if body.start_time else None
        end_us = parse_time_us(body.end_time, "$.end_time") if body.end_time else None
        check_period(start_us, end_us, "$.end_time")
        check_short_form(body.principal or None, "$.principal")
        check_short_form(body.resource or None, "$.resource")
        query = AuditQuery(
            tenant_id=tenant_of(call.caller, body.tenant_id or ""),
            limit=body.limit,
            offset=body.offset,
            before=page_after(body.before, "$.before"),
            start_us=start_us,
            end_us=end_us,
            kind=body.kind or None,
            principal=f"user:{body.user_email}" if body.user_email else body.principal or None,
            client_id=body.client_id or None,
            action=body.action or body.request_type or None,
            resource=body.resource or None,
            effect=body.effect or None,
            decision_id=body.decision_id or None,
            policy=body.policy_name or None,
        )
        if body.override_id:
            return _page(await _override(services, query, body.override_id), query)
        return _page(await _found(services, call, query), query)

    return handler


def audit_of_tenant(services: AgentServices) -> Handler:
    """The handler of the listing. The tenant is part of the path, and still has to be the key's."""

    async def handler(call: Call) -> Reply:
        told = call.query("limit", "offset", "before")
        query = AuditQuery(
            tenant_id=tenant_of(call.caller, call.value), limit=limit_of(told), offset=offset_of(told),
            before=page_after(told.get("before")),
        )  # fmt: skip
        return _page(await _found(services, call, query), query)

    return handler


async def _found(services: AgentServices, call: Call, query: AuditQuery) -> AuditPage:
    page = await searched(services, query)
    if not page.total:
        await check_known(services, call, query.tenant_id)
    return page


def _page(page: AuditPage, query: AuditQuery) -> Reply:
    """`next` is the `before` of the next page; null on the last."""
    answer: dict[str, Any] = {
        "entries": [audit_entry(event) for event in page.events],
        "total": page.total,
        "limit": query.limit,
        "offset": query.offset,
        "next": page.events[-1].event_id if len(page.events) == query.limit else None,
    }
    return Reply(msgspec.json.encode(answer))


async def _override(services: AgentServices, query: AuditQuery, override_id: str) -> AuditPage:
    """What made the override with this id: it is told by the details, which nothing is searched by, but its id says
    when."""
    made_us = earliest_us(override_id, 0)
    if made_us is None:
        return AuditPage((), 0)
    within = AuditQuery(
        tenant_id=query.tenant_id, limit=1000, kind="admin", action=_OVERRIDE, start_us=made_us,
        end_us=made_us + _MAKING_US,
    )  # fmt: skip
    found = (await searched(services, within)).events
    events = tuple(event for event in found if _is_of(event, override_id) and query.covers(event))
    return AuditPage(events[query.offset : query.offset + query.limit], len(events))


def _is_of(event: AuditEvent, override_id: str) -> bool:
    return event.details.get("override") == override_id
