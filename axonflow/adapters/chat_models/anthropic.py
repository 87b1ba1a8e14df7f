"""Models that are asked as Anthropic's are.

Source: Claude API reference, "Messages", "Streaming Messages" and "Errors", https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow.adapters.chat_models.calling import Caller, CallLimits, checked_key
from axonflow.adapters.chat_models.event_stream import ServerSentEvents
from axonflow.adapters.chat_models.faults import fault_of, word_of
from axonflow.adapters.chat_models.speaking import HttpChatModel, check_model_name, decoder_of, stream_fault, turns_of
from axonflow.chat import ChatMessage, ChatRequest, FinishReason, Gathering
from axonflow.chat.gathering import ANSWER
from axonflow.errors import ModelContextTooLong, ModelError, ModelFiltered

__all__ = ["BASE_URL", "anthropic_model"]

BASE_URL: Final = "https://api.anthropic.com"
_PROVIDER: Final = "anthropic"
_VERSION: Final = "2023-06-01"
_FINISH: Final[dict[str, FinishReason]] = {"max_tokens": "length", "tool_use": "tool_calls"}


def anthropic_model(
    model: str,
    api_key: str,
    *,
    base_url: str = BASE_URL,
    limits: CallLimits | None = None,
    authority: str | None = None,
) -> HttpChatModel:
    """`model` at `base_url`. Raises ConfigurationError."""
    headers = {"x-api-key": checked_key(api_key, _PROVIDER), "anthropic-version": _VERSION}
    caller = Caller(base_url, sign=lambda _address, _body: headers, fault=_fault, limits=limits, authority=authority)
    return HttpChatModel(check_model_name(model), _AnthropicShape(model), caller)


class _Usage(Struct, frozen=True):
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Block(Struct, frozen=True):
    type: str = ""
    text: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw()


class _Message(Struct, frozen=True):
    content: list[_Block]
    model: str = ""
    stop_reason: str | None = None
    usage: _Usage = _Usage()


class _Delta(Struct, frozen=True):
    text: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Error(Struct, frozen=True):
    type: Any = None
    message: Any = None


class _Event(Struct, frozen=True):
    type: str
    index: int = 0
    message: _Message | None = None
    content_block: _Block = _Block()
    delta: _Delta = _Delta()
    usage: _Usage = _Usage()
    error: _Error = _Error()


class _Refusal(Struct, frozen=True):
    error: _Error = _Error()


_read_message = decoder_of(_Message, _PROVIDER)
_read_event = decoder_of(_Event, _PROVIDER)


class _AnthropicShape:
    provider = _PROVIDER
    stream_kind = "text/event-stream"

    def __init__(self, model: str) -> None:
        self._model = model

    def path(self, *, streams: bool) -> str:
        del streams
        return "/v1/messages"

    def body(self, request: ChatRequest, *, streams: bool) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._model, "max_tokens": request.max_output_tokens}
        system = [{"type": "text", "text": one.text} for one in request.messages if one.role == "system"]
        if system:
            body["system"] = system
        body["messages"] = turns_of(request, _blocks)
        if request.temperature is not None:
            body["temperature"] = min(request.temperature, 1)  # their scale ends at 1
        if request.stop:
            body["stop_sequences"] = list(request.stop)
        tools = [(tool.name, tool.description, tool.schema) for tool in request.tools]
        if request.schema is not None:
            tools = [(ANSWER, "Give your answer by calling this tool.", request.schema)]
            body["tool_choice"] = {"type": "tool", "name": ANSWER}
        if tools:
            body["tools"] = [{"name": name, "description": text, "input_schema": one} for name, text, one in tools]
        if streams:
            body["stream"] = True
        return body

    def whole(self, reply: Gathering, data: bytes) -> None:
        message = _read_message(data)
        for index, block in enumerate(message.content):
            if block.type == "text":
                reply.text(block.text)
            elif block.type == "tool_use":
                reply.call(index, block.id, block.name)
                reply.arguments(index, bytes(block.input).decode())
        _begin(reply, message)
        _stop(reply, message.stop_reason)
        reply.is_complete = True

    def events(self) -> ServerSentEvents:
        return ServerSentEvents()

    def piece(self, reply: Gathering, event: bytes) -> Iterator[str]:
        one = _read_event(event)
        if one.type == "message_start" and one.message is not None:
            _begin(reply, one.message)
        elif one.type == "content_block_start" and one.content_block.type == "tool_use":
            reply.call(one.index, one.content_block.id, one.content_block.name)
        elif one.type == "content_block_delta":
            if one.delta.text:
                yield reply.text(one.delta.text)
            if one.delta.partial_json:
                yield reply.arguments(one.index, one.delta.partial_json)
        elif one.type == "message_delta":
            reply.usage(one.usage.input_tokens, one.usage.output_tokens)
            _stop(reply, one.delta.stop_reason)
        elif one.type == "message_stop":
            reply.is_complete = True
        elif one.type == "error":
            raise stream_fault(_PROVIDER, word_of(one.error.type))


def _begin(reply: Gathering, message: _Message) -> None:
    reply.model = message.model
    reply.usage(message.usage.input_tokens, message.usage.output_tokens)


def _stop(reply: Gathering, reason: str | None) -> None:
    if reason == "refusal":
        raise ModelFiltered("the model declines to answer", found=reason, at=_PROVIDER)
    if reason == "model_context_window_exceeded":
        raise ModelContextTooLong("the messages are too long for the model", found=reason, at=_PROVIDER)
    if reason is not None:
        reply.finish = _FINISH.get(reason, "stop")


def _blocks(message: ChatMessage) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.call_id, "content": message.text}]
    text = [{"type": "text", "text": message.text}] if message.text else []
    calls = [
        {"type": "tool_use", "id": call.call_id, "name": call.name, "input": call.arguments} for call in message.calls
    ]
    return [*text, *calls]


def _fault(status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
    try:
        error = msgspec.json.decode(body, type=_Refusal).error
    except (msgspec.MsgspecError, RecursionError):
        error = _Error()
    # There is no word for it: the sentence begins so, and is not shown.
    is_too_long = isinstance(error.message, str) and error.message.startswith("prompt is too long")
    return fault_of(_PROVIDER, status, headers, word_of(error.type), is_too_long=is_too_long)
