import asyncio
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from axonflow.flows.plan_means import Means
from axonflow.plan import Compensation, Hedge, Plan, Retry, StepEvent
from axonflow.policy.decision import Effect
from tests.unit.flows.plan_runs import HANGS_AFTER_S, Policy, broken, decision, echo, in_time, ran, started, states
from tests.virtual_time import VirtualLoop

SOON = Means(grace_ms=1, undo_ms=1)
RETRY = Retry(attempts=2, first_ms=0)


async def hangs(**_arguments: Any) -> None:
    await asyncio.Event().wait()


async def ignores(**_arguments: Any) -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if asyncio.current_task() in let_go:
                raise


async def returns_id() -> dict[str, str]:
    return {"id": "A1"}


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


@pytest.mark.parametrize(("idempotent", "calls"), [(False, 1), (True, 2)])
def test_timeout_of_a_plain_callable_whose_thread_runs_on_is_tried_again_only_if_idempotent(
    idempotent: bool, calls: int
) -> None:
    over, called = threading.Event(), []

    async def scenario() -> Any:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)

        def blocks() -> None:
            called.append(1)
            loop.call_soon_threadsafe(loop.skip, 20)  # by then it runs, however busy the machine is
            over.wait(HANGS_AFTER_S)

        plan = Plan("p").step("a", blocks, timeout_ms=20_000, retry=RETRY, idempotent=idempotent)
        try:
            return await started(plan, Policy())
        finally:
            over.set()

    assert states(in_time(scenario())) == {"a": "failed"}
    assert len(called) == calls


def test_cancelled_while_its_success_is_recorded_is_recorded_all_the_same_and_undone() -> None:
    undone: list[Any] = []

    async def scenario() -> None:
        recording, told = asyncio.Event(), []

        async def recorded(_request: Any, _decision_id: str, outcome: Any) -> None:
            told.append(outcome.details["step"])
            if len(told) == 1:
                recording.set()
                await asyncio.Event().wait()

        plan = Plan("p").step("a", returns_id, compensate=booked(undone))
        run = asyncio.create_task(started(plan, Policy(), recorded=recorded))
        await recording.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert told == ["a", "a", "a"]  # the interrupted record, the record, and that of what undid it

    in_time(scenario())
    assert undone == ["A1"]


def test_timeouts_of_which_the_later_comes_first_are_both_kept() -> None:
    plan = Plan("p").step("a", hangs, timeout_ms=5).step("b", hangs, timeout_ms=1)
    assert states(ran(plan)) == {"a": "failed", "b": "failed"}


def test_step_that_cancels_every_task_leaves_those_that_had_not_begun_alone() -> None:
    async def scenario() -> Any:
        before = asyncio.all_tasks()

        async def saboteur() -> None:
            for task in asyncio.all_tasks() - before - {asyncio.current_task()}:
                task.cancel()

        return await started(Plan("p").step("a", saboteur).step("b", echo).step("c", echo, needs=["b"]), Policy())

    result = in_time(scenario())
    assert states(result) == {"a": "succeeded", "b": "succeeded", "c": "succeeded"}


def test_step_that_cancels_what_undoes_another_leaves_that_undone_and_named() -> None:
    async def scenario() -> Any:
        before = asyncio.all_tasks()

        async def saboteur(**_arguments: Any) -> None:
            loop = asyncio.get_running_loop()
            loop.call_soon(lambda: [task.cancel() for task in asyncio.all_tasks() - before])
            raise LookupError

        plan = Plan("p", on_failure="cancel").step("a", echo, compensate=Compensation(run=echo))
        return await started(plan.step("bad", saboteur, needs=["a"]), Policy())

    assert states(in_time(scenario())) == {"a": "uncompensated", "bad": "failed"}


# -- what comes back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", ["x" * 101, ["x" * 100], b"x" * 101])
def test_result_that_is_too_large_fails_the_step(result: Any) -> None:
    plan = Plan("p").step("a", lambda: result).step("b", echo, needs=["a"])
    ended = ran(plan, means=Means(max_result_bytes=100))
    assert "the result is too large: expected at most 100 bytes" in ended.errors["a"]
    assert states(ended) == {"a": "failed", "b": "skipped"}


def _loop() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    "result", [object(), _loop(), [{"a": object()}], "\ud800", "\ue000\udfff", ValueError("x"), iter([1])]
)
def test_result_that_is_no_json_fails_the_step_that_gave_it(result: Any) -> None:
    calls: list[str] = []

    async def gives() -> Any:
        calls.append("called")
        return result

    plan = Plan("p", on_failure="partial").step("a", gives, retry=Retry(attempts=2, first_ms=0))
    ended = ran(plan.step("b", echo, needs=["a"]).step("c", echo))
    assert states(ended) == {"a": "failed", "b": "skipped", "c": "succeeded"}
    assert ended.errors["a"].startswith(
        "PlanError: the result is not JSON: expected JSON, or what msgspec writes as JSON"
    )
    assert (ended.status, ended.result, len(calls)) == ("completed", {"c": {}}, 2)


@pytest.mark.parametrize("result", ["\u00e4" * 51, ["x" * 100]])
def test_result_is_measured_in_bytes_of_json(result: Any) -> None:
    ended = ran(Plan("p").step("a", lambda: result), means=Means(max_result_bytes=100))
    assert "found 104" in ended.errors["a"]


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


def test_timeout_of_a_step_that_was_called_is_recorded() -> None:
    told: list[tuple[str, str]] = []

    async def recorded(_request: Any, _decision_id: str, outcome: Any) -> None:
        told.append((outcome.details["step"], outcome.failed))

    ran(Plan("p").step("a", hangs, timeout_ms=1), recorded=recorded)
    assert told == [("a", "CancelledError")]


def test_watch_that_raises_while_time_passes_ends_the_plan() -> None:
    def watch(event: StepEvent) -> None:
        if event.state == "failed":
            raise OSError("nobody looks")

    plan = Plan("p").step("a", ignores, timeout_ms=1)
    with pytest.raises(OSError, match="nobody looks"):
        ended_by_hand(started(plan, Policy(), means=replace(SOON, watch=watch)))
