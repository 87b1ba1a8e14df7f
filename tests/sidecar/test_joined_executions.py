"""Plans and workflows of other orchestrators in one list, and a workflow's id wherever an execution's is taken."""

import pytest
from msgspec.structs import replace

from tests.sidecar.doors import ACME, HEADERS, Doors
from tests.sidecar.test_plan_routes import PLANS, made
from tests.workflow_loop import POLICIES, REFUND, Loop

EXECUTIONS, UNIFIED = "/api/v1/executions", "/api/v1/unified/executions"
ENDS = ("complete", "fail", "abort")


@pytest.fixture(scope="module")
def doors():
    """Plans and workflows, made in turn as the letters say, the newest last."""
    doors = Doors(POLICIES, PLANS)
    doors.ids = []
    for kind in "pwwpppwpw":
        doors.ids.insert(0, made(doors)["plan_id"] if kind == "p" else Loop(doors).id)
    return doors


def page(doors, path=UNIFIED, **query):
    told = "&".join(f"{name}={value}" for name, value in query.items())
    response = doors.call("GET", f"{path}?{told}")
    assert response.status_code == 200, response.text
    return response.json()


def ids_of(answer):
    return [one.get("execution_id") or one["request_id"] for one in answer["executions"]]


def test_unified_list_has_both_kinds_by_time_whatever_the_page(doors):
    total = len(doors.ids)
    for path in (UNIFIED, EXECUTIONS):
        for offset in range(total + 2):
            for limit in (1, 2, 3, total):
                part = page(doors, path, limit=limit, offset=offset)
                assert ids_of(part) == doors.ids[offset : offset + limit]
                assert part["total"] == total
                assert part.get("has_more", offset + limit < total) is (offset + limit < total)


def test_unified_list_of_executions_of_one_microsecond_has_each_once(doors):
    plans, rows = doors.plan_store._executions, doors.workflows._stores.workflows.rows
    for kept in (plans, rows):
        kept |= {key: replace(one, created_us=7) for key, one in kept.items()}
    found = [ids_of(page(doors, limit=1, offset=offset))[0] for offset in range(len(doors.ids))]
    assert found == sorted(doors.ids, reverse=True)


def test_unified_list_by_type_and_status_tells_those_alone():
    doors = Doors(POLICIES, PLANS)
    made(doors)
    loops = [Loop(doors) for _ in range(4)]
    for loop, end in zip(loops, ENDS, strict=False):
        assert loop.post(end).status_code == 200
    wanted = {"completed": 0, "failed": 1, "aborted": 2, "running": 3}
    for status, number in wanted.items():
        assert ids_of(page(doors, status=status)) == [loops[number].id]
        assert page(doors, status=status, execution_type="map_plan")["total"] == 0
    assert page(doors, execution_type="wcp_workflow")["total"] == 4
    assert {one["execution_type"] for one in page(doors, execution_type="map_plan")["executions"]} == {"map_plan"}
    for status, total in (("pending", 1), ("cancelled", 0), ("expired", 0)):
        assert page(doors, status=status)["total"] == total
    assert page(doors, EXECUTIONS, workflow_id=loops[1].id)["executions"][0]["status"] == "failed"
    assert page(doors, EXECUTIONS, end_time="2000-01-01T00:00:00Z")["total"] == 0
    assert doors.call("GET", f"{UNIFIED}?status=lost").status_code == 400


def test_unified_execution_of_a_workflow_shows_each_gate_and_how_far_it_is():
    loop = Loop(total_steps=4, metadata={"a": 1})
    loop.gate("search")
    loop.post("steps/search/complete", {"output": {"rows": 3}})
    loop.gate("pay", REFUND)
    loop.gate("shell", {"step_type": "tool_call", "tool_context": {"tool_name": "shell"}})
    loop.gate("next")
    told = loop.doors.call("GET", f"{UNIFIED}/{loop.id}").json()
    assert (told["execution_type"], told["source"], told["status"]) == ("wcp_workflow", "langgraph", "running")
    assert (told["total_steps"], told["current_step_index"], told["progress_percent"]) == (4, 1, 25.0)
    assert [(one["step_id"], one["status"], one["approval_status"]) for one in told["steps"]] == [
        ("search", "completed", None), ("pay", "approval", "pending"), ("shell", "blocked", None),
        ("next", "running", None),
    ]  # fmt: skip
    assert (told["steps"][0]["duration"][-1], told["steps"][3]["ended_at"]) == ("s", None)
    (in_list,) = page(loop.doors)["executions"]
    assert (in_list["current_step_index"], in_list["progress_percent"], in_list["steps"]) == (1, 25.0, [])
    loop.post("steps/pay/reject", headers=loop.key_of("boss", "owner"))
    loop.post("complete")
    ended = loop.doors.call("GET", f"{UNIFIED}/{loop.id}").json()
    assert (ended["status"], ended["progress_percent"], ended["steps"][3]["status"]) == ("completed", 100.0, "skipped")


def test_execution_of_a_workflow_has_steps_timeline_and_export_and_stays():
    loop = Loop()
    loop.gate("search")
    loop.post("steps/search/complete")
    loop.gate("pay", REFUND)
    path = f"{EXECUTIONS}/{loop.id}"
    detail = loop.doors.call("GET", path).json()
    assert (detail["summary"]["completed_steps"], detail["summary"]["total_steps"]) == (1, 2)
    assert [(one["step_name"], one["approval_required"], one["policies_triggered"]) for one in detail["steps"]] == [
        ("search", False, []), ("pay", True, ["ask"]),
    ]  # fmt: skip
    assert loop.doors.call("GET", f"{path}/steps").json() == detail["steps"]
    timeline = loop.doors.call("GET", f"{path}/timeline").json()
    assert [(one["status"], one["has_approval"]) for one in timeline] == [("completed", False), ("approval", True)]
    assert loop.doors.call("GET", f"{path}/export").json()["timeline"] == timeline
    assert loop.doors.call("DELETE", path).status_code == 409
    assert loop.get().status_code == 200


def test_unified_cancel_of_a_workflow_aborts_it_and_is_in_the_trail():
    loop = Loop()
    answer = loop.doors.post(f"{UNIFIED}/{loop.id}/cancel", {"reason": "enough"})
    assert answer.json() == {"execution_id": loop.id, "status": "aborted", "success": True}
    told = loop.doors.call("GET", f"{UNIFIED}/{loop.id}").json()
    assert (told["status"], told["error"]) == ("aborted", "enough")
    assert "workflow.abort" in [event.action for event in loop.doors.recorded()]
    done = Loop(loop.doors)
    done.post("complete")
    assert loop.doors.post(f"{UNIFIED}/{done.id}/cancel", {}).status_code == 409


def test_execution_of_another_tenants_workflow_is_not_there():
    loop = Loop(headers=HEADERS)
    for method, path in (
        ("GET", f"{UNIFIED}/{loop.id}"), ("GET", f"{EXECUTIONS}/{loop.id}"), ("POST", f"{UNIFIED}/{loop.id}/cancel"),
        ("GET", f"{UNIFIED}/{loop.id}/stream"), ("DELETE", f"{EXECUTIONS}/{loop.id}"),
    ):  # fmt: skip
        parts = {"json": {}} if method == "POST" else {}
        assert loop.doors.call(method, path, headers=ACME, **parts).status_code == 404
    assert loop.doors.call("GET", UNIFIED, headers=ACME).json()["total"] == 0
