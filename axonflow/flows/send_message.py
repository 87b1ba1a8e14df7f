"""Verb: send a message from one agent to another, if policy lets it through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any

from axonflow.errors import Denied
from axonflow.ids import new_id
from axonflow.policy import Decision, Principal, Request, Resource
from axonflow.policy.json_value import check_json_value
from axonflow.ports import AgentMessage, Mailbox

__all__ = ["send_message"]


async def send_message(
    body: Any,
    *,
    sender: Principal,
    recipient: str,
    mailbox: Mailbox,
    enforce: Callable[[Request], Awaitable[Decision]],
    clock_us: Callable[[], int],
    dedup_key: str = "",
    context: dict[str, Any] | None = None,
) -> AgentMessage | None:
    """Send `body` (JSON) from `sender` to the agent `recipient` of its tenant, as policy lets it through; None when a
    message with this `dedup_key` was sent before.

    ``agent.message`` is asked on ``agent:<recipient>`` with the body as content; what it redacts is redacted in the
    message that is kept. Raises Denied when it is not allowed (nothing is kept then), RequestError for what is no
    message, MailboxError when it cannot be kept, and what `enforce` raises.
    """
    time_us = clock_us()
    own = {"tenant": sender.tenant}
    # First the message: what cannot be sent need not be judged, and nobody is told of a denial of it.
    message = AgentMessage(
        message_id=new_id(time_us), tenant_id=sender.tenant, sender=sender.id, recipient=recipient, body=body,
        sent_us=time_us, dedup_key=dedup_key,
    )  # fmt: skip
    check_json_value(body, "$.body")
    message = _with_body(message, body := deepcopy(body))  # what its sender does with it from now on was not judged
    decision = await enforce(Request(sender, "agent.message", Resource("agent", recipient, own), context or {}, body))
    if not decision.allowed:
        held = "is held for approval" if decision.effect == "require_approval" else "is denied"
        raise Denied(f"agent.message to {recipient} {held}: {' '.join(decision.reasons)}", decision=decision)
    if decision.redacted is not None:
        message = _with_body(message, decision.redacted)
    return message if await mailbox.send(message) else None


def _with_body(message: AgentMessage, body: Any) -> AgentMessage:
    return AgentMessage(
        message_id=message.message_id, tenant_id=message.tenant_id, sender=message.sender,
        recipient=message.recipient, body=body, sent_us=message.sent_us, dedup_key=message.dedup_key,
    )  # fmt: skip
