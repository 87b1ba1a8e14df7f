"""Models that are asked as OpenAI's are, which many servers imitate: vLLM, Ollama, llama.cpp, gateways.

Source: OpenAI API reference, "Create chat completion" and "Streaming",
https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from axonflow.adapters.chat_models.calling import Caller, CallLimits, checked_key
from axonflow.adapters.chat_models.event_stream import ServerSentEvents
from axonflow.adapters.chat_models.faults import fault_of, word_of
from axonflow.adapters.chat_models.speaking import HttpChatModel, check_model_name, decoder_of, stream_fault
from axonflow.chat import ChatMessage, ChatRequest, FinishReason, Gathering
from axonflow.errors import ModelError, ModelFiltered, ModelReplyMalformed

__all__ = ["BASE_URL", "openai_model"]

BASE_URL: Final = "https://api.openai.com/v1"
_PROVIDER: Final = "openai"
_DONE: Final = b"[DONE]"
_FINISH: Final[dict[str, FinishReason]] = {
    "stop": "stop", "length": "length", "tool_calls": "tool_calls", "function_call": "tool_calls",
}  # fmt: skip

TokensField = Literal["max_completion_tokens", "max_tokens"]


def openai_model(
    model: str,
    api_key: str | None = None,
    *,
    base_url: str = BASE_URL,
    tokens_field: TokensField = "max_completion_tokens",
    limits: CallLimits | None = None,
    authority: str | None = None,
) -> HttpChatModel:
    """`model` at `base_url`; a server of one's own may need no key. `tokens_field` is what the server calls the
    greatest number of tokens of a reply: older ones know ``max_tokens`` only, and would pass over the other, and the
    bound with it.

    Raises ConfigurationError.
    """
    headers = {} if api_key is None else {"authorization": f"Bearer {checked_key(api_key, _PROVIDER)}"}
    caller = Caller(base_url, sign=lambda _address, _body: headers, fault=_fault, limits=limits, authority=authority)
    return HttpChatModel(check_model_name(model), _OpenAiShape(model, tokens_field), caller)


class _Function(Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _Call(Struct, frozen=True):
    index: int | None = None
    id: str | None = None
    function: _Function = _Function()


class _Message(Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Struct, frozen=True):
    message: _Message = _Message()
    delta: _Message = _Message()
    finish_reason: str | None = None
    index: int = 0


class _Usage(Struct, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class _Error(Struct, frozen=True):
    type: Any = None
    code: Any = None

    def word(self) -> str:
        return word_of(self.code) or word_of(self.type)


class _Completion(Struct, frozen=True):
    """An answer, or one chunk of it."""

    choices: list[_Choice] = []
    model: str = ""
    usage: _Usage | None = None
    error: _Error | None = None


class _Refusal(Struct, frozen=True):
    error: _Error = _Error()


_read = decoder_of(_Completion, _PROVIDER)


class _OpenAiShape:
    provider = _PROVIDER
    stream_kind = "text/event-stream"

    def __init__(self, model: str, tokens_field: TokensField) -> None:
        self._model = model
        self._tokens_field = tokens_field

    def path(self, *, streams: bool) -> str:
        del streams
        return "/chat/completions"

    def body(self, request: ChatRequest, *, streams: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [_message(message) for message in request.messages],
            self._tokens_field: request.max_output_tokens,
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.stop:
            body["stop"] = list(request.stop)
        if request.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
                }
                for tool in request.tools
            ]
        if request.schema is not None:
            # Not "strict": that takes a schema without open objects, and inputs of a plan's steps are just those.
            schema = {"name": "answer", "schema": request.schema, "strict": False}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if streams:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def whole(self, reply: Gathering, data: bytes) -> None:
        answer = _read(data)
        if not answer.choices:
            raise ModelReplyMalformed("an answer without a choice", expected="choices[0]", found="none", at=_PROVIDER)
        for _ in _taken(reply, answer, answer.choices[0], answer.choices[0].message):
            pass
        reply.is_complete = True

    def events(self) -> ServerSentEvents:
        return ServerSentEvents()

    def piece(self, reply: Gathering, event: bytes) -> Iterator[str]:
        if event.strip() == _DONE:
            reply.is_complete = True
            return
        chunk = _read(event)
        if chunk.error is not None:
            raise stream_fault(_PROVIDER, chunk.error.word())
        choice = next((one for one in chunk.choices if one.index == 0), _Choice())
        yield from _taken(reply, chunk, choice, choice.delta)


def _taken(reply: Gathering, answer: _Completion, choice: _Choice, message: _Message) -> Iterator[str]:
    reply.model = answer.model or reply.model
    if answer.usage is not None:
        reply.usage(answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens)
    if choice.finish_reason == "content_filter" or message.refusal:
        raise ModelFiltered("the model declines to answer", found=choice.finish_reason or "refusal", at=_PROVIDER)
    if message.content:
        reply.text(message.content)
        yield message.content  # JSON that a schema asks for is the content here, not the arguments of a tool
    for position, call in enumerate(message.tool_calls or ()):
        index = position if call.index is None else call.index
        if call.function.name:
            reply.call(index, call.id or f"call_{index}", call.function.name)
        if call.function.arguments:
            reply.arguments(index, call.function.arguments)
    if choice.finish_reason is not None:
        reply.finish = _FINISH.get(choice.finish_reason, "stop")


def _message(message: ChatMessage) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    written: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.calls:
        written["content"] = message.text or None
        written["tool_calls"] = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": msgspec.json.encode(call.arguments).decode()},
            }
            for call in message.calls
        ]
    return written


def _fault(status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
    try:
        word = msgspec.json.decode(body, type=_Refusal).error.word()
    except (msgspec.MsgspecError, RecursionError):
        word = ""
    return fault_of(
        _PROVIDER, status, headers, word, is_too_long=word == "context_length_exceeded",
        is_filtered=word in {"content_filter", "content_policy_violation"},
    )  # fmt: skip
