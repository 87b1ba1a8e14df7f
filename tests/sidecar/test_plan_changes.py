"""Plans through the agent as people change them: versions, rollback, cancellation."""

import asyncio

import httpx
import pytest

from axonflow import Plan, Principal
from axonflow.errors import PlanError
from axonflow.plan import Step
from axonflow.plan.keeping.versions import MAX_VERSIONS
from axonflow.policy.json_value import MAX_DEPTH
from axonflow_sidecar.plans.runs import RunTimes
from tests.sidecar.doors import ACME, ALLOW_ALL, HEADERS, Doors
from tests.sidecar.test_plan_depth import nested
from tests.sidecar.test_plan_routes import PLANS, made, run

LIMIT_BYTES = 64 * 1024


@pytest.fixture
def doors():
    return Doors(ALLOW_ALL, PLANS)


def put(doors, plan_id, headers=HEADERS, **body):
    return doors.call("PUT", f"/api/v1/plan/{plan_id}", json=body, headers=headers)


def versions_of(doors, plan_id, headers=HEADERS):
    return doors.call("GET", f"/api/v1/plan/{plan_id}/versions", headers=headers).json()["versions"]


def changes(doors):
    """What administrators' events say: the action, the plan, and what came of it."""
    return [
        (event.action, event.resource.removeprefix("plan:"), event.details["outcome"])
        for event in doors.recorded()
        if event.kind == "admin"
    ]


def test_plan_that_is_updated_has_another_version_and_what_is_not_said_stays(doors):
    plan_id = made(doors)["plan_id"]
    first = put(doors, plan_id, version=1, execution_mode="sequential").json()
    assert first == {"plan_id": plan_id, "version": 2, "status": "pending", "success": True}
    assert put(doors, plan_id, version=2, metadata={"ticket": "A-1"}).json()["version"] == 3
    kept = asyncio.run(doors.plan_store.get("default", plan_id))
    assert (kept.execution_mode, kept.metadata, kept.domain) == ("sequential", {"ticket": "A-1"}, "noise")
    told = [(one["version"], one["change_type"], one["change_summary"]) for one in versions_of(doors, plan_id)]
    assert told == [
        (3, "updated", "metadata"), (2, "updated", "execution_mode: auto to sequential"), (1, "created", "made"),
    ]  # fmt: skip
    assert {one["changed_by"] for one in versions_of(doors, plan_id)} == {"service:tester"}
    assert run(doors, plan_id).json()["success"] is True


def test_plan_that_is_updated_to_another_domain_or_mode_has_other_steps(doors):
    plan_id = made(doors)["plan_id"]
    put(doors, plan_id, version=1, execution_mode="confirm")
    kept = asyncio.run(doors.plan_store.get("default", plan_id))
    assert [step["name"] for step in kept.steps] == ["approve_plan", "loud", "echo"]
    put(doors, plan_id, version=2, execution_mode="auto", domain="broken")
    assert "out of paper" in run(doors, plan_id).json()["error"]


def test_plan_update_of_a_stale_version_is_refused_and_says_what_there_is(doors):
    plan_id = made(doors)["plan_id"]
    put(doors, plan_id, version=1, metadata={"a": 1})
    refused = put(doors, plan_id, version=1, metadata={"a": 2})
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    told = refused.json()
    assert (told["plan_id"], told["expected_version"], told["current_version"]) == (plan_id, 1, 2)
    assert (told["code"], told["found"]) == ("plan_conflict", "version 2, pending")
    assert asyncio.run(doors.plan_store.get("default", plan_id)).metadata == {"a": 1}


def test_plan_that_was_changed_too_often_is_changed_no_more(doors):
    plan_id = made(doors)["plan_id"]
    for version in range(1, MAX_VERSIONS):
        assert put(doors, plan_id, version=version).status_code == 200
    for refused in (
        put(doors, plan_id, version=MAX_VERSIONS),
        doors.call("POST", f"/api/v1/plan/{plan_id}/rollback/1"),
    ):
        assert (refused.status_code, refused.json()["message"]) == (409, "the plan was changed too often")
    assert len(versions_of(doors, plan_id)) == MAX_VERSIONS
    assert run(doors, plan_id).json()["success"] is True


