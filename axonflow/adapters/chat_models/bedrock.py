"""Models of Amazon Bedrock, asked by Converse. Needs boto3, for its signatures and its stream: ``axonflow[bedrock]``.

The signature (SigV4) and the framing of the stream are botocore's: credentials come from where AWS puts them (roles of
tasks and instances, which renew themselves), and that is not to be written again. Its client is not used: it blocks.

Source: Amazon Bedrock API reference, "Converse" and "ConverseStream",
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer, ParserError
from botocore.session import get_session
from msgspec import Struct

from axonflow.adapters.chat_models.calling import Caller, CallLimits
from axonflow.adapters.chat_models.event_stream import MAX_EVENT_BYTES
from axonflow.adapters.chat_models.faults import fault_of, word_of
from axonflow.adapters.chat_models.speaking import HttpChatModel, check_model_name, decoder_of, stream_fault, turns_of
from axonflow.chat import ChatMessage, ChatRequest, FinishReason, Gathering
from axonflow.chat.gathering import ANSWER
from axonflow.errors import (
    ConfigurationError,
    ModelContextTooLong,
    ModelError,
    ModelFiltered,
    ModelReplyMalformed,
)

__all__ = ["bedrock_model"]

_PROVIDER: Final = "bedrock"
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]", re.ASCII)
_FINISH: Final[dict[str, FinishReason]] = {"max_tokens": "length", "tool_use": "tool_calls"}


def bedrock_model(
    model: str,
    *,
    region: str,
    access_key: tuple[str, str] | None = None,
    base_url: str | None = None,
    limits: CallLimits | None = None,
    authority: str | None = None,
) -> HttpChatModel:
    """`model` (an id, or the ARN of a profile) in `region`. `access_key` is an id and its secret; without, they are
    those that AWS gives the process. Raises ConfigurationError, also when it gives none.
    """
    if not _REGION.fullmatch(region):
        raise ConfigurationError("not a region", expected="such as eu-west-1", found=f"{region[:40]!a}", at="region")
    credentials = Credentials(*access_key) if access_key is not None else get_session().get_credentials()
    if credentials is None:
        raise ConfigurationError("no AWS credentials", expected="access_key, or a role", found="none", at=_PROVIDER)

    def sign(address: str, body: bytes) -> dict[str, str]:
        request = AWSRequest("POST", address, headers={"content-type": "application/json"}, data=body)
        frozen = credentials.get_frozen_credentials()  # each time: they renew themselves, but not between id and secret
        SigV4Auth(frozen, "bedrock", region).add_auth(request)
        return dict(request.headers)

    address = base_url or f"https://bedrock-runtime.{region}.amazonaws.com"
    caller = Caller(address, sign=sign, fault=_fault, limits=limits, authority=authority)
    return HttpChatModel(check_model_name(model), _BedrockShape(model), caller)


class _ToolUse(Struct, frozen=True, rename="camel"):
    tool_use_id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw()


class _Block(Struct, frozen=True, rename="camel"):
    text: str | None = None
    tool_use: _ToolUse | None = None


class _Message(Struct, frozen=True):
    content: list[_Block]


class _Output(Struct, frozen=True):
    message: _Message


class _Usage(Struct, frozen=True, rename="camel"):
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None


class _Answer(Struct, frozen=True, rename="camel"):
    output: _Output
    stop_reason: str
    usage: _Usage = _Usage()


class _Begun(Struct, frozen=True, rename="camel"):
    start: _Block = _Block()
    content_block_index: int = 0


class _ToolPiece(Struct, frozen=True):
    input: str = ""


class _Piece(Struct, frozen=True, rename="camel"):
    text: str | None = None
    tool_use: _ToolPiece | None = None


class _More(Struct, frozen=True, rename="camel"):
    delta: _Piece = _Piece()
    content_block_index: int = 0


class _Stopped(Struct, frozen=True, rename="camel"):
    stop_reason: str = ""


class _Metadata(Struct, frozen=True):
    usage: _Usage = _Usage()


class _Event(Struct, frozen=True, rename="camel"):
    """One member of the union; the others are None."""

    content_block_start: _Begun | None = None
    content_block_delta: _More | None = None
    message_stop: _Stopped | None = None
    metadata: _Metadata | None = None


_read_answer = decoder_of(_Answer, _PROVIDER)
_read_event = decoder_of(_Event, _PROVIDER)


class _BedrockShape:
    provider = _PROVIDER
    stream_kind = "application/vnd.amazon.eventstream"

    def __init__(self, model: str) -> None:
        self._model = model

    def path(self, *, streams: bool) -> str:
        return f"/model/{quote(self._model, safe='')}/{'converse-stream' if streams else 'converse'}"

    def body(self, request: ChatRequest, *, streams: bool) -> dict[str, Any]:
        del streams
        settings: dict[str, Any] = {"maxTokens": request.max_output_tokens}
        if request.temperature is not None:
            settings["temperature"] = min(request.temperature, 1)  # their scale ends at 1
        if request.stop:
            settings["stopSequences"] = list(request.stop)
        body: dict[str, Any] = {"messages": turns_of(request, _blocks), "inferenceConfig": settings}
        system = [{"text": one.text} for one in request.messages if one.role == "system"]
        if system:
            body["system"] = system
        if request.schema is not None:
            tools = [_tool(ANSWER, "Give your answer by calling this tool.", request.schema)]
            body["toolConfig"] = {"tools": tools, "toolChoice": {"tool": {"name": ANSWER}}}
        elif request.tools:
            body["toolConfig"] = {"tools": [_tool(one.name, one.description, one.schema) for one in request.tools]}
        return body

    def whole(self, reply: Gathering, data: bytes) -> None:
        answer = _read_answer(data)
        for index, block in enumerate(answer.output.message.content):
            if block.text is not None:
                reply.text(block.text)
            if block.tool_use is not None:
                reply.call(index, block.tool_use.tool_use_id, block.tool_use.name)
                reply.arguments(index, bytes(block.tool_use.input).decode())
        _use(reply, answer.usage)
        _stop(reply, answer.stop_reason)
        reply.model, reply.is_complete = self._model, True

    def events(self) -> _Frames:
        return _Frames()

    def piece(self, reply: Gathering, event: bytes) -> Iterator[str]:
        one = _read_event(event)
        reply.model = self._model
        if one.content_block_start is not None and one.content_block_start.start.tool_use is not None:
            call = one.content_block_start.start.tool_use
            reply.call(one.content_block_start.content_block_index, call.tool_use_id, call.name)
        if one.content_block_delta is not None:
            delta, index = one.content_block_delta.delta, one.content_block_delta.content_block_index
            if delta.text:
                yield reply.text(delta.text)
            if delta.tool_use is not None and delta.tool_use.input:
                yield reply.arguments(index, delta.tool_use.input)
        if one.message_stop is not None:
            _stop(reply, one.message_stop.stop_reason)
            reply.is_complete = True
        if one.metadata is not None:
            _use(reply, one.metadata.usage)


class _Frames:
    """The binary framing of AWS event streams, each frame with its checksums; an event as a member of its union."""

    def __init__(self) -> None:
        self._buffer = EventStreamBuffer()
        self._size_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        self._buffer.add_data(chunk)
        self._size_bytes += len(chunk)
        try:
            for frame in self._buffer:
                self._size_bytes = 0
                name = word_of(frame.headers.get(":event-type"))
                if frame.headers.get(":message-type") != "event" or not name:
                    raise _broken_off(word_of(frame.headers.get(":exception-type")))
                yield b'{"%s":%s}' % (name.encode(), frame.payload)
        except (ParserError, KeyError, ValueError, struct.error) as error:  # the last three: headers that are none
            raise ModelReplyMalformed("not an event stream", found=type(error).__name__, at=_PROVIDER) from None
        if self._size_bytes > MAX_EVENT_BYTES + len(chunk):
            raise ModelReplyMalformed(
                "an event without an end", expected=f"at most {MAX_EVENT_BYTES} bytes", found="more"
            )


def _broken_off(word: str) -> ModelError:
    if word == "throttlingException":
        return fault_of(_PROVIDER, 429, {}, word)
    if word == "validationException":
        return fault_of(_PROVIDER, 400, {}, word)
    return stream_fault(_PROVIDER, word)


def _use(reply: Gathering, usage: _Usage) -> None:
    reply.usage(usage.input_tokens, usage.output_tokens, usage.total_tokens)


def _stop(reply: Gathering, reason: str) -> None:
    if reason in {"guardrail_intervened", "content_filtered"}:
        raise ModelFiltered("the model declines to answer", found=reason, at=_PROVIDER)
    if reason == "model_context_window_exceeded":
        raise ModelContextTooLong("the messages are too long for the model", found=reason, at=_PROVIDER)
    reply.finish = _FINISH.get(reason, "stop")


def _tool(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"toolSpec": {"name": name, "description": description, "inputSchema": {"json": schema}}}


def _blocks(message: ChatMessage) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"toolResult": {"toolUseId": message.call_id, "content": [{"text": message.text}]}}]
    text = [{"text": message.text}] if message.text else []
    calls = [{"toolUse": {"toolUseId": one.call_id, "name": one.name, "input": one.arguments}} for one in message.calls]
    return [*text, *calls]


def _fault(status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
    """The error's name is a header, with an address behind a colon at times: AWS, "Common errors"."""
    word = word_of(headers.get("x-amzn-errortype", "").partition(":")[0])
    # A ValidationException tells that only in its sentence, which is not shown.
    is_too_long = status == 400 and b"too long" in body.lower()
    return fault_of(_PROVIDER, status, headers, word, is_too_long=is_too_long)
