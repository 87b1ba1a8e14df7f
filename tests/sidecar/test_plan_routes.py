"""Plans through the agent: made, run, kept, and for their own tenant alone."""

import asyncio
import json
import re
from datetime import date

import pytest

from axonflow import Plan, Principal
from axonflow.errors import PlanError
from axonflow.plan import Step
from axonflow_sidecar.plans.runs import RunTimes
from tests.sidecar.doors import ACME, ALLOW_ALL, CREDENTIAL, HEADERS, SIGNER, Doors
from tests.strategies import policy_set


async def shout(query):
    return query.upper()


async def twice(loud):
    return loud * 2


async def failing():
    raise RuntimeError("out of paper")


def shouting(query, context):
    plan = Plan("shouting")
    plan.tool("loud", "megaphone", shout, inputs={"query": query}, context={"volume": context.get("volume", 1)})
    return plan.agent("echo", "echo", twice, needs=["loud"])


PLANS = {"noise": shouting, "broken": Plan("broken").step("print", failing), "liar": lambda query, context: "no plan"}


def made(doors, headers=HEADERS, domain="noise", **context):
    body = {
        "query": "hey",
        "user_token": "u",
        "request_type": "multi-agent-plan",
        "context": {"domain": domain, **context},
    }
    return doors.post("/api/request", body, headers).json()


def run(doors, plan_id, headers=HEADERS):
    body = {"query": "", "user_token": "u", "request_type": "execute-plan", "context": {"plan_id": plan_id}}
    return doors.post("/api/request", body, headers)


def test_plan_made_run_and_looked_up_tells_the_same_story():
    doors = Doors(ALLOW_ALL, PLANS)
    plan = made(doors)
    assert [(step["name"], step["depends_on"]) for step in plan["data"]["steps"]] == [("loud", []), ("echo", ["loud"])]
    told = plan["data"]["policy_info"]
    assert 0 <= told.pop("processing_time_ms") < 60_000
    assert told == {
        "allowed": True, "applied_policies": [], "risk_score": 0.0, "required_actions": [],
        "reasons": ["No rule matches; the default is allow."], "database_accessed": False,
    }  # fmt: skip
    before = doors.call("GET", f"/api/v1/plan/{plan['plan_id']}").json()
    assert before["status"] == "pending"
    ran = run(doors, plan["plan_id"]).json()
    assert (ran["success"], ran["data"]["status"], json.loads(ran["result"])) == (True, "completed", {"echo": "HEYHEY"})
    after = doors.call("GET", f"/api/v1/plan/{plan['plan_id']}").json()
    assert (after["status"], after["step_results"]) == ("completed", {"loud": "HEY", "echo": "HEYHEY"})
    assert re.fullmatch(r"\d+\.\d{3}s", after["duration"])


def test_plan_runs_as_the_callers_service_and_each_step_is_recorded():
    doors = Doors(ALLOW_ALL, PLANS)
    run(doors, made(doors)["plan_id"])
    events = doors.recorded()
    assert {event.principal for event in events} == {"service:tester"}
    assert [event.action for event in events if event.kind == "decision"] == [
        "plan.start", "plan.step", "tool.call", "plan.step", "agent.message"
    ]  # fmt: skip
    done = [event for event in events if event.kind == "plan_step"]
    assert [(event.details["step"], event.resource, event.errors) for event in done] == [
        ("loud", "tool:megaphone", ()), ("echo", "agent:echo", ()),
    ]  # fmt: skip
    assert {event.decision_id for event in done} < {event.decision_id for event in events if event not in done}
    assert all(event.duration_us is not None and event.details["plan_id"] for event in done)


def test_plan_that_would_be_refused_for_its_labels_is_told_so_when_it_is_made():
    rule = {
        "id": "no-mail", "effect": "deny", "reason": "Mail takes no addresses.",
        "match": {"action": "tool.call", "resource.id": "mail", "context.labels": "pii:email"},
    }  # fmt: skip
    leak = Plan("leak").tool("read", "crm", lambda: "x", labels=["pii:email"])
    doors = Doors(
        policy_set([rule], default="allow"), {"leak": leak.tool("send", "mail", lambda read: 1, needs=["read"])}
    )
    plan = made(doors, domain="leak")
    told = plan["data"]["policy_info"]
    assert (told["allowed"], told["required_actions"]) == (False, ["block"])
    way = "pii:email flows read -> send, which is denied: Mail takes no addresses."
    assert told["reasons"][0] == way
    ran = run(doors, plan["plan_id"]).json()
    assert (ran["success"], ran["blocked"], ran["block_reason"]) == (False, True, way)


