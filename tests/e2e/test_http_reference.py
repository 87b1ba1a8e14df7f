"""docs/reference/http.md against the agent: its routes are those that are served, its statuses those answered."""

import json
import re
from pathlib import Path

import pytest

from axonflow_sidecar.http.asgi import MAX_BODY_BYTES
from axonflow_sidecar.http.translate import OUTCOMES
from tests.sidecar.doors import ACME, ALLOW_ALL, HEADERS, REQUEST, Doors

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "http.md").read_text("utf-8")
PATH = "/v1/decisions"
JSON = HEADERS | {"content-type": "application/json"}


def rows(columns, section):
    text = PAGE.split(f"## {section}")[1].split("\n## ")[0] if section else PAGE.split("\n## ")[0]
    found = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    return [row for row in found if len(row) == columns]


def post(content, headers=JSON, path=PATH):
    return {"method": "POST", "path": path, "content": content, "headers": headers}


CASES = {
    "malformed JSON": post(b"{nonsense"),
    "truncated JSON": post(json.dumps(REQUEST)[:-9].encode()),
    "a member that is there twice": post(json.dumps(REQUEST)[:-1].encode() + b', "action": "tool.call"}'),
    "not UTF-8": post(b"\xff\xfe{}"),
    "a lone surrogate": post(json.dumps(REQUEST | {"content": "\ud800"}).encode()),
    "NUL in an id": post(json.dumps(REQUEST | {"resource": "tool:a\0"}).encode()),
    "a number beyond 64 bits": post(json.dumps(REQUEST | {"content": 2**64}).encode()),
    "no key": post(b"{}", {"content-type": "application/json"}),
    "a wrong key": post(b"{}", JSON | {"authorization": "Bearer " + "w" * 40}),
    "a key for another tenant": post(json.dumps(REQUEST).encode(), JSON | ACME),
    "an unknown route": {"method": "GET", "path": "/nowhere", "headers": HEADERS},
    "a plan of another tenant, or of nobody": {"method": "GET", "path": "/api/v1/plan/unknown", "headers": HEADERS},
    "a decision of another tenant, or that was never recorded": {
        "method": "GET",
        "path": "/api/v1/decisions/unknown/explain",
        "headers": HEADERS,
    },
    "a workflow, step or checkpoint of another tenant, or that there is not": {
        "method": "GET",
        "path": "/api/v1/workflows/unknown",
        "headers": HEADERS,
    },
    "a wrong method": {"method": "DELETE", "path": PATH, "headers": HEADERS},
    "a key without the permission": {"method": "GET", "path": "/metrics", "headers": ACME},
    "a key, role or tenant that there is not, or not for this key": {
        "method": "GET",
        "path": "/v1/keys/unknown",
        "headers": HEADERS,
    },
    "a body over 8 MiB": post(b"x" * (MAX_BODY_BYTES + 1)),
    "another content type than `application/json`": post(b"{}", JSON | {"content-type": "text/plain"}),
    "headers over 32 KiB": post(b"{}", JSON | {"x-much": "a" * 33_000}),
}
# Faults that take a real socket or a broken part: the test file that has them.
ELSEWHERE = {
    "a body that does not arrive within 30 s": "test_server.py",
    "headers over 2 MiB, or more than 100 of them over HTTP/1.1": "test_server.py",
    "what is not HTTP": "test_server.py",
    "an unknown field (`/v1/decisions`, search)": "test_contract_routes.py",
    "a key, tenant or user token that is there twice": "test_agent.py",
    "a body with a Content-Encoding": "test_agent.py",
    "headers that are not finished within 10 s, silence, an unfinished handshake; 120 s without a call": (
        "test_server.py"
    ),
    "TLS before 1.3": "test_server.py",
    "an upgrade to h2c by header (obsolete, RFC 9113 section 3.1)": "test_server.py",
    "a tenant that calls too often": "test_rates.py",
    "an approval by somebody whom the step or policy does not name": "test_plan_approvals.py",
    "a plan that was changed, begun or ended meanwhile": "test_plan_changes.py",
    "more than 16 streams of executions of a tenant at one orchestrator, or 64 in all": "test_execution_stream.py",
    "more than 8 tails of a tenant at one agent, or 64 in all": "test_audit_tail.py",
    "a tenant that is suspended or being deleted": "test_permissions.py",
    "a key or a role that would do more than whoever makes it": "test_tenant_routes.py",
    "a name that is taken, a limit that is reached, a change that came second": "test_tenant_routes.py",
    "nobody can say whose a key is (`TenancyUnavailable`)": "test_stored_keys.py",
    "a [policy](api-policies.md) that could not be enforced, or none can be signed": "test_api_policy_routes.py",
    "a policy of a layer above, or a key that may not write policies": "test_api_policy_routes.py",
    "a policy that there is not, or not for this tenant": "test_api_policy_routes.py",
    "a policy that changed meanwhile, or of which there are enough": "test_api_policy_routes.py",
    "a document that would not load (`/api/v1/typed-policies/publish`)": "test_typed_policy_routes.py",
    "policies cannot be read or written, or are not in force here yet": "test_api_policy_routes.py",
    "the process is stopping": "test_connections.py",
    "a reveal that policies deny": "test_reveal_route.py",
    "a vault that cannot answer, or none (`/v1/reveal`)": "test_reveal_route.py",
    "the spool cannot record, the ledger cannot count, an answer takes over 30 s": "test_agent.py",
    "a fault of ours": "test_agent.py",
    "a workflow or a step in another state, or that somebody else changed at the same time": "test_workflow_routes.py",
    "a step that is known by another idempotency key": "test_workflow_routes.py",
    "an approval by who asked for it, or by nobody whom policies name": "test_workflow_routes.py",
}


@pytest.mark.parametrize(("what", "status"), [row for row in rows(2, "What goes wrong") if row[0] not in ELSEWHERE])
def test_http_page_says_how_a_fault_is_answered(what, status):
    case = dict(CASES[what])
    response = Doors(ALLOW_ALL).call(case.pop("method"), case.pop("path"), **case)
    assert (str(response.status_code), response.headers["content-type"]) == (status, "application/problem+json")


def test_http_page_names_every_case_once():
    assert sorted(what for what, _ in rows(2, "What goes wrong")) == sorted([*CASES, *ELSEWHERE])


@pytest.mark.parametrize(("route", "what", "permission"), rows(3, ""))
def test_http_page_route_is_served_and_needs_a_key_where_it_says(route, what, permission):
    method, path = re.fullmatch(r"`(\w+) (\S+)`", route).groups()
    response = Doors(ALLOW_ALL).call(method, re.sub(r"\{\w+\}", "x", path), headers={})
    assert response.status_code == (200 if permission == "none" else 401)


def test_http_page_has_every_route_with_its_permission():
    served = {f"`{route.method} {route.path}`": route.permission for route in Doors().routes["agent"]}
    shown = {route: permission.strip("`") for route, _, permission in rows(3, "")}
    assert shown == served | {"`GET /health`": "none"}


@pytest.mark.parametrize(("effect", "verdict", "approved", "decision"), rows(4, "Verdicts"))
def test_http_page_verdict_of_an_effect_is_the_one_in_the_table(effect, verdict, approved, decision):
    outcome = OUTCOMES[effect]
    assert (outcome.verdict, str(outcome.approved).lower(), outcome.policy_decision) == (verdict, approved, decision)
