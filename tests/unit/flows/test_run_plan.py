import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import date
from itertools import count, groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.errors import AuditError, PlanError, RequestError
from axonflow.flows.run_plan import MAX_INLINE_STEPS, run_plan
from axonflow.plan import Plan, PlanResult, Step, StepState
from axonflow.policy.decision import Decision, Effect
from axonflow.policy.request import Principal, Request

ANN = Principal("ann", tenant="acme")
HANGS_AFTER_S = 60
"""Only what would otherwise hang for ever gets there."""


def decision(effect: Effect = Effect.ALLOW, *, reasons: tuple[str, ...] = (), redacted: Any = None) -> Decision:
    return Decision(
        effect=effect,
        allowed=effect in {Effect.ALLOW, Effect.REDACT, Effect.LIMIT},
        reasons=reasons,
        obligations=(),
        policies=(),
        decision_id=f"d-{effect}",
        policy_digest="none",
        redacted=redacted,
    )


class Policy:
    """An enforce that keeps what it was asked and answers by a plain function; allows by default."""

    def __init__(self, answer: Callable[[Request], Decision | None] = lambda _request: None) -> None:
        self.answer = answer
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Decision:
        self.requests.append(request)
        return self.answer(request) or decision()

    def asked(self) -> list[str]:
        return [f"{request.action} {request.resource.type}:{request.resource.id}" for request in self.requests]


def on_step(name: str, answer: Callable[[], Decision]) -> Policy:
    return Policy(lambda request: answer() if request.context.get("step") == name else None)


def in_time(work: Coroutine[Any, Any, PlanResult]) -> PlanResult:
    async def bounded() -> PlanResult:
        return await asyncio.wait_for(work, HANGS_AFTER_S)

    return asyncio.run(bounded())


def started(
    plan: Plan, policy: Callable[[Request], Awaitable[Decision]], **parts: Any
) -> Coroutine[Any, Any, PlanResult]:
    return run_plan(plan, principal=ANN, enforce=policy, clock_us=count(1_000_000, 10).__next__, **parts)


def ran(plan: Plan, policy: Callable[[Request], Awaitable[Decision]] | None = None, **parts: Any) -> PlanResult:
    return in_time(started(plan, policy or Policy(), **parts))


def states(result: PlanResult) -> dict[str, str]:
    return {name: str(record.state) for name, record in result.steps.items()}


async def echo(**arguments: Any) -> dict[str, Any]:
    return arguments


async def broken(**_arguments: Any) -> None:
    raise LookupError("no such city")


async def turns(number: int) -> None:
    """Give the event loop `number` turns."""
    loop = asyncio.get_running_loop()
    for _ in range(number):
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn


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


def test_run_plan_long_chain_of_instant_steps_lets_other_tasks_run() -> None:
    async def scenario() -> PlanResult:
        order: list[str] = []

        async def instant(**_arguments: Any) -> None:
            order.append("step")

        plan = Plan("p").step("s0", instant)
        for number in range(1, 3 * MAX_INLINE_STEPS):
            plan.step(f"s{number}", instant, needs=[f"s{number - 1}"])
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


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_run_plan_interrupt_in_a_step_propagates(stop: type[BaseException]) -> None:
    async def interrupted() -> None:
        raise stop

    caught: list[type[BaseException]] = []

    def run() -> None:
        try:
            ran(Plan("p").step("a", interrupted).step("b", echo))
        except stop as error:
            caught.append(type(error))

    # In a thread of its own: on CPython 3.11.7 an interrupt through asyncio.run leaves the thread's recursion count
    # too high, and pytest's report of any later failure dies of "AST constructor recursion depth mismatch".
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert caught == [stop]


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


def test_run_plan_step_that_cancels_its_own_task_fails_what_was_to_follow() -> None:
    async def saboteur() -> None:
        task = asyncio.current_task()
        assert task
        task.cancel()

    result = ran(
        Plan("p").step("a", saboteur).step("b", echo, needs=["a"]).step("c", echo, needs=["b"]).step("d", echo)
    )
    assert result.errors == {"b": "CancelledError: its task was cancelled"}
    assert states(result) == {"a": "succeeded", "b": "failed", "c": "skipped", "d": "succeeded"}


# -- policy -----------------------------------------------------------------------------------------------------------


