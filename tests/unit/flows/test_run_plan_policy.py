import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
import pytest

from axonflow.errors import AuditError
from axonflow.flows.record import Outcome
from axonflow.plan import Plan, PlanResult
from axonflow.policy.decision import Decision, Effect
from axonflow.policy.request import Request
from tests.unit.flows.plan_runs import (
    ANN,
    HANGS_AFTER_S,
    Policy,
    broken,
    decision,
    echo,
    on_step,
    ran,
    started,
    states,
)


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


@pytest.mark.parametrize(
    ("effect", "status", "state", "why"),
    [
        (Effect.DENY, "denied", "skipped", "the plan was not allowed"),
        (Effect.REQUIRE_APPROVAL, "held", "pending", "it waits for an approval"),
    ],
)
def test_run_plan_start_not_allowed_runs_nothing(effect: Effect, status: str, state: str, why: str) -> None:
    policy = Policy(lambda _request: decision(effect, reasons=("not today",)))
    result = ran(Plan("p").step("a", echo).step("b", echo, needs=["a"]), policy)
    assert (result.status, result.outputs, result.result) == (status, {}, {})
    assert (result.reasons, result.decision_id) == (("not today",), f"d-{effect}")
    assert states(result) == {"a": state, "b": state}
    assert result.steps["a"].reasons == (why,)
    assert len(policy.requests) == 1


@pytest.mark.parametrize(
    ("effect", "state", "words", "behind"),
    [(Effect.DENY, "denied", "denied", "skipped"), (Effect.REQUIRE_APPROVAL, "held", "held for approval", "pending")],
)
def test_run_plan_step_not_allowed_is_not_called_and_keeps_its_descendants_back(
    effect: Effect, state: str, words: str, behind: str
) -> None:
    policy = on_step("a", lambda: decision(effect, reasons=("too risky", "too dear")))
    result = ran(Plan("p").tool("a", "t", broken).step("b", echo, needs=["a"]).step("c", echo), policy)
    assert result.status == state
    assert states(result) == {"a": state, "b": behind, "c": "succeeded"}
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


def test_run_plan_object_is_judged_and_passed_as_json() -> None:
    policy = Policy()
    plan = Plan("p").step("a", lambda: Offer(3, date(2020, 1, 1), ("AMS",)))
    result = ran(plan.step("b", echo, needs=["a"], inputs={"n": 1}), policy)
    judged = {"a": {"price": 3, "until": "2020-01-01", "stops": ["AMS"]}, "n": 1}
    assert policy.requests[-1].content == judged
    assert result.result == {"b": judged}


class Omitting(msgspec.Struct, omit_defaults=True):
    to: str = "anybody"


class Marked(dict[str, Any]):
    note = "not JSON"


def _grown() -> Offer:
    offer = Offer(3, date(2020, 1, 1), ())
    offer.to = "anybody"  # type: ignore[attr-defined]  what a dataclass lets everybody do
    return offer


@pytest.mark.parametrize("make", [Omitting, _grown, lambda: Marked(a=1), lambda: {1: "x"}])
def test_run_plan_what_json_does_not_show_of_an_object_reaches_no_step(make: Callable[[], Any]) -> None:
    policy = Policy()
    received: list[Any] = []

    async def receive(a: Any) -> None:
        received.append(a)

    ran(Plan("p").step("a", make).step("b", receive, needs=["a"]), policy)
    assert received == [policy.requests[-1].content["a"]]
    assert type(received[0]) is dict


def test_run_plan_redaction_replaces_what_it_touches_and_no_other() -> None:
    def answer(request: Request) -> Decision | None:
        if request.context.get("step") == "b":
            return decision(Effect.REDACT, redacted={**request.content, "who": ["[name]"]})
        return None

    plan = Plan("p").step("who", lambda: ("ann",)).step("when", lambda: date(2020, 1, 1))
    result = ran(plan.step("b", echo, needs=["who", "when"]), Policy(answer))
    assert result.result == {"b": {"who": ["[name]"], "when": "2020-01-01"}}


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"x",
        lambda: float("nan"),
        lambda: [2**70],
        lambda: [{1: "x", "1": "y"}],
    ],
)
def test_run_plan_argument_that_cannot_be_judged_fails_the_step_closed(make: Callable[[], Any]) -> None:
    called: list[Any] = []
    policy = Policy()
    result = ran(Plan("p").step("a", make).step("b", lambda a: called.append([a]), needs=["a"]), policy)
    assert states(result) == {"a": "succeeded", "b": "failed"}
    assert "'a'" in result.errors["b"]
    assert called == []
    assert policy.asked() == ["plan.start plan:p", "plan.step function:a"]


@pytest.mark.parametrize("make", [lambda: ["harmless"], lambda: Offer(1, date(2020, 1, 1), ("harmless",))])
def test_run_plan_result_changed_while_policy_is_asked_is_passed_as_it_was_judged(make: Callable[[], Any]) -> None:
    async def scenario() -> tuple[PlanResult, Any]:
        shared = make()
        judged = None

        async def give() -> Any:
            return shared

        async def enforce(request: Request) -> Decision:
            nonlocal judged
            if request.context.get("step") == "b":
                judged = request.content
                if isinstance(shared, list):
                    shared.append("slipped in")
                else:
                    shared.price = 99
            return decision()

        return await started(Plan("p").step("a", give).step("b", echo, needs=["a"]), enforce), judged

    result, judged = asyncio.run(asyncio.wait_for(scenario(), HANGS_AFTER_S))
    assert result.result == {"b": judged}
    assert "slipped in" not in str(judged)
    assert "99" not in str(judged)


def test_run_plan_tells_what_came_of_each_step_that_was_called_by_the_class_of_its_error() -> None:
    told = []

    async def recorded(request: Request, decision_id: str, outcome: Outcome) -> None:
        told.append((request.resource.id, decision_id, outcome.details["step"], outcome.failed))
        assert outcome.duration_us is not None
        assert outcome.duration_us >= 0

    plan = Plan("p").step("good", echo).step("bad", broken).step("denied", echo).step("skipped", echo, needs=["bad"])
    policy = on_step("denied", lambda: decision(Effect.DENY))
    result = ran(plan, policy, recorded=recorded)
    assert states(result) == {"good": "succeeded", "bad": "failed", "denied": "denied", "skipped": "skipped"}
    assert sorted(told) == [("bad", "d-allow", "bad", "LookupError"), ("good", "d-allow", "good", "")]


def test_run_plan_step_that_cannot_be_recorded_fails_and_gives_nothing_on() -> None:
    async def recorded(_request: Request, _decision_id: str, _outcome: Outcome) -> None:
        raise AuditError("the disk is full")

    result = ran(Plan("p").step("a", echo).step("b", echo, needs=["a"]), Policy(), recorded=recorded)
    assert states(result) == {"a": "failed", "b": "skipped"}
    assert result.outputs == {}
    assert "the disk is full" in result.errors["a"]
