"""The agent's application, driven by a real HTTP client."""

import asyncio
import json

import httpx
import pytest

from axonflow import AxonFlow
from axonflow.errors import ConfigurationError
from axonflow_sidecar import create_agent
from axonflow_sidecar.agent import MAX_BODY_BYTES
from tests.strategies import policy_set

KEY = "test-key-0123456789-0123456789-ab"
REQUEST = {"principal": "user:ann", "action": "tool.call", "resource": "tool:search"}
HEADERS = {"authorization": f"Bearer {KEY}"}


def flow():
    return AxonFlow.open(policy_set([{"id": "search", "effect": "allow", "match": {"resource.id": "search"}}]))


def call(method, path, app=None, **parts):
    async def run():
        transport = httpx.ASGITransport(app or create_agent(flow(), [KEY]))
        async with httpx.AsyncClient(transport=transport, base_url="http://agent") as client:
            return await client.request(method, path, **parts)

    return asyncio.run(run())


def test_agent_health_needs_no_key():
    response = call("GET", "/health")
    assert (response.status_code, response.json()["status"]) == (200, "healthy")


@pytest.mark.parametrize(("resource", "effect"), [("tool:search", "allow"), ("tool:shell", "deny")])
def test_agent_decision_is_the_librarys_and_recorded_first(resource, effect):
    own = flow()
    response = call(
        "POST", "/v1/decisions", create_agent(own, [KEY]), json=REQUEST | {"resource": resource}, headers=HEADERS
    )
    assert (response.status_code, response.json()["effect"]) == (200, effect)
    records = asyncio.run(own.audit.records("default"))
    assert records[-1].event.decision_id == response.json()["decision_id"]


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": f"Basic {KEY}"}, {"authorization": "Bearer wrong"}, {"authorization": ""}]
)
def test_agent_without_a_valid_key_answers_401(headers):
    response = call("POST", "/v1/decisions", json=REQUEST, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert KEY not in response.text


@pytest.mark.parametrize(
    ("method", "path", "content", "kind", "status"),
    [
        ("POST", "/v1/decisions", b"{", "application/json", 400),
        ("POST", "/v1/decisions", json.dumps(REQUEST | {"more": 1}).encode(), "application/json", 400),
        ("POST", "/v1/decisions", b"x" * (MAX_BODY_BYTES + 1), "application/json", 413),
        ("POST", "/v1/decisions", b"{}", "text/plain", 415),
        ("PUT", "/v1/decisions", b"{}", "application/json", 405),
        ("POST", "/v2/decisions", b"{}", "application/json", 404),
    ],
)
def test_agent_bad_input_is_answered_by_a_problem_document(method, path, content, kind, status):
    response = call(method, path, content=content, headers=HEADERS | {"content-type": kind})
    document = response.json()
    assert response.status_code == document["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert document["message"]


@pytest.mark.parametrize("keys", [[], ["short"], ["x" * 513]])
def test_agent_with_keys_that_protect_nothing_is_refused(keys):
    with pytest.raises(ConfigurationError):
        create_agent(flow(), keys)
