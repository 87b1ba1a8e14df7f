"""Call a step, or take what an earlier call of it gave, where the step has a cache key and that is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from axonflow.flows.call_step import call_step
from axonflow.plan import Step
from axonflow.plan.model.schemas import check_fits
from axonflow.plan.running.step_call import CURRENT_CALL, StepCall
from axonflow.ports import StepCache

__all__ = ["Cached", "call_once", "called"]

USUAL_TTL_MS: Final = 3_600_000
"""How long a result is kept where the step does not say."""


class Cached:
    """Where a result is kept: under a key of the tenant, of what is called, and of what the step says; and of the
    arguments, where policy has `redacted` them, so that nobody gets what was made of more than they may send; and of
    their `labels`, where policies read any, so that nothing made of labelled data comes out without them."""

    __slots__ = ("_cache", "_key", "_ttl_ms")

    def __init__(
        self, cache: StepCache, step: Step, plan: str, tenant: str, key: str, redacted: Mapping[str, Any] | None,
        labels: Sequence[str] | None,
    ) -> None:  # fmt: skip
        function = [plan, step.name, *(str(getattr(step.run, name, "")) for name in ("__module__", "__qualname__"))]
        whole = _encode([tenant, step.kind, step.target or function, key, redacted, labels])
        self._cache = cache
        self._key = hashlib.sha256(whole).hexdigest()
        self._ttl_ms = step.cache_ttl_ms or USUAL_TTL_MS

    async def get(self) -> bytes | None:
        """What is kept, as JSON."""
        return await self._cache.get(self._key)

    async def put(self, result: Any) -> None:
        """Keep the result, if it is JSON: another time it is given as what JSON says of it."""
        try:
            value = _encode(result)
            if _decode(value) != result:
                return
        except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
            return
        await self._cache.put(self._key, value, self._ttl_ms)


_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = msgspec.json.Decoder().decode


async def call_once(step: Step, content: dict[str, Any], call: StepCall, cached: Cached) -> Any:
    """What the step gives, or gave. Raises what it raises."""
    value = await cached.get()
    if value is not None:
        call.cached = True
        return _decode(value)
    call.made = True
    result = await call_step(step.run, content)
    if step.gives is not None:  # what fails the step is not kept: trying again would only give it again
        check_fits(result, step.gives, "result")
    await cached.put(result)
    return result


async def called(run: Callable[..., Any], content: dict[str, Any], call: StepCall) -> Any:
    """What `run` returns, which may ask for the `call` that it is. Raises as `call_step`."""
    token = CURRENT_CALL.set(call)
    try:
        return await call_step(run, content)
    finally:
        CURRENT_CALL.reset(token)
