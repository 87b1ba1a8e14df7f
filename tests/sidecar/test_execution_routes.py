"""Executions through the agent: what ran, step by step, for its own tenant alone."""

import asyncio

import pytest

from axonflow import Plan
from axonflow.errors import PlanError
from axonflow.plan import StepRecord, StepState
from axonflow_sidecar.http import plan_shapes
from tests.sidecar.doors import ACME, ALLOW_ALL, Doors
from tests.sidecar.test_plan_routes import PLANS, made, run
from tests.strategies import policy_set

EXECUTIONS, UNIFIED = "/api/v1/executions", "/api/v1/unified/executions"


@pytest.fixture(scope="module")
def doors():
    """With a plan of each end, the newest first: pending, failed, completed."""
    doors = Doors(ALLOW_ALL, PLANS)
    doors.ids = []
    for domain in ("noise", "broken"):
        doors.ids.insert(0, made(doors, domain=domain)["plan_id"])
        run(doors, doors.ids[0])
    doors.ids.insert(0, made(doors)["plan_id"])
    return doors


def get(doors, path, **parts):
    return doors.call("GET", path, **parts)


def listed(doors, query=""):
    return [one["request_id"] for one in get(doors, f"{EXECUTIONS}?{query}").json()["executions"]]


def test_executions_are_listed_the_newest_first_a_page_at_a_time(doors):
    page = get(doors, EXECUTIONS).json()
    assert [one["status"] for one in page["executions"]] == ["pending", "failed", "completed"]
    assert (page["total"], page["limit"], page["offset"]) == (3, 50, 0)
    assert [one["completed_steps"] for one in page["executions"]] == [0, 0, 2]
    assert page["executions"][2]["input_summary"] == {"query": "hey", "domain": "noise"}
    assert listed(doors, "limit=1&offset=1") == doors.ids[1:2]
    assert get(doors, f"{EXECUTIONS}?offset=9").json()["total"] == 3


def test_executions_are_found_by_status_id_and_time(doors):
    assert listed(doors, "status=completed") == doors.ids[2:]
    assert listed(doors, f"workflow_id={doors.ids[1]}") == doors.ids[1:2]
    assert listed(doors, "start_time=2000-01-01T00:00:00Z") == doors.ids
    assert listed(doors, "end_time=2000-01-01T00:00:00Z") == []
    assert listed(doors, "status=expired") == []


def test_execution_detail_has_what_each_step_was_given_and_gave(doors):
    detail = get(doors, f"{EXECUTIONS}/{doors.ids[2]}").json()
    assert (detail["summary"]["completed_steps"], detail["summary"]["output_summary"]) == (2, {"echo": "HEYHEY"})
    loud, echo = detail["steps"]
    assert (loud["step_name"], loud["status"], loud["input"], loud["output"]) == (
        "loud", "completed", {"query": "hey"}, "HEY",
    )  # fmt: skip
    assert (echo["step_index"], echo["output"], echo["retry_count"]) == (1, "HEYHEY", 0)
    assert loud["completed_at"] <= echo["completed_at"]
    assert len(loud["decision_ids"]) == 2
    assert get(doors, f"{EXECUTIONS}/{doors.ids[2]}/steps").json() == detail["steps"]
    assert get(doors, f"{EXECUTIONS}/{doors.ids[0]}/steps").json() == []


def test_execution_that_failed_says_which_step_and_why(doors):
    (step,) = get(doors, f"{EXECUTIONS}/{doors.ids[1]}/steps").json()
    assert (step["status"], step["error_message"]) == ("failed", "RuntimeError: out of paper")
    (moment,) = get(doors, f"{EXECUTIONS}/{doors.ids[1]}/timeline").json()
    assert (moment["has_error"], moment["has_approval"], moment["step_name"]) == (True, False, "print")
    assert "out of paper" in get(doors, f"{EXECUTIONS}/{doors.ids[1]}").json()["summary"]["error_message"]