def test_plan_updated_by_many_at_once_is_updated_by_one(doors):
    plan_id = made(doors)["plan_id"]

    async def all_at_once():
        transport = httpx.ASGITransport(doors.agent)
        async with httpx.AsyncClient(transport=transport, base_url="http://agent", headers=HEADERS) as client:
            path = f"/api/v1/plan/{plan_id}"
            bodies = [{"version": 1, "metadata": {"n": number}} for number in range(8)]
            return await asyncio.gather(*(client.put(path, json=body) for body in bodies))

    answers = [answer.status_code for answer in asyncio.run(all_at_once())]
    assert sorted(answers) == [200] + [409] * 7
    kept = asyncio.run(doors.plan_store.get("default", plan_id))
    assert (kept.version, kept.metadata) == (2, {"n": answers.index(200)})


def test_plan_that_has_run_is_updated_and_cancelled_no_more(doors):
    plan_id = made(doors)["plan_id"]
    run(doors, plan_id)
    refused = put(doors, plan_id, version=1, metadata={})
    assert (refused.status_code, refused.json()["found"]) == (409, "version 1, completed")
    refused = doors.post(f"/api/v1/plan/{plan_id}/cancel", {})
    assert (refused.status_code, refused.json()["message"]) == (409, "the plan has ended")
    assert changes(doors)[-1] == ("plan.cancel", plan_id, "failed")


def test_plan_rolled_back_is_as_it_was_in_a_new_version(doors):
    plan_id = made(doors)["plan_id"]
    put(doors, plan_id, version=1, execution_mode="confirm", metadata={"a": 1})
    answer = doors.call("POST", f"/api/v1/plan/{plan_id}/rollback/1").json()
    assert answer == {"plan_id": plan_id, "version": 3, "previous_version": 2, "status": "pending"}
    kept = asyncio.run(doors.plan_store.get("default", plan_id))
    assert (kept.execution_mode, kept.metadata, len(kept.steps)) == ("auto", {}, 2)
    last = versions_of(doors, plan_id)[0]
    assert (last["change_type"], last["change_summary"]) == ("rolled_back", "back to version 1")


@pytest.mark.parametrize("version", ["0", "9", "-1", "01", "x"])
def test_plan_rolled_back_to_a_version_that_it_never_had_is_404(doors, version):
    plan_id = made(doors)["plan_id"]
    assert doors.call("POST", f"/api/v1/plan/{plan_id}/rollback/{version}").status_code == 404
    assert len(versions_of(doors, plan_id)) == 1


def test_plan_cancelled_before_it_runs_does_not_run(doors):
    plan_id = made(doors)["plan_id"]
    answer = doors.post(f"/api/v1/plan/{plan_id}/cancel", {"reason": "no money"}).json()
    assert answer == {"plan_id": plan_id, "status": "cancelled", "success": True}
    status = doors.call("GET", f"/api/v1/plan/{plan_id}").json()
    assert (status["status"], status["error"]) == ("cancelled", "Cancelled: no money")
    assert run(doors, plan_id).json()["success"] is False


def test_plan_that_an_earlier_process_left_running_can_be_cancelled_and_removed(doors):
    plan_id = made(doors)["plan_id"]
    asyncio.run(doors.plan_store.begin("default", plan_id, doors.runs._executor_id, 5))
    assert doors.post(f"/api/v1/plan/{plan_id}/cancel", {}).json()["status"] == "cancelled"
    assert doors.call("DELETE", f"/api/v1/executions/{plan_id}").status_code == 204
    plan_id = made(doors)["plan_id"]
    asyncio.run(doors.plan_store.begin("default", plan_id, "another", 5))
    assert doors.post(f"/api/v1/plan/{plan_id}/cancel", {}).json()["status"] == "cancelling"


def test_plan_whose_caller_leaves_while_it_is_begun_runs_to_its_end(doors, monkeypatch):
    plan_id = made(doors)["plan_id"]
    begin, tester = doors.plan_store.begin, Principal("tester", "service", "default")

    async def main():
        begun, may_go_on = asyncio.Event(), asyncio.Event()

        async def slow(*asked):
            execution = await begin(*asked)
            begun.set()
            await may_go_on.wait()
            return execution

        monkeypatch.setattr(doors.plan_store, "begin", slow)
        asking = asyncio.create_task(doors.runs.run("default", plan_id, tester))
        await begun.wait()
        asking.cancel()
        may_go_on.set()
        await asyncio.wait([asking])
        await doors.runs.close(30)
        return await doors.plan_store.get("default", plan_id)

    assert asyncio.run(main()).status == "completed"