def test_run_plan_asks_for_the_plan_each_step_and_each_tool_and_agent() -> None:
    plan = Plan("trip").step("flights", echo, inputs={"to": "AMS"}, context={"env": "test", "plan": "posing"})
    plan.tool("hotels", "hotel_search", echo, needs=["flights"])
    plan.agent("offer", "writer", echo, needs=["hotels"])
    policy = Policy()
    result = ran(plan, policy, context={"env": "prod", "risk": 3, "plan_id": "posing"})
    assert policy.asked() == [
        "plan.start plan:trip",
        "plan.step function:flights",
        "plan.step tool:hotel_search",
        "tool.call tool:hotel_search",
        "plan.step agent:writer",
        "agent.message agent:writer",
    ]
    start, flights, hotels, tool, _, agent = policy.requests
    own = {"risk": 3, "plan": "trip", "plan_id": result.plan_id}
    assert start.context == {**own, "env": "prod", "steps": 3}
    assert flights.context == {**own, "env": "test", "step": "flights"}
    assert tool.context == hotels.context == {**own, "env": "prod", "step": "hotels"}
    assert agent.resource.attributes == {"tenant": "acme"}
    assert [request.content for request in policy.requests[:4]] == [
        None,
        {"to": "AMS"},
        *[{"flights": {"to": "AMS"}}] * 2,
    ]
    assert all(request.principal is ANN for request in policy.requests)
    assert result.steps["offer"].decision_ids == ("d-allow", "d-allow")


@pytest.mark.parametrize("effect", [Effect.DENY, Effect.REQUIRE_APPROVAL])
def test_run_plan_start_not_allowed_runs_nothing(effect: Effect) -> None:
    policy = Policy(lambda _request: decision(effect, reasons=("not today",)))
    result = ran(Plan("p").step("a", echo).step("b", echo, needs=["a"]), policy)
    assert (result.status, result.outputs, result.result) == ("denied", {}, {})
    assert (result.reasons, result.decision_id) == (("not today",), f"d-{effect}")
    assert states(result) == {"a": "skipped", "b": "skipped"}
    assert result.steps["a"].reasons == ("the plan was not allowed",)
    assert len(policy.requests) == 1


@pytest.mark.parametrize(
    ("effect", "state", "words"),
    [(Effect.DENY, "denied", "denied"), (Effect.REQUIRE_APPROVAL, "held", "held for approval")],
)
def test_run_plan_step_not_allowed_is_not_called_and_skips_its_descendants(
    effect: Effect, state: str, words: str
) -> None:
    policy = on_step("a", lambda: decision(effect, reasons=("too risky", "too dear")))
    result = ran(Plan("p").tool("a", "t", broken).step("b", echo, needs=["a"]).step("c", echo), policy)
    assert result.status == "denied"
    assert states(result) == {"a": state, "b": "skipped", "c": "succeeded"}
    assert result.errors == {"a": f"{words}: too risky; too dear"}
    assert result.steps["a"].reasons == ("too risky", "too dear")
    assert result.steps["a"].decision_ids == (f"d-{effect}",)
    assert "tool.call tool:t" not in policy.asked()


def test_run_plan_tool_denied_after_its_step_was_allowed_keeps_both_decisions() -> None:
    policy = Policy(lambda request: decision(Effect.DENY) if request.action == "tool.call" else None)
    result = ran(Plan("p").tool("a", "t", broken), policy)
    assert result.errors == {"a": "denied"}
    assert result.steps["a"].decision_ids == ("d-allow", "d-deny")


def test_run_plan_enforce_that_raises_on_a_step_fails_it_closed() -> None:
    def answer() -> Decision:
        raise AuditError("the spool is full")

    called: list[str] = []
    result = ran(Plan("p").step("a", lambda: called.append("a")).step("b", echo), on_step("a", answer))
    assert states(result) == {"a": "failed", "b": "succeeded"}
    assert result.errors == {"a": "AuditError: the spool is full"}
    assert called == []


def test_run_plan_enforce_that_raises_on_the_plan_propagates_and_runs_nothing() -> None:
    async def unavailable(_request: Request) -> Decision:
        raise AuditError("the spool is full")

    called: list[str] = []
    with pytest.raises(AuditError):
        ran(Plan("p").step("a", lambda: called.append("a")), unavailable)
    assert called == []


