import asyncio
from typing import Any

import pytest

from axonflow.flows.plan_means import Means
from axonflow.plan import Compensation, Hedge, Plan, Retry, Step, StepEvent
from axonflow.policy.decision import Effect
from tests.unit.flows.plan_runs import Policy, broken, decision, echo, in_time, on_step, ran, started, states

SOON = Means(grace_ms=1, undo_ms=1)


async def hangs(**_arguments: Any) -> None:
    await asyncio.Event().wait()


async def ignores(**_arguments: Any) -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if asyncio.current_task() in let_go:
                raise


let_go: set[Any] = set()


def ended_by_hand(work: Any) -> Any:
    """What `work` gives; steps that it left behind, which ignore what they are told, are then ended."""

    async def scenario() -> Any:
        before = asyncio.all_tasks()
        try:
            return await work
        finally:
            left = asyncio.all_tasks() - before
            let_go.update(left)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            let_go.clear()

    return in_time(scenario())


class Flaky:
    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    async def __call__(self, **_arguments: Any) -> int:
        self.calls += 1
        if self.calls <= self.failures:
            raise LookupError(self.calls)
        return self.calls


# -- trying again -----------------------------------------------------------------------------------------------------


def test_retry_until_it_succeeds_keeps_all_its_decisions() -> None:
    policy = Policy()
    plan = Plan("p").step("a", Flaky(2), retry=Retry(attempts=3, first_ms=1)).step("b", echo, needs=["a"])
    result = ran(plan, policy)
    assert result.result == {"b": {"a": 3}}
    assert (result.steps["a"].attempts, result.steps["a"].error) == (3, None)
    assert len(result.steps["a"].decision_ids) == policy.asked().count("plan.step function:a") == 3


def test_retry_in_vain_fails_with_the_last_error() -> None:
    result = ran(Plan("p").step("a", Flaky(9), retry=Retry(attempts=2, first_ms=0, on=["LookupError"])))
    assert result.errors == {"a": "LookupError: 2"}


def test_retry_for_another_error_is_not_tried() -> None:
    flaky = Flaky(9)
    ran(Plan("p").step("a", flaky, retry=Retry(on=["OSError"])))
    assert flaky.calls == 1


# -- steps that hang, and that ignore what they are told ---------------------------------------------------------------


def test_timeout_of_a_step_that_hangs_fails_it_and_the_rest_goes_on() -> None:
    plan = Plan("p").step("a", hangs, timeout_ms=1).step("b", echo, needs=["a"]).step("c", echo)
    result = ran(plan)
    assert result.errors == {"a": "TimeoutError: it was not done within 1 ms"}
    assert states(result) == {"a": "failed", "b": "skipped", "c": "succeeded"}


def test_timeout_of_a_step_that_ignores_it_is_let_go_of_and_named() -> None:
    plan = Plan("p").step("a", ignores, timeout_ms=1).step("b", echo)
    result = ended_by_hand(started(plan, Policy(), means=SOON))
    assert result.errors == {"a": "TimeoutError: it was not done within 1 ms, and did not stop within 1 ms"}
    assert states(result) == {"a": "failed", "b": "succeeded"}


def test_timeout_of_a_step_that_gives_its_result_all_the_same_is_none() -> None:
    async def late() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "late"
        return "never"

    plan = Plan("p").step("a", late, timeout_ms=1).step("b", echo, needs=["a"])
    assert ran(plan).result == {"b": {"a": "late"}}


def test_deadline_stops_what_runs_and_what_waits() -> None:
    plan = Plan("p", deadline_ms=5).step("a", hangs).step("b", echo, needs=["a"]).step("c", echo)
    result = ran(plan)
    assert result.status == "failed"
    assert states(result) == {"a": "cancelled", "b": "cancelled", "c": "succeeded"}
    assert result.errors == {"a": "stopped: the deadline of 5 ms has passed"}
    assert result.steps["b"].reasons == ("the deadline of 5 ms has passed",)


def test_run_plan_cancelled_leaves_a_step_that_ignores_it_after_the_grace() -> None:
    async def scenario() -> None:
        run = asyncio.create_task(started(Plan("p").step("a", ignores), Policy(), means=SOON))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    ended_by_hand(scenario())


def test_run_plan_cancelled_twice_waits_no_more() -> None:
    async def scenario() -> None:
        run = asyncio.create_task(started(Plan("p").step("a", ignores), Policy()))
        for _ in range(3):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    ended_by_hand(scenario())


# -- what comes back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", ["x" * 101, ["x" * 100], b"x" * 101])
def test_result_that_is_too_large_fails_the_step(result: Any) -> None:
    plan = Plan("p").step("a", lambda: result).step("b", echo, needs=["a"])
    ended = ran(plan, means=Means(max_result_bytes=100))
    assert "the result is too large: expected at most 100 bytes" in ended.errors["a"]
    assert states(ended) == {"a": "failed", "b": "skipped"}


