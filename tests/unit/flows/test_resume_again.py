"""Runs that go on more than once, or otherwise than they began: what was said, and what was done, stays so."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from axonflow import AxonFlow, Plan, Step
from axonflow.adapters.memory import MemoryAuditLog
from axonflow.errors import PlanError
from axonflow.plan import Compensation, Hedge, PlanResult, Retry
from axonflow.policy.decision import Effect
from tests.unit.flows.plan_runs import Policy, decision, echo, in_time, started, states, turns
from tests.unit.flows.test_resume_run import BOSS, Calls, events, flow_of, held_by, resume, run


def asking(name: str, *, after: tuple[str, ...] = ()) -> Step:
    return Step(name=name, kind="approval", target="boss", after=after)


def test_approval_of_a_step_does_not_cover_what_undoes_it() -> None:
    undone: list[str] = []

    async def refund() -> None:
        undone.append("refund")

    async def fails() -> None:
        raise LookupError("no")

    rules = [held_by(name, action="tool.call", **{"resource.id": name}) for name in ("pay", "refund")]
    flow = flow_of(*rules)
    undo = Compensation(kind="tool", target="refund", run=refund)
    plan = Plan("p", on_failure="cancel").tool("a", "pay", echo, compensate=undo).step("b", fails, needs=["a"])
    result = resume(flow, plan, run(flow, plan))
    assert (states(result), undone) == ({"a": "uncompensated", "b": "failed"}, [])
    assert result.errors["a"].startswith("not undone: held for approval")


def test_body_that_begins_again_is_not_approved_by_what_was_said_before() -> None:
    drafts: list[str] = []
    sent: list[str] = []

    async def draft() -> str:
        drafts.append(f"draft {len(drafts)}")
        return drafts[-1]

    async def send(draft: str) -> None:
        sent.append(draft)
        if len(sent) == 1:
            raise LookupError("no connection")

    flow = flow_of(held_by("mail", "boss", action="tool.call", **{"resource.id": "mail"}))
    body = Plan("body").step("draft", draft).tool("send", "mail", send, needs=["draft"])
    plan = Plan("p").plan("trip", body, retry=Retry(attempts=2, first_ms=0))
    once = resume(flow, plan, run(flow, plan))
    assert (once.status, sent) == ("held", ["draft 0"])
    assert resume(flow, plan, once).status == "completed"
    assert sent == ["draft 0", "draft 1"]


def test_body_that_was_held_is_kept_while_the_step_around_it_is_held_itself() -> None:
    calls, audit = Calls(), MemoryAuditLog()
    flow, strict = (
        flow_of(audit=audit), flow_of(held_by("trips", "boss", action="plan.step", **{"resource.type": "plan"}))
    )  # fmt: skip
    body = Plan("body").step("book", calls.step("book", 7)).add(asking("ok", after=("book",)))
    plan = Plan("p").plan("trip", body)
    held = run(flow, plan)
    assert [event.details["step"] for event in events(audit) if event.kind == "plan_step"] == ["trip.book"]
    again = resume(strict, plan, held)
    assert [one.step for one in again.held.waiting] == ["trip"]
    result = resume(strict, plan, again)
    assert (result.status, calls.names) == ("completed", ["book"])


def test_deadline_of_a_body_counts_what_it_ran_before_it_was_held() -> None:
    async def takes_a_while() -> None:
        await turns(1_000)

    body = Plan("body", deadline_ms=60_000).add(asking("ok")).step("work", takes_a_while, after=["ok"])
    plan = Plan("p").plan("trip", body)
    held = run(flow_of(), plan).held
    assert held is not None
    before = held.so_far.within["trip"]
    assert 0 < before.spent_us < 60_000_000
    late = replace(held, so_far=replace(held.so_far, within={"trip": replace(before, spent_us=60_000_000)}))
    for run_held, status in ((held, "completed"), (late, "failed")):
        result = in_time(flow_of().resume(plan, run_held, approved=True, by=BOSS))
        assert result.status == status, result.errors


def test_step_that_a_second_copy_did_does_not_wait_for_the_copy_that_was_held() -> None:
    copies: list[int] = []

    async def both() -> PlanResult:
        second = asyncio.Event()

        async def slow() -> str:
            await second.wait()
            return "done"

        def answer(request: Any) -> Any:
            if request.resource.id == "slow":
                copies.append(1)
                if len(copies) == 2:
                    asyncio.get_running_loop().call_soon(second.set)
                    return decision(Effect.REQUIRE_APPROVAL)
            return None

        plan = Plan("p").add(Step(name="slow", run=slow, idempotent=True, hedge=Hedge(after_ms=1)))
        plan.add(asking("ok"))
        return await started(plan, Policy(answer))

    result = in_time(both())
    assert (states(result), len(copies)) == ({"slow": "succeeded", "ok": "held"}, 2)
    assert [one.step for one in result.held.waiting] == ["ok"]


def test_run_that_may_not_go_on_says_what_it_had_done() -> None:
    calls = Calls()
    plan = Plan("p").step("a", calls.step("a", 1)).add(asking("ok")).step("b", calls.step("b"), after=["ok"])
    held = run(flow_of(), plan)
    denied = resume(flow_of({"id": "no", "effect": "deny", "match": {"action": "plan.start"}}), plan, held)
    assert (denied.status, states(denied)) == ("denied", {"a": "succeeded", "ok": "skipped", "b": "skipped"})
    assert (denied.steps["a"], denied.errors) == (held.steps["a"], {})
    again = resume(flow_of(held_by("start", action="plan.start")), plan, held)
    assert (again.status, states(again)) == ("held", states(held))


def test_held_step_that_is_not_begun_again_is_cancelled_with_the_others() -> None:
    async def fails() -> None:
        raise LookupError("no")

    plan = Plan("p", on_failure="cancel", mode="sequential").add(asking("one")).step("bad", fails, after=["one"])
    plan.add(asking("two"))
    held = run(flow_of(), plan)
    assert states(held) == {"one": "held", "bad": "pending", "two": "held"}
    result = resume(flow_of(), plan, held, approved={"one": False})
    assert (result.status, states(result)) == ("failed", {"one": "denied", "bad": "skipped", "two": "cancelled"})
    assert result.steps["two"].error is None


# -- conditions that are done -----------------------------------------------------------------------------------------


def branching(calls: Calls) -> Plan:
    choice = Step(
        name="rich", kind="condition", when="n > 1", inputs={"n": 1}, branches={"true": ["buy"], "false": ["save"]}
    )
    plan = Plan("p").add(choice).step("buy", calls.step("buy")).step("save", calls.step("save"))
    return plan.step("after", calls.step("after"), needs=["buy"])


def test_condition_that_is_done_runs_only_what_it_chose() -> None:
    calls = Calls()
    result = run(flow_of(), branching(calls), done={"rich": "false"})
    assert (result.status, calls.names) == ("completed", ["save"])
    assert states(result) == {"rich": "succeeded", "buy": "skipped", "save": "succeeded", "after": "skipped"}
    assert result.steps["buy"].reasons == ("'rich' did not choose it",)


def test_step_that_is_done_stays_done_whatever_a_condition_chose() -> None:
    calls = Calls()
    assert run(flow_of(), branching(calls), done={"rich": "false", "buy": 1}).result == {"save": None, "after": None}


@pytest.mark.parametrize("given", ["maybe", 1, None, ["true"]])
def test_condition_that_is_done_with_no_branch_of_its_own_is_refused(given: Any) -> None:
    with pytest.raises(PlanError, match="the condition has no branch: expected true or false"):
        run(flow_of(), branching(Calls()), done={"rich": given})


# -- plans that were still being written ------------------------------------------------------------------------------


def written(flow: AxonFlow, *plans: Plan, fault: Exception | None = None) -> PlanResult:
    async def coming() -> Any:
        for plan in plans:
            yield plan
        if fault is not None:
            raise fault

    return in_time(flow.run_growing(coming(), principal="user:ann"))


@pytest.mark.parametrize(("policy", "status"), [("continue", "failed"), ("partial", "completed")])
def test_held_run_of_half_a_plan_fails_when_it_is_approved(policy: Any, status: str) -> None:
    flow = flow_of()
    plan = Plan("p", on_failure=policy).add(asking("ok"))
    held = written(flow, plan, fault=PlanError("half a plan"))
    assert (held.status, held.error) == ("held", "PlanError: half a plan")
    result = resume(flow, plan, held)
    assert (result.status, states(result), result.error) == (status, {"ok": "succeeded"}, "PlanError: half a plan")


def test_growing_plan_whose_start_is_held_is_held_as_a_whole() -> None:
    calls, flow = Calls(), flow_of(held_by("start", "boss", action="plan.start"))
    first = Plan("p").step("a", calls.step("a"))
    whole = Plan("p", first.steps).step("b", calls.step("b"), needs=["a"])
    held = written(flow, first, whole)
    assert (held.status, states(held)) == ("held", {"a": "pending", "b": "pending"})
    assert resume(flow, whole, held).status == "completed"
    assert calls.names == ["a", "b"]
    with pytest.raises(PlanError, match="half a plan"):
        written(flow, first, fault=PlanError("half a plan"))
