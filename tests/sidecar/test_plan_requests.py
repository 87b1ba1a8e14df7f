"""Plans changed and cancelled by ``POST /api/request``: as their own routes do it, in another envelope."""

import asyncio

import pytest

from axonflow.errors import AuditError, PlanError
from axonflow_sidecar.http.routes.requests import PLAN_REQUESTS
from tests.sidecar.doors import ACME, ALLOW_ALL, HEADERS, Doors, InProcess
from tests.sidecar.test_plan_changes import changes, versions_of
from tests.sidecar.test_plan_routes import PLANS, made, run

ROUTES = {"update-plan": ("PUT", ""), "cancel-plan": ("POST", "/cancel")}
SAID = [
    ("update-plan", {"version": 1, "execution_mode": "sequential", "metadata": {"a": 1}}),
    ("update-plan", {"version": 1, "domain": "broken"}),
    ("update-plan", {"version": 1, "domain": "nowhere"}),
    ("update-plan", {"version": 0}),
    ("update-plan", {"version": 2}),
    ("update-plan", {"version": "1"}),
    ("update-plan", {}),
    ("update-plan", {"version": 1, "execution_mode": "backwards"}),
    ("update-plan", {"version": 1, "metadata": {"a": "x" * 64 * 1024}}),
    ("cancel-plan", {"reason": "enough"}),
    ("cancel-plan", {"reason": None}),
    ("cancel-plan", {}),
    ("cancel-plan", {"reason": 7}),
    ("cancel-plan", {"reason": "x" * 2001}),
]


@pytest.fixture
def doors():
    return Doors(ALLOW_ALL, PLANS)


def asked(doors, request_type, headers=HEADERS, **context):
    body = {"query": "", "user_token": "", "client_id": "", "request_type": request_type, "context": context}
    return doors.post("/api/request", body, headers)


def kept(doors, plan_id):
    """The plan without what differs from one to the next."""
    plan = asyncio.run(doors.plan_store.get("default", plan_id))
    return plan.status, plan.version, plan.execution_mode, plan.domain, plan.metadata, plan.cancel_reason


def problem_of(answer, plan_id):
    """A problem document without its ids, and with its places as of the route's own body."""
    told = {name: value for name, value in answer.json().items() if name != "request_id"}
    for name in {"at", "detail"} & told.keys():
        told[name] = told[name].replace("$.context", "$")
    if "plan_id" in told:
        assert told.pop("plan_id") == plan_id
    return told


@pytest.mark.parametrize("before", ["pending", "completed", "cancelled"])
@pytest.mark.parametrize(("request_type", "said"), SAID)
def test_plan_request_does_and_answers_what_the_plans_own_route_does(request_type, said, before):
    method, path = ROUTES[request_type]
    own, enveloped = Doors(ALLOW_ALL, PLANS), Doors(ALLOW_ALL, PLANS)
    ids = []
    for one in (own, enveloped):
        ids.append(made(one)["plan_id"])
        if before == "completed":
            run(one, ids[-1])
        if before == "cancelled":
            one.post(f"/api/v1/plan/{ids[-1]}/cancel", {})
    first = own.call(method, f"/api/v1/plan/{ids[0]}{path}", json=said, headers=HEADERS)
    second = asked(enveloped, request_type, plan_id=ids[1], **said)
    assert (first.status_code, first.headers["content-type"]) == (second.status_code, second.headers["content-type"])
    if first.status_code == 200:
        data = {**first.json(), "plan_id": ids[1]}
        assert second.json() == {"success": True, "plan_id": ids[1], "blocked": False, "data": data}
    else:
        assert problem_of(second, ids[1]) == problem_of(first, ids[0])
    assert kept(own, ids[0]) == kept(enveloped, ids[1])
    assert [(action, came) for action, _, came in changes(own)] == [
        (action, came) for action, _, came in changes(enveloped)
    ]
    summaries = [[one["change_summary"] for one in versions_of(*of)] for of in zip((own, enveloped), ids, strict=True)]
    assert summaries[0] == summaries[1]


def test_plan_request_that_was_done_is_refused_the_second_time_with_what_there_is(doors):
    plan_id = made(doors)["plan_id"]
    assert asked(doors, "update-plan", plan_id=plan_id, version=1, metadata={"a": 1}).json()["data"]["version"] == 2
    stale = asked(doors, "update-plan", plan_id=plan_id, version=1, metadata={"a": 1})
    assert stale.status_code == 409
    told = stale.json()
    assert (told["plan_id"], told["expected_version"], told["current_version"]) == (plan_id, 1, 2)
    assert asked(doors, "cancel-plan", plan_id=plan_id).json()["data"]["status"] == "cancelled"
    again = asked(doors, "cancel-plan", plan_id=plan_id)
    assert (again.status_code, again.json()["message"]) == (409, "the plan has ended")
    assert changes(doors)[2:] == [
        ("plan.update", plan_id, "begun"), ("plan.update", plan_id, "done"),
        ("plan.update", plan_id, "begun"), ("plan.update", plan_id, "failed"),
        ("plan.cancel", plan_id, "begun"), ("plan.cancel", plan_id, "done"),
        ("plan.cancel", plan_id, "begun"), ("plan.cancel", plan_id, "failed"),
    ]  # fmt: skip


