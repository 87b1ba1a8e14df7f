"""A language model, guarded. Streams are held back until the whole reply is judged: nothing leaves early."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Any

from llama_index.callbacks.axonflow.guard import Guard
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    TextBlock,
)
from llama_index.core.llms import LLM

from axonflow import Resource

__all__ = ["GuardedLLM"]


class GuardedLLM(LLM):
    """Behaves like the model it wraps; raises axonflow.Denied where a request or a reply is not allowed.

    Parts of a message that are not text are shown to policies by their kind alone and go on unchanged.
    """

    inner: LLM
    guard: Any
    model: str

    @classmethod
    def class_name(cls) -> str:
        """LlamaIndex's name for this kind of model."""
        return "axonflow_guarded_llm"

    @property
    def metadata(self) -> LLMMetadata:
        """The wrapped model's own."""
        return self.inner.metadata

    # -- chat

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Judge the messages, call, judge the reply."""
        wait = self._guard.flow.wait
        allowed = wait(self._judged_messages("llm.request", messages))
        return wait(self._judged_reply(self.inner.chat(allowed, **kwargs)))

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The same, for asynchronous use."""
        allowed = await self._judged_messages("llm.request", messages)
        return await self._judged_reply(await self.inner.achat(allowed, **kwargs))

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """The whole reply as one chunk."""

        def stream() -> Generator[ChatResponse, None, None]:
            yield _as_chunk(self.chat(messages, **kwargs))

        return stream()

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """The whole reply as one chunk."""

        async def stream() -> AsyncGenerator[ChatResponse, None]:
            yield _as_chunk(await self.achat(messages, **kwargs))

        return stream()

    # -- completion

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: FBT001, FBT002  LlamaIndex's signature
        """Judge the prompt, call, judge the completion."""
        wait = self._guard.flow.wait
        allowed = wait(self._guard.judged("llm.request", self._resource, prompt))
        return wait(self._judged_completion(self.inner.complete(allowed, formatted=formatted, **kwargs)))

    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: FBT001, FBT002  LlamaIndex's signature
        """The same, for asynchronous use."""
        allowed = await self._guard.judged("llm.request", self._resource, prompt)
        return await self._judged_completion(await self.inner.acomplete(allowed, formatted=formatted, **kwargs))

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:  # noqa: FBT001, FBT002  LlamaIndex's signature
        """The whole completion as one chunk."""

        def stream() -> Generator[CompletionResponse, None, None]:
            whole = self.complete(prompt, formatted=formatted, **kwargs)
            yield CompletionResponse(text=whole.text, delta=whole.text)

        return stream()

    async def astream_complete(
        self,
        prompt: str,
        formatted: bool = False,  # noqa: FBT001, FBT002  LlamaIndex's signature
        **kwargs: Any,
    ) -> CompletionResponseAsyncGen:
        """The whole completion as one chunk."""

        async def stream() -> AsyncGenerator[CompletionResponse, None]:
            whole = await self.acomplete(prompt, formatted=formatted, **kwargs)
            yield CompletionResponse(text=whole.text, delta=whole.text)

        return stream()

    # -- judging

    @property
    def _guard(self) -> Guard:
        guard: Guard = self.guard
        return guard

    @property
    def _resource(self) -> Resource:
        return Resource("model", self.model)

    async def _judged_messages(self, action: str, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        content = [_message_json(message) for message in messages]
        judged = await self._guard.judged(action, self._resource, content)
        return [
            message if before == after else _changed(message, after)
            for message, before, after in zip(messages, content, judged, strict=True)
        ]

    async def _judged_reply(self, response: ChatResponse) -> ChatResponse:
        (message,) = await self._judged_messages("llm.response", [response.message])
        if message is response.message:
            return response
        return ChatResponse(message=message)  # the raw reply and its log probabilities would tell what was masked

    async def _judged_completion(self, response: CompletionResponse) -> CompletionResponse:
        text = await self._guard.judged("llm.response", self._resource, response.text)
        return response if text == response.text else CompletionResponse(text=text)


def _message_json(message: ChatMessage) -> dict[str, Any]:
    blocks = [
        {"type": "text", "text": block.text} if isinstance(block, TextBlock) else {"type": block.block_type}
        for block in message.blocks
    ]
    return {"role": message.role.value, "content": blocks}


def _changed(message: ChatMessage, after: dict[str, Any]) -> ChatMessage:
    blocks = [
        TextBlock(text=shown["text"]) if isinstance(block, TextBlock) else block
        for block, shown in zip(message.blocks, after["content"], strict=True)
    ]
    return ChatMessage(role=message.role, blocks=blocks, additional_kwargs=message.additional_kwargs)


def _as_chunk(response: ChatResponse) -> ChatResponse:
    return ChatResponse(message=response.message, delta=response.message.content)
