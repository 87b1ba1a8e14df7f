"""Every route of the agent, called by the owner of one tenant with the ids, headers and bodies of another.

Two installations: in one the other tenant has everything that a tenant can have, in the other it has never been heard
of. Whatever is asked has to be answered alike in both, so it says nothing of the other tenant, and has to leave what
that has as it was.
"""

import asyncio
import itertools
import re

import pytest

from axonflow.app.workflows import Asking, GateCaller
from axonflow.audit import AuditQuery
from axonflow.flows.export_tenant import export_tenant
from axonflow.plan.workflows import Asked, Workflow
from axonflow.tenancy import PERMISSIONS
from tests.postgres_stores import plan_execution
from tests.sidecar.doors import ALLOW_ALL, HEADERS, Doors

KEYS = "/v1/keys"
PLAN = "01990000-0000-7000-8000-00000000000a"
MARK = "their-own"
"""In the name of all that is theirs."""
THEIRS = f"{MARK}-tenant"
PRINCIPAL = {"id": "ann", "tenant": THEIRS}
CALLER = {"gateway_id": "g", "tenant_id": THEIRS}
BODIES = [
    {},
    {"principal": PRINCIPAL, "action": "tool.call", "resource": "tool:search"},
    {"principal": PRINCIPAL, "content": "[REDACTED:pii.email:vault:a]"},
    {"principal": "user:ann", "content": "[REDACTED:pii.email:vault:a]"},
    {"stage": "llm", "query": "x", "caller_identity": CALLER, "target": {"model": "m"}},
    {"user_token": "x", "client_id": f"{MARK}-client", "query": "x", "context": {"tenant_id": THEIRS}},
    {"context_id": "forged", "client_id": f"{MARK}-client"},
    {"tenant_id": THEIRS},
    {"tenant_id": THEIRS, "client_id": "crm"},
    {"client_id": "crm", "roles": [f"{MARK}-role"]},
    {"permissions": ["keys.read"]},
    {"principal": f"service:{MARK}-client", "role": f"{MARK}-role"},
    {"overlap_s": 0},
    *[
        {"query": "x", "request_type": what, "context": {"plan_id": PLAN, "tenant_id": THEIRS, "version": 1}}
        for what in ("execute-plan", "update-plan", "cancel-plan")
    ],
    {"name": "taken over", "audit_hold": False},
    {"step_type": "human_task", "step_input": {"tenant_id": THEIRS}},
]
VOLATILE = re.compile(
    r'"(?:request_id|decision_id|event_id|audit_id|context_id|key|key_id|prefix|\w*_at|\w*_us|timestamp|id|digest|'
    r'trace_id|sha256|plan_id|expires|evaluated\w*|\w*time_ms|processing_time\w*)":\s*(?:"[^"]*"|[\d.]+)'
    r"|api_key:[0-9a-f-]{36}"
)


class Installation(Doors):
    """One with an attacker, `ours`; and with a victim, if there is to be one."""

    def __init__(self, *, has_victim):
        super().__init__(ALLOW_ALL)
        self.ours = self.owner("ours")
        self.key_id = "01990000-0000-7000-8000-00000000000b"
        self.has_victim = has_victim
        if has_victim:
            self.theirs = self.owner(THEIRS)
            self.fill()
            self.before = self.what_they_have()

    def owner(self, tenant_id):
        assert self.post("/v1/tenants", {"tenant_id": tenant_id, "tier": "enterprise"}).status_code == 201
        header = HEADERS | {"x-tenant-id": tenant_id}
        client = f"{MARK}-client" if tenant_id == THEIRS else "boss"
        made = self.post(KEYS, {"client_id": client, "roles": ["owner"]}, header).json()
        return {"authorization": f"Bearer {made['key']}"}

    def fill(self):
        self.key_id = self.post(KEYS, {"client_id": f"{MARK}-client"}, self.theirs).json()["key_id"]
        path = f"/v1/roles/{MARK}-role"
        assert self.call("PUT", path, json={"permissions": ["*"]}, headers=self.theirs).status_code == 200
        grant = {"principal": f"service:{MARK}-client", "role": f"{MARK}-role"}
        assert self.post("/v1/grants", grant, self.theirs).status_code == 201
        asyncio.run(self.fill_workflows())
        asyncio.run(self.plan_store.add(plan_execution(THEIRS, plan_id=PLAN, query=f"{MARK} plan")))
        body = {"principal": PRINCIPAL | {"id": f"{MARK}-ann"}, "action": "tool.call", "resource": "tool:x"}
        assert self.post("/v1/decisions", body, self.theirs).status_code == 200

    async def fill_workflows(self):
        workflow = Workflow(tenant_id=THEIRS, workflow_id=PLAN, name=f"{MARK} workflow", principal="x:y", created_us=1)
        await self.workflows._stores.workflows.add(workflow)
        asked = Asked(client_id=f"{MARK}-client", user_id="", step_type="human_task")
        await self.workflows.gate(GateCaller(tenant_id=THEIRS, client_id="x"), PLAN, PLAN, Asking(asked))

    def what_they_have(self):
        async def exported():
            pieces = [piece async for piece in export_tenant(self.tenancy._data, THEIRS)]
            return b"".join(pieces).splitlines()[1:]

        return [
            asyncio.run(exported()),
            asyncio.run(self.plan_store.get(THEIRS, PLAN)),
            asyncio.run(self.workflows.get(THEIRS, PLAN)),
            [event.kind for event in asyncio.run(self.search(AuditQuery(tenant_id=THEIRS))).events],
        ]

    def attacked(self, method, path, body, header):
        parts = {} if body is None else {"json": body}
        return self.call(method, path, headers=self.ours | header, **parts)


ROUTES = [route for route in Doors().routes["agent"] if route.permission in PERMISSIONS]


def targets(route, key_id):
    """The route with the ids of the victim in its place, one path for each: what is within something has its id too."""
    for value in (key_id, PLAN, THEIRS, f"{MARK}-role"):
        yield re.sub(r"\{\w+\}", value, route.path)
        if "{" not in route.path:
            return


@pytest.fixture(scope="module")
def installations():
    return Installation(has_victim=True), Installation(has_victim=False)


@pytest.mark.parametrize("header", [{}, {"x-tenant-id": THEIRS}], ids=["", "their-header"])
@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.method} {route.path}" for route in ROUTES])
def test_route_with_forged_ids_is_answered_as_if_the_other_tenant_were_not_there(installations, route, header):
    there, nowhere = installations
    bodies = BODIES if route.method in ("POST", "PUT", "PATCH") else [None]
    for path, body in itertools.product(targets(route, there.key_id), bodies):
        answers = []
        for home in (there, nowhere):
            response = home.attacked(route.method, path, body, header)
            assert response.status_code != 500
            answers.append((response.status_code, VOLATILE.sub("", response.text)))
        assert answers[0] == answers[1], (path, body)
    assert there.what_they_have() == there.before


def test_trail_of_the_other_tenant_is_not_found_by_a_search(installations):
    there, _ = installations
    found = there.post("/api/v1/audit/search", {"limit": 1000}, there.ours).json()["entries"]
    assert found
    assert {entry["tenant_id"] for entry in found} == {"ours"}
    theirs = there.post("/api/v1/audit/search", {"limit": 1000}, there.theirs).json()["entries"]
    assert {entry["tenant_id"] for entry in theirs} == {THEIRS}