def test_plan_that_needs_approval_is_told_so_when_it_is_made():
    rule = {"id": "ask", "effect": "require_approval", "match": {"action": "plan.start"}}
    told = made(Doors(policy_set([rule], default="allow"), PLANS))["data"]["policy_info"]
    assert (told["allowed"], told["applied_policies"], told["required_actions"]) == (
        False,
        ["ask"],
        ["require_approval"],
    )


def test_plan_that_policy_denies_is_blocked_and_nothing_runs():
    doors = Doors(
        policy_set([{"id": "no", "effect": "deny", "match": {"action": "plan.start"}}], default="allow"), PLANS
    )
    plan = made(doors)
    assert plan["data"]["policy_info"]["allowed"] is False
    ran = run(doors, plan["plan_id"]).json()
    assert (ran["success"], ran["blocked"], ran["metadata"]["step_results"]) == (False, True, {})


def test_plan_whose_step_fails_is_failed_with_its_reason():
    doors = Doors(ALLOW_ALL, PLANS)
    ran = run(doors, made(doors, domain="broken")["plan_id"]).json()
    assert (ran["success"], ran["data"]["status"]) == (False, "failed")
    assert "out of paper" in ran["error"]


def test_plan_runs_once_however_often_it_is_asked_for():
    doors = Doors(ALLOW_ALL, PLANS)
    plan_id = made(doors)["plan_id"]
    assert run(doors, plan_id).json()["success"] is True
    again = run(doors, plan_id).json()
    assert (again["success"], again["data"]["status"]) == (False, "completed")


def test_plan_of_one_tenant_is_not_there_for_another():
    doors = Doors(ALLOW_ALL, PLANS)
    plan_id = made(doors)["plan_id"]
    assert doors.call("GET", f"/api/v1/plan/{plan_id}", headers=ACME).status_code == 404
    assert run(doors, plan_id, ACME).status_code == 404
    mine = made(doors, ACME)["plan_id"]
    assert run(doors, mine, ACME).json()["success"] is True
    assert {event.tenant_id for event in doors.recorded("acme")} == {"acme"}


def test_plan_whose_tenant_is_suspended_while_it_runs_goes_no_further():
    called = []

    async def suspending():
        called.append("first")
        doors.inactive["acme"] = "suspended"
        return 1

    async def second(first):
        called.append("second")

    plan = Plan("long").step("first", suspending)
    plan.tool("second", "megaphone", second, needs=["first"])
    doors = Doors(ALLOW_ALL, {"long": plan})
    plan_id = made(doors, ACME, "long")["plan_id"]
    ran = run(doors, plan_id, ACME).json()
    assert (ran["success"], called) == (False, ["first"])
    assert ran["error"].startswith("second: TenancyForbidden: the tenant is suspended")
    assert asyncio.run(doors.plan_store.get("acme", plan_id)).step_results == {"first": 1}


def test_plan_whose_tenant_is_suspended_before_it_runs_is_not_begun():
    doors = Doors(ALLOW_ALL, PLANS)
    execution = made(doors, ACME)
    doors.inactive["acme"] = "suspended"
    principal = Principal("crm", "service", "acme")
    ended = asyncio.run(doors.runs.run("acme", execution["plan_id"], principal))
    assert (ended.status, ended.error.startswith("the tenant is suspended")) == ("failed", True)
    assert {event.action for event in doors.recorded("acme")} == {"plan.create"}


