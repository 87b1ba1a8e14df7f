"""Messages between agents, at least once."""

from __future__ import annotations

from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from axonflow.errors import RequestError

__all__ = ["AgentMessage", "Delivery", "Mailbox"]

MAX_NAME_CHARS: Final = 512
MAX_BODY_BYTES: Final = 1024 * 1024


class AgentMessage(Struct, frozen=True, kw_only=True):
    """What the agent `sender` tells the agent `recipient` of the same tenant; `body` is JSON, `sent_us` microseconds
    since the Unix epoch. Of a sender's messages to a recipient with the same `dedup_key` the first is delivered; one
    without a key is a message of its own. Raises RequestError.
    """

    message_id: str
    tenant_id: str
    sender: str
    recipient: str
    body: Any
    sent_us: int
    dedup_key: str = ""

    def __post_init__(self) -> None:
        for name in ("message_id", "tenant_id", "sender", "recipient"):
            if not getattr(self, name):
                raise RequestError("not a message", expected=f"a {name}", found="none", at=f"$.{name}")
        for name in ("message_id", "tenant_id", "sender", "recipient", "dedup_key"):
            text = getattr(self, name)
            if not isinstance(text, str) or len(text) > MAX_NAME_CHARS or not text.isprintable():
                expected = f"at most {MAX_NAME_CHARS} printable characters"
                raise RequestError("not a message", expected=expected, found="something else", at=f"$.{name}")
        try:
            size_bytes = len(msgspec.json.encode(self.body))
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise RequestError("not JSON", expected="JSON", found=type(error).__name__, at="$.body") from None
        if size_bytes > MAX_BODY_BYTES:
            expected = f"at most {MAX_BODY_BYTES} bytes of JSON"
            raise RequestError("too large", expected=expected, found=str(size_bytes), at="$.body")


class Delivery(Struct, frozen=True):
    """A message in the hands of its recipient: the `attempt`, counted from 1, and the `receipt` to end it with."""

    message: AgentMessage
    receipt: str
    attempt: int


class Mailbox(Protocol):
    """Keeps messages until they are received and acknowledged. What was received and not acknowledged in time is
    received again, so a message may come twice: do with its `message_id` what must not be done twice. After so many
    attempts as the mailbox makes it is received no more, but looked at with `dead`, until it is acknowledged.

    All methods raise MailboxError when the mailbox cannot answer. May be called from several loops and threads at once.
    """

    async def send(self, message: AgentMessage) -> bool:
        """Keep `message`; False when its key is known, and then nothing is kept. Raises MailboxError when the recipient
        has as many messages as it may."""

    async def receive(self, tenant_id: str, recipient: str, limit: int) -> list[Delivery]:
        """Up to `limit` messages that nobody has in hands, oldest first; each is this caller's for a while."""

    async def ack(self, delivery: Delivery) -> bool:
        """The message is dealt with: let go of it. False when it was not in these hands any more: somebody may have
        received it again."""

    async def dead(self, tenant_id: str, recipient: str, limit: int) -> list[Delivery]:
        """Up to `limit` messages that were received as often as they may be and never acknowledged, oldest first."""
