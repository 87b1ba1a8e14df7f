"""What policies inspect of LlamaIndex's objects, as JSON, and how a redaction gets back into them.

Everything that goes on is shown: text of every kind of block, tool calls, what models keep on the side, the fields of
models and dataclasses. What has no text (an image, a sound, a workflow's context) is shown by its kind alone and goes
on unchanged.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from llama_index.core.base.llms.types import ChatMessage, TextBlock
from pydantic import AnyUrl, BaseModel

__all__ = ["overlay", "shown", "text_of_blocks"]

_READS_AS_TEXT: Final = (AnyUrl, PurePath, UUID, Decimal, date, time)
_HIDDEN: Final = frozenset({"block_type", "tool_call_id"})  # the kind is shown as `type`; an id pairs call and result
_BYTES: Final = (bytes, bytearray, memoryview)
_LISTS: Final = (list, tuple, set, frozenset)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_DATA_URL: Final = re.compile(r"(data:[^,]{0,255};base64,)[A-Za-z0-9+/_-]*={0,2}")


def shown(value: Any, *, in_message: bool = False) -> Any:
    """`value` as JSON. Encoded binary data is left out in messages only: a tool's arguments are all shown, and bytes
    among them that are not text stay bytes, which no request may hold."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, _BYTES):
        return _text_of(value, may_be_binary=in_message)
    if isinstance(value, ChatMessage):
        return _message(value)
    if isinstance(value, dict):
        return {name: shown(item, in_message=in_message) for name, item in value.items()}
    if isinstance(value, _LISTS):
        return [shown(item, in_message=in_message) for item in value]
    if isinstance(value, _READS_AS_TEXT):
        text = str(value)
        found = _DATA_URL.fullmatch(text)
        return f"{found[1]}[binary]" if found else text
    return _object(value, in_message=in_message)


def _text_of(data: bytes | bytearray | memoryview, *, may_be_binary: bool) -> Any:
    try:
        text = bytes(data).decode()
    except UnicodeDecodeError:
        return "[bytes]" if may_be_binary else data
    return "[bytes]" if may_be_binary and _BASE64.fullmatch(text) else text


def _message(message: ChatMessage) -> dict[str, Any]:
    out = {"role": message.role.value, "content": text_of_blocks(message.blocks)}
    if message.additional_kwargs:
        out["additional_kwargs"] = shown(message.additional_kwargs, in_message=True)
    return out


def text_of_blocks(blocks: list[Any]) -> Any:
    """A single text as the text itself, as at every other door; anything else as a list of blocks."""
    if len(blocks) == 1 and type(blocks[0]) is TextBlock:
        return blocks[0].text
    return shown(blocks, in_message=True)


def _object(value: Any, *, in_message: bool) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: shown(getattr(value, field.name), in_message=in_message) for field in fields(value)}
    if not isinstance(value, BaseModel):
        return f"[{type(value).__name__}]"
    kind = getattr(value, "block_type", None)
    out = {} if kind is None else {"type": kind}
    for name in type(value).model_fields:
        item = getattr(value, name)
        if name not in _HIDDEN and item is not None:
            out[name] = shown(item, in_message=in_message)
    return out


def overlay(value: Any, before: Any, after: Any) -> Any:
    """`value`, shown as `before`, with all that a redaction made different in `after`. The rest stays as it is."""
    if before == after:
        return value
    if isinstance(value, ChatMessage):
        return _changed(value, before, after)
    if isinstance(value, BaseModel):
        fields = [name for name in type(value).model_fields if name in after and name not in _HIDDEN]
        return value.model_copy(
            update={name: overlay(getattr(value, name), before[name], after[name]) for name in fields}
        )
    if isinstance(value, dict) and isinstance(after, dict):
        return {name: overlay(item, before[name], after[name]) for name, item in value.items()}
    if isinstance(value, _LISTS) and isinstance(after, list):
        items = [overlay(item, old, new) for item, old, new in zip(value, before, after, strict=True)]
        return items if isinstance(value, list) else type(value)(items)
    if isinstance(value, list):  # the one block of `text_of_blocks`
        return [value[0].model_copy(update={"text": after})]
    if isinstance(value, _BYTES):
        return after.encode()
    return _overlaid_fields(value, before, after) if isinstance(after, dict) else after


def _overlaid_fields(value: Any, before: dict[str, Any], after: dict[str, Any]) -> Any:
    changed = copy(value)
    for name, item in after.items():
        object.__setattr__(changed, name, overlay(getattr(value, name), before[name], item))  # frozen or not
    return changed


def _changed(message: ChatMessage, before: dict[str, Any], after: dict[str, Any]) -> ChatMessage:
    update = {"blocks": overlay(message.blocks, before["content"], after["content"])}
    if "additional_kwargs" in after:
        update["additional_kwargs"] = overlay(
            message.additional_kwargs, before["additional_kwargs"], after["additional_kwargs"]
        )
    return message.model_copy(update=update)
