"""Plans that run while they are written, and plans that are planned anew, through `AxonFlow` and `Planner`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from axonflow import AxonFlow, Plan, Step
from axonflow.adapters.memory import MemoryAuditLog, MemoryChatModel, MemoryLedger
from axonflow.app.planner import PlannedRun, Planner
from axonflow.chat import ChatDelta, ChatReply, ChatRequest
from axonflow.errors import Denied, PlanError
from axonflow.flows.plan_means import Going, Means
from axonflow.plan import PlanResult, Takes
from axonflow.ports import Quota
from tests.plans_asked_for import TRAVEL, step, written
from tests.unit.flows.plan_runs import Policy, decision, echo, in_time, ran, states
from tests.unit.flows.test_resume_run import flow_of

ANN = "user:ann"


def grown(*parts: Step | Exception, **options: Any) -> AsyncGenerator[Plan, None]:
    """A plan of these steps, one more each time, until it is an error."""

    async def plans() -> AsyncGenerator[Plan, None]:
        steps: list[Step] = []
        for part in parts:
            if isinstance(part, Exception):
                raise part
            steps.append(part)
            yield Plan("p", steps, **options)

    return plans()


def run(flow: AxonFlow, plans: AsyncIterator[Plan]) -> PlanResult:
    return in_time(flow.run_growing(plans, principal=ANN))


def a_step(name: str, *needs: str, run: Callable[..., Any] = echo, **options: Any) -> Step:
    return Step(name=name, run=run, needs=needs, **options)


def test_steps_run_while_the_plan_is_still_being_written() -> None:
    async def both() -> PlanResult:
        begun = asyncio.Event()

        async def first() -> str:
            begun.set()
            return "there"

        async def plans() -> AsyncGenerator[Plan, None]:
            steps = [a_step("a", run=first)]
            yield Plan("p", steps)
            await begun.wait()  # hangs unless the step runs before the plan is whole
            yield Plan("p", [*steps, a_step("b", "a")])

        return await flow_of().run_growing(plans(), principal=ANN)

    result = in_time(both())
    assert (result.status, result.result, result.error) == ("completed", {"b": {"a": "there"}}, None)


def test_plan_that_never_begins_is_refused() -> None:
    with pytest.raises(PlanError, match="the plan is empty"):
        run(flow_of(), grown())


def test_error_before_the_first_step_is_raised_and_runs_nothing() -> None:
    with pytest.raises(LookupError):
        run(flow_of(), grown(LookupError("no")))


@pytest.mark.parametrize(
    ("policy", "status", "ends"),
    [
        ("continue", "failed", {"a": "succeeded", "b": "succeeded"}),
        ("partial", "completed", {"a": "succeeded", "b": "succeeded"}),
    ],
)
def test_writing_that_breaks_off_leaves_what_runs_to_the_failure_policy(
    policy: str, status: str, ends: dict[str, str]
) -> None:
    result = run(flow_of(), grown(a_step("a"), a_step("b", "a"), PlanError("half a plan"), on_failure=policy))
    assert (result.status, result.error, states(result)) == (status, "PlanError: half a plan", ends)


def test_writing_that_breaks_off_stops_a_plan_whose_failure_policy_is_to_cancel() -> None:
    async def both() -> PlanResult:
        begun = asyncio.Event()

        async def hangs() -> None:
            begun.set()
            await asyncio.Event().wait()

        async def plans() -> AsyncGenerator[Plan, None]:
            yield Plan("p", [a_step("a", run=hangs), a_step("b", "a")], on_failure="cancel")
            await begun.wait()
            raise PlanError("half a plan")

        return await flow_of().run_growing(plans(), principal=ANN)

    result = in_time(both())
    assert (result.status, states(result)) == ("failed", {"a": "cancelled", "b": "cancelled"})
    assert result.errors == {"a": "stopped: the rest of the plan did not come"}


def test_plan_is_judged_again_each_time_that_it_grows() -> None:
    limit = {"id": "three", "effect": "deny", "match": {"action": "plan.start"}, "when": "context.steps > 2"}
    flow = flow_of({**limit, "reason": "too many"}, audit=(log := MemoryAuditLog()))
    result = run(flow, grown(*[a_step(name) for name in "abcd"]))
    assert states(result) == {"a": "succeeded", "b": "succeeded"}
    assert result.status == "failed"
    assert "the plan may not grow" in str(result.error)
    assert "too many" in str(result.error)
    asked = [record.event for record in asyncio.run(log.records("default")) if record.event.action == "plan.start"]
    assert [event.allowed for event in asked] == [True, True, False]


def test_steps_that_change_in_a_growing_plan_end_its_growing() -> None:
    async def plans() -> AsyncGenerator[Plan, None]:
        yield Plan("p", [a_step("a")])
        yield Plan("p", [a_step("b"), a_step("a")])

    result = run(flow_of(), plans())
    assert (result.status, states(result)) == ("failed", {"a": "succeeded"})
    assert "the steps of a running plan do not change" in str(result.error)


def test_growing_plan_that_is_denied_runs_nothing_and_is_written_no_further() -> None:
    flow = flow_of({"id": "no", "effect": "deny", "match": {"action": "plan.start"}})

    async def plans() -> AsyncGenerator[Plan, None]:
        yield Plan("p", [a_step("a")])
        raise AssertionError("nobody asks for more")

    assert run(flow, plans()).status == "denied"


def test_deadline_ends_a_plan_whose_writer_hangs() -> None:
    closed = []

    async def both() -> PlanResult:
        async def plans() -> AsyncGenerator[Plan, None]:
            try:
                yield Plan("p", [a_step("a")], deadline_ms=20)
                await asyncio.Event().wait()
            finally:
                closed.append("by the run")

        async with aclosing(plans()) as parts:
            result = await flow_of().run_growing(parts, principal=ANN)
            closed.append("by the test")
            return result

    result = in_time(both())
    assert (result.status, result.error, closed) == ("failed", None, ["by the run", "by the test"])


def test_growth_reserves_what_its_steps_take_and_leaves_out_what_does_not_fit() -> None:
    ledger, quota = MemoryLedger(), Quota("acme", "plans", "tokens", 100, 3_600)

    def taking(name: str, tokens: int, **options: Any) -> Step:
        return a_step(name, takes=Takes(tokens=tokens), **options)

    means = Means(ledger=ledger, quotas=[quota])
    first, *later = [
        Plan("p", [taking("a", 60), taking("b", 30), taking("c", 20, optional=True), a_step("d")][:count])
        for count in (1, 2, 4)
    ]

    async def plans() -> AsyncGenerator[Plan, None]:
        for plan in later:
            yield plan

    result = ran(first, means=means, going=Going(growth=plans()))
    assert states(result) == {"a": "succeeded", "b": "succeeded", "c": "skipped", "d": "succeeded"}
    assert result.steps["c"].reasons == ("it is optional, and did not fit the budget",)
    assert asyncio.run(ledger.usage(quota, 1_000_000)) == 90


def test_growth_that_does_not_fit_its_budget_ends_the_growing() -> None:
    async def plans() -> AsyncGenerator[Plan, None]:
        yield Plan("p", steps, budget=Takes(tokens=10))

    steps = [a_step(name, takes=Takes(tokens=6)) for name in "ab"]
    result = ran(Plan("p", steps[:1], budget=Takes(tokens=10)), going=Going(growth=plans()))
    assert (result.status, states(result)) == ("failed", {"a": "succeeded"})
    assert "the budget cannot be met: expected at least 12 tokens, found 10" in str(result.error)


def test_held_step_of_a_growing_plan_is_held_when_it_is_whole() -> None:
    approval = Step(name="ok", kind="approval", target="boss")
    flow = flow_of()
    result = run(flow, grown(a_step("a"), approval, a_step("b", "ok")))
    assert (result.status, states(result)) == ("held", {"a": "succeeded", "ok": "held", "b": "pending"})
    assert result.held is not None
    plan = Plan("p", [a_step("a"), approval, a_step("b", "ok")])
    resumed = asyncio.run(flow.resume(plan, result.held, approved=True, by="user:boss"))
    assert resumed.status == "completed"


def test_plan_start_that_needs_approval_for_more_steps_ends_the_growing() -> None:
    flow = flow_of(
        {"id": "ask", "effect": "require_approval", "match": {"action": "plan.start"}, "when": "context.steps > 1"}
    )
    result = run(flow, grown(a_step("a"), a_step("b")))
    assert (result.status, states(result)) == ("failed", {"a": "succeeded"})


# -- planners ---------------------------------------------------------------------------------------------------------


class SlowWriter(MemoryChatModel):
    """Streams its reply step by step, and goes on when it is told to."""

    def __init__(self, reply: str) -> None:
        super().__init__([reply])
        self.go_on = asyncio.Event()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        reply = await self.complete(request)
        half = reply.text.index("hotel_search")  # a guard holds back the last word, which may be half of one
        yield ChatDelta(reply.text[:half])
        await self.go_on.wait()
        yield ChatDelta(reply.text[half:])
        yield ChatDelta(reply=reply)


TRIP = written(step("flights"), step("hotels", "hotel_search", inputs={"city": {"$ref": "flights.0.to"}}))


class Tools:
    """What plans call; `broken` fails."""

    def __init__(self, broken: str = "", **extra: Any) -> None:
        self.called: list[str] = []
        self.broken = broken
        names = ("tool:flights", "tool:hotel_search", "agent:writer")
        self.calls = {name: self.call(name) for name in names} | extra

    def call(self, name: str) -> Any:
        async def run(**_arguments: Any) -> Any:
            self.called.append(name)
            if name == self.broken:
                raise LookupError("it is closed")
            return [{"to": "Rome"}]

        return run


def planned(model: MemoryChatModel, tools: Tools, flow: AxonFlow | None = None, **parts: Any) -> PlannedRun:
    planner = Planner(flow or flow_of(), model, [TRAVEL])

    async def bounded() -> PlannedRun:
        return await asyncio.wait_for(planner.run("A hotel in Rome", tools.calls, principal=ANN, **parts), 30)

    return asyncio.run(bounded())


def test_query_is_planned_and_run_in_one() -> None:
    tools = Tools()
    ran_ = planned(MemoryChatModel([TRIP]), tools)
    assert (ran_.result.status, ran_.replans) == ("completed", 0)
    assert tools.called == ["tool:flights", "tool:hotel_search", "agent:writer"]


def test_streamed_plan_starts_its_steps_while_the_model_writes() -> None:
    model, tools = SlowWriter(TRIP), Tools()

    async def flights(**_arguments: Any) -> Any:
        model.go_on.set()  # the model hangs unless this is called before it has written all
        return [{"to": "Rome"}]

    tools.calls["tool:flights"] = flights
    ran_ = planned(model, tools, mode="streamed")
    assert (ran_.result.status, ran_.replans) == ("completed", 0)
    assert [one.name for one in ran_.plan.steps] == ["flights", "hotels", "answer"]


def test_step_that_fails_is_planned_around_and_what_is_done_is_kept() -> None:
    tools = Tools(broken="tool:hotel_search")
    other = written(step("again", inputs={"of": {"$ref": "flights.0.to"}}))
    model = MemoryChatModel([TRIP, other])
    ran_ = planned(model, tools)
    assert (ran_.result.status, ran_.replans) == ("completed", 1)
    assert tools.called == ["tool:flights", "tool:hotel_search", "tool:flights", "agent:writer"]
    assert list(ran_.result.outputs) == ["flights", "again", "answer"]
    told = model.requests[1].messages[0].text
    assert "The step hotels failed: LookupError: it is closed" in told


def test_planning_anew_is_bounded_and_leaves_the_last_result() -> None:
    tools = Tools(broken="tool:hotel_search")
    replies = [TRIP, *[written(step(f"h{number}", "hotel_search", inputs={"city": "Rome"})) for number in range(5)]]
    model = MemoryChatModel(replies)
    ran_ = planned(model, tools, max_replans=2)
    assert (ran_.result.status, ran_.replans, len(model.requests)) == ("failed", 2, 3)
    assert tools.called.count("tool:flights") == 1


def test_planner_that_has_no_other_way_leaves_the_failure_and_says_so() -> None:
    tools = Tools(broken="tool:hotel_search")
    ran_ = planned(MemoryChatModel([TRIP, "no", "no", "no"]), tools)
    assert (ran_.result.status, ran_.replans) == ("failed", 0)
    assert str(ran_.result.error).startswith("there is no other way: the planner wrote no plan that can run")
    assert ran_.result.errors == {"hotels": "LookupError: it is closed"}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (ChatReply(TRIP[: TRIP.index("}, {") + 1], finish="length"), "the plan stops half-way"),
        (TRIP.replace("hotel_search", "teleport"), "an unknown target"),
        (TRIP.replace('"hotel_search"', "17"), "an unknown target"),
        (written(step("flights"), step("b", after=["c"]), step("c", after=["b"])), "the steps wait for each other"),
    ],
)
def test_streamed_plan_that_turns_out_wrong_goes_on_by_another_way(reply: Any, error: str) -> None:
    tools = Tools()
    model = MemoryChatModel([reply, written(step("again", "hotel_search", inputs={"city": "Rome"}))])
    ran_ = planned(model, tools, mode="streamed")
    assert (ran_.result.status, ran_.replans) == ("completed", 1)
    assert tools.called == ["tool:flights", "tool:hotel_search", "agent:writer"]
    assert "flights" in ran_.result.outputs
    assert error in model.requests[1].messages[0].text


def test_streamed_plan_that_is_wrong_from_its_beginning_is_written_anew() -> None:
    tools = Tools()
    ran_ = planned(MemoryChatModel(["I would rather not. [", TRIP]), tools, mode="streamed")
    assert (ran_.result.status, ran_.replans) == ("completed", 0)
    with pytest.raises(PlanError, match="not JSON"):
        planned(MemoryChatModel(["I would rather not. ["]), tools, mode="streamed", max_replans=0)


def test_streamed_plan_that_turns_out_wrong_without_another_way_says_what_was_wrong() -> None:
    tools = Tools()
    reply = TRIP.replace("hotel_search", "teleport")
    ran_ = planned(MemoryChatModel([reply]), tools, mode="streamed", max_replans=0)
    assert (ran_.result.status, ran_.replans, list(ran_.result.outputs)) == ("failed", 0, ["flights"])
    assert "an unknown target" in str(ran_.result.error)


def test_planned_run_that_is_held_can_be_resumed_with_its_plan() -> None:
    flow, tools = flow_of(), Tools()
    ran_ = planned(MemoryChatModel([TRIP]), tools, flow, mode="confirm", approver="boss")
    assert (ran_.result.status, tools.called) == ("held", [])
    assert ran_.result.held is not None
    resumed = asyncio.run(flow.resume(ran_.plan, ran_.result.held, approved=True, by="user:boss"))
    assert (resumed.status, len(tools.called)) == ("completed", 3)


def test_planned_run_with_nothing_to_call_for_a_step_is_refused() -> None:
    tools = Tools()
    del tools.calls["tool:hotel_search"]
    with pytest.raises(PlanError, match="hotel"):
        planned(MemoryChatModel([TRIP]), tools)
    assert tools.called == []


def test_query_that_policy_denies_is_not_planned() -> None:
    flow = flow_of({"id": "no", "effect": "deny", "match": {"action": "llm.request"}})
    for mode in ("auto", "streamed"):
        with pytest.raises(Denied):
            planned(MemoryChatModel([TRIP]), Tools(), flow, mode=mode)


def test_growth_with_a_policy_that_cannot_be_asked_ends_the_growing() -> None:
    def answer(request: Any) -> Any:
        if request.context.get("steps") == 2:
            raise LookupError("the spool is full")
        return decision()

    async def plans() -> AsyncGenerator[Plan, None]:
        yield Plan("p", [a_step("a"), a_step("b")])

    result = ran(Plan("p", [a_step("a")]), Policy(answer), going=Going(growth=plans()))
    assert (result.status, result.error) == ("failed", "LookupError: the spool is full")
