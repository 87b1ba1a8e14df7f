"""A reply that comes in pieces, put together. The shapes of all providers come down to these few verbs."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from axonflow.audit import Usage
from axonflow.chat.messages import ChatReply, FinishReason, ToolCall
from axonflow.errors import ModelReplyMalformed

__all__ = ["ANSWER", "Gathering"]

ANSWER: Final = "answer"
"""The tool by which a model answers JSON, where its provider has no other way: its arguments are the reply's text."""
MAX_CALLS: Final = 1_000
MAX_TOKENS: Final = 2**63 - 1


class _Call:
    __slots__ = ("call_id", "name", "pieces")

    def __init__(self, call_id: str, name: str) -> None:
        self.call_id = call_id
        self.name = name
        self.pieces: list[str] = []


class Gathering:
    """One reply of `provider`. With `answers_by_tool` a call of the tool ANSWER is the text itself."""

    def __init__(self, provider: str, *, answers_by_tool: bool = False) -> None:
        self._provider = provider
        self._answers_by_tool = answers_by_tool
        self._text: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._input_tokens: int | None = None
        self._output_tokens: int | None = None
        self._total_tokens: int | None = None
        self.model = ""
        self.finish: FinishReason | None = None
        self.is_complete = False

    def text(self, piece: str) -> str:
        """More text; what of it goes on as a delta. Of what a model says before it answers by a tool, nothing does."""
        self._text.append(piece)
        return "" if self._answers_by_tool else piece

    def call(self, index: int, call_id: str, name: str) -> None:
        """The call at `index` begins. Raises ModelReplyMalformed for one too many."""
        if len(self._calls) >= MAX_CALLS:
            raise ModelReplyMalformed("too many calls", expected=f"at most {MAX_CALLS}", found="one more")
        self._calls[index] = _Call(call_id, name)

    def arguments(self, index: int, piece: str) -> str:
        """More of the arguments of the call at `index`, as JSON text; what of it goes on as a delta.

        Raises ModelReplyMalformed when no call has begun there.
        """
        call = self._calls.get(index)
        if call is None:
            raise ModelReplyMalformed("arguments of no call", expected="a call that has begun", found="none")
        call.pieces.append(piece)
        return piece if self._answers_by_tool and call.name == ANSWER else ""

    def usage(self, input_tokens: int | None, output_tokens: int | None, total_tokens: int | None = None) -> None:
        """What it took so far; None leaves what was said before. Raises ModelReplyMalformed for what is no number of
        tokens."""
        for tokens in (input_tokens, output_tokens, total_tokens):
            if tokens is not None and not 0 <= tokens <= MAX_TOKENS:
                raise ModelReplyMalformed("not a number of tokens", expected="0 or more", found=str(tokens)[:40])
        self._input_tokens = self._input_tokens if input_tokens is None else input_tokens
        self._output_tokens = self._output_tokens if output_tokens is None else output_tokens
        self._total_tokens = self._total_tokens if total_tokens is None else total_tokens

    def reply(self) -> ChatReply:
        """The whole. Raises ModelReplyMalformed when the end has not come, or a call's arguments are no JSON object."""
        if self.finish is None or not self.is_complete:
            raise ModelReplyMalformed("the reply stops half-way", expected="its end", found="no more")
        text, calls = "".join(self._text), []
        for _, call in sorted(self._calls.items()):
            arguments = "".join(call.pieces)
            if self._answers_by_tool and call.name == ANSWER:
                text = arguments
            else:
                calls.append(ToolCall(call.call_id, call.name, _object(arguments, cut=self.finish == "length")))
        finish: FinishReason = "stop" if self.finish == "tool_calls" and not calls else self.finish
        usage = Usage(
            provider=self._provider, model=self.model, input_tokens=self._input_tokens,
            output_tokens=self._output_tokens, total_tokens=self._total_tokens,
        )  # fmt: skip
        return ChatReply(text, tuple(calls), finish, usage)


def _object(text: str, *, cut: bool) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        found = "arguments that stop at max_output_tokens" if cut else "something else"
        raise ModelReplyMalformed("a call without arguments", expected="a JSON object", found=found) from None