def test_result_of_fifty_megabytes_is_refused_by_the_usual_limit() -> None:
    assert "too large" in ran(Plan("p").step("a", lambda: "x" * 50_000_000)).errors["a"]


# -- second copies ----------------------------------------------------------------------------------------------------


def test_hedge_takes_the_copy_that_answers_and_stops_the_other() -> None:
    calls: list[str] = []

    async def slow_at_first() -> str:
        calls.append("called")
        if len(calls) == 1:
            try:
                await asyncio.Event().wait()
            finally:
                calls.append("stopped")
        return "quick"

    result = ran(Plan("p").step("a", slow_at_first, idempotent=True, hedge=Hedge(after_ms=1)))
    assert result.result == {"a": "quick"}
    assert (result.errors, result.steps["a"].attempts) == ({}, 2)
    assert calls == ["called", "called", "stopped"]


# -- siblings, and rolling back ---------------------------------------------------------------------------------------


def booked(undone: list[Any], *, fails: bool = False) -> Compensation:
    async def undo(what: str) -> None:
        undone.append(what)
        if fails:
            raise LookupError("no such booking")

    return Compensation(kind="tool", target="cancel", run=undo, inputs={"what": {"$ref": "a.id"}})


def test_cancel_policy_stops_the_siblings_and_undoes_what_was_done() -> None:
    undone: list[Any] = []
    policy = Policy()
    plan = Plan("p", on_failure="cancel").step("a", lambda: {"id": "A1"}, compensate=booked(undone))
    plan.step("bad", broken, needs=["a"]).step("slow", hangs).step("later", echo, needs=["slow"])
    result = ran(plan, policy)
    assert states(result) == {"a": "compensated", "bad": "failed", "slow": "cancelled", "later": "cancelled"}
    assert undone == ["A1"]
    assert result.errors["slow"] == "stopped: 'bad' did not succeed"
    assert result.outputs == {}
    assert policy.asked()[-2:] == ["plan.step tool:cancel", "tool.call tool:cancel"]


def test_undoing_that_fails_or_is_denied_is_named() -> None:
    undone: list[Any] = []

    def plan() -> Plan:
        made = Plan("p", on_failure="cancel").step("a", lambda: {"id": "A1"}, compensate=booked(undone, fails=True))
        return made.step("bad", broken, needs=["a"])

    result = ran(plan())
    assert states(result)["a"] == "uncompensated"
    assert result.errors["a"] == "not undone: LookupError: no such booking"
    assert result.outputs == {"a": {"id": "A1"}}
    policy = Policy(lambda asked: decision(Effect.DENY) if asked.resource.id == "cancel" else None)
    assert ran(plan(), policy).errors["a"] == "not undone: denied"
    assert undone == ["A1"]


def test_undoing_that_does_not_end_is_let_go_of_and_named() -> None:
    plan = Plan("p", on_failure="cancel").step("a", echo, compensate=Compensation(run=hangs))
    result = ran(plan.step("bad", broken, needs=["a"]), means=SOON)
    assert result.errors["a"] == "not undone: it was not done within 1 ms"


def test_run_plan_cancelled_undoes_what_was_done_before_it_raises() -> None:
    undone: list[Any] = []

    async def scenario() -> None:
        running = asyncio.Event()

        async def waits(**_arguments: Any) -> None:
            running.set()
            await asyncio.Event().wait()

        plan = Plan("p").step("a", lambda: {"id": "A1"}, compensate=booked(undone)).step("b", waits, needs=["a"])
        run = asyncio.create_task(started(plan, Policy()))
        await running.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    in_time(scenario())
    assert undone == ["A1"]


def test_partial_policy_completes_with_what_there_is() -> None:
    result = ran(Plan("p", on_failure="partial").step("a", broken).step("b", echo))
    assert (result.status, result.errors) == ("completed", {"a": "LookupError: no such city"})


# -- plans within -----------------------------------------------------------------------------------------------------


def test_plan_within_runs_with_the_inputs_of_its_step_and_is_judged_by_path() -> None:
    body = Plan("body").step("x", echo, inputs={"city": {"$ref": "$.city"}})
    policy = Policy()
    result = ran(Plan("p").plan("trip", body, inputs={"city": "AMS"}), policy)
    assert result.result == {"trip": {"x": {"city": "AMS"}}}
    assert [request.context.get("step") for request in policy.requests] == [None, "trip", "trip.x"]


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
    assert (result.status, result.errors) == ("denied", {"ok": "held for approval: boss"})


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
