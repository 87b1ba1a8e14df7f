"""What policies inspect of LangChain's objects, as JSON, and how a redaction gets back into them.

Everything that goes on is shown: text wherever it stands, tool calls, what providers keep on the side, the fields of
models and dataclasses, what a command sends to other nodes. What has no text (an image, a sound, another object of the
application) is shown by its kind alone and goes on unchanged.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.types import Send
from pydantic import BaseModel

__all__ = ["overlay", "shown"]

_ROLES: Final = {"human": "user", "HumanMessageChunk": "user", "ai": "assistant", "AIMessageChunk": "assistant"}
"""The words of every other door, so that one policy fits all."""

_ON_THE_SIDE: Final = ("name", "invalid_tool_calls", "additional_kwargs")
_URL_FIELDS: Final = frozenset({"file_data", "image_url", "url"})
_DATA_FIELDS: Final = frozenset({"base64", "data"})
_MEDIA_FIELDS: Final = frozenset({"format", "media_type", "mime_type"})
# All of the value must be base64: text behind such a name would else pass unseen.
_DATA_URL: Final = re.compile(r"(data:[^,]{0,255};base64,)[A-Za-z0-9+/_-]*={0,2}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


def shown(value: Any, *, in_message: bool = False, stored: bool = False) -> Any:
    """`value` as JSON; `stored` is what a graph keeps of a tool's result, so artifacts of messages are shown too.

    Binary data is left out in messages and results only: a tool's arguments are all shown, and bytes among them that
    are not text stay bytes, which no request may hold.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, _BYTES):
        return _text_of(value, may_be_binary=in_message or stored)
    if isinstance(value, BaseMessage):
        return _message(value, stored=stored)
    inner = partial(shown, in_message=in_message, stored=stored)
    if isinstance(value, dict):
        kinds = _binary_kinds(value) if in_message else {}
        return {name: kinds.get(name) or inner(item) for name, item in value.items()}
    if isinstance(value, _LISTS):
        return [inner(item) for item in value]
    names = _names(value)
    return {name: inner(getattr(value, name)) for name in names} if names else f"[{type(value).__name__}]"


_BYTES: Final = (bytes, bytearray, memoryview)
_LISTS: Final = (list, tuple, set, frozenset)


def _names(value: Any) -> tuple[str, ...]:
    """The fields of an object that has declared them."""
    if isinstance(value, BaseModel):
        return tuple(type(value).model_fields)
    if isinstance(value, Send):
        return ("node", "arg")
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(field.name for field in fields(value))
    return ()


def _text_of(data: bytes | bytearray | memoryview, *, may_be_binary: bool) -> Any:
    try:
        text = bytes(data).decode()
    except UnicodeDecodeError:
        return "[bytes]" if may_be_binary else data
    return "[bytes]" if may_be_binary and _BASE64.fullmatch(text) else text


def _message(message: BaseMessage, *, stored: bool) -> dict[str, Any]:
    out = {
        "role": _ROLES.get(message.type, message.type),
        "content": shown(message.content, in_message=True),
    }
    if isinstance(message, AIMessage) and message.tool_calls:
        out["tool_calls"] = [{"name": call["name"], "args": shown(call["args"])} for call in message.tool_calls]
    for field in _ON_THE_SIDE:
        if value := getattr(message, field, None):
            out[field] = shown(value, in_message=True)
    if stored and isinstance(message, ToolMessage) and message.artifact is not None:
        out["artifact"] = shown(message.artifact, in_message=True, stored=True)
    return out


def _binary_kinds(part: dict[Any, Any]) -> dict[Any, str]:
    """What stands for the members of `part` that are encoded binary data."""
    kinds = {}
    is_media = not _MEDIA_FIELDS.isdisjoint(part)
    for name, item in part.items():
        if not isinstance(item, str):
            continue
        if name in _URL_FIELDS and (found := _DATA_URL.fullmatch(item)):
            kinds[name] = f"{found[1]}[binary]"
        elif is_media and name in _DATA_FIELDS and _BASE64.fullmatch(item):
            kinds[name] = "[binary]"
    return kinds


def overlay(value: Any, before: Any, after: Any) -> Any:
    """`value`, shown as `before`, with all that a redaction made different in `after`. The rest stays as it is."""
    if before == after:
        return value
    if isinstance(value, BaseMessage):
        return _changed(value, before, after)
    if isinstance(value, dict) and isinstance(after, dict):
        return {**value, **{name: overlay(value[name], before[name], after[name]) for name in after}}
    if isinstance(value, _LISTS) and isinstance(after, list):
        items = [overlay(item, old, new) for item, old, new in zip(value, before, after, strict=True)]
        return items if isinstance(value, list) else type(value)(items)
    if isinstance(value, _BYTES):
        return after.encode()
    if isinstance(after, dict):
        return _overlaid_object(value, before, after)
    return after


def _overlaid_object(value: Any, before: dict[str, Any], after: dict[str, Any]) -> Any:
    update = {name: overlay(getattr(value, name), before[name], after[name]) for name in after}
    if isinstance(value, BaseModel):
        return value.model_copy(update=update)
    changed = copy(value)
    for name, item in update.items():
        object.__setattr__(changed, name, item)  # also where a dataclass is frozen
    return changed


def _changed(message: BaseMessage, before: dict[str, Any], after: dict[str, Any]) -> BaseMessage:
    update = {
        field: overlay(getattr(message, field), before[field], after[field]) for field in after if field != "role"
    }
    # Log probabilities, grounding and the like tell the masked text again, in pieces that no detector knows.
    update["response_metadata"] = {
        name: value for name, value in message.response_metadata.items() if not isinstance(value, (dict, list, tuple))
    }
    if isinstance(message, ToolMessage):
        update["artifact"] = None  # what the text was made from
    return message.model_copy(update=update)
