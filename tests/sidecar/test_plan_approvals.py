"""Plans through the agent that wait for somebody: held, looked at, approved or refused, also in another process."""

import asyncio

import pytest

from axonflow import Plan, Principal
from axonflow.errors import PlanError
from axonflow.plan import Step
from tests.sidecar.doors import ACME, ALLOW_ALL, HEADERS, Doors
from tests.sidecar.test_plan_routes import made, run
from tests.strategies import policy_set

PENDING = "/api/v1/plans/approvals/pending"
ASKING_FOR_REFUNDS = policy_set(
    [{"id": "ask", "effect": "require_approval", "match": {"resource.id": "refund"}}], default="allow"
)
REFUND = {"step_type": "tool_call", "tool_context": {"tool_name": "refund", "tool_input": {"usd": 5}}}


def paying(called):
    async def price():
        called.append("price")
        return 7

    async def pay(price):
        called.append("pay")
        return f"paid {price}"

    plan = Plan("trip").step("price", price)
    return plan.tool("pay", "bank", pay, needs=["price"], inputs={})


def held_plan(policies=ALLOW_ALL, mode="confirm", headers=HEADERS, **approval):
    called = []
    plan = paying(called)
    if approval:
        plan = Plan("trip", [*plan.steps, Step(name="ask", kind="approval", target=approval["approver"])])
    doors = Doors(policies, {"trip": plan})
    plan_id = made(doors, headers, domain="trip", execution_mode=mode)["plan_id"]
    ran = run(doors, plan_id, headers).json()
    return doors, plan_id, ran, called


def resume(doors, plan_id, headers=HEADERS, **body):
    return doors.post(f"/api/v1/plan/{plan_id}/resume", {"approved": True} | body, headers)


def pending(doors, query="", headers=HEADERS):
    return doors.call("GET", PENDING + query, headers=headers).json()["pending_approvals"]


def test_plan_that_waits_is_held_and_says_for_what():
    doors, plan_id, ran, called = held_plan()
    assert (ran["success"], ran["data"]["status"], called) == (True, "awaiting_approval", [])
    (waiting,) = pending(doors)
    assert (waiting["plan_id"], waiting["workflow_name"], waiting["step_id"]) == (plan_id, "trip", "approve_plan")
    assert (waiting["step_type"], waiting["approvers"], waiting["approval_status"]) == (
        "human_task", ["approver"], "pending",
    )  # fmt: skip
    shown = doors.call("GET", f"/api/v1/unified/executions/{plan_id}").json()
    assert (shown["status"], shown["steps"][0]["status"]) == ("running", "approval")
    assert shown["steps"][0]["approval_status"] == "pending"
    moments = doors.call("GET", f"/api/v1/executions/{plan_id}/timeline").json()
    assert [(one["has_approval"], one["has_error"]) for one in moments] == [(True, False)]
    assert pending(doors, f"?plan_id={plan_id}&limit=1") == [waiting]
    assert pending(doors, "?plan_id=other") == []


def test_plan_that_is_approved_goes_on_to_its_end():
    doors, plan_id, _, called = held_plan()
    answer = resume(doors, plan_id, comment="Go.").json()
    assert (answer["status"], answer["approved"], answer["result"]) == ("completed", True, '{"pay":"paid 7"}')
    assert called == ["price", "pay"]
    assert pending(doors) == []
    assert {one["status"] for one in doors.call("GET", f"/api/v1/executions/{plan_id}/steps").json()} == {"completed"}
    approvals = [event for event in doors.recorded() if event.action == "plan.approve"]
    assert approvals
    assert {event.principal for event in approvals} == {"service:tester"}


def test_plan_that_is_refused_runs_nothing_more():
    doors, plan_id, _, called = held_plan()
    answer = resume(doors, plan_id, approved=False).json()
    assert (answer["status"], answer["approved"], called) == ("failed", False, [])
    assert doors.call("GET", f"/api/v1/plan/{plan_id}").json()["status"] == "failed"


def test_plan_that_asks_before_each_step_goes_on_one_by_one():
    doors, plan_id, _, called = held_plan(mode="step")
    assert resume(doors, plan_id).json()["status"] == "awaiting_approval"
    assert called == ["price"]
    (waiting,) = pending(doors)
    assert (waiting["step_id"], waiting["hold_version"]) == ("approve_pay", 2)
    assert resume(doors, plan_id, step_id="approve_pay").json()["status"] == "completed"
    assert called == ["price", "pay"]


