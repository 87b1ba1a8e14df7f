"""Verb: record. Put something that happened, and was decided on before, into the audit trail."""

from __future__ import annotations

from axonflow.audit import AuditEvent, Origin
from axonflow.flows.enforce import delegation
from axonflow.ids import new_id, now_us
from axonflow.policy import Request
from axonflow.ports import AuditLog

__all__ = ["record"]


async def record(
    audit: AuditLog,
    kind: str,
    request: Request,
    *,
    decision_id: str,
    policy_digest: str,
    details: dict[str, str | int | bool],
    origin: Origin,
) -> AuditEvent:
    """Record that `request`, as `decision_id` allowed it, was carried out; return the event.

    `details` are facts, never content. Raises AuditError when it cannot be recorded.
    """
    time_us = now_us()
    principal, resource = request.principal, request.resource
    event = AuditEvent(
        event_id=new_id(time_us),
        tenant_id=principal.tenant,
        writer_id=audit.writer_id,
        time_us=time_us,
        kind=kind,
        decision_id=decision_id,
        policy_digest=policy_digest,
        principal=f"{principal.type}:{principal.id}",
        on_behalf_of=delegation(principal),
        action=request.action,
        resource=f"{resource.type}:{resource.id}",
        effect="log",
        allowed=True,
        policies=(),
        reasons=(),
        origin=origin,
        details=details,
    )
    await audit.append(event)
    return event