@pytest.mark.parametrize("domain", ["cooking", "x" * 1000])
def test_plan_of_an_unknown_domain_says_llm_routing_and_what_there_is(domain):
    body = made(Doors(ALLOW_ALL, PLANS), domain=domain)
    assert body["success"] is False
    assert "LLM routing" in body["error"]
    assert "broken, liar, noise" in body["error"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"query": "", "request_type": "execute-plan", "context": {"plan_id": "nope"}}, 404),
        ({"query": "", "request_type": "execute-plan"}, 400),
        ({"query": "", "request_type": "multi-agent-plan", "context": {"domain": 5}}, 400),
        ({"query": "q", "request_type": "multi-agent-plan", "context": {"domain": "liar"}}, 400),
        ({"query": "q"}, 400),
    ],
)
def test_plan_request_that_is_wrong_is_a_problem(body, status):
    response = Doors(ALLOW_ALL, PLANS).post("/api/request", body)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    "headers", [{}, {"x-axonflow-internal": CREDENTIAL}, {"x-axonflow-internal": "wrong"}, HEADERS]
)
def test_orchestrator_takes_plans_from_our_agents_alone(headers):
    doors = Doors(ALLOW_ALL, PLANS)
    body = {"query": "q", "request_type": "multi-agent-plan", "context": {"domain": "noise"}}
    assert doors.call("POST", "/api/request", doors.orchestrator, headers, json=body).status_code == 401


def test_orchestrator_takes_no_identity_that_was_signed_for_something_else():
    doors = Doors(ALLOW_ALL, PLANS)
    checked = doors.post("/api/policy/pre-check", {"query": "q"}).json()["context_id"]
    headers = {"x-axonflow-internal": CREDENTIAL, "x-axonflow-identity": checked}
    assert doors.call("GET", "/api/v1/plan/x", doors.orchestrator, headers).status_code == 401
    assert SIGNER.pseudonym("u")


def test_runs_closed_while_a_plan_runs_keep_it_as_failed():
    started = asyncio.Event()

    async def forever():
        started.set()
        await asyncio.Event().wait()

    async def main():
        doors = Doors(ALLOW_ALL, {"long": Plan("long").step("wait", forever)})
        import httpx

        transport = httpx.ASGITransport(doors.agent)
        async with httpx.AsyncClient(transport=transport, base_url="http://agent", headers=HEADERS) as client:
            body = {"query": "q", "request_type": "multi-agent-plan", "context": {"domain": "long"}}
            plan_id = (await client.post("/api/request", json=body)).json()["plan_id"]
            body = {"query": "", "request_type": "execute-plan", "context": {"plan_id": plan_id}}
            running = asyncio.create_task(client.post("/api/request", json=body))
            await started.wait()
            await doors.runs.close(0)
            answer = (await running).json()
        return answer, await doors.plan_store.get("default", plan_id)

    answer, kept = asyncio.run(main())
    assert (answer["success"], kept.status) == (False, "failed")
    assert "stopped" in kept.error


@pytest.mark.parametrize("plan_id", ["%00", "%0d%0aX:1", "%3Fa", "%2e%2e", "a%2Fb", "x" * 200, "\u00e9"])
def test_plan_id_that_is_none_is_404_and_goes_no_further(plan_id):
    assert Doors(ALLOW_ALL, PLANS).call("GET", f"/api/v1/plan/{plan_id}").status_code == 404


def leaving(query, context):
    raise SystemExit(3)


async def leaves():
    raise SystemExit(3)


ODD = {
    "exit": (leaving, None),
    "exit in a step": (Plan("p").step("a", leaves), "SystemExit"),
    "exit in a thread": (Plan("p").step("a", lambda: leaving("", {})), "SystemExit"),
    "an object": (Plan("p").step("a", object), "not JSON"),
    "a lone surrogate": (Plan("p").step("a", lambda: "\ud800"), "not JSON"),
    "objects in a list": (Plan("p").step("a", lambda: [object()]), "not JSON"),
}


@pytest.mark.parametrize("domain", ODD)
def test_plan_that_goes_wrong_in_an_odd_way_fails_alone_and_says_why(domain):
    doors = Doors(ALLOW_ALL, {name: source for name, (source, _) in ODD.items()} | PLANS)
    plan = made(doors, domain=domain)
    if ODD[domain][1] is None:
        assert plan["status"] == 400
    else:
        ran = run(doors, plan["plan_id"]).json()
        assert (ran["success"], ran["data"]["status"]) == (False, "failed")
        assert ODD[domain][1] in ran["error"]
        assert doors.call("GET", f"/api/v1/plan/{plan['plan_id']}").json()["status"] == "failed"
    assert run(doors, made(doors)["plan_id"]).json()["success"] is True


