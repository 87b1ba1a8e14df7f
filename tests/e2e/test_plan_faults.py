"""What steps may do wrong, through the door that applications use: each ends in a clear error, and the rest of the plan
goes on, is cut short or is undone as the plan's failure policy says. What planners may do wrong is in test_plan_query.
"""

import asyncio

import pytest

from axonflow import AxonFlow
from axonflow.plan import Compensation, Plan
from tests.virtual_time import pass_time, run_at_once

ALLOW_ALL = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "p"}, "default": "allow"}


async def hangs():
    await asyncio.Event().wait()


async def raises():
    raise LookupError("no such city")


async def gives_garbage():
    return object()


async def gives_fifty_megabytes():
    return "x" * 50_000_000


async def ignores_that_it_is_cancelled():
    ended = asyncio.get_running_loop().time() + 3_600
    while asyncio.get_running_loop().time() < ended:
        try:
            await pass_time(3_600)
        except asyncio.CancelledError:
            continue


FAULTS = {
    hangs: "TimeoutError: it was not done within 50 ms",
    raises: "LookupError: no such city",
    gives_garbage: "PlanError: the result is not JSON: expected JSON, or what msgspec writes as JSON, found object",
    gives_fifty_megabytes: "PlanError: the result is too large: expected at most 16777216 bytes",
    ignores_that_it_is_cancelled: "TimeoutError: it was not done within 50 ms, and did not stop within 5000 ms",
}


async def works(**_arguments):
    return "done"


def ran(fault, on_failure):
    """A plan in which one step goes wrong when another is done, and a third would take two seconds."""
    undone = []

    async def slow():
        await pass_time(2)
        return "done"

    async def undo():
        undone.append("first")

    plan = Plan("p", on_failure=on_failure).step("first", works, compensate=Compensation(run=undo))
    plan.step("wrong", fault, after=["first"], timeout_ms=50, gives={"type": "string"})
    plan.step("behind", works, needs=["wrong"]).step("beside", slow)
    result = run_at_once(AxonFlow.open(ALLOW_ALL).run(plan, principal="user:ann"))
    return result, {name: str(record.state) for name, record in result.steps.items()}, undone


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_step_that_goes_wrong_under_continue_fails_the_plan_and_leaves_the_others(fault):
    result, states, undone = ran(fault, "continue")
    assert result.status == "failed"
    assert result.errors["wrong"].startswith(FAULTS[fault])
    assert states == {"first": "succeeded", "wrong": "failed", "behind": "skipped", "beside": "succeeded"}
    assert undone == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_step_that_goes_wrong_under_partial_leaves_a_plan_that_completes(fault):
    result, states, undone = ran(fault, "partial")
    assert result.status == "completed"
    assert result.errors["wrong"].startswith(FAULTS[fault])
    assert result.result == {"beside": "done"}
    assert (states["behind"], undone) == ("skipped", [])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_step_that_goes_wrong_under_cancel_stops_the_others_and_undoes_what_was_done(fault):
    result, states, undone = ran(fault, "cancel")
    assert result.status == "failed"
    assert result.errors["wrong"].startswith(FAULTS[fault])
    late = fault is ignores_that_it_is_cancelled  # by then the other step has ended
    assert states["beside"] == ("succeeded" if late else "cancelled")
    assert (states["first"], undone) == ("compensated", ["first"])
