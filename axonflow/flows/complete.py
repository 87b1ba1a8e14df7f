"""Verb: complete. Ask a language model, with policy asked about what it is sent and what it answers.

``llm.request`` and ``llm.response`` are asked on ``model:<name>``. The content of the first is all that is sent:
``messages``, each ``{role, text, calls}``, and where there are any ``tools``, the ``schema`` and the texts to ``stop``
at; that of the second the text, or ``{text, calls}`` where there are calls, each with its name and arguments; what
comes back redacted is what goes on. Ids of calls are names and not judged. Of a stream the text is judged as it comes,
and calls when they are complete. The context holds ``estimated_tokens``, which limits of tokens are reserved by: a
token for four bytes of the messages and all that the reply may have. The call is recorded as ``model_call``, with what
it used, or with the class of its error.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from time import perf_counter_ns
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from axonflow.chat import ChatDelta, ChatMessage, ChatReply, ChatRequest, ChatTool, ToolCall
from axonflow.errors import AxonFlowError, Denied, ModelReplyMalformed
from axonflow.flows.guard_stream import StreamGuard
from axonflow.flows.record import Outcome
from axonflow.policy import Decision, Principal, Request, Resource
from axonflow.ports import ChatModel

__all__ = ["Overseen", "complete", "stream"]

_BYTES_A_TOKEN = 4


class Overseen(NamedTuple):
    """Who asks, and how: `enforce` decides, `guard` judges a text as it comes, `recorded` puts what came of the call
    that was allowed by the decision of that id into the audit trail. `context` goes into the context of both requests.
    """

    principal: Principal
    enforce: Callable[[Request], Awaitable[Decision]]
    guard: Callable[[Request], Awaitable[StreamGuard]]
    recorded: Callable[[Request, str, Outcome], Awaitable[object]]
    context: dict[str, Any]

    def request(self, model: ChatModel, action: str, content: Any, **context: Any) -> Request:
        """What is asked of policy on `model`."""
        return Request(self.principal, action, Resource("model", model.name), self.context | context, content)


async def complete(model: ChatModel, request: ChatRequest, overseen: Overseen) -> ChatReply:
    """The reply of `model`, as policy lets it through. Raises Denied, AuditError and ModelError."""
    asked, decision, request = await _allowed(model, request, overseen)
    started_ns = perf_counter_ns()
    try:
        reply = await model.complete(request)
    except BaseException as failure:  # also of who stops listening: what was sent was sent
        await overseen.recorded(asked, decision.decision_id, _outcome(started_ns, failed=type(failure).__name__))
        raise
    await overseen.recorded(asked, decision.decision_id, _outcome(started_ns, reply))
    return await _let_through(model, reply, overseen)


async def stream(model: ChatModel, request: ChatRequest, overseen: Overseen) -> AsyncGenerator[ChatDelta, None]:
    """The reply of `model` as it comes, as far as policy lets it through. Raises as `complete`; nothing comes then."""
    asked, decision, request = await _allowed(model, request, overseen)
    guard = await overseen.guard(overseen.request(model, "llm.response", None))
    started_ns = perf_counter_ns()
    pieces: list[str] = []
    reply: ChatReply | None = None
    try:
        async with aclosing(model.stream(request)) as deltas:
            async for delta in deltas:
                reply = delta.reply
                text = guard.feed(delta.text) if delta.text else ""
                if text:
                    pieces.append(text)
                    yield ChatDelta(text)
        whole = _ended(reply)
    except BaseException as failure:  # also of who stops listening: what was sent was sent
        await overseen.recorded(asked, decision.decision_id, _outcome(started_ns, failed=type(failure).__name__))
        raise
    await overseen.recorded(asked, decision.decision_id, _outcome(started_ns, whole))
    rest = await guard.finish()
    if rest:
        pieces.append(rest)
        yield ChatDelta(rest)
    calls = whole.calls
    if calls:
        calls = (await _let_through(model, replace(whole, text=""), overseen)).calls
    yield ChatDelta(reply=replace(whole, text="".join(pieces), calls=calls))


def _ended(reply: ChatReply | None) -> ChatReply:
    if reply is None:
        raise ModelReplyMalformed("a stream without its end", expected="the reply in the last piece", found="none")
    return reply


async def _allowed(model: ChatModel, request: ChatRequest, overseen: Overseen) -> tuple[Request, Decision, ChatRequest]:
    """What policy was asked, what it said, and what may be sent. Raises Denied."""
    content = _sent(request)
    sent_tokens = -(-len(msgspec.json.encode(content)) // _BYTES_A_TOKEN)
    asked = overseen.request(model, "llm.request", content, estimated_tokens=sent_tokens + request.max_output_tokens)
    decision = _checked(await overseen.enforce(asked), asked)
    # Also where nothing is redacted: arguments and schemas may have been changed while policy was asked.
    judged = content if decision.redacted is None else decision.redacted
    return asked, decision, _redacted_request(request, judged)


async def _let_through(model: ChatModel, reply: ChatReply, overseen: Overseen) -> ChatReply:
    content = {"text": reply.text, "calls": _calls_content(reply.calls)} if reply.calls else reply.text
    said = overseen.request(model, "llm.response", content)
    decision = _checked(await overseen.enforce(said), said)
    if decision.redacted is None:
        return reply
    redacted = decision.redacted if reply.calls else {"text": decision.redacted, "calls": []}
    text, calls = _parts(redacted)
    return replace(reply, text=text, calls=_redacted_calls(reply.calls, calls))


def _sent(request: ChatRequest) -> dict[str, Any]:
    """What a model would read of `request`: a tool's description tells as much as a message does."""
    content: dict[str, Any] = {"messages": [_message_content(message) for message in request.messages]}
    if request.tools:
        content["tools"] = request.tools
    if request.schema is not None:
        content["schema"] = request.schema
    if request.stop:
        content["stop"] = request.stop
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(content))  # lists for tuples, objects for Structs
    return plain


