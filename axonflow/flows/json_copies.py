"""What goes from one step of a plan to another: a copy, as JSON. What is judged, or looked through, is what goes on."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from axonflow.errors import AxonFlowError

__all__ = ["as_json", "is_plainly_json"]


def as_json(value: Any, what: str, at: str) -> Any:
    """A copy of `value`, which is `what`, as JSON, and so of what msgspec writes as that.

    Raises AxonFlowError, which names `at`.
    """
    try:
        return _json_copy(value)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise AxonFlowError(
            f"{what} cannot be judged",
            expected="JSON, or what msgspec writes as JSON",
            found=f"{type(value).__name__}: {error}",
            at=at,
            hint="It went no further. Let the step that gave it return JSON.",
        ) from None


def is_plainly_json(value: Any) -> bool:
    """Whether it is a value that cannot change, and that JSON gives back as it is: a tenth of what copying costs."""
    kind = value.__class__
    if kind is str:
        return bool(value.isascii())
    return value is None or kind is bool or (kind is int and -_EXACT < value < _EXACT)


_EXACT: Final = 2**53


def _json_copy(value: object) -> Any:
    plain = msgspec.to_builtins(value, builtin_types=_UNREADABLE, str_keys=True)
    if len(_json(plain)) != len(_json(value)):  # to_builtins keeps one member of each name, the encoder writes all
        raise ValueError("two keys of an object have the same name in JSON")
    return _unpack(_pack(plain))  # to_builtins keeps tuples, MessagePack makes lists of them


_UNREADABLE: Final = (bytes, bytearray, memoryview)
_json = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
