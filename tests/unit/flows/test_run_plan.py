import asyncio
import functools
import gc
import threading
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.errors import PlanError, RequestError
from axonflow.plan import Plan, PlanResult, Step, StepState
from axonflow.policy.decision import Decision, Effect
from axonflow.policy.request import Request
from tests.unit.flows.plan_runs import (
    HANGS_AFTER_S,
    Policy,
    broken,
    decision,
    echo,
    in_time,
    ran,
    started,
    states,
    turns,
)

# -- results ----------------------------------------------------------------------------------------------------------


def test_run_plan_diamond_passes_results_by_name_and_returns_the_sinks() -> None:
    async def offer(flights: str, hotels: str, style: str) -> str:
        return f"{flights}, {hotels}, {style}"

    async def flights(to: str) -> str:
        return f"fly to {to}"

    plan = Plan("trip").step("flights", flights, inputs={"to": "AMS"})
    plan.step("hotels", lambda city: f"sleep in {city}", inputs={"city": "AMS"})
    plan.step("offer", offer, needs=["flights", "hotels"], inputs={"style": "short"}).step("log", echo)
    result = ran(plan)
    assert (result.plan, result.status, result.errors) == ("trip", "completed", {})
    assert result.result == {"offer": "fly to AMS, sleep in AMS, short", "log": {}}
    assert result.outputs == {**result.result, "flights": "fly to AMS", "hotels": "sleep in AMS"}
    assert list(result.steps) == ["flights", "hotels", "offer", "log"]
    assert result.decision_id == "d-allow"


def test_run_plan_records_times_from_the_given_clock() -> None:
    result = ran(Plan("p").step("a", echo).step("b", echo, needs=["a"]))
    times = [(record.started_us, record.finished_us) for record in result.steps.values()]
    assert times == [(1_000_010, 1_000_020), (1_000_030, 1_000_040)]
    assert result.duration_us == 50


def test_run_plan_twice_gives_each_run_its_own_inputs() -> None:
    async def greedy(cities: list[str]) -> list[str]:
        cities.append("more")
        return cities

    plan = Plan("p").step("a", greedy, inputs={"cities": ["AMS"]})
    assert ran(plan).result == ran(plan).result == {"a": ["AMS", "more"]}


def test_run_plan_invalid_plan_raises_before_anything_is_asked() -> None:
    policy = Policy()
    with pytest.raises(PlanError, match="empty"):
        ran(Plan("p"), policy)
    assert policy.requests == []


def test_run_plan_context_that_is_not_json_raises_before_anything_is_asked() -> None:
    policy = Policy()
    with pytest.raises(RequestError):
        ran(Plan("p").step("a", echo), policy, context={"when": date(2020, 1, 1)})
    assert policy.requests == []


# -- what is called, and how ------------------------------------------------------------------------------------------


class AsyncCallable:
    async def __call__(self) -> str:
        return threading.current_thread().name


async def thread_name() -> str:
    return threading.current_thread().name


def wrapped_thread_name() -> Awaitable[str]:
    return thread_name()


@pytest.mark.parametrize("run", [thread_name, AsyncCallable(), functools.partial(thread_name), wrapped_thread_name])
def test_run_plan_async_step_in_any_form_runs_on_the_loop(run: Callable[..., Any]) -> None:
    assert ran(Plan("p").step("a", run)).result == {"a": threading.current_thread().name}


def test_run_plan_plain_steps_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=HANGS_AFTER_S)
    plan = Plan("p").step("a", lambda: meeting.wait() >= 0).step("b", lambda: meeting.wait() >= 0)
    assert ran(plan).result == {"a": True, "b": True}


def test_run_plan_plain_step_that_raises_stop_iteration_fails_instead_of_hanging() -> None:
    result = ran(Plan("p").step("a", lambda: next(iter(()))))
    assert result.errors == {"a": "RuntimeError: the step raised StopIteration"}


def test_run_plan_slow_branch_does_not_delay_the_other() -> None:
    async def scenario() -> PlanResult:
        release = asyncio.Event()

        async def slow() -> str:
            await release.wait()  # set by the last step of the other branch: a level barrier would never end
            return "slow"

        async def last(**_arguments: Any) -> str:
            release.set()
            return "last"

        plan = Plan("p").step("slow", slow).step("a", echo).step("b", echo, needs=["a"]).step("c", last, needs=["b"])
        return await started(plan.step("end", echo, needs=["slow", "c"]), Policy())

    assert in_time(scenario()).result == {"end": {"slow": "slow", "c": "last"}}


# -- failures ---------------------------------------------------------------------------------------------------------


def test_run_plan_step_that_raises_fails_its_descendants_only() -> None:
    plan = Plan("p").step("bad", broken).step("next", echo, needs=["bad"]).step("last", echo, needs=["next"])
    result = ran(plan.step("other", echo).step("after", echo, needs=["other"]))
    assert result.status == "failed"
    assert states(result) == {
        "bad": "failed",
        "next": "skipped",
        "last": "skipped",
        "other": "succeeded",
        "after": "succeeded",
    }
    assert result.errors == {"bad": "LookupError: no such city"}
    assert result.result == {"after": {"other": {}}}
    assert result.steps["last"].reasons == ("it needs 'bad': failed",)
    assert result.steps["last"].started_us is None


