"""A model server that answers what it was told to, over real HTTP, and how OpenAI, Anthropic and Bedrock say it."""

import asyncio
import binascii
import json
import struct
from typing import NamedTuple

from axonflow.adapters.chat_models.anthropic import anthropic_model
from axonflow.adapters.chat_models.bedrock import bedrock_model
from axonflow.adapters.chat_models.openai import openai_model

EVENT_STREAM = "text/event-stream"
FRAMES = "application/vnd.amazon.eventstream"
USED = {"input": 7, "output": 5}
SECRET = "sk-very-secret-0123456789"


class Answer(NamedTuple):
    """`ending`: ``whole``, ``cut`` (the connection closes before the answer's end), ``hang`` (nothing more comes) or
    ``flood`` (the last piece again and again, as long as somebody reads)."""

    status: int = 200
    pieces: tuple[bytes, ...] = ()
    kind: str = "application/json"
    headers: dict[str, str] = {}  # noqa: RUF012  nobody writes to it
    ending: str = "whole"


class Asked(NamedTuple):
    path: str
    headers: dict[str, str]
    body: dict


class ModelServer:
    """Answers each request with the next of `answers`, on a connection of its own. `asked` has the requests."""

    def __init__(self, *answers):
        self._answers = iter(answers)
        self._over = asyncio.Event()
        self.asked = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._over.set()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    async def _answer(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.asked.append(Asked(head[0].split(" ")[1], headers, json.loads(body)))
        answer = next(self._answers)
        told = {"content-type": answer.kind, "transfer-encoding": "chunked", "connection": "close"} | answer.headers
        lines = [f"HTTP/1.1 {answer.status} Said", *(f"{name}: {value}" for name, value in told.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        for piece in answer.pieces:
            await self._piece(writer, piece)
        while answer.ending == "flood":
            await self._piece(writer, answer.pieces[-1])
        if answer.ending == "hang":
            await self._over.wait()
        elif answer.ending == "whole":
            writer.write(b"0\r\n\r\n")
            await writer.drain()

    async def _piece(self, writer, piece):
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
        await asyncio.sleep(0)  # drain() alone gives nobody else a turn while there is room


def chunks(data, size):
    return tuple(data[start : start + size] for start in range(0, len(data), size))


def _json(value):
    return json.dumps(value).encode()


class OpenAi:
    name = "openai"
    streams_as = EVENT_STREAM
    _finish = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "filtered": "content_filter"}  # noqa: RUF012

    def model(self, url, **parts):
        return openai_model("m-1", SECRET, base_url=url, **parts)

    def whole(self, text, calls=(), finish="stop", *, is_answer=False):
        message = {
            "role": "assistant",
            "content": text or None,
            "tool_calls": [self._call(*call) for call in calls] or None,
        }
        usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
        choice = {"index": 0, "message": message, "finish_reason": self._finish[finish]}
        return _json({"id": "x", "model": "m-1-2026", "choices": [choice], "usage": usage})

    def _call(self, call_id, name, arguments):
        return {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}

    def events(self, pieces, calls=(), finish="stop", *, is_answer=False):
        deltas = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)]
        for index, (call_id, name, arguments) in enumerate(calls):
            text = json.dumps(arguments)
            deltas.append(
                {"tool_calls": [{"index": index, "id": call_id, "function": {"name": name, "arguments": ""}}]}
            )
            deltas += [{"tool_calls": [{"index": index, "function": {"arguments": letter}}]} for letter in text]
        for delta in deltas:
            yield self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        yield self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": self._finish[finish]}]})
        yield self._event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}})
        yield b"data: [DONE]\n\n"

    def _event(self, chunk):
        return b"data: %b\n\n" % _json({"model": "m-1-2026"} | chunk)

    def broken_off(self):
        return b'data: {"error": {"type": "server_error", "message": "%b"}}\n\n' % SECRET.encode()

    def refusal(self, kind):
        code = {"too_long": "context_length_exceeded", "filtered": "content_filter"}.get(kind, kind)
        return _json({"error": {"message": f"of {SECRET}", "type": "invalid_request_error", "code": code}}), {}