def test_execution_export_leaves_out_what_is_not_wanted(doors):
    path = f"{EXECUTIONS}/{doors.ids[2]}/export"
    whole = get(doors, path).json()
    assert {"input", "output", "policies_checked"} <= whole["steps"][0].keys()
    assert [one["step_name"] for one in whole["timeline"]] == ["loud", "echo"]
    part = get(doors, f"{path}?format=json&include_input=false&include_output=false&include_policies=false").json()
    assert not {"input", "output", "policies_checked", "decision_ids"} & part["steps"][0].keys()
    named = get(doors, f"{path}?include_output=true").json()["steps"][0]
    assert ("output" in named, "input" in named) == (True, False)


def test_unified_execution_shows_all_steps_and_how_far_it_is(doors):
    done = get(doors, f"{UNIFIED}/{doors.ids[2]}").json()
    assert (done["status"], done["progress_percent"], done["execution_type"]) == ("completed", 100.0, "map_plan")
    assert [(one["step_type"], one["status"]) for one in done["steps"]] == [
        ("tool_call", "completed"), ("action", "completed"),
    ]  # fmt: skip
    due = get(doors, f"{UNIFIED}/{doors.ids[0]}").json()
    assert (due["status"], due["progress_percent"]) == ("pending", 0.0)
    assert [(one["status"], one["started_at"]) for one in due["steps"]] == [("pending", None)] * 2


def test_unified_list_is_of_plans_and_says_whether_there_is_more(doors):
    page = get(doors, f"{UNIFIED}?execution_type=map_plan&limit=2&tenant_id=default").json()
    assert [one["execution_id"] for one in page["executions"]] == doors.ids[:2]
    assert (page["total"], page["has_more"]) == (3, True)
    assert get(doors, f"{UNIFIED}?offset=2").json()["has_more"] is False
    assert [one["status"] for one in get(doors, f"{UNIFIED}?status=failed").json()["executions"]] == ["failed"]


def test_unified_execution_that_is_cancelled_says_so():
    doors = Doors(ALLOW_ALL, PLANS)
    plan_id = made(doors)["plan_id"]
    answer = doors.post(f"{UNIFIED}/{plan_id}/cancel", {"reason": "enough"}).json()
    assert answer == {"execution_id": plan_id, "status": "cancelled", "success": True}
    known = get(doors, f"{UNIFIED}/{plan_id}").json()
    assert (known["status"], known["error"]) == ("cancelled", "Cancelled: enough")


def test_step_that_was_at_work_when_its_orchestrator_went_is_not_said_to_run():
    doors = Doors(ALLOW_ALL, PLANS)
    plan_id = made(doors)["plan_id"]

    async def left():
        begun = await doors.plan_store.begin("default", plan_id, "gone", 6)
        await doors.plan_store.progress(begun, [StepRecord("loud", StepState.RUNNING, 7, attempts=1)])
        assert (await shown())[0]["status"] == "running"
        await doors.plan_store.abandon("gone", "The orchestrator is gone.", 9)
        return await shown()

    async def shown():
        async with doors.client() as client:
            return (await client.get(f"{UNIFIED}/{plan_id}")).json()["steps"]

    assert [one["status"] for one in asyncio.run(left())] == ["failed", "pending"]
    assert get(doors, f"{EXECUTIONS}/{plan_id}/timeline").json()[0]["status"] == "failed"