class UnreadableError(Exception):
    def __str__(self) -> str:
        raise ValueError("not even this")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("x" * 600), "ValueError: " + "x" * 488),
        (ValueError(), "ValueError"),
        (UnreadableError(), "UnreadableError: (its message could not be read)"),
        (asyncio.CancelledError("by a library"), "CancelledError: by a library"),
        (ExceptionGroup("many", [ValueError("a")]), "ExceptionGroup: many (1 sub-exception)"),
    ],
)
def test_run_plan_any_error_of_a_step_becomes_a_bounded_message(error: BaseException, message: str) -> None:
    async def fail() -> None:
        raise error

    result = ran(Plan("p").step("a", fail).step("b", echo, needs=["a"]).step("c", echo))
    assert result.errors == {"a": message}
    assert states(result) == {"a": "failed", "b": "skipped", "c": "succeeded"}
    assert result.steps["a"].decision_ids == ("d-allow",)


def test_run_plan_step_with_unexpected_arguments_fails_with_pythons_words() -> None:
    async def narrow() -> None:
        """Takes nothing."""

    result = ran(Plan("p").step("a", narrow, inputs={"to": "AMS"}))
    assert "TypeError" in result.errors["a"]
    assert "unexpected keyword argument 'to'" in result.errors["a"]


def test_run_plan_step_that_would_end_the_process_fails_alone() -> None:
    async def leaves() -> None:
        raise SystemExit(3)

    result = ran(Plan("p").step("a", leaves).step("b", lambda: 1))
    assert (result.status, result.errors) == ("failed", {"a": "SystemExit: 3"})


def test_run_plan_interrupt_in_a_step_propagates() -> None:
    async def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(started(Plan("p").step("a", interrupted).step("b", echo), Policy()))
    # asyncio.run leaves the interrupted task behind, and asyncio logs a traceback when it is collected. Collected while
    # pytest parses the source of some failed test, that breaks the report: CPython 3.11's ast.parse is not reentrant.
    gc.collect()


def test_run_plan_cancelled_cancels_running_steps_and_waits_for_them() -> None:
    async def scenario() -> None:
        running, cleaned = asyncio.Event(), []

        async def hangs(name: str) -> None:
            running.set()
            try:
                await asyncio.Event().wait()
            finally:
                await turns(3)
                cleaned.append(name)

        plan = Plan("p").step("a", hangs, inputs={"name": "a"}).step("b", hangs, inputs={"name": "b"})
        run = asyncio.create_task(started(plan, Policy()))
        await running.wait()
        await turns(1)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert sorted(cleaned) == ["a", "b"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())


def test_run_plan_cancelled_while_a_step_swallows_it_starts_nothing_more() -> None:
    async def scenario() -> None:
        running, called = asyncio.Event(), []

        async def stubborn() -> None:
            running.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                called.append("swallowed")

        async def later(**_arguments: Any) -> None:
            called.append("later")

        plan = Plan("p").step("a", stubborn).step("b", later, needs=["a"]).step("c", later, needs=["a"])
        run = asyncio.create_task(started(plan, Policy()))
        await running.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert called == ["swallowed"]

    asyncio.run(scenario())


# -- random plans -----------------------------------------------------------------------------------------------------


@given(st.data())
def test_run_plan_random_dag_runs_each_step_once_after_its_needs_and_skips_exactly_the_descendants(
    data: st.DataObject,
) -> None:
    size = data.draw(st.integers(1, 10))
    needs = [sorted(data.draw(st.sets(st.integers(0, number - 1)))) if number else [] for number in range(size)]
    fates = data.draw(
        st.lists(st.sampled_from(["succeeded"] * 4 + ["failed", "denied", "held"]), min_size=size, max_size=size)
    )
    delays = data.draw(st.lists(st.integers(0, 5), min_size=2 * size, max_size=2 * size))
    order = data.draw(st.permutations(range(size)))
    calls: list[int] = []

    def step(number: int) -> Step:
        async def run(**arguments: Any) -> int:
            assert arguments == {f"s{need}": need for need in needs[number]}
            calls.append(number)
            await turns(delays[number])
            if fates[number] == "failed":
                raise LookupError(number)
            return number

        return Step(name=f"s{number}", run=run, needs=[f"s{need}" for need in needs[number]])

    async def enforce(request: Request) -> Decision:
        number = int(request.context.get("step", "s-1")[1:])
        if number < 0:
            return decision()
        await turns(delays[size + number])
        effects = {"denied": Effect.DENY, "held": Effect.REQUIRE_APPROVAL}
        return decision(effects.get(fates[number], Effect.ALLOW))

    expected: dict[str, str] = {}
    for number in range(size):
        blocked = {expected[f"s{need}"] for need in needs[number]} - {"succeeded"}
        kept_back = "skipped" if blocked - {"held", "pending"} else "pending"
        expected[f"s{number}"] = kept_back if blocked else fates[number]

    result = ran(Plan("p", steps=[step(number) for number in order]), enforce)
    assert states(result) == expected
    assert sorted(calls) == [number for number in range(size) if expected[f"s{number}"] in {"succeeded", "failed"}]
    assert all(calls.index(need) < calls.index(number) for number in calls for need in needs[number])
    assert result.outputs == {name: int(name[1:]) for name, state in expected.items() if state == StepState.SUCCEEDED}
    needed = {f"s{need}" for each in needs for need in each}
    assert result.result == {name: value for name, value in result.outputs.items() if name not in needed}
