"""Runs that wait for somebody's approval, and go on: through `AxonFlow.run` and `AxonFlow.resume`."""

import asyncio
from typing import Any

import pytest

from axonflow import AxonFlow, Denied, Plan, Principal, Step
from axonflow.adapters.memory import MemoryAuditLog, MemoryLedger
from axonflow.errors import PlanError
from axonflow.plan import Compensation, HeldRun, Limits, PlanQuota, PlanResult, Retry, Takes, ref
from tests.unit.flows.plan_runs import echo, states

ANN = Principal("ann")
BOSS = Principal("bob", roles=("boss",))


def flow_of(*rules: dict[str, Any], **parts: Any) -> AxonFlow:
    return AxonFlow.open(
        {
            "apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "t"}, "default": "allow",
            "rules": list(rules),
        },
        **parts,
    )  # fmt: skip


def held_by(name: str, *approvers: str, **match: Any) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": name, "effect": "require_approval", "reason": "it is dear", "match": match}
    if approvers:
        rule["obligations"] = [{"type": "approval", "approvers": list(approvers)}]
    return rule


class Calls:
    """Steps that keep how often they were called."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def step(self, name: str, result: Any = None) -> Any:
        async def run(**_arguments: Any) -> Any:
            self.names.append(name)
            return result

        return run


def run(flow: AxonFlow, plan: Plan, **parts: Any) -> PlanResult:
    return asyncio.run(flow.run(plan, principal=ANN, **parts))


def resume(flow: AxonFlow, plan: Plan, held: PlanResult, *, approved: Any = True, **parts: Any) -> PlanResult:
    assert held.held is not None
    kept = HeldRun.from_json(held.held.to_json())  # as another process would have it
    return asyncio.run(flow.resume(plan, kept, approved=approved, **{"by": BOSS, **parts}))


def trip(calls: Calls) -> Plan:
    plan = Plan("trip").tool("find", "search", calls.step("find", {"price": 7}))
    plan.add(Step(name="ok", kind="approval", target="boss", needs=["find"]))
    return plan.tool("book", "booking", calls.step("book", "booked"), needs=["ok"]).step("mail", calls.step("mail"))


def test_held_run_that_is_approved_goes_on_and_repeats_nothing() -> None:
    calls, flow = Calls(), flow_of()
    plan = trip(calls)
    held = run(flow, plan)
    assert (held.status, states(held)["book"], held.steps["book"].reasons) == (
        "held", "pending", ("it waits for an approval",),
    )  # fmt: skip
    assert held.held is not None
    assert [(one.step, one.resource, one.why, one.approvers) for one in held.held.waiting] == [
        ("ok", "approval:boss", "held for approval: boss", ("boss",))
    ]
    result = resume(flow, plan, held, comment="go")
    assert (result.status, result.plan_id) == ("completed", held.plan_id)
    assert sorted(calls.names) == ["book", "find", "mail"]
    assert result.outputs["ok"] == {"approved_by": "user:bob", "comment": "go"}
    assert result.steps["find"] == held.steps["find"]
    assert result.steps["ok"].attempts == 2
    assert "it waits for an approval" not in result.steps["book"].reasons
    assert result.result == {"book": "booked", "mail": None}


def test_held_run_that_is_refused_denies_the_step_and_what_needs_it() -> None:
    calls, flow = Calls(), flow_of()
    plan = trip(calls)
    result = resume(flow, plan, run(flow, plan), approved=False, comment="too far")
    assert (result.status, result.errors) == ("denied", {"ok": "refused by user:bob: too far"})
    assert states(result) == {"find": "succeeded", "ok": "denied", "book": "skipped", "mail": "succeeded"}
    assert "book" not in calls.names


def test_held_run_that_is_refused_is_rolled_back_where_the_failure_policy_says_so() -> None:
    undone: list[Any] = []

    async def undo(price: Any) -> None:
        undone.append(price)

    plan = Plan("p", on_failure="cancel")
    plan.step("a", echo, inputs={"n": 1}, compensate=Compensation(run=undo, inputs={"price": ref("a.n")}))
    plan.add(Step(name="ok", kind="approval", target="boss", needs=["a"]))
    flow = flow_of()
    result = resume(flow, plan, run(flow, plan), approved=False)
    assert (result.status, states(result), undone) == ("failed", {"a": "compensated", "ok": "denied"}, [1])
    assert result.steps["a"].attempts == 1


def test_step_that_a_policy_holds_is_called_once_its_approvers_have_agreed() -> None:
    calls = Calls()
    flow = flow_of(
        held_by("dear", "boss", action="tool.call", **{"resource.id": "pay"}), audit=(log := MemoryAuditLog())
    )
    plan = Plan("p").tool("a", "pay", calls.step("a")).step("b", calls.step("b"), needs=["a"])
    held = run(flow, plan)
    assert held.held is not None
    assert [(one.step, one.resource, one.approvers) for one in held.held.waiting] == [("a", "tool:pay", ("boss",))]
    with pytest.raises(PlanError, match="not an approver: expected boss, found user:eve"):
        resume(flow, plan, held, by="user:eve")
    with pytest.raises(PlanError, match="expected somebody of tenant 'default', found another tenant's"):
        resume(flow, plan, held, by=Principal("bob", tenant="other", roles=("boss",)))
    assert calls.names == []
    result = resume(flow, plan, held)
    assert (result.status, calls.names) == ("completed", ["a", "b"])
    assert result.steps["a"].reasons[-2:] == ("Approved by user:bob.", "it is dear")
    asked = [(event.principal, event.action, event.effect) for event in events(log) if event.kind == "decision"]
    assert ("user:bob", "plan.approve", "allow") in asked
    assert asked.count(("user:ann", "tool.call", "require_approval")) == 1
    assert ("user:ann", "tool.call", "allow") in asked
    [told] = [event for event in events(log) if event.kind == "plan_step" and event.action == "plan.approve"]
    assert (told.details["step"], told.details["approved"]) == ("a", True)


def events(log: MemoryAuditLog) -> list[Any]:
    return [record.event for record in asyncio.run(log.records("default"))]


def test_step_that_two_policies_hold_waits_for_both_of_those_who_may() -> None:
    calls = Calls()
    flow = flow_of(held_by("one", "boss", action="plan.step"), held_by("two", "cfo", action="tool.call"))
    plan = Plan("p").tool("a", "pay", calls.step("a"))
    once = resume(flow, plan, run(flow, plan))
    assert once.status == "held"
    assert once.held is not None
    assert [one.approvers for one in once.held.waiting] == [("cfo",)]
    assert resume(flow, plan, once, by=Principal("cfo")).status == "completed"
    assert calls.names == ["a"]


def test_approval_does_not_lift_limits_nor_what_is_denied_by_now() -> None:
    calls = Calls()
    limit = {
        "id": "rare", "effect": "limit", "match": {"action": "tool.call"},
        "obligations": [{"type": "limit", "unit": "requests", "maximum": 1, "window_s": 3600}],
    }  # fmt: skip
    flow = flow_of(held_by("dear", action="tool.call"), limit, ledger=MemoryLedger())
    plan = Plan("p").tool("a", "pay", calls.step("a"))
    first, second = run(flow, plan), run(flow, plan)
    assert resume(flow, plan, first).status == "completed"
    assert "used up" in resume(flow, plan, second).errors["a"]
    third = run(flow, plan)
    flow.reload([{
        "apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "t"}, "default": "allow",
        "rules": [{"id": "no", "effect": "deny", "match": {"action": "tool.call"}}],
    }])  # fmt: skip
    assert resume(flow, plan, third).status == "denied"
    assert calls.names == ["a"]


def test_plan_whose_start_is_held_runs_when_it_is_approved() -> None:
    calls, flow = Calls(), flow_of(held_by("big", "boss", action="plan.start"))
    plan = Plan("p").step("a", calls.step("a"))
    held = run(flow, plan)
    assert (held.status, states(held), calls.names) == ("held", {"a": "pending"}, [])
    assert held.held is not None
    assert [(one.step, one.resource, one.approvers) for one in held.held.waiting] == [("", "plan:p", ("boss",))]
    refused = resume(flow, plan, held, approved=False)
    assert (refused.status, refused.reasons[0], states(refused)) == ("denied", "refused by user:bob", {"a": "skipped"})
    assert resume(flow, plan, held).status == "completed"
    assert calls.names == ["a"]


def test_answers_for_some_of_what_waits_leave_the_others_waiting() -> None:
    calls, flow = Calls(), flow_of()
    plan = Plan("p")
    for name in "ab":
        plan.add(Step(name=f"ok_{name}", kind="approval", target="boss")).step(
            name, calls.step(name), needs=[f"ok_{name}"]
        )
    held = resume(flow, plan, run(flow, plan), approved={"ok_a": True})
    assert (held.status, calls.names) == ("held", ["a"])
    assert resume(flow, plan, held, approved={"ok_b": False}).status == "denied"
    with pytest.raises(PlanError, match="not a step that waits: expected ok_b, found 'ok_a'"):
        resume(flow, plan, held, approved={"ok_a": True})


def test_policy_may_keep_people_from_approving_what_is_their_own() -> None:
    rule = {
        "id": "own", "effect": "deny", "match": {"action": "plan.approve"}, "reason": "not your own",
        "when": "principal.type + ':' + principal.id == context.requested_by",
    }  # fmt: skip
    calls, flow = Calls(), flow_of(rule)
    plan = Plan("p").add(Step(name="ok", kind="approval", target="boss")).step("a", calls.step("a"), needs=["ok"])
    held = run(flow, plan)
    with pytest.raises(Denied, match="not your own"):
        resume(flow, plan, held, by=Principal("ann", roles=("boss",)))
    assert resume(flow, plan, held).status == "completed"


def test_step_of_a_plan_within_that_is_held_holds_the_outer_plan_and_goes_on_there() -> None:
    calls, flow = Calls(), flow_of()
    body = Plan("body").step("x", calls.step("x", 1)).add(Step(name="ok", kind="approval", target="boss", needs=["x"]))
    body.step("y", calls.step("y", 2), needs=["ok"])
    plan = Plan("p").plan("inner", body).step("after", calls.step("after"), needs=["inner"])
    held = run(flow, plan)
    assert held.errors == {"inner": "held for approval: inner.ok"}
    assert held.held is not None
    assert [one.step for one in held.held.waiting] == ["inner.ok"]
    result = resume(flow, plan, held)
    assert (result.status, result.outputs["inner"]) == ("completed", {"y": 2})
    assert calls.names == ["x", "y", "after"]
    assert resume(flow, plan, held, approved=False).status == "failed"


def test_elements_of_a_map_that_are_held_go_on_beside_those_that_are_done() -> None:
    seen: list[int] = []

    async def look(item: int) -> int:
        seen.append(item)
        return item

    async def act(item: int, ok: Any) -> int:
        seen.append(item * 10)
        return item

    choice = Step(
        name="large", kind="condition", when="item > 1", inputs={"item": ref("$.item")}, after=["look"],
        branches={"true": ["ok", "act"], "false": []},
    )  # fmt: skip
    body = Plan("body").step("look", look, inputs={"item": ref("$.item")}).add(choice)
    body.add(Step(name="ok", kind="approval", target="boss"))
    body.step("act", act, inputs={"item": ref("$.item")}, needs=["ok"])
    plan = Plan("p").step("list", echo, inputs={"of": [1, 2, 3]}).map("each", "list.of", body)
    flow = flow_of()
    held = run(flow, plan)
    assert held.held is not None
    assert [one.step for one in held.held.waiting] == ["each.1.ok", "each.2.ok"]
    again = resume(flow, plan, held, approved={"each.2.ok": True})
    result = resume(flow, plan, again)
    assert (result.status, sorted(seen)) == ("completed", [1, 2, 3, 20, 30])
    assert result.outputs["each"] == [{}, {"act": 2}, {"act": 3}]


def test_failure_before_the_approval_still_counts_after_it() -> None:
    async def fails() -> None:
        raise LookupError("no")

    flow = flow_of()
    plan = (
        Plan("p")
        .step("bad", fails, retry=Retry(attempts=2, first_ms=0))
        .add(Step(name="ok", kind="approval", target="boss"))
    )
    result = resume(flow, plan, run(flow, plan))
    assert (result.status, states(result)) == ("failed", {"bad": "failed", "ok": "succeeded"})
    assert result.steps["bad"].attempts == 2


def test_held_run_of_another_plan_is_refused() -> None:
    flow = flow_of()
    held = run(flow, trip(Calls()))
    for name, step in (("trip", "other"), ("travel", "find")):
        with pytest.raises(PlanError, match="a held run of another plan"):
            resume(flow, Plan(name).step(step, echo), held)


def test_steps_that_are_done_are_not_called_again_nor_judged() -> None:
    calls = Calls()
    flow = flow_of({"id": "no", "effect": "deny", "match": {"action": "tool.call", "resource.id": "old"}})
    plan = Plan("p").tool("a", "old", calls.step("a")).step("b", echo, needs=["a"])
    result = run(flow, plan, done={"a": [1]})
    assert (result.status, result.outputs, calls.names) == ("completed", {"a": [1], "b": {"a": [1]}}, [])
    with pytest.raises(PlanError, match="a step of another plan"):
        run(flow, plan, done={"x": 1})


def test_held_body_that_goes_on_reserves_what_is_left_of_it() -> None:
    calls, ledger = Calls(), MemoryLedger()
    flow = flow_of(ledger=ledger, plan_limits=Limits(quotas=[PlanQuota(unit="tokens", maximum=100, window_s=3_600)]))
    body = Plan("body").step("dear", calls.step("dear"), takes=Takes(tokens=60))
    body.add(Step(name="ok", kind="approval", target="boss", needs=["dear"]))
    body.step("cheap", calls.step("cheap"), needs=["ok"], takes=Takes(tokens=30))
    plan = Plan("trip", budget=Takes(tokens=90)).plan("within", body)
    held = run(flow, plan)
    assert (held.status, calls.names) == ("held", ["dear"])
    assert resume(flow, plan, held).status == "completed"
    assert calls.names == ["dear", "cheap"]
    with pytest.raises(PlanError, match="does not fit its budget: expected at most 10 tokens"):
        run(flow, plan)
