"""A request to a language model and its reply, the same for every provider."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import Struct

from axonflow.audit import Usage
from axonflow.errors import RequestError

__all__ = [
    "MAX_MESSAGES",
    "ChatDelta",
    "ChatMessage",
    "ChatReply",
    "ChatRequest",
    "ChatTool",
    "FinishReason",
    "Role",
    "ToolCall",
]

MAX_MESSAGES: Final = 10_000
MAX_TOOLS: Final = 128
MAX_STOPS: Final = 4
"""What the least generous provider takes: OpenAI, "Create chat completion", `stop`."""
MAX_OUTPUT_TOKENS: Final = 10_000_000
MAX_REQUEST_BYTES: Final = 16 * 1024 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
"""Of tools: what all three providers take."""

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls"]
"""Why a reply ends: the model was done, or reached ``max_output_tokens``, or wants tools to be called."""


class ToolCall(Struct, frozen=True):
    """The model wants the tool `name` to be called with the JSON object `arguments`; `call_id` names this call."""

    call_id: str
    name: str
    arguments: Mapping[str, Any]


class ChatTool(Struct, frozen=True):
    """A tool that the model may want to call. `schema` is the JSON Schema of its arguments, an object."""

    name: str
    description: str
    schema: Mapping[str, Any]


class ChatMessage(Struct, frozen=True):
    """One message. Only one of role ``assistant`` has `calls`; one of role ``tool`` is what came of the call
    `call_id`."""

    role: Role
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


class ChatRequest(Struct, frozen=True, kw_only=True):
    """What to ask. With `schema`, a JSON Schema of an object, the reply's text is JSON that the model was held to, as
    far as its provider does that: check it. `temperature` is 0 to 2, or the provider's own; the reply ends before any
    of the texts in `stop`. Raises RequestError.
    """

    messages: tuple[ChatMessage, ...]
    tools: tuple[ChatTool, ...] = ()
    schema: Mapping[str, Any] | None = None
    max_output_tokens: int = 4_096
    temperature: float | None = None
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, least, most in (("messages", 1, MAX_MESSAGES), ("tools", 0, MAX_TOOLS), ("stop", 0, MAX_STOPS)):
            values = getattr(self, name)
            if not isinstance(values, tuple) or not least <= len(values) <= most:
                found = str(len(values)) if isinstance(values, tuple) else type(values).__name__
                raise _refused("wrong number", f"a tuple of {least} to {most}", found, f"$.{name}")
        for index, message in enumerate(self.messages):
            _check_message(message, f"$.messages[{index}]")
        for index, tool in enumerate(self.tools):
            if not isinstance(tool, ChatTool) or not _NAME.fullmatch(tool.name):
                raise _refused("not a tool", "a name of letters, digits, _ and -", "another", f"$.tools[{index}]")
        if self.schema is not None and self.tools:
            raise _refused("two ways to answer", "tools or a schema", "both", "$.schema")
        self._check_numbers()
        self._check_size()

    def _check_numbers(self) -> None:
        tokens: object = self.max_output_tokens
        if isinstance(tokens, bool) or not isinstance(tokens, int) or not 0 < tokens <= MAX_OUTPUT_TOKENS:
            expected = f"a whole number from 1 to {MAX_OUTPUT_TOKENS}"
            raise _refused("wrong number", expected, type(tokens).__name__, "$.max_output_tokens")
        heat: object = self.temperature
        if heat is None:
            return
        if isinstance(heat, bool) or not isinstance(heat, (int, float)) or not 0 <= heat <= 2 or math.isnan(heat):
            raise _refused("wrong number", "0 to 2", type(heat).__name__, "$.temperature")

    def _check_size(self) -> None:
        try:
            size_bytes = len(msgspec.json.encode(self))
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise _refused("not JSON", "JSON values", type(error).__name__, "$") from None
        if size_bytes > MAX_REQUEST_BYTES:
            raise _refused("too large", f"at most {MAX_REQUEST_BYTES} bytes", str(size_bytes), "$")


def _check_message(message: object, at: str) -> None:
    if not isinstance(message, ChatMessage) or message.role not in get_args(Role):
        raise _refused("not a message", f"a ChatMessage of {', '.join(get_args(Role))}", "another", at)
    if message.calls and message.role != "assistant":
        raise _refused("only the assistant calls tools", "no calls", f"calls of {message.role}", at)
    if bool(message.call_id) != (message.role == "tool"):
        raise _refused("not the result of a call", "a call_id with role tool, and only there", message.role, at)


def _refused(message: str, expected: str, found: str, at: str) -> RequestError:
    return RequestError(message, expected=expected, found=found, at=at)


class ChatReply(Struct, frozen=True):
    """What the model answers: `text`, and the tools that it wants to be called. `usage` says what it took, who provided
    it, and which model it was by the provider's word."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    finish: FinishReason = "stop"
    usage: Usage = Usage()


class ChatDelta(Struct, frozen=True):
    """A piece of a reply as it comes. The last one has the whole `reply`, and no text."""

    text: str = ""
    reply: ChatReply | None = None
