"""The workflow control plane when something is wrong: tenants, limits, many at once, a store that is away."""

import asyncio

import httpx
import pytest
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryWorkflows
from axonflow.app.workflows import WorkflowStores, memory_workflow_stores
from axonflow.errors import WorkflowError
from axonflow.plan.workflows.workflow import MAX_STEPS
from axonflow.policy.json_value import MAX_DEPTH
from tests.sidecar.doors import ACME, BETA, HEADERS, Doors
from tests.sidecar.test_plan_depth import nested
from tests.strategies import policy_set
from tests.workflow_loop import MAIL, PLACE, POLICIES, REFUND, SEARCH, Loop

DEEP_TOOL = {"tool_name": "search", "tool_input": nested(MAX_DEPTH + 1)}


def test_workflow_of_another_tenant_is_not_there_whatever_is_done_with_it():
    doors = Doors(POLICIES)
    mine, other = Loop(doors, ACME), Loop(doors, BETA)
    mine.gate(body=REFUND)
    for path in ("steps/s/gate", "steps/s/complete", "steps/s/approve", "steps/s/reject", "complete", "abort", "fail",
                 "resume", "checkpoints/resume", "checkpoints/1/resume"):  # fmt: skip
        assert mine.post(path, SEARCH if "gate" in path else {}, BETA).status_code == 404, path
    for path in ("", "/checkpoints"):
        assert mine.get(path, BETA).status_code == 404
    listed = doors.call("GET", PLACE, headers=BETA).json()
    assert [one["workflow_id"] for one in listed["workflows"]] == [other.id]
    assert doors.call("GET", f"{PLACE}/approvals/pending", headers=BETA).json()["count"] == 0
    assert mine.get().json()["steps"][0]["approval_status"] == "pending"
    assert all(event.tenant_id == "acme" for event in doors.recorded("acme"))


def test_workflow_of_a_suspended_tenant_is_refused():
    loop = Loop(Doors(POLICIES), ACME)
    loop.doors.inactive["acme"] = "suspended"
    assert loop.post("steps/s/gate", SEARCH).status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("steps/s/gate", {"step_type": "dance"}, 400),
        ("steps/s/gate", {}, 400),
        ("steps/s/gate", SEARCH | {"tokens_in": -1}, 400),
        ("steps/s/gate", SEARCH | {"cost_usd": 1e9}, 400),
        ("steps/s/gate", SEARCH | {"step_name": "x" * 300}, 400),
        ("steps/s/gate", SEARCH | {"step_input": {"a": "x" * 300_000}}, 400),
        ("steps/s/gate", SEARCH | {"step_input": {"tool_input": 1}}, 400),
        ("steps/s/gate", SEARCH | {"step_input": nested(MAX_DEPTH + 1)}, 400),
        ("steps/s/gate", {"step_type": "tool_call", "tool_context": DEEP_TOOL}, 400),
        ("steps/s/complete", {"output": nested(MAX_DEPTH + 1)}, 400),
        ("steps/s/complete", {"metadata": nested(MAX_DEPTH + 1)}, 400),
        ("steps/s/gate?more=1", SEARCH, 400),
        ("steps/s/gate?include_prior_output=perhaps", SEARCH, 400),
        (f"steps/{'x' * 200}/gate", SEARCH, 400),
        ("steps/%00/gate", SEARCH, 400),
        ("steps/a%2Fb/gate", SEARCH, 404),
        ("steps/never/complete", {}, 404),
        ("steps/never/approve", {}, 404),
        ("steps/s/approve", {"comment": "x" * 2_000}, 404),
        ("abort", {"reason": "x" * 2_000}, 400),
        ("steps/s/complete", {"output": [1]}, 400),
        ("dance", {}, 404),
    ],
)
def test_workflow_call_that_is_wrong_is_a_problem(path, body, status):
    response = Loop().post(path, body)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"workflow_name": ""},
        {"workflow_name": "x", "source": "y"},
        {"workflow_name": "x", "metadata": [1]},
        {"workflow_name": "x", "metadata": nested(MAX_DEPTH + 1)},
    ],
)
def test_workflow_that_cannot_be_is_not_made(body):
    assert Doors(POLICIES).post(PLACE, body).status_code == 400


def test_step_with_a_name_of_people_keeps_it_on_its_way():
    loop = Loop()
    for name in ("fetch%20data", "%C3%A9t%C3%A9%3F", "100%25"):
        assert loop.gate(name)["decision"] == "allow"
    assert [step["step_id"] for step in loop.get().json()["steps"]] == ["fetch data", "\u00e9t\u00e9?", "100%"]


def test_gates_of_one_step_at_once_are_judged_and_each_is_counted():
    loop = Loop()

    async def at_once():
        transport = httpx.ASGITransport(loop.doors.agent)
        async with httpx.AsyncClient(transport=transport, base_url="http://agent", headers=HEADERS) as client:
            calls = [client.post(f"{loop.path}/steps/s/gate", json=SEARCH) for _ in range(8)]
            return [response.json() for response in await asyncio.gather(*calls)]

    answers = asyncio.run(at_once())
    assert {answer["decision"] for answer in answers} == {"allow"}
    assert sorted(answer["retry_context"]["gate_count"] for answer in answers) == list(range(1, 9))
    assert len({answer["decision_id"] for answer in answers if answer["cached"]}) == 1
    assert len(loop.get().json()["steps"]) == 1


def test_orchestrator_takes_workflows_from_our_agents_alone():
    loop = Loop()
    for headers in ({}, HEADERS, {"x-axonflow-internal": "wrong"}):
        assert loop.doors.call("GET", loop.path, loop.doors.orchestrator, headers).status_code == 401


class Away(MemoryWorkflows):
    async def get(self, tenant_id, workflow_id):
        raise WorkflowError("PostgreSQL could not read a workflow")


def test_gate_whose_store_is_away_lets_nothing_through():
    loop = Loop()
    loop.doors.workflows._stores = WorkflowStores(Away(), loop.doors.workflows._stores.steps)
    response = loop.post("steps/s/gate", SEARCH)
    assert (response.status_code, response.json()["code"]) == (503, "workflow_unavailable")


def test_workflow_with_as_many_steps_as_it_may_takes_the_old_ones_only():
    loop = Loop()
    stores = memory_workflow_stores()
    loop.doors.workflows._stores = stores
    mine = Loop(loop.doors)
    mine.gate("a")
    ((key, row),) = stores.workflows.rows.items()
    stores.workflows.rows[key] = replace(row, steps=MAX_STEPS)
    assert mine.gate("a")["cached"] is True
    full = mine.post("steps/b/gate", SEARCH)
    assert (full.status_code, full.json()["code"]) == (409, "workflow_conflict")


def test_gate_whose_policies_change_while_it_asks_lets_in_nothing_that_is_to_be_redacted():
    loop = Loop()
    decide = loop.doors.flow.decide

    def changing(request):
        decision = decide(request)
        rule = {
            "id": "m",
            "effect": "redact",
            "match": {"action": "plan.step"},
            "obligations": [{"detectors": ["pii"]}],
        }
        loop.doors.flow.reload(policy_set([rule], default="allow"))
        return decision

    loop.doors.flow.decide = changing
    assert loop.gate(body={"step_type": "human_task"} | {"step_input": MAIL["step_input"]})["decision"] == "block"