def test_plan_that_was_held_goes_on_in_another_process():
    doors, plan_id, _, called = held_plan(mode="step")
    resume(doors, plan_id)
    other = Doors(ALLOW_ALL, {"trip": paying(called)}, store=doors.plan_store)
    assert asyncio.run(doors.plan_store.abandon(doors.runs._executor_id, "gone", 9)) == 0
    assert resume(other, plan_id, step_id="approve_pay").json()["result"] == '{"pay":"paid 7"}'
    assert called == ["price", "pay"]


def test_plan_that_is_held_and_cancelled_is_approved_no_more():
    doors, plan_id, _, called = held_plan()
    assert doors.post(f"/api/v1/plan/{plan_id}/cancel", {}).json()["status"] == "cancelled"
    refused = resume(doors, plan_id)
    assert (refused.status_code, refused.json()["message"], called) == (409, "nothing waits", [])


def test_plan_approved_twice_at_once_goes_on_once():
    doors, plan_id, _, called = held_plan()

    async def twice():
        async with doors.client() as client:
            path = f"/api/v1/plan/{plan_id}/resume"
            return await asyncio.gather(*(client.post(path, json={"approved": True}) for _ in range(2)))

    assert sorted(answer.status_code for answer in asyncio.run(twice())) == [200, 409]
    assert called == ["price", "pay"]


def test_plan_that_has_gone_on_and_waits_again_is_not_approved_unseen():
    doors, plan_id, _, called = held_plan(mode="step")
    seen = asyncio.run(doors.plan_store.get("default", plan_id))
    assert resume(doors, plan_id).json()["status"] == "awaiting_approval"
    before = asyncio.run(doors.plan_store.get("default", plan_id))
    tester = Principal("tester", "service", "default", ("approver",))
    assert asyncio.run(doors.runs.resume(seen, approved=True, by=tester)) is None
    assert asyncio.run(doors.plan_store.get("default", plan_id)) == before
    assert called == ["price"]
    assert resume(doors, plan_id, hold_version=2).json()["status"] == "completed"


@pytest.mark.parametrize("seen", [{"step_id": "approve_price"}, {"hold_version": 1}, {"step_id": "plan.start"}])
def test_plan_that_waits_for_another_step_by_now_is_409_and_waits_on(seen):
    doors, plan_id, _, called = held_plan(mode="step")
    resume(doors, plan_id, step_id="approve_price")
    refused = resume(doors, plan_id, **seen)
    assert (refused.status_code, called) == (409, ["price"])
    assert refused.json()["found"] == "approve_pay (hold_version 2)"
    assert [one["step_id"] for one in pending(doors)] == ["approve_pay"]


def test_plan_that_asks_at_each_step_goes_on_at_each_yes_of_a_client_that_names_nothing():
    doors, plan_id, _, called = held_plan(mode="step")
    assert [resume(doors, plan_id).json()["status"] for _ in range(2)] == ["awaiting_approval", "completed"]
    assert called == ["price", "pay"]


@pytest.mark.parametrize(("own", "inner"), [("approve_cost", None), ("approve_all", "ask")])
def test_approval_of_the_plan_s_own_is_not_given_by_a_client_that_names_nothing_whatever_it_is_called(own, inner):
    called = []
    asks = Step(name=inner or own, kind="approval", target="approver")
    doors = Doors(ALLOW_ALL, {"trip": paying(called).plan(own, Plan("within", [asks])) if inner else Plan(
        "trip", [*paying(called).steps, asks])})  # fmt: skip
    plan_id = made(doors, HEADERS, domain="trip", execution_mode="step")["plan_id"]
    run(doors, plan_id)
    answers = [resume(doors, plan_id) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 409, 409]
    assert own in answers[-1].json()["found"]
    assert called == ["price"]


def test_approval_of_the_mode_that_policy_holds_itself_is_not_given_by_a_client_that_names_nothing():
    rule = {"id": "ask", "effect": "require_approval", "match": {"action": "plan.step", "context.step": "approve_pay"}}
    doors, plan_id, _, called = held_plan(policy_set([rule], default="allow"), mode="step")
    assert [resume(doors, plan_id).status_code for _ in range(2)] == [200, 409]
    assert called == ["price"]
    assert resume(doors, plan_id, step_id="approve_pay").json()["status"] == "completed"


def test_plan_that_policy_holds_later_is_not_approved_by_a_client_that_names_nothing():
    rule = {"id": "ask", "effect": "require_approval", "match": {"action": "tool.call", "resource.id": "bank"}}
    doors, plan_id, _, called = held_plan(policy_set([rule], default="allow"), mode="step")
    resume(doors, plan_id)
    assert resume(doors, plan_id).json()["status"] == "awaiting_approval"
    refused = resume(doors, plan_id)
    assert (refused.status_code, refused.json()["message"]) == (
        409, "nobody says what they saw, and other steps waited before",
    )  # fmt: skip
    assert called == ["price"]


