"""What is known of a run that was cancelled: what came of the steps that were done."""

import asyncio
from typing import Any

import pytest

from axonflow.app.plan_runs import came_to
from axonflow.plan import Compensation, Plan, PlanResult
from tests.unit.flows.plan_runs import Policy, in_time, started, states


async def gives() -> dict[str, str]:
    return {"id": "A1"}


async def undoes() -> None:
    pass


def cancelled_while_it_waits(plan: Plan) -> PlanResult | None:
    """How far `plan` came that is cancelled when its step `waits` does."""
    found: list[PlanResult | None] = []

    async def scenario() -> Any:
        waiting = asyncio.Event()

        async def waits() -> None:
            waiting.set()
            await asyncio.Event().wait()

        plan.step("waits", waits, after=[step.name for step in plan.steps])
        run = asyncio.create_task(started(plan, Policy()))
        await waiting.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await run
        found.append(came_to(cancelled.value))

    in_time(scenario())
    return found[0]


def test_run_that_is_cancelled_says_what_its_steps_gave() -> None:
    came = cancelled_while_it_waits(Plan("p").step("done", gives))
    assert came is not None
    assert (came.outputs, came.held) == ({"done": {"id": "A1"}}, None)
    assert states(came) == {"done": "succeeded", "waits": "cancelled"}


def test_run_that_is_cancelled_keeps_nothing_of_what_was_undone() -> None:
    came = cancelled_while_it_waits(Plan("p").step("done", gives, compensate=Compensation(run=undoes)))
    assert came is not None
    assert (came.outputs, states(came)["done"]) == ({}, "compensated")


def test_run_in_a_time_out_of_the_callers_ends_as_one() -> None:
    async def scenario() -> Any:
        async def waits() -> None:
            await asyncio.Event().wait()

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await started(Plan("p").step("a", waits), Policy())

    in_time(scenario())


def test_what_was_cancelled_before_it_began_is_not_known() -> None:
    assert came_to(asyncio.CancelledError()) is None