def _redacted_request(request: ChatRequest, content: Any) -> ChatRequest:
    if not isinstance(content, dict) or content.keys() != _sent(request).keys():
        raise _misfit("what was sent")
    messages = content["messages"]
    if not isinstance(messages, list) or len(messages) != len(request.messages):
        raise _misfit("the messages")
    try:
        tools = msgspec.convert(content.get("tools", []), tuple[ChatTool, ...])
        schema = msgspec.convert(content.get("schema"), dict[str, Any] | None)
        stop = msgspec.convert(content.get("stop", []), tuple[str, ...])
    except msgspec.ValidationError:
        raise _misfit("tools, a schema and texts to stop at") from None
    redacted = tuple(map(_redacted_message, request.messages, messages))
    return replace(request, messages=redacted, tools=tools, schema=schema, stop=stop)


def _message_content(message: ChatMessage) -> dict[str, Any]:
    return {"role": message.role, "text": message.text, "calls": _calls_content(message.calls)}


def _calls_content(calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
    return [{"name": call.name, "arguments": dict(call.arguments)} for call in calls]


def _redacted_message(message: ChatMessage, content: Any) -> ChatMessage:
    text, calls = _parts(content)
    return replace(message, text=text, calls=_redacted_calls(message.calls, calls))


def _redacted_calls(calls: Sequence[ToolCall], content: list[Any]) -> tuple[ToolCall, ...]:
    if len(content) != len(calls):
        raise _misfit("as many calls")
    redacted = []
    for call, one in zip(calls, content, strict=True):
        if not isinstance(one, dict) or one.get("name") != call.name or not isinstance(one.get("arguments"), dict):
            raise _misfit("the same calls with other arguments")
        redacted.append(replace(call, arguments=one["arguments"]))
    return tuple(redacted)


def _parts(content: Any) -> tuple[str, list[Any]]:
    if isinstance(content, dict):
        text, calls = content.get("text"), content.get("calls")
        if isinstance(text, str) and isinstance(calls, list):
            return text, calls
    raise _misfit("a text and calls")


def _misfit(expected: str) -> AxonFlowError:
    return AxonFlowError("the redaction does not fit", expected=expected, found="another shape", at="$.redacted")


def _checked(decision: Decision, request: Request) -> Decision:
    if not decision.allowed:
        held = "is held for approval" if decision.effect == "require_approval" else "is denied"
        resource = f"{request.action} on {request.resource.id}"
        raise Denied(f"{resource} {held}: {' '.join(decision.reasons)}", decision=decision)
    return decision


def _outcome(started_ns: int, reply: ChatReply | None = None, *, failed: str = "") -> Outcome:
    duration_us = (perf_counter_ns() - started_ns) // 1000
    details = {} if reply is None else {"finish": reply.finish, "calls": len(reply.calls)}
    return Outcome(details, None if reply is None else reply.usage, duration_us, failed)