def test_plan_whose_approval_is_refused_for_the_caller_waits_for_the_same_as_before():
    rule = {"id": "no", "effect": "deny", "match": {"action": "plan.approve", "context.step": "approve_pay"}}
    doors, plan_id, _, called = held_plan(policy_set([rule], default="allow"), mode="step")
    resume(doors, plan_id)
    for _ in range(2):
        assert resume(doors, plan_id, hold_version=2, step_id="approve_pay").status_code == 403
    assert ([one["hold_version"] for one in pending(doors)], called) == ([2], ["price"])


def test_plan_step_that_is_named_is_approved_and_others_beside_it_wait_on():
    rule = {"id": "ask", "effect": "require_approval", "match": {"action": "tool.call"}}
    called = []
    plan = Plan("trip")
    for name in ("a", "b"):
        plan = plan.tool(name, name, lambda name=name: called.append(name), inputs={})
    doors = Doors(policy_set([rule], default="allow"), {"trip": plan})
    plan_id = made(doors, domain="trip")["plan_id"]
    run(doors, plan_id)
    assert sorted(one["step_id"] for one in pending(doors)) == ["a", "b"]
    assert resume(doors, plan_id, step_id="b").json()["status"] == "awaiting_approval"
    assert ([one["step_id"] for one in pending(doors)], called) == (["a"], ["b"])
    assert resume(doors, plan_id, step_id="a").json()["status"] == "completed"


def test_plan_step_that_policy_holds_waits_for_its_approvers():
    rule = {
        "id": "ask", "effect": "require_approval", "match": {"resource.id": "bank"},
        "obligations": [{"approvers": ["service:tester"]}],
    }  # fmt: skip
    doors, plan_id, ran, called = held_plan(policy_set([rule], default="allow"), mode="auto")
    assert (ran["data"]["status"], called) == ("awaiting_approval", ["price"])
    (waiting,) = pending(doors)
    assert (waiting["step_id"], waiting["resource"], waiting["step_type"]) == ("pay", "tool:bank", "tool_call")
    assert resume(doors, plan_id).json()["status"] == "completed"


def test_plan_that_somebody_else_has_to_approve_is_403_and_waits_on():
    doors, plan_id, _, called = held_plan(mode="auto", approver="finance")
    refused = resume(doors, plan_id)
    assert (refused.status_code, refused.json()["expected"]) == (403, "finance")
    assert ([one["step_id"] for one in pending(doors)], called) == (["ask"], ["price", "pay"])


def test_plan_whose_approval_policy_denies_is_403_and_waits_on():
    rule = {"id": "no", "effect": "deny", "match": {"action": "plan.approve"}}
    doors, plan_id, _, called = held_plan(policy_set([rule], default="allow"))
    assert resume(doors, plan_id).status_code == 403
    assert doors.call("GET", f"/api/v1/plan/{plan_id}").json()["status"] == "awaiting_approval"
    assert (len(pending(doors)), called) == (1, [])


def test_plan_that_is_held_is_nobody_elses_to_see_or_approve():
    doors, plan_id, _, _ = held_plan()
    assert resume(doors, plan_id, ACME).status_code == 404
    assert pending(doors, headers=ACME) == []


def test_plan_of_a_tenant_is_approved_by_a_key_of_that_tenant():
    doors, plan_id, ran, called = held_plan(headers=ACME)
    assert ran["data"]["status"] == "awaiting_approval"
    assert resume(doors, plan_id, ACME).json()["status"] == "completed"
    assert called == ["price", "pay"]


@pytest.mark.parametrize("body", [{}, {"approved": "yes"}, {"approved": True, "comment": "x" * 2001}])
def test_plan_approval_that_is_none_is_refused(body):
    doors, plan_id, _, _ = held_plan()
    assert doors.post(f"/api/v1/plan/{plan_id}/resume", body).status_code == 400


def test_plan_that_does_not_wait_cannot_be_approved():
    called = []
    doors = Doors(ALLOW_ALL, {"trip": paying(called)})
    plan_id = made(doors, domain="trip")["plan_id"]
    refused = resume(doors, plan_id)
    assert (refused.status_code, refused.json()["found"], called) == (409, "pending", [])


def test_pending_approvals_while_the_store_is_away_are_503(monkeypatch):
    doors, *_ = held_plan()

    async def away(*_):
        raise PlanError("away")

    monkeypatch.setattr(doors.plan_store, "page", away)
    assert doors.call("GET", PENDING).status_code == 503


