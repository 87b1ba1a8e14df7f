"""What administrators change, recorded: for whatever changes something in the name of one."""

from __future__ import annotations

from axonflow.audit import Origin
from axonflow.flows.record_change import Came, Change, record_change, recorded_change
from axonflow.tenancy import Actor

__all__ = ["Came", "Change", "change_by", "record_change", "recorded_change"]


def change_by(actor: Actor, tenant_id: str, action: str, resource: str, reason: str = "") -> Change:
    """The change that `actor` is about to make."""
    kind, _, name = actor.name.partition(":")
    origin = Origin(name if kind == "service" else "", actor.request_id, actor.trace_id)
    return Change(
        tenant_id=tenant_id, principal=actor.name, action=action, resource=resource, reason=reason, origin=origin
    )
