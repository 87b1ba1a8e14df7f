"""Record that a step of a plan was called, when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from time import perf_counter_ns
from typing import Any

from axonflow.flows.hold_steps import BodyHeld
from axonflow.flows.plan_means import Acting
from axonflow.flows.record import Outcome
from axonflow.plan import StepCall
from axonflow.policy.request import Request, Resource

__all__ = ["recorded_call"]


async def recorded_call(
    acting: Acting, call: StepCall, resource: Resource, decision_id: str, work: Awaitable[Any]
) -> Any:
    """What came of `work`, the `call` by which a step acted on `resource`, once that is recorded."""
    if acting.recorded is None:
        return await work
    started_ns = perf_counter_ns()

    async def tell(failed: str = "") -> None:
        assert acting.recorded
        took_us = (perf_counter_ns() - started_ns) // 1000
        details: dict[str, Any] = {**acting.own, "step": call.step}
        if call.made and call.spent is None:  # else each of the steps within says what it took
            details |= call.used
        if call.cached:
            details["cached"] = True
        outcome = Outcome(details, duration_us=took_us, failed=failed)
        await acting.recorded(Request(acting.principal, "plan.step", resource), decision_id, outcome)

    try:
        result = await work
    except BodyHeld:  # it has not ended
        raise
    except (Exception, SystemExit, asyncio.CancelledError) as failure:  # what was stopped had been called as well
        await tell(type(failure).__name__)
        raise
    try:
        await tell()
    except asyncio.CancelledError:  # told to stop when it was done: it is recorded all the same, perhaps twice
        await tell()
    return result