def test_run_plan_redaction_reaches_the_next_decision_and_the_step() -> None:
    def answer(request: Request) -> Decision | None:
        if request.action == "plan.step":
            return decision(Effect.REDACT, redacted={**request.content, "to": "[email]"})
        return None

    policy = Policy(answer)
    result = ran(Plan("p").tool("a", "mail", echo, inputs={"to": "ann@example.com", "text": "hi"}), policy)
    assert policy.requests[-1].content == {"to": "[email]", "text": "hi"}
    assert result.result == {"a": {"to": "[email]", "text": "hi"}}


@pytest.mark.parametrize("redacted", ["[email]", {}, {"to": "x", "more": 1}])
def test_run_plan_redaction_of_another_shape_fails_the_step_closed(redacted: Any) -> None:
    called: list[str] = []
    plan = Plan("p").step("a", lambda to: called.append(str(to)), inputs={"to": "ann@example.com"})
    result = ran(plan, on_step("a", lambda: decision(Effect.REDACT, redacted=redacted)))
    assert "the redaction does not fit" in result.errors["a"]
    assert called == []


@dataclass
class Offer:
    price: int
    until: date
    stops: tuple[str, ...]


def test_run_plan_objects_are_judged_as_json_and_passed_as_objects() -> None:
    offer = Offer(3, date(2020, 1, 1), ("AMS",))
    policy = Policy()
    result = ran(Plan("p").step("a", lambda: offer).step("b", echo, needs=["a"], inputs={"n": 1}), policy)
    assert policy.requests[-1].content == {"a": {"price": 3, "until": "2020-01-01", "stops": ["AMS"]}, "n": 1}
    assert result.result["b"]["a"] is offer


def test_run_plan_redaction_replaces_the_object_it_touches_and_no_other() -> None:
    def answer(request: Request) -> Decision | None:
        if request.context.get("step") == "b":
            return decision(Effect.REDACT, redacted={**request.content, "who": ["[name]"]})
        return None

    plan = Plan("p").step("who", lambda: ("ann",)).step("when", lambda: date(2020, 1, 1))
    result = ran(plan.step("b", echo, needs=["who", "when"]), Policy(answer))
    assert result.result == {"b": {"who": ["[name]"], "when": date(2020, 1, 1)}}


def _loop() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


@pytest.mark.parametrize("make", [object, _loop, lambda: "\ud800", lambda: b"x", lambda: float("nan"), lambda: [2**70]])
def test_run_plan_argument_that_cannot_be_judged_fails_the_step_closed(make: Callable[[], Any]) -> None:
    called: list[Any] = []
    policy = Policy()
    result = ran(Plan("p").step("a", make).step("b", lambda a: called.append([a]), needs=["a"]), policy)
    assert states(result) == {"a": "succeeded", "b": "failed"}
    assert "'a'" in result.errors["b"]
    assert called == []
    assert policy.asked() == ["plan.start plan:p", "plan.step function:a"]


def test_run_plan_result_changed_while_policy_is_asked_is_passed_as_it_was_judged() -> None:
    async def scenario() -> PlanResult:
        shared = ["harmless"]

        async def give() -> list[str]:
            return shared

        async def enforce(request: Request) -> Decision:
            if request.context.get("step") == "b":
                shared.append("slipped in")
            return decision()

        return await started(Plan("p").step("a", give).step("b", echo, needs=["a"]), enforce)

    assert in_time(scenario()).result == {"b": {"a": ["harmless"]}}


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
        blocked = any(expected[f"s{need}"] != "succeeded" for need in needs[number])
        expected[f"s{number}"] = "skipped" if blocked else fates[number]

    result = ran(Plan("p", steps=[step(number) for number in order]), enforce)
    assert states(result) == expected
    assert sorted(calls) == [number for number in range(size) if expected[f"s{number}"] in {"succeeded", "failed"}]
    assert all(calls.index(need) < calls.index(number) for number in calls for need in needs[number])
    assert result.outputs == {name: int(name[1:]) for name, state in expected.items() if state == StepState.SUCCEEDED}
    needed = {f"s{need}" for each in needs for need in each}
    assert result.result == {name: value for name, value in result.outputs.items() if name not in needed}
