"""Plans of a model's that fail and go on by another way, through the agent: kept, judged, told and bounded."""

import asyncio

import pytest

from axonflow.adapters.memory import MemoryChatModel
from axonflow.app.planner import Planner
from axonflow.errors import ModelUnavailable
from axonflow_sidecar.plans.making import MAX_REPLANS
from tests.plans_asked_for import TRAVEL, TRIP, step, written
from tests.sidecar.doors import ALLOW_ALL, Doors
from tests.sidecar.test_plan_routes import PLANS, run
from tests.sidecar.test_plan_writing import made, writing
from tests.strategies import policy_set

AGAIN = written(step("again", inputs={"of": {"$ref": "flights.0.to"}}))


class Travel(Doors):
    """A planner and its tools, of which one is closed."""

    def __init__(self, *replies, policies=ALLOW_ALL, closed="tool:hotel_search"):
        self.model = MemoryChatModel([TRIP, *replies])
        self.called = []
        names = ("tool:flights", "tool:hotel_search", "agent:writer")
        calls = {name: self.tool(name, name == closed) for name in names}
        super().__init__(policies, calls=calls, planner=lambda flow: Planner(flow, self.model, [TRAVEL]))

    def tool(self, name, is_closed):
        async def called(**_):
            self.called.append(name)
            if is_closed:
                raise LookupError("it is closed")
            return [{"to": "Rome"}]

        return called

    def ran(self, **context):
        self.plan_id = made(self, domain="travel", **context)["plan_id"]
        return run(self, self.plan_id).json()

    def get(self, path):
        return self.call("GET", path).json()

    @property
    def kept(self):
        return asyncio.run(self.plan_store.get("default", self.plan_id))


def test_plan_that_fails_goes_on_by_another_way_and_keeps_what_is_done():
    doors = Travel(AGAIN)
    ran = doors.ran()
    assert (ran["success"], ran["data"]["status"], ran["data"]["error"]) == (True, "completed", None)
    assert doors.called == ["tool:flights", "tool:hotel_search", "tool:flights", "agent:writer"]
    assert list(ran["metadata"]["step_results"]) == ["flights", "again", "answer"]
    assert (doors.kept.replans, doors.kept.version, doors.kept.status) == (1, 2, "completed")
    versions = doors.get(f"/api/v1/plan/{doors.plan_id}/versions")["versions"]
    assert [(one["change_type"], one["change_summary"]) for one in versions] == [
        ("replanned", "made anew after hotels failed"), ("created", "made"),
    ]  # fmt: skip


def test_plan_that_was_made_anew_shows_what_failed_and_what_came_in_its_place():
    doors = Travel(AGAIN)
    doors.ran()
    timeline = doors.get(f"/api/v1/executions/{doors.plan_id}/timeline")
    assert [(one["step_name"], one["status"], one["has_error"]) for one in timeline] == [
        ("flights", "completed", False), ("hotels", "failed", True), ("again", "completed", False),
        ("answer", "completed", False),
    ]  # fmt: skip
    assert all(one["duration_ms"] is not None for one in timeline)
    steps = doors.get(f"/api/v1/unified/executions/{doors.plan_id}")["steps"]
    assert [one["step_id"] for one in steps] == [one["step_name"] for one in timeline]
    assert [one["step_index"] for one in steps] == [0, 1, 2, 3]


def test_plan_that_is_made_anew_is_judged_again_and_in_the_trail():
    doors = Travel(AGAIN)
    doors.ran()
    actions = [event.action for event in doors.recorded()]
    assert (actions.count("plan.start"), len(doors.model.requests)) == (2, 2)
    (change,) = {event.resource for event in doors.recorded() if event.action == "plan.replan"}
    assert change == f"plan:{doors.plan_id}"


def test_plan_made_anew_that_policy_refuses_is_denied_and_calls_nothing_more():
    rule = {"id": "long", "effect": "deny", "match": {"action": "plan.step", "context.step": "again"}, "reason": "No."}
    doors = Travel(AGAIN, policies=policy_set([rule], default="allow"))
    ran = doors.ran()
    assert (ran["success"], ran["blocked"], ran["block_reason"].count("No.") > 0) == (False, True, True)
    assert doors.called == ["tool:flights", "tool:hotel_search"]
    assert list(doors.kept.step_results) == ["flights"]