class Anthropic:
    name = "anthropic"
    streams_as = EVENT_STREAM
    _finish = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "filtered": "refusal"}  # noqa: RUF012

    def model(self, url, **parts):
        return anthropic_model("m-1", SECRET, base_url=url, **parts)

    def whole(self, text, calls=(), finish="stop", *, is_answer=False):
        blocks = [{"type": "text", "text": text}] if text and not is_answer else []
        if is_answer:
            blocks = [{"type": "tool_use", "id": "t", "name": "answer", "input": json.loads(text)}]
            finish = "tool_calls"
        blocks += [{"type": "tool_use", "id": one, "name": name, "input": given} for one, name, given in calls]
        usage = {"input_tokens": 7, "output_tokens": 5}
        return _json({"model": "m-1-2026", "content": blocks, "stop_reason": self._finish[finish], "usage": usage})

    def events(self, pieces, calls=(), finish="stop", *, is_answer=False):
        usage = {"input_tokens": 7, "output_tokens": 1}
        yield self._event("message_start", message={"model": "m-1-2026", "content": [], "usage": usage})
        yield self._event("ping")
        kind, delta, key = ("text", "text_delta", "text")
        if is_answer:
            kind, delta, key, finish = "tool_use", "input_json_delta", "partial_json", "tool_calls"
        yield self._event("content_block_start", index=0, content_block={"type": kind, "id": "t", "name": "answer"})
        for piece in pieces:
            yield self._event("content_block_delta", index=0, delta={"type": delta, key: piece})
        yield self._event("content_block_stop", index=0)
        for index, (call_id, name, arguments) in enumerate(calls, 1):
            block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
            yield self._event("content_block_start", index=index, content_block=block)
            for letter in json.dumps(arguments):
                more = {"type": "input_json_delta", "partial_json": letter}
                yield self._event("content_block_delta", index=index, delta=more)
        stop = {"stop_reason": self._finish[finish]}
        yield self._event("message_delta", delta=stop, usage={"output_tokens": 5})
        yield self._event("message_stop")

    def _event(self, kind, **parts):
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), _json({"type": kind} | parts))

    def broken_off(self):
        return self._event("error", error={"type": "overloaded_error", "message": SECRET})

    def refusal(self, kind):
        message = f"prompt is too long: {SECRET}" if kind == "too_long" else SECRET
        return _json({"type": "error", "error": {"type": "invalid_request_error", "message": message}}), {}


class Bedrock:
    name = "bedrock"
    streams_as = FRAMES
    _finish = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "filtered": "content_filtered"}  # noqa: RUF012

    def model(self, url, **parts):
        return bedrock_model("m-1", region="eu-west-1", access_key=("AKIAEXAMPLE", SECRET), base_url=url, **parts)

    def whole(self, text, calls=(), finish="stop", *, is_answer=False):
        blocks = [{"text": text}] if text and not is_answer else []
        if is_answer:
            blocks = [{"toolUse": {"toolUseId": "t", "name": "answer", "input": json.loads(text)}}]
            finish = "tool_calls"
        blocks += [{"toolUse": {"toolUseId": one, "name": name, "input": given}} for one, name, given in calls]
        message = {"role": "assistant", "content": blocks}
        usage = {"inputTokens": 7, "outputTokens": 5, "totalTokens": 12}
        return _json({"output": {"message": message}, "stopReason": self._finish[finish], "usage": usage})

    def events(self, pieces, calls=(), finish="stop", *, is_answer=False):
        yield frame("messageStart", {"role": "assistant"})
        if is_answer:
            finish = "tool_calls"
            start = {"toolUse": {"toolUseId": "t", "name": "answer"}}
            yield frame("contentBlockStart", {"start": start, "contentBlockIndex": 0})
        for piece in pieces:
            delta = {"toolUse": {"input": piece}} if is_answer else {"text": piece}
            yield frame("contentBlockDelta", {"delta": delta, "contentBlockIndex": 0})
        yield frame("contentBlockStop", {"contentBlockIndex": 0})
        for index, (call_id, name, arguments) in enumerate(calls, 1):
            start = {"toolUse": {"toolUseId": call_id, "name": name}}
            yield frame("contentBlockStart", {"start": start, "contentBlockIndex": index})
            for letter in json.dumps(arguments):
                delta = {"toolUse": {"input": letter}}
                yield frame("contentBlockDelta", {"delta": delta, "contentBlockIndex": index})
        yield frame("messageStop", {"stopReason": self._finish[finish]})
        yield frame("metadata", {"usage": {"inputTokens": 7, "outputTokens": 5, "totalTokens": 12}})

    def broken_off(self):
        return frame("internalServerException", {"message": SECRET}, message_type="exception")

    def refusal(self, kind):
        word = {"filtered": "ValidationException", "too_long": "ValidationException"}.get(kind, kind)
        message = f"Input is too long: {SECRET}" if kind == "too_long" else SECRET
        return _json({"message": message}), {"x-amzn-errortype": f"{word}:http://internal.amazon.com/"}


def frame(name, payload, message_type="event"):
    """A frame of an AWS event stream: lengths and their checksum, headers of strings, the payload, a checksum of
    all."""
    kind = ":event-type" if message_type == "event" else ":exception-type"
    headers = b""
    for key, value in ((kind, name), (":content-type", "application/json"), (":message-type", message_type)):
        headers += struct.pack("!B", len(key)) + key.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
    body = _json(payload)
    prelude = struct.pack("!II", len(headers) + len(body) + 16, len(headers))
    data = prelude + struct.pack("!I", binascii.crc32(prelude)) + headers + body
    return data + struct.pack("!I", binascii.crc32(data))


PROVIDERS = (OpenAi(), Anthropic(), Bedrock())


def whole(provider, text, calls=(), finish="stop", *, is_answer=False):
    return Answer(pieces=chunks(provider.whole(text, calls, finish, is_answer=is_answer), 11))


def streamed(provider, text, calls=(), finish="stop", *, is_answer=False, size=7):
    events = provider.events(chunks(text, 4), calls, finish, is_answer=is_answer)
    return Answer(pieces=chunks(b"".join(events), size), kind=provider.streams_as)


def refused(provider, status, kind="other", **headers):
    body, own = provider.refusal(kind)
    return Answer(status, (body,), headers=own | {name.replace("_", "-"): value for name, value in headers.items()})
