"""In which tasks the steps of a plan run: few, none for long, and no step knows who was there before it."""

import asyncio
from contextvars import ContextVar
from itertools import groupby
from typing import Any

import pytest

from axonflow.flows.steer_plan import MAX_INLINE_STEPS
from axonflow.plan import Compensation, Plan, PlanResult
from tests.unit.flows.plan_runs import Policy, broken, echo, in_time, ran, started, states, turns


@pytest.mark.parametrize("deep", [True, False])
def test_run_plan_many_instant_steps_let_other_tasks_run(deep: bool) -> None:
    async def scenario() -> PlanResult:
        order: list[str] = []

        async def instant(**_arguments: Any) -> None:
            order.append("step")

        plan = Plan("p").step("s0", instant)
        for number in range(1, 3 * MAX_INLINE_STEPS):
            plan.step(f"s{number}", instant, needs=[f"s{number - 1}"] if deep else [])
        run = asyncio.create_task(started(plan, Policy()))

        def neighbour() -> None:
            order.append("neighbour")
            if not run.done():
                asyncio.get_running_loop().call_soon(neighbour)

        neighbour()
        result = await run
        assert max(len(list(group)) for who, group in groupby(order) if who == "step") == MAX_INLINE_STEPS
        return result

    assert in_time(scenario()).status == "completed"


def test_run_plan_many_steps_that_wait_begin_within_a_few_turns_of_the_loop() -> None:
    async def scenario() -> PlanResult:
        everybody, begun = asyncio.Event(), []

        async def waits() -> None:
            begun.append(1)
            if len(begun) == 500:
                everybody.set()
            await everybody.wait()

        plan = Plan("p")
        for number in range(500):
            plan.step(f"s{number}", waits)
        run = asyncio.create_task(started(plan, Policy()))
        await turns(14)
        assert everybody.is_set()
        return await run

    assert in_time(scenario()).status == "completed"


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="tasks are eager since Python 3.12")
def test_run_plan_in_a_loop_of_eager_tasks_completes() -> None:
    async def scenario() -> PlanResult:
        asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009  not in 3.11
        plan = Plan("p", on_failure="cancel").step("a", echo, compensate=Compensation(run=echo))
        for number in range(2_000):
            plan.step(f"s{number}", echo, needs=["a"])
        return await started(plan.step("bad", broken, needs=["a"]), Policy())

    assert states(in_time(scenario()))["a"] == "compensated"


class Incomparable:
    def __eq__(self, other: object) -> bool:
        raise ArithmeticError

    __hash__ = None  # type: ignore[assignment]  # as it is with arrays


def test_run_plan_what_a_step_puts_into_context_variables_reaches_no_other() -> None:
    variable: ContextVar[Any] = ContextVar("variable")
    first = Incomparable()

    async def changes(**_arguments: Any) -> bool:
        unchanged = variable.get() is first
        variable.set(Incomparable())
        return unchanged

    async def scenario() -> PlanResult:
        variable.set(first)
        plan = Plan("p").step("a", changes).step("b", changes, needs=["a"]).step("c", changes, needs=["a"])
        return await started(plan.step("d", changes), Policy())

    assert in_time(scenario()).outputs == {"a": True, "b": True, "c": True, "d": True}


def test_run_plan_step_that_cancels_its_own_task_leaves_the_others_alone() -> None:
    async def saboteur() -> None:
        task = asyncio.current_task()
        assert task
        task.cancel()

    result = ran(
        Plan("p").step("a", saboteur).step("b", echo, needs=["a"]).step("c", echo, needs=["b"]).step("d", echo)
    )
    assert result.errors == {}
    assert set(states(result).values()) == {"succeeded"}
