"""Call what a step of a plan is bound to, and bound what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from inspect import CO_COROUTINE, isawaitable, iscoroutinefunction
from types import FunctionType
from typing import Any, Final

import msgspec

from axonflow.errors import PlanError
from axonflow.plan.model.schemas import check_fits
from axonflow.plan.running.step_call import CURRENT_CALL

__all__ = ["MAX_ERROR_CHARS", "StillRunning", "call_step", "check_result", "described"]

MAX_ERROR_CHARS: Final = 500
_SMALL: Final = frozenset({int, float, bool, type(None)})


class StillRunning(asyncio.CancelledError):
    """The call was cancelled. Its thread cannot be, and runs on to its end; nobody waits for what it gives."""


def call_step(run: Callable[..., Any], arguments: dict[str, Any]) -> Awaitable[Any]:
    """What `run` returns, once it is awaited. A callable that is not async runs in a thread; raises StillRunning when
    that is cancelled.

    On the loop it would halt every other step of this and all other plans for as long as it blocks, and one that
    calls a model or a tool blocks for seconds. The thread costs some 170 us (2 cores, CPython 3.11, no-op; a coroutine
    costs 0.1), and the loop's default executor has processors + 4 of them, at most 32: a step that only computes for
    a moment, or of which many are to run at once, is better written as ``async def``.
    """
    if run.__class__ is FunctionType and run.__code__.co_flags & CO_COROUTINE:
        work: Awaitable[Any] = run(**arguments)  # a tenth of what the general answer costs, on every step of every plan
        return work
    return _called(run, arguments)


async def _called(run: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    if iscoroutinefunction(run) or iscoroutinefunction(getattr(run, "__call__", None)):  # noqa: B004  not "callable?"
        return await run(**arguments)
    try:
        result = await asyncio.to_thread(_call, run, arguments)
    except asyncio.CancelledError as cancelled:
        call = CURRENT_CALL.get(None)
        if call is not None:
            call.spent = {}  # it may use more than it has said so far: all that was reserved
        raise StillRunning(*cancelled.args) from None
    if isawaitable(result):  # a lambda or a partial around a coroutine function
        return await result
    return result


def _call(run: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    try:
        return run(**arguments)
    except StopIteration as stop:  # a future refuses to hold it, and whoever awaits that future waits for ever
        raise RuntimeError("the step raised StopIteration") from stop


def check_result(result: object, most_bytes: int, gives: Mapping[str, Any] | None) -> None:
    """Raise PlanError when `result` is no JSON, as JSON is larger than `most_bytes`, or does not fit the schema that it
    `gives`. It is the step that failed then, not whoever uses it or keeps it."""
    if result.__class__ not in _SMALL:
        _check_size(result, most_bytes)
    if gives is not None:
        check_fits(result, gives, "result")


def _check_size(result: object, most_bytes: int) -> None:
    try:
        is_long = isinstance(result, (bytes, bytearray)) or (isinstance(result, str) and result.isascii())
        size_bytes = len(result if is_long else _encode(result))  # type: ignore[arg-type]  # it has a length
    except (TypeError, ValueError, OverflowError, BufferError, RecursionError, msgspec.MsgspecError) as error:
        raise PlanError(
            "the result is not JSON", expected="JSON, or what msgspec writes as JSON",
            found=f"{type(result).__name__}: {error}", hint="Return JSON, or text in it.",
        ) from None  # fmt: skip
    if size_bytes > most_bytes:
        raise PlanError("the result is too large", expected=f"at most {most_bytes} bytes", found=str(size_bytes))


_encode: Final = msgspec.json.Encoder().encode


def described(error: BaseException) -> str:
    """The error for people: its class and its message, bounded."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  the author's __str__ may do anything
        text = "(its message could not be read)"
    name = type(error).__name__
    return f"{name}: {text}"[:MAX_ERROR_CHARS] if text else name[:MAX_ERROR_CHARS]