def test_pending_approvals_of_plans_have_those_of_workflows_behind_them():
    doors, plan_id, _, _ = held_plan(ASKING_FOR_REFUNDS)
    workflow = doors.post("/api/v1/workflows", {"workflow_name": "Refunds"}).json()["workflow_id"]
    doors.post(f"/api/v1/workflows/{workflow}/steps/pay/gate", REFUND)
    assert [one["workflow_id"] for one in pending(doors)] == [plan_id, workflow]
    assert [one["workflow_id"] for one in pending(doors, "?limit=1")] == [plan_id]
    assert [one["workflow_id"] for one in pending(doors, f"?plan_id={plan_id}")] == [plan_id]


def test_pending_approvals_are_paged_over_plans_and_workflows_without_a_gap():
    doors, first, _, _ = held_plan(ASKING_FOR_REFUNDS)
    plans = [first]
    for _ in range(2):
        plans.insert(0, made(doors, domain="trip", execution_mode="confirm")["plan_id"])
        run(doors, plans[0])
    workflows = []
    for _ in range(3):
        workflows.append(doors.post("/api/v1/workflows", {"workflow_name": "Refunds"}).json()["workflow_id"])
        doors.post(f"/api/v1/workflows/{workflows[-1]}/steps/pay/gate", REFUND)
    everything = [*plans, *workflows]
    for limit in (1, 2, 3, 6, 7):
        for offset in range(8):
            page = doors.call("GET", f"{PENDING}?limit={limit}&offset={offset}").json()
            assert [one["workflow_id"] for one in page["pending_approvals"]] == everything[offset : offset + limit]
            assert page["has_more"] is (offset + limit < 6)
    page = doors.call("GET", "/api/v1/workflows/approvals/pending?limit=1&offset=1").json()
    assert ([one["workflow_id"] for one in page["pending_approvals"]], page["has_more"]) == (workflows[1:2], True)


def test_pending_approvals_of_a_plan_with_several_steps_are_together():
    rule = {"id": "ask", "effect": "require_approval", "match": {"action": "tool.call"}}
    plan = Plan("trip")
    for name in ("a", "b"):
        plan = plan.tool(name, name, lambda: None, inputs={})
    doors = Doors(policy_set([rule], default="allow"), {"trip": plan})
    for _ in range(2):
        run(doors, made(doors, domain="trip")["plan_id"])
    seen = [pending(doors, f"?limit=1&offset={offset}") for offset in range(3)]
    assert [sorted(one["step_id"] for one in page) for page in seen] == [["a", "b"], ["a", "b"], []]
    assert len({one["plan_id"] for page in seen for one in page}) == 2


def test_pending_step_of_a_plan_is_approved_by_the_ids_that_it_is_listed_with():
    doors, plan_id, _, called = held_plan(mode="step")
    for word in ("awaiting_approval", "completed"):
        (waiting,) = pending(doors)
        path = f"/api/v1/workflows/{waiting['workflow_id']}/steps/{waiting['step_id']}/approve"
        told = doors.post(path, {"comment": "Go."}).json()
        assert (told["workflow_id"], told["step_id"], told["status"]) == (plan_id, waiting["step_id"], "approved")
        assert (told["approved_by"], told["plan_status"]) == ("service:tester", word)
        assert doors.post(path, {}).status_code == 409
    assert called == ["price", "pay"]


def test_pending_step_of_a_plan_is_rejected_by_the_ids_that_it_is_listed_with():
    doors, plan_id, _, called = held_plan()
    path = f"/api/v1/workflows/{plan_id}/steps/approve_plan"
    assert doors.post(f"{path}/reject", {"reason": "No."}, ACME).status_code == 404
    told = doors.post(f"{path}/reject", {"reason": "No."}).json()
    assert (told["status"], told["decision"], told["plan_status"], called) == ("rejected", "block", "failed", [])
    doors, plan_id, _, _ = held_plan(mode="auto", approver="finance")
    assert doors.post(f"/api/v1/workflows/{plan_id}/steps/ask/approve", {}).status_code == 403


def test_pending_step_is_neither_approved_nor_rejected_while_the_store_of_plans_is_away(monkeypatch):
    doors, plan_id, _, _ = held_plan()

    async def away(*_):
        raise PlanError("away")

    monkeypatch.setattr(doors.plan_store, "get", away)
    assert doors.post(f"/api/v1/workflows/{plan_id}/steps/approve_plan/approve", {}).status_code == 503


def test_plan_is_not_resumed_by_an_orchestrator_that_the_store_has_not_heard_of(monkeypatch):
    doors, plan_id, _, called = held_plan()
    other = Doors(ALLOW_ALL, {"trip": paying(called)}, store=doors.plan_store)

    async def away(*_):
        raise PlanError("away")

    monkeypatch.setattr(doors.plan_store, "beat", away)
    assert resume(other, plan_id).status_code == 503
    assert ([one["step_id"] for one in pending(other)], called) == (["approve_plan"], [])