def test_execution_that_has_ended_is_deleted_and_one_that_has_not_is_not():
    doors = Doors(ALLOW_ALL, PLANS)
    plan_id = made(doors)["plan_id"]
    refused = doors.call("DELETE", f"{EXECUTIONS}/{plan_id}")
    assert (refused.status_code, refused.json()["message"]) == (409, "the plan has not ended")
    run(doors, plan_id)
    gone = doors.call("DELETE", f"{EXECUTIONS}/{plan_id}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert get(doors, f"{EXECUTIONS}/{plan_id}").status_code == 404


def test_execution_of_a_step_that_policy_denies_is_blocked_and_says_why():
    deny = {"id": "no", "effect": "deny", "reason": "Not so loud.", "match": {"action": "tool.call"}}
    doors = Doors(policy_set([deny], default="allow"), PLANS)
    plan_id = made(doors)["plan_id"]
    run(doors, plan_id)
    shown = get(doors, f"{UNIFIED}/{plan_id}").json()
    assert [(one["status"], one["decision"]) for one in shown["steps"]] == [("blocked", "block"), ("skipped", None)]
    assert (shown["status"], "Not so loud." in shown["steps"][0]["decision_reason"]) == ("failed", True)
    assert listed(doors, "status=failed") == [plan_id]


def test_execution_shapes_have_a_word_for_every_state_of_a_step():
    assert set(plan_shapes._STEP) == set(StepState)


def test_executions_while_a_plan_runs_show_where_its_steps_are():
    async def main():
        started, may_go_on = asyncio.Event(), asyncio.Event()

        async def done():
            return 1

        async def waiting(done):
            started.set()
            await may_go_on.wait()
            return done

        plan = Plan("slow").step("done", done).step("wait", waiting, needs=["done"])
        doors = Doors(ALLOW_ALL, {"slow": plan})
        kept, progress = asyncio.Event(), doors.plan_store.progress

        async def noted(*parts):
            await progress(*parts)
            kept.set()

        doors.plan_store.progress = noted
        async with doors.client() as client:
            body = {"query": "q", "request_type": "multi-agent-plan", "context": {"domain": "slow"}}
            plan_id = (await client.post("/api/request", json=body)).json()["plan_id"]
            body = {"query": "", "request_type": "execute-plan", "context": {"plan_id": plan_id}}
            running = asyncio.create_task(client.post("/api/request", json=body))
            await started.wait()
            while states_of(seen := (await client.get(f"{UNIFIED}/{plan_id}")).json()) != ["completed", "running"]:
                await kept.wait()
                kept.clear()
            may_go_on.set()
            await running
        return seen

    seen = asyncio.run(main())
    assert (seen["status"], seen["progress_percent"]) == ("running", 50.0)


def states_of(seen):
    return [one["status"] for one in seen["steps"]]


@pytest.mark.parametrize(
    "query",
    [
        "executions?status=lost", "executions?limit=0", "executions?limit=1001", "executions?offset=-1",
        "executions?colour=red", "executions?start_time=monday", "unified/executions?execution_type=x",
        "executions/x/export?format=csv", "executions/x/export?include_input=perhaps",
    ],
)  # fmt: skip
def test_executions_asked_for_wrongly_are_refused(doors, query):
    assert get(doors, f"/api/v1/{query.replace('/x/', f'/{doors.ids[0]}/')}").status_code == 400


@pytest.mark.parametrize("path", ["", "/steps", "/timeline", "/export"])
def test_execution_of_another_tenant_is_not_there(doors, path):
    assert get(doors, f"{EXECUTIONS}/{doors.ids[2]}{path}", headers=ACME).status_code == 404
    assert get(doors, EXECUTIONS, headers=ACME).json()["executions"] == []
    assert get(doors, f"{UNIFIED}/{doors.ids[2]}", headers=ACME).status_code == 404
    assert get(doors, f"{UNIFIED}?tenant_id=default", headers=ACME).status_code == 403
    assert doors.call("DELETE", f"{EXECUTIONS}/{doors.ids[2]}", headers=ACME).status_code == 404


@pytest.mark.parametrize("name", ["page", "seen"])
def test_executions_while_the_store_is_away_are_503(doors, monkeypatch, name):
    async def away(*_):
        raise PlanError("away")

    monkeypatch.setattr(doors.plan_store, name, away)
    path = EXECUTIONS if name == "page" else f"{EXECUTIONS}/{doors.ids[2]}"
    assert get(doors, path).status_code == 503
