import asyncio
from typing import Any

import pytest

from axonflow.flows.plan_means import Means
from axonflow.plan import Compensation, Plan, Step, StepEvent, ref
from tests.unit.flows.plan_runs import Policy, broken, decision, echo, on_step, ran, states


async def hangs(**_arguments: Any) -> None:
    await asyncio.Event().wait()


# -- plans within -----------------------------------------------------------------------------------------------------


def test_plan_within_runs_with_the_inputs_of_its_step_and_is_judged_by_path() -> None:
    body = Plan("body").step("x", echo, inputs={"city": {"$ref": "$.city"}})
    policy = Policy()
    result = ran(Plan("p").plan("trip", body, inputs={"city": "AMS"}), policy)
    assert result.result == {"trip": {"x": {"city": "AMS"}}}
    assert [request.context.get("step") for request in policy.requests] == [None, "trip", "trip.x"]


def test_plan_within_that_is_stopped_undoes_its_own_steps_before_the_plan_ends() -> None:
    undone: list[str] = []

    async def undo() -> None:
        loop = asyncio.get_running_loop()
        later = loop.create_future()
        loop.call_later(0.02, later.set_result, None)
        await later
        undone.append("x")

    body = Plan("body").step("x", echo, compensate=Compensation(run=undo)).step("y", hangs)
    result = ran(Plan("p", deadline_ms=5).plan("trip", body), means=Means(grace_ms=1))
    assert states(result) == {"trip": "cancelled"}
    assert undone == ["x"]


def test_plan_within_that_fails_fails_its_step_and_says_where() -> None:
    body = Plan("body").step("x", broken)
    result = ran(Plan("p").plan("trip", body).step("b", echo))
    assert states(result) == {"trip": "failed", "b": "succeeded"}
    assert "step 'x'" in result.errors["trip"]
    assert "no such city" in result.errors["trip"]


def test_map_runs_its_body_for_each_element_in_order_and_bounded() -> None:
    at_once: list[int] = []
    running = 0

    async def double(item: int, index: int) -> int:
        nonlocal running
        running += 1
        at_once.append(running)
        for _ in range(3):
            await asyncio.sleep(0)
        running -= 1
        return 2 * item + index

    body = Plan("body").step("x", double, inputs={"item": {"$ref": "$.item"}, "index": {"$ref": "$.index"}})
    plan = Plan("p").step("list", lambda: [10, 20, 30, 40]).map("each", "list", body, max_parallel=2)
    assert ran(plan).result == {"each": [{"x": 20}, {"x": 41}, {"x": 62}, {"x": 83}]}
    assert max(at_once) == 2


@pytest.mark.parametrize("give", [lambda: 3, lambda: [0] * 10_001])
def test_map_over_what_is_no_list_or_too_long_fails(give: Any) -> None:
    result = ran(Plan("p").step("list", give).map("each", "list", Plan("b").step("x", echo)))
    assert "nothing to map over" in result.errors["each"]


def test_map_of_which_one_element_fails_stops_the_others() -> None:
    async def picky(item: int) -> None:
        if item:
            raise LookupError(item)
        await asyncio.Event().wait()

    body = Plan("body").step("x", picky, inputs={"item": {"$ref": "$.item"}})
    result = ran(Plan("p").step("list", lambda: [0, 1]).map("each", "list", body))
    assert "LookupError: 1" in result.errors["each"]


# -- others -----------------------------------------------------------------------------------------------------------


def test_approval_step_is_held_for_its_approver() -> None:
    plan = Plan("p").add(Step(name="ok", kind="approval", target="boss")).step("b", echo, needs=["ok"])
    result = ran(plan)
    assert (result.status, result.errors) == ("held", {"ok": "held for approval: boss"})


def test_join_with_references_is_given_what_they_stand_for() -> None:
    inputs = {"city": ref("$.city"), "x": {"of": ref("a.n")}, "plain": {"$literal": ref("a")}}
    plan = Plan("p", inputs={"city": "Rome"}).step("a", echo, inputs={"n": 7}).step("b", echo)
    plan.add(Step(name="all", kind="join", needs=["b"], inputs=inputs))
    assert ran(plan).result == {"all": {"city": "Rome", "x": {"of": 7}, "plain": {"$ref": "a"}, "b": {}}}


def test_join_without_a_callable_gives_what_came_of_the_others() -> None:
    plan = Plan("p", on_failure="partial").step("a", lambda: 1).step("b", broken)
    result = ran(plan.add(Step(name="j", kind="join", needs=["a", "b"], wait_for="any")))
    assert result.result == {"j": {"a": 1}}


@pytest.mark.parametrize(("mode", "most"), [("sequential", 1), ("balanced", 8), ("parallel", 20)])
def test_mode_bounds_how_many_run_at_the_same_time(mode: Any, most: int) -> None:
    running, at_once = 0, []

    async def count() -> None:
        nonlocal running
        running += 1
        at_once.append(running)
        for _ in range(30):
            await asyncio.sleep(0)
        running -= 1

    plan = Plan("p", mode=mode)
    for number in range(20):
        plan.step(f"s{number}", count)
    ran(plan)
    assert max(at_once) == most


def test_watch_is_told_where_each_step_has_got_to() -> None:
    told: list[StepEvent] = []
    plan = Plan("p").step("a", echo).step("b", broken, needs=["a"])
    ran(plan, on_step("c", decision), means=Means(watch=told.append))
    assert [(event.name, event.state) for event in told] == [
        ("a", "running"),
        ("a", "succeeded"),
        ("b", "running"),
        ("b", "failed"),
    ]


def test_run_plan_fault_of_the_shell_is_raised_and_nothing_hangs() -> None:
    def watch(_event: StepEvent) -> None:
        raise RuntimeError("a watcher that raises")

    with pytest.raises(RuntimeError, match="a watcher"):
        ran(Plan("p").step("a", echo).step("b", hangs), means=Means(watch=watch))