def test_plan_in_which_a_step_gives_no_json_keeps_what_its_failure_policy_leaves():
    plan = Plan("trip", on_failure="partial").step("thing", object).step("fine", lambda: "kept")
    doors = Doors(ALLOW_ALL, {"trip": plan})
    ran = run(doors, made(doors, domain="trip")["plan_id"]).json()
    assert (ran["success"], ran["data"]["status"]) == (True, "completed")
    assert ran["data"]["step_results"] == {"fine": "kept"}


def test_plan_in_which_a_step_gives_no_json_within_another_waits_with_the_rest():
    within = Plan("within").step("thing", object).add(Step(name="ask", kind="approval", target="approver"))
    doors = Doors(ALLOW_ALL, {"trip": Plan("trip").add(Step(name="part", kind="plan", body=within.check()))})
    assert run(doors, made(doors, domain="trip")["plan_id"]).json()["data"]["status"] == "awaiting_approval"


def test_plan_results_are_told_as_json_has_them_at_once_and_later():
    doors = Doors(ALLOW_ALL, {"trip": Plan("trip").step("day", lambda: {"on": date(2026, 1, 31), 7: (1, 2)})})
    plan_id = made(doors, domain="trip")["plan_id"]
    ran = run(doors, plan_id).json()
    kept = asyncio.run(doors.plan_store.get("default", plan_id))
    assert ran["data"]["step_results"] == kept.step_results == {"day": {"on": "2026-01-31", "7": [1, 2]}}
    assert kept.result == kept.step_results
    json.dumps(kept.result)  # as the database keeps it


def test_plan_that_fails_as_nobody_foresaw_is_kept_as_failed():
    class Odd(Plan):
        is_odd = False

        def check(self):
            if self.is_odd:
                raise RuntimeError("odd")
            return super().check()

    plan = Odd("odd").step("a", object)
    doors = Doors(ALLOW_ALL, {"odd": plan})
    plan_id = made(doors, domain="odd")["plan_id"]
    Odd.is_odd = True
    assert run(doors, plan_id).status_code == 500
    assert asyncio.run(doors.plan_store.get("default", plan_id)).status == "failed"


def test_plan_whose_end_was_kept_and_not_heard_of_is_told_as_it_ended(monkeypatch):
    doors = Doors(ALLOW_ALL, PLANS, times=RunTimes(pauses_s=(0.0,)))
    plan_id = made(doors)["plan_id"]
    finish, unheard = doors.plan_store.finish, [PlanError("away")]

    async def away(execution, steps):
        status = await finish(execution, steps)
        if unheard:
            raise unheard.pop()
        return status

    monkeypatch.setattr(doors.plan_store, "finish", away)
    assert run(doors, plan_id).json()["data"]["status"] == "completed"


def test_results_are_kept_as_the_json_that_they_are_sent_as():
    plan = Plan("p").step("a", lambda: {"day": date(2026, 11, 22), "few": {1}})
    doors = Doors(ALLOW_ALL, {"odd": plan.step("b", lambda a: a, needs=["a"])})
    plan_id = made(doors, domain="odd")["plan_id"]
    assert run(doors, plan_id).json()["success"] is True
    kept = asyncio.run(doors.plan_store.get("default", plan_id))
    expected = {"day": "2026-11-22", "few": [1]}
    assert (kept.step_results, kept.result) == ({"a": expected, "b": expected}, {"b": expected})


def test_plan_events_carry_the_client_and_the_trace_of_the_call():
    doors = Doors(ALLOW_ALL, PLANS)
    run(doors, made(doors)["plan_id"])
    assert {event.origin.client_id for event in doors.recorded()} == {"tester"}
    assert all(len(event.origin.trace_id) == 32 and event.origin.request_id for event in doors.recorded())


def test_plan_whose_end_cannot_be_kept_at_once_is_kept_later(monkeypatch):
    doors = Doors(ALLOW_ALL, PLANS, times=RunTimes(pauses_s=(0.0, 0.0)))
    plan_id = made(doors)["plan_id"]
    finish, failures = doors.plan_store.finish, [PlanError("away"), PlanError("away")]

    async def away(execution, steps):
        if failures:
            raise failures.pop()
        return await finish(execution, steps)

    monkeypatch.setattr(doors.plan_store, "finish", away)
    assert run(doors, plan_id).json()["data"]["status"] == "completed"
    failures.extend([PlanError("away")] * 3)
    assert run(doors, made(doors)["plan_id"]).status_code == 503
