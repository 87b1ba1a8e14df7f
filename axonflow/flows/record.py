"""Verb: record. Put something that happened, and was decided on before, into the audit trail."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from axonflow.audit import AuditEvent, AuditKind, Origin, Storable, Usage, storable_facts
from axonflow.audit.storable import storable_text
from axonflow.detect.secrecy import Secrecy
from axonflow.errors import AuditError, AxonFlowError
from axonflow.ids import new_id, now_us
from axonflow.policy import Principal, Request
from axonflow.ports import AuditLog

__all__ = ["Outcome", "append", "delegation", "kind_of", "record"]


class Outcome(NamedTuple):
    """What came of something that was carried out: facts about it, never content; and, where it was tried in vain,
    why it `failed`, in a few words."""

    details: dict[str, Any] = {}  # noqa: RUF012  nobody writes to it
    usage: Usage | None = None
    duration_us: int | None = None
    failed: str = ""


def kind_of(action: str) -> AuditKind:
    """The kind of event that tells that a call with this action was carried out."""
    return "model_call" if action.startswith("llm.") else "tool_call"


async def record(
    audit: AuditLog,
    kind: AuditKind,
    request: Request,
    *,
    decision_id: str,
    policy_digest: str,
    outcome: Outcome,
    origin: Origin,
    secrecy: Secrecy | None = None,
) -> AuditEvent:
    """Record that `request`, as `decision_id` allowed it, was carried out, and its `outcome`; return the event.

    A log-in that failed was not allowed. What no store keeps of the details is recorded in a form that all do, and what
    `secrecy` knows for a secret is masked. Raises AuditError when it cannot be recorded.
    """
    time_us = now_us()
    principal, resource = request.principal, request.resource
    refused = kind == "login" and outcome.failed != ""
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
        effect="deny" if refused else "log",
        allowed=not refused,
        policies=(),
        reasons=(),
        errors=(storable_text(outcome.failed),) if outcome.failed else (),
        origin=origin,
        duration_us=outcome.duration_us,
        usage=outcome.usage,
        details=_details(outcome.details, secrecy) if outcome.details else {},
    )
    await append(audit, event)
    return event


def _details(facts: dict[str, Any], secrecy: Secrecy | None) -> dict[str, Storable]:
    kept = storable_facts(facts)
    if secrecy is None:
        return kept
    return {name: fact if _is_name(name, fact) else secrecy.masked(name, fact) for name, fact in kept.items()}


def _is_name(name: str, fact: object) -> bool:
    """Whether it is an id or words, by which a plan or a step is known: no key looks like that. To look for secrets in
    them would halt the loop for the first plan of a process until all detectors are compiled, half a second."""
    form = _NAMES.get(name)
    return form is not None and isinstance(fact, str) and form.fullmatch(fact) is not None


_WORDS: Final = re.compile(r"[A-Za-z][a-z]*(?:(?:[ _-]|\.(?:[0-9]{1,5}\.)?)[A-Za-z]?[a-z]*)*")
_NAMES: Final = {
    "plan": _WORDS, "step": _WORDS,
    "plan_id": re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}  # fmt: skip


async def append(audit: AuditLog, event: AuditEvent) -> None:
    """Record `event`, or have it recorded within moments where its tenant's events may be. Raises AuditError, also for
    what an adapter raises that keeps to no contract."""
    try:
        if not audit.append_later(event):
            await audit.append(event)
    except AxonFlowError:
        raise
    except Exception as error:
        raise AuditError(
            "the event cannot be recorded",
            expected="an audit log that raises AuditError",
            found=f"{type(error).__name__}: {error}"[:200],
        ) from error


def delegation(principal: Principal) -> tuple[str, ...]:
    """Those whom `principal` acts for, nearest first, in short form."""
    acting = principal.on_behalf_of
    if acting is None:
        return ()
    chain: list[str] = []
    while acting is not None:
        chain.append(f"{acting.type}:{acting.id}")
        acting = acting.on_behalf_of
    return tuple(chain)
