"""A language model that answers messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from axonflow.chat import ChatDelta, ChatReply, ChatRequest

__all__ = ["ChatModel"]


class ChatModel(Protocol):
    """One model of one provider, used from one event loop.

    `complete` and `stream` raise ModelError, most often one of its kinds, never with anything of the request, the reply
    or the credentials in its message. Nothing is tried again here: whoever asks knows whether that is wanted.
    """

    @property
    def name(self) -> str:
        """What policies and the audit trail call it: the id of the resource ``model:<name>``."""

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The reply to `request`."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """The reply as it comes; the last piece has the whole of it. Close the generator to stop the model early."""

    async def close(self) -> None:
        """Let go of connections."""
