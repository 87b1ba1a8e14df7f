"""JSON values of a plan, copied, so that no later change to what they were made from reaches it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow.errors import PlanError

__all__ = ["MAX_INPUTS_BYTES", "MAX_RESULT_LEVELS", "is_nested_deeper", "json_object"]

MAX_INPUTS_BYTES: Final = 1024 * 1024
"""Of one step, as JSON; its context has the same bound."""

MAX_RESULT_LEVELS: Final = 128
"""Of lists and objects, one within the other, in what a step gives, where that is kept."""


def json_object(values: object, at: str) -> dict[str, Any]:
    """A deep copy of the mapping `values`. Raises PlanError for what is no JSON, or is larger than MAX_INPUTS_BYTES."""
    if not isinstance(values, Mapping):
        raise PlanError("wrong type", expected="a mapping of names to JSON values", found=type(values).__name__, at=at)
    copies: dict[str, Any] = {}
    size_bytes = 0
    for name, value in values.items():
        if not isinstance(name, str):
            raise PlanError("wrong key", expected="a string", found=type(name).__name__, at=at)
        try:
            data = msgspec.json.encode({name: value})
            copies |= msgspec.json.decode(data)
            # Unequal is something that JSON writes but cannot give back.
            same = bool(copies[name] == value) and not (_LONG.search(data) and _is_large(copies[name]))
        except (TypeError, ValueError, KeyError, OverflowError, RecursionError, msgspec.MsgspecError):
            same = False
        if not same:
            raise PlanError(
                "not a JSON value",
                expected="null, boolean, finite number (of integers: 64 bits), string, list or object",
                found=type(value).__name__,
                at=f"{at}.{name[:64]!a}",
                hint="Give JSON here, and let the step make the object from it.",
            )
        size_bytes += len(data)
    if size_bytes > MAX_INPUTS_BYTES:
        raise PlanError("too large", expected=f"at most {MAX_INPUTS_BYTES} bytes of JSON", found=str(size_bytes), at=at)
    return copies


def is_nested_deeper(value: object, levels: int) -> bool:
    """Whether lists, objects and Structs are in each other to more than so many `levels` in `value`, which is a tree.

    Whatever reads or writes JSON gives up at some depth, each at another, and the sooner the more calls it is in: what
    one has kept, the next could not read.
    """
    level: list[object] = [value]
    for _ in range(levels):
        level = [part for one in level for part in _parts(one) if isinstance(part, _NESTS)]
        if not level:
            return False
    return True


_NESTS: Final = (dict, list, tuple, Struct)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, Struct):
        return [getattr(value, name) for name in value.__struct_fields__]
    return value if isinstance(value, (list, tuple)) else ()


_LONG: Final = re.compile(rb"[0-9]{19}")


def _is_large(value: Any) -> bool:
    """Whether an integer in `value` has more than 64 bits: policy could not judge it (`policy.json_value`)."""
    waiting = [value]
    for one in waiting:  # it grows while it is walked
        if isinstance(one, int) and not -(2**63) <= one < 2**63:
            return True
        waiting += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return False
