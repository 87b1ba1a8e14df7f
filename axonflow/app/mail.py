"""Messages between agents, each judged before it is delivered."""

from __future__ import annotations

from typing import Any

from axonflow.adapters.memory import MemoryMailbox
from axonflow.app.flow import AxonFlow
from axonflow.audit import IN_PROCESS, Origin
from axonflow.errors import RequestError
from axonflow.flows.send_message import send_message
from axonflow.ids import now_us
from axonflow.policy import Decision, Principal, Request
from axonflow.ports import AgentMessage, Delivery, Mailbox

__all__ = ["AgentMail"]

Who = Principal | dict[str, Any] | str


class AgentMail:
    """The mail of agents, in `mailbox`, or in one in memory that ends with the process."""

    def __init__(self, flow: AxonFlow, mailbox: Mailbox | None = None) -> None:
        self._flow = flow
        self._mailbox = MemoryMailbox(now_us) if mailbox is None else mailbox

    async def send(
        self,
        body: Any,
        *,
        sender: Who,
        recipient: str,
        dedup_key: str = "",
        context: dict[str, Any] | None = None,
        origin: Origin = IN_PROCESS,
    ) -> AgentMessage | None:
        """See `flows.send_message`, whose errors this raises; and AuditError."""

        async def enforced(request: Request) -> Decision:
            return await self._flow.enforce(request, origin=origin)

        return await send_message(
            body, sender=_agent(sender), recipient=recipient, mailbox=self._mailbox, enforce=enforced, clock_us=now_us,
            dedup_key=dedup_key, context=context,
        )  # fmt: skip

    async def receive(self, recipient: Who, *, limit: int = 10) -> list[Delivery]:
        """Up to `limit` messages to the agent `recipient`, oldest first; each comes again unless :meth:`ack` follows in
        time. Raises MailboxError."""
        agent = _agent(recipient)
        return await self._mailbox.receive(agent.tenant, agent.id, limit)

    async def ack(self, delivery: Delivery) -> bool:
        """The message is dealt with; False when it was not in these hands any more. Raises MailboxError."""
        return await self._mailbox.ack(delivery)

    async def dead(self, recipient: Who, *, limit: int = 10) -> list[Delivery]:
        """Up to `limit` messages that were received as often as they may be and never dealt with; :meth:`ack` lets go
        of one. Raises MailboxError."""
        agent = _agent(recipient)
        return await self._mailbox.dead(agent.tenant, agent.id, limit)


def _agent(who: Who) -> Principal:
    """Raises RequestError for anybody else: users have no mail here."""
    principal = Principal.of(who)
    if principal.type != "agent":
        raise RequestError("not an agent", expected="agent:<id>", found=principal.type, at="$.principal.type")
    return principal