def test_plan_is_made_anew_once_and_then_fails():
    replies = [written(step(f"h{number}", "hotel_search", inputs={"city": "Rome"})) for number in range(5)]
    doors = Travel(*replies)
    ran = doors.ran()
    assert (ran["success"], doors.kept.replans, len(doors.model.requests)) == (False, MAX_REPLANS, 2)
    assert doors.called.count("tool:flights") == 1
    assert ran["error"] == "h0: LookupError: it is closed"


@pytest.mark.parametrize("replies", [["no"] * 3, [ModelUnavailable("away")]])
def test_plan_that_has_no_other_way_fails_as_it_did_and_says_so(replies):
    doors = Travel(*replies)
    ran = doors.ran()
    assert (ran["success"], doors.kept.version, doors.kept.replans) == (False, 1, 0)
    assert ran["error"].startswith("hotels: LookupError: it is closed; there is no other way: ")
    assert list(doors.kept.step_results) == ["flights"]


def test_plan_made_anew_that_cannot_be_begun_keeps_what_was_done_and_why_it_failed():
    doors = Travel(AGAIN)
    replan = doors.plan_store.replan

    async def then_suspended(*given):
        doors.inactive["default"] = "suspended"
        return await replan(*given)

    doors.plan_store.replan = then_suspended
    ran = doors.ran()
    assert ran["error"].startswith("hotels: LookupError: it is closed; there is no other way: ")
    assert (list(doors.kept.step_results), doors.kept.version) == (["flights"], 2)


def test_plan_of_the_catalogue_that_fails_asks_no_model():
    doors = writing(AGAIN, plans=PLANS)
    ran = run(doors, made(doors, domain="broken")["plan_id"]).json()
    assert (ran["success"], "there is no other way" in ran["error"]) == (False, False)


def test_plan_in_the_mode_confirm_is_confirmed_again_for_what_is_new():
    doors = Travel(AGAIN)
    assert doors.ran(execution_mode="confirm")["data"]["status"] == "awaiting_approval"
    path = f"/api/v1/plan/{doors.plan_id}/resume"
    held = doors.post(path, {"approved": True}).json()
    assert (held["status"], doors.called) == ("awaiting_approval", ["tool:flights", "tool:hotel_search"])
    (waiting,) = doors.get("/api/v1/plans/approvals/pending")["pending_approvals"]
    assert waiting["step_id"] == "approve_plan_"
    assert doors.post(path, {"approved": True}).status_code == 409
    done = doors.post(path, {"approved": True, "step_id": "approve_plan_"}).json()
    assert (done["status"], doors.kept.replans) == ("completed", 1)
    assert doors.called == ["tool:flights", "tool:hotel_search", "tool:flights", "agent:writer"]


def test_plan_that_is_cancelled_while_it_is_made_anew_does_not_go_on():
    doors = Travel(AGAIN)
    answer, replies = doors.model.complete, []

    async def cancelled(request):
        replies.append(request)
        if len(replies) == 2:
            await doors.plan_store.cancel("default", doors.plan_id, "enough", 7)
        return await answer(request)

    doors.model.complete = cancelled
    ran = doors.ran()
    assert (ran["data"]["status"], doors.kept.replans) == ("failed", 0)
    assert "the plan is not what it was" in ran["error"]
    assert doors.called == ["tool:flights", "tool:hotel_search"]


def test_plan_of_a_tenant_that_was_suspended_meanwhile_is_not_made_anew():
    doors = Travel(AGAIN)

    class Suspending(list):
        def append(self, name):
            super().append(name)
            if name == "tool:hotel_search":
                doors.inactive["default"] = "suspended"

    doors.called = Suspending()
    ran = doors.ran()
    assert (ran["success"], len(doors.model.requests), doors.kept.replans) == (False, 1, 0)
    assert "suspended" in ran["error"]