def test_plan_that_comes_to_wait_when_it_is_to_stop_is_told_as_cancelled():
    async def paid():
        return await doors.plan_store.cancel("default", plan_id, "enough", 7) and 1

    plan = Plan(
        "trip", [Step(name="pay", run=paid), Step(name="ask", kind="approval", target="approver", needs=["pay"])]
    )
    doors = Doors(ALLOW_ALL, {"trip": plan}, times=RunTimes(look_s=60))
    plan_id = made(doors, domain="trip")["plan_id"]
    ran = run(doors, plan_id).json()
    assert (ran["success"], ran["data"]["status"]) == (False, "cancelled")
    kept = asyncio.run(doors.plan_store.get("default", plan_id))
    assert (kept.status, kept.finished_us, kept.held) == ("cancelled", 7, None)


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_plan_cancelled_while_it_runs_stops_wherever_that_is(is_elsewhere):
    started, stopped = asyncio.Event(), asyncio.Event()

    async def forever():
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def done():
        return 1

    plan = Plan("long").step("done", done).step("wait", forever, needs=[]).step("never", done, after=["wait"])
    doors = Doors(ALLOW_ALL, {"long": plan})
    other = Doors(ALLOW_ALL, {"long": plan}, store=doors.plan_store)

    async def main():
        async with doors.client() as client, other.client() as elsewhere:
            body = {"query": "q", "request_type": "multi-agent-plan", "context": {"domain": "long"}}
            plan_id = (await client.post("/api/request", json=body)).json()["plan_id"]
            body = {"query": "", "request_type": "execute-plan", "context": {"plan_id": plan_id}}
            running = asyncio.create_task(client.post("/api/request", json=body))
            await started.wait()
            where = elsewhere if is_elsewhere else client
            answer = await where.post(f"/api/v1/plan/{plan_id}/cancel", json={"reason": "enough"})
            ran = (await running).json()
            return plan_id, answer.json(), ran, (await client.get(f"/api/v1/executions/{plan_id}")).json()

    plan_id, answer, ran, detail = asyncio.run(main())
    assert stopped.is_set()
    assert answer["status"] == ("cancelling" if is_elsewhere else "cancelled")
    assert (ran["success"], ran["data"]["status"]) == (False, "cancelled")
    assert detail["summary"]["status"] == "cancelled"
    assert {step["step_name"]: step["status"] for step in detail["steps"]} == {"done": "completed", "wait": "skipped"}
    status = doors.call("GET", f"/api/v1/plan/{plan_id}").json()
    assert (status["error"], status["step_results"]) == ("Cancelled: enough", {"done": 1})
    assert [step["output"] for step in detail["steps"]] == [1, None]


def test_plan_that_ends_before_it_is_stopped_is_told_as_not_cancelled(doors, monkeypatch):
    plan_id = made(doors)["plan_id"]
    finish, cancel = doors.plan_store.finish, doors.plan_store.cancel

    async def main():
        ending, may_end = asyncio.Event(), asyncio.Event()

        async def slowly(*ended):
            ending.set()
            await may_end.wait()
            return await finish(*ended)

        async def noted(*asked):
            told = await cancel(*asked)
            may_end.set()
            return told

        monkeypatch.setattr(doors.plan_store, "finish", slowly)
        monkeypatch.setattr(doors.plan_store, "cancel", noted)
        async with doors.client() as client:
            body = {"query": "", "request_type": "execute-plan", "context": {"plan_id": plan_id}}
            running = asyncio.create_task(client.post("/api/request", json=body))
            await ending.wait()
            return await client.post(f"/api/v1/plan/{plan_id}/cancel", json={}), (await running).json()

    refused, ran = asyncio.run(main())
    assert (ran["success"], ran["data"]["status"]) == (True, "completed")
    assert (refused.status_code, refused.json()["message"]) == (409, "the plan has ended")
    assert refused.json()["found"] == "completed"
    assert changes(doors)[-1] == ("plan.cancel", plan_id, "failed")


