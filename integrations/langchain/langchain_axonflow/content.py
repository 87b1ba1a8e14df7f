"""LangChain messages as the JSON that policies inspect, and back.

A part that is not text (an image, a sound) is shown to policies by its type alone and goes on unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage

__all__ = ["message_json", "with_content"]

M = TypeVar("M", bound=BaseMessage)


def _part_json(part: str | dict[str, Any]) -> Any:
    if isinstance(part, str):
        return part
    return {name: part[name] for name in ("type", "text") if isinstance(part.get(name), str)}


def message_json(message: BaseMessage) -> dict[str, Any]:
    """What is said in `message`: its role, its text and the tool calls in it."""
    content: Any = message.content
    out: dict[str, Any] = {
        "role": message.type,
        "content": content if isinstance(content, str) else [_part_json(part) for part in content],
    }
    if isinstance(message, AIMessage) and message.tool_calls:
        out["tool_calls"] = [{"name": call["name"], "args": call["args"]} for call in message.tool_calls]
    return out


def with_content(
    messages: Sequence[M], judged: Sequence[dict[str, Any]], redacted: Sequence[dict[str, Any]]
) -> list[M]:
    """`messages`, those that a redaction changed as copies with the redacted text. Ids and metadata stay."""
    return [
        message if before == after else _changed(message, after)
        for message, before, after in zip(messages, judged, redacted, strict=True)
    ]


def _changed(message: M, after: dict[str, Any]) -> M:
    content: Any = message.content
    if isinstance(content, str):
        content = after["content"]
    else:
        content = [_part(part, shown) for part, shown in zip(content, after["content"], strict=True)]
    update: dict[str, Any] = {"content": content}
    if isinstance(message, AIMessage) and message.tool_calls:
        calls = zip(message.tool_calls, after["tool_calls"], strict=True)
        update["tool_calls"] = [{**call, "name": shown["name"], "args": shown["args"]} for call, shown in calls]
        # Providers' own copy of the calls would carry on what was just masked.
        update["additional_kwargs"] = {k: v for k, v in message.additional_kwargs.items() if k != "tool_calls"}
    return message.model_copy(update=update)


def _part(part: str | dict[str, Any], shown: Any) -> str | dict[str, Any]:
    if isinstance(part, str):
        return str(shown)
    return {**part, "text": shown["text"]} if "text" in shown else part
