"""Verb: record. Put something that happened, and was decided on before, into the audit trail."""

from __future__ import annotations

from typing import Any

from axonflow.audit import AuditEvent, Origin
from axonflow.errors import AuditError, AxonFlowError
from axonflow.ids import new_id, now_us
from axonflow.policy import Principal, Request
from axonflow.ports import AuditLog

__all__ = ["append", "event_of", "record"]


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
    event = event_of(
        request,
        audit.writer_id,
        origin,
        kind=kind,
        decision_id=decision_id,
        policy_digest=policy_digest,
        effect="log",
        allowed=True,
        policies=(),
        reasons=(),
        details=details,
    )
    await append(audit, event)
    return event


async def append(audit: AuditLog, event: AuditEvent) -> None:
    """Record `event`. Raises AuditError, also for what an adapter raises that keeps to no contract."""
    try:
        await audit.append(event)
    except AxonFlowError:
        raise
    except Exception as error:
        raise AuditError(
            "the event cannot be recorded",
            expected="an audit log that raises AuditError",
            found=f"{type(error).__name__}: {error}"[:200],
        ) from error


def event_of(request: Request, writer_id: str, origin: Origin, **facts: Any) -> AuditEvent:
    """An event of now about `request`; `facts` are the other fields of an AuditEvent."""
    time_us = now_us()
    principal, resource = request.principal, request.resource
    return AuditEvent(
        event_id=new_id(time_us),
        tenant_id=principal.tenant,
        writer_id=writer_id,
        time_us=time_us,
        principal=f"{principal.type}:{principal.id}",
        on_behalf_of=_delegation(principal),
        action=request.action,
        resource=f"{resource.type}:{resource.id}",
        origin=origin,
        **facts,
    )


def _delegation(principal: Principal) -> tuple[str, ...]:
    """Those whom `principal` acts for, nearest first, in short form."""
    chain: list[str] = []
    acting = principal.on_behalf_of
    while acting is not None:
        chain.append(f"{acting.type}:{acting.id}")
        acting = acting.on_behalf_of
    return tuple(chain)
