"""A language model that says what it was told to say: for development, for tests, and for documents that run
offline."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import Final

import msgspec

from axonflow.audit import Usage
from axonflow.chat import ChatDelta, ChatReply, ChatRequest
from axonflow.errors import ModelError, ModelUnavailable

__all__ = ["MemoryChatModel"]

_PIECE_CHARS: Final = 16


class MemoryChatModel:
    """Answers each request with the next of `replies`: a text, a reply, or an error to raise. When there is none
    left, it is unavailable. A text "takes" a token for every four characters. `requests` has all that it was asked."""

    def __init__(self, replies: Iterable[str | ChatReply | ModelError], name: str = "scripted") -> None:
        self._replies = iter(replies)
        self._name = name
        self.requests: list[ChatRequest] = []

    @property
    def name(self) -> str:
        return self._name

    async def complete(self, request: ChatRequest) -> ChatReply:
        self.requests.append(request)
        reply = next(self._replies, None)
        if reply is None:
            raise ModelUnavailable("the script is at its end", expected="a reply", found="none", at=self._name)
        if isinstance(reply, ModelError):
            raise reply
        if isinstance(reply, ChatReply):
            return reply
        usage = Usage(
            provider="memory", model=self._name, input_tokens=len(msgspec.json.encode(request.messages)) // 4,
            output_tokens=len(reply) // 4,
        )  # fmt: skip
        return ChatReply(reply, usage=usage)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        reply = await self.complete(request)
        for start in range(0, len(reply.text), _PIECE_CHARS):
            yield ChatDelta(reply.text[start : start + _PIECE_CHARS])
        yield ChatDelta(reply=reply)

    async def close(self) -> None:
        """Nothing is held."""
