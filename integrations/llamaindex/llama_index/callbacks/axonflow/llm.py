"""A language model, guarded. Streams are held back until the whole reply is judged: nothing leaves early."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from functools import partial
from typing import Any

from llama_index.callbacks.axonflow.content import overlay, shown
from llama_index.callbacks.axonflow.enforcing import Enforcing, Question
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from pydantic import Field

from axonflow import Resource

__all__ = ["GuardedLLM", "guarded_llm"]

_SETTINGS = (
    "callback_manager",
    "completion_to_prompt",
    "messages_to_prompt",
    "output_parser",
    "pydantic_program_mode",
    "query_wrapper_prompt",
    "system_prompt",
)
"""What LlamaIndex reads from a model before it calls it: the guarded one must say the same."""


def guarded_llm(inner: LLM, guard: Enforcing, name: str) -> GuardedLLM:
    """`inner`, of its own family: agents call tools only through models that say they can."""
    kind = GuardedFunctionCallingLLM if isinstance(inner, FunctionCallingLLM) else GuardedLLM
    return kind(inner=inner, guard=guard, model=name, **{field: getattr(inner, field) for field in _SETTINGS})


class GuardedLLM(LLM):
    """Behaves like the model it wraps; raises axonflow.Denied where a request or a reply is not allowed.

    Parts of a message that have no text are shown to policies by their kind alone and go on unchanged.
    """

    inner: LLM = Field(exclude=True)
    guard: Any = Field(exclude=True)
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
        chat = partial(self.inner.chat, **kwargs)
        return self._guard.enforced(self._reply(self._guard.called(self._messages(messages), chat, self._kind)))

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The same, for asynchronous use."""
        achat = partial(self.inner.achat, **kwargs)
        whole = await self._guard.acalled(self._messages(messages), achat, self._kind)
        return await self._guard.aenforced(self._reply(whole))

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
        complete = partial(self.inner.complete, formatted=formatted, **kwargs)
        return self._guard.enforced(self._completion(self._guard.called(self._prompt(prompt), complete, self._kind)))

    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: FBT001, FBT002  LlamaIndex's signature
        """The same, for asynchronous use."""
        acomplete = partial(self.inner.acomplete, formatted=formatted, **kwargs)
        whole = await self._guard.acalled(self._prompt(prompt), acomplete, self._kind)
        return await self._guard.aenforced(self._completion(whole))

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:  # noqa: FBT001, FBT002  LlamaIndex's signature
        """The whole completion as one chunk."""

        def stream() -> Generator[CompletionResponse, None, None]:
            whole = self.complete(prompt, formatted=formatted, **kwargs)
            yield whole.model_copy(update={"delta": whole.text})

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
            yield whole.model_copy(update={"delta": whole.text})

        return stream()

    # -- the questions

    @property
    def _guard(self) -> Enforcing:
        guard: Enforcing = self.guard
        return guard

    @property
    def _kind(self) -> str:
        return self.inner.class_name()

    @property
    def _resource(self) -> Resource:
        return Resource("model", self.model)

    def _messages(self, messages: Sequence[ChatMessage]) -> Question[list[ChatMessage]]:
        whole = list(messages)
        return self._guard.question("llm.request", self._resource, whole, shown(whole))

    def _prompt(self, prompt: str) -> Question[str]:
        return self._guard.question("llm.request", self._resource, prompt, prompt)

    # The raw reply and its log probabilities would tell what was masked: of a masked reply nothing else goes on.

    def _reply(self, response: ChatResponse) -> Question[ChatResponse]:
        content = [shown(response.message)]

        def masked(after: Any) -> ChatResponse:
            return ChatResponse(message=overlay(response.message, content[0], after[0]))

        return self._guard.question("llm.response", self._resource, response, content, masked)

    def _completion(self, response: CompletionResponse) -> Question[CompletionResponse]:
        return self._guard.question(
            "llm.response", self._resource, response, response.text, lambda after: CompletionResponse(text=after)
        )


class GuardedFunctionCallingLLM(GuardedLLM, FunctionCallingLLM):
    """A model that calls tools. How it is told of them is the wrapped one's affair; each call goes through `chat`."""

    def _prepare_chat_with_tools_compat(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return self._calling._prepare_chat_with_tools_compat(*args, **kwargs)  # noqa: SLF001  LlamaIndex asks it of us

    def _prepare_chat_with_tools(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return self._calling._prepare_chat_with_tools(*args, **kwargs)  # noqa: SLF001  LlamaIndex asks it of us

    def _validate_chat_with_tools_response(self, *args: Any, **kwargs: Any) -> ChatResponse:
        return self._calling._validate_chat_with_tools_response(*args, **kwargs)  # noqa: SLF001  LlamaIndex asks it of us

    def get_tool_calls_from_response(self, *args: Any, **kwargs: Any) -> list[ToolSelection]:
        """What the wrapped model reads from its reply."""
        return self._calling.get_tool_calls_from_response(*args, **kwargs)

    @property
    def _calling(self) -> FunctionCallingLLM:
        inner = self.inner
        assert isinstance(inner, FunctionCallingLLM)
        return inner


def _as_chunk(response: ChatResponse) -> ChatResponse:
    return response.model_copy(update={"delta": response.message.content})