@pytest.mark.parametrize("request_type", ROUTES)
def test_plan_request_for_a_plan_of_another_tenant_or_of_nobody_is_404(doors, request_type):
    plan_id = made(doors)["plan_id"]
    before = asyncio.run(doors.plan_store.get("default", plan_id))
    for headers, named in ((ACME, plan_id), (HEADERS, "nope"), (HEADERS, "a/b"), (HEADERS, "x" * 10_000)):
        answer = asked(doors, request_type, headers, plan_id=named, version=1)
        assert (answer.status_code, answer.json()["message"]) == (404, "no such plan")
    assert asyncio.run(doors.plan_store.get("default", plan_id)) == before


@pytest.mark.parametrize("request_type", [*ROUTES, "execute-plan"])
@pytest.mark.parametrize(
    ("context", "at"),
    [
        ({"plan_id": "", "version": 1}, "$.context.plan_id"),
        ({"version": 1}, "$.context.plan_id"),
        ({"plan_id": 5, "version": 1}, "$.context.plan_id"),
        ({"plan_id": None, "version": 1}, "$.context.plan_id"),
        (None, "$.context"),
        ([], "$.context"),
    ],
)
def test_plan_request_that_names_no_plan_is_told_where_one_was_expected(doors, request_type, context, at):
    body = {"query": "", "request_type": request_type, "context": context}
    answer = doors.post("/api/request", body)
    assert (answer.status_code, answer.json()["at"]) == (400, at)
    assert doors.post("/api/request", {"query": "", "request_type": request_type}).status_code == 400


@pytest.mark.parametrize("request_type", ROUTES)
def test_plan_request_takes_the_permission_of_the_plans_own_route(doors, request_type):
    plan_id = made(doors)["plan_id"]
    header = HEADERS | {"x-tenant-id": "default"}
    assert doors.post("/v1/tenants", {"tenant_id": "default"}).status_code == 201
    said = doors.post("/v1/keys", {"client_id": "reader", "roles": ["auditor"]}, header).json()
    reader = {"authorization": f"Bearer {said['key']}"}
    method, path = ROUTES[request_type]
    own = doors.call(method, f"/api/v1/plan/{plan_id}{path}", json={"version": 1}, headers=reader)
    answer = asked(doors, request_type, reader, plan_id=plan_id, version=1)
    assert (own.status_code, answer.status_code) == (403, 403)
    assert answer.json()["expected"] == own.json()["expected"]


@pytest.mark.parametrize(("request_type", "name"), [("update-plan", "revise"), ("cancel-plan", "cancel")])
def test_plan_request_whose_store_is_away_is_no_fault_of_the_caller(doors, monkeypatch, request_type, name):
    plan_id = made(doors)["plan_id"]

    async def away(*_):
        raise PlanError("away")

    monkeypatch.setattr(doors.plan_store, name, away)
    assert asked(doors, request_type, plan_id=plan_id, version=1).status_code == 503


@pytest.mark.parametrize("request_type", ROUTES)
def test_plan_request_that_cannot_be_recorded_is_not_done(doors, monkeypatch, request_type):
    plan_id = made(doors)["plan_id"]
    before = asyncio.run(doors.plan_store.get("default", plan_id))

    async def full(*_):
        raise AuditError("the spool is full")

    monkeypatch.setattr(doors.flow.audit, "append", full)
    assert asked(doors, request_type, plan_id=plan_id, version=1).status_code == 503
    assert asyncio.run(doors.plan_store.get("default", plan_id)) == before


def test_plan_request_that_cancels_waits_for_no_place_among_the_plans_that_run():
    class Told(InProcess):
        async def call(self, method, path, *rest, takes_long=False):
            lengths.append(takes_long)
            return await super().call(method, path, *rest)

    lengths = []
    doors = Doors(ALLOW_ALL, PLANS)
    doors.reopen(orchestrator=Told(doors.orchestrator))
    plan_id = made(doors)["plan_id"]
    for request_type in ("update-plan", "cancel-plan", "execute-plan"):
        asked(doors, request_type, plan_id=plan_id, version=1)
    doors.post(f"/api/v1/plan/{plan_id}/cancel", {})
    assert lengths == [True, True, False, True, False]


def test_plan_requests_that_are_served_are_those_of_the_contract(doors):
    assert {"multi-agent-plan", "execute-plan", "generate-plan", "cancel-plan", "update-plan"} == PLAN_REQUESTS
    refused = asked(doors, "chat")
    assert "cancel-plan, execute-plan, generate-plan, multi-agent-plan, update-plan" in refused.json()["error"]
    for name in PLAN_REQUESTS:
        assert asked(doors, name, domain="noise", plan_id="x", version=1).status_code in (200, 404)