def test_plan_changes_are_recorded_before_they_are_made_and_when_they_are(doors):
    plan_id = made(doors)["plan_id"]
    put(doors, plan_id, version=1, metadata={"a": 1})
    put(doors, plan_id, version=1, metadata={"a": 2})
    doors.call("POST", f"/api/v1/plan/{plan_id}/rollback/1")
    doors.post(f"/api/v1/plan/{plan_id}/cancel", {"reason": "enough"})
    doors.call("DELETE", f"/api/v1/executions/{plan_id}")
    wanted = [("create", "done"), ("update", "done"), ("update", "failed"), ("rollback", "done"), ("cancel", "done"),
              ("delete", "done")]  # fmt: skip
    expected = [(f"plan.{what}", plan_id, came) for what, end in wanted for came in ("begun", end)]
    assert changes(doors) == expected
    assert "enough" in next(event for event in doors.recorded() if event.action == "plan.cancel").reasons


CHANGES = [
    ("PUT", "", {"version": 1}),
    ("POST", "/cancel", {}),
    ("GET", "/versions", None),
    ("POST", "/rollback/1", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES, ids=[path or "put" for _, path, _ in CHANGES])
def test_plan_of_another_tenant_cannot_be_changed_or_seen(doors, method, path, body):
    plan_id = made(doors)["plan_id"]
    before = asyncio.run(doors.plan_store.get("default", plan_id))
    parts = {} if body is None else {"json": body}
    answer = doors.call(method, f"/api/v1/plan/{plan_id}{path}", headers=ACME, **parts)
    assert answer.status_code == 404
    assert asyncio.run(doors.plan_store.get("default", plan_id)) == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"version": "1"},
        {"version": 1, "execution_mode": "backwards"},
        {"version": 1, "domain": "nowhere"},
        {"version": 1, "metadata": [1]},
        {"version": 1, "metadata": {"a": "x" * LIMIT_BYTES}},
        {"version": 1, "metadata": nested(MAX_DEPTH + 1)},
    ],
)
def test_plan_update_that_is_wrong_is_refused_and_changes_nothing(doors, body):
    plan_id = made(doors)["plan_id"]
    assert put(doors, plan_id, **body).status_code == 400
    assert len(versions_of(doors, plan_id)) == 1


def test_plan_cancel_with_a_long_reason_is_refused(doors):
    plan_id = made(doors)["plan_id"]
    assert doors.post(f"/api/v1/plan/{plan_id}/cancel", {"reason": "x" * 2001}).status_code == 400
    header = HEADERS | {"content-type": "application/json"}
    assert doors.call("POST", f"/api/v1/plan/{plan_id}/cancel", headers=header).json()["status"] == "cancelled"


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [("PUT", "", "revise"), ("POST", "/cancel", "cancel"), ("GET", "/versions", "versions"), ("GET", "", "get")],
)
def test_plan_store_that_is_away_is_no_fault_of_the_caller(doors, monkeypatch, method, path, name):
    plan_id = made(doors)["plan_id"]

    async def away(*_):
        raise PlanError("away")

    monkeypatch.setattr(doors.plan_store, name, away)
    parts = {"json": {"version": 1}} if method != "GET" else {}
    assert doors.call(method, f"/api/v1/plan/{plan_id}{path}", **parts).status_code == 503


def test_plan_made_in_a_mode_that_there_is_not_is_refused(doors):
    assert made(doors, execution_mode="backwards")["status"] == 400
    assert made(doors, execution_mode="sequential")["data"]["parallel"] is False


def test_plan_runs_on_while_the_store_is_away_and_that_is_told_once(monkeypatch, caplog):
    asked = {"cancelled": 0, "progress": 0}

    async def main():
        both = asyncio.Event()

        def away(name):
            async def fails(*_):
                asked[name] += 1
                if min(asked.values()) >= 3:
                    both.set()
                raise PlanError("away")

            return fails

        async def waiting():
            await both.wait()
            return 1

        doors = Doors(ALLOW_ALL, {"slow": Plan("slow").step("wait", waiting)})
        for name in asked:
            monkeypatch.setattr(doors.plan_store, name, away(name))
        async with doors.client() as client:
            body = {"query": "q", "request_type": "multi-agent-plan", "context": {"domain": "slow"}}
            plan_id = (await client.post("/api/request", json=body)).json()["plan_id"]
            body = {"query": "", "request_type": "execute-plan", "context": {"plan_id": plan_id}}
            return (await client.post("/api/request", json=body)).json()

    assert asyncio.run(main())["data"]["status"] == "completed"
    told = [record.message for record in caplog.records if record.name == "axonflow.plans"]
    assert sorted(told) == ["nobody knows which runs are to stop", "where a run has got to cannot be kept yet"]
