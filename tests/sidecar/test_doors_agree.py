"""One engine, every door: the same question gets the same verdict, however it comes in."""

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow, Decision, Principal, Request, Resource
from axonflow_sidecar.http.translate import OUTCOMES
from tests import strategies
from tests.sidecar.doors import Doors

SLOW = settings(max_examples=30, deadline=None)
SAID = ("effect", "allowed", "reasons", "obligations", "policies", "redacted", "errors", "shadow", "policy_digest")


def said(decision):
    return {name: getattr(decision, name) for name in SAID}


@SLOW
@given(strategies.policy_sets(), strategies.requests(), st.booleans())
def test_decision_through_http_is_the_librarys_word_for_word(policies, request_, with_acme):
    doors = Doors(policies)
    response = doors.call(
        "POST", "/v1/decisions", content=request_.to_json(),
        headers={"authorization": "Bearer test-key-0123456789-0123456789-ab", "content-type": "application/json"},
    )  # fmt: skip
    assert response.status_code == 200
    assert said(Decision.from_json(response.content)) == said(AxonFlow.open(policies).decide(request_))


def as_service(action, resource, context, query):
    user = Principal("anonymous", "user", "default")
    return Request(Principal("tester", "service", on_behalf_of=user), action, resource, context, query)


STAGES = {
    "llm": ("model", "llm.request", lambda name: Resource("model", name)),
    "tool": ("tool", "tool.call", lambda name: Resource("tool", name)),
    "agent": ("server", "agent.message", lambda name: Resource("agent", name, {"tenant": "default"})),
}


@SLOW
@given(
    strategies.policy_sets(),
    st.sampled_from(sorted(STAGES)),
    strategies.NAMES,
    strategies.contexts(),
    strategies.CONTENTS,
)
def test_decide_verdict_is_the_librarys(policies, stage, name, context, query):
    field, action, resource = STAGES[stage]
    expected = AxonFlow.open(policies).decide(as_service(action, resource(name), context, query))
    body = {"stage": stage, "query": query, "target": {field: name}, "context": context}
    answer = Doors(policies).post("/api/v1/decide", body).json()
    assert answer["verdict"] == OUTCOMES[expected.effect].verdict
    assert (answer["verdict"] == "allow") is expected.allowed
    assert answer["evaluated_policies"] == list(expected.policies)
    assert answer.get("redacted_query") == expected.redacted


@SLOW
@given(strategies.policy_sets(), strategies.NAMES, strategies.contexts(), strategies.CONTENTS)
def test_pre_check_verdict_is_the_librarys(policies, model, context, query):
    context = context | {"model": model}
    asked = as_service("llm.request", Resource("model", model), context, query)
    expected = AxonFlow.open(policies).decide(asked)
    answer = Doors(policies).post("/api/policy/pre-check", {"query": query, "context": context}).json()
    assert answer["approved"] is expected.allowed
    assert answer["policies"] == list(expected.policies)


@pytest.mark.parametrize("path", ["/v1/decisions", "/api/v1/decide", "/api/policy/pre-check"])
def test_no_policies_loaded_never_allows_at_any_door(path):
    bodies = {
        "/v1/decisions": {"principal": "user:a", "action": "llm.request", "resource": "model:m"},
        "/api/v1/decide": {"stage": "llm", "query": "q", "target": {"model": "m"}},
        "/api/policy/pre-check": {"query": "q"},
    }
    response: httpx.Response = Doors(None).post(path, bodies[path])
    assert response.status_code == 200
    assert "allow" not in (response.json().get("verdict"), response.json().get("effect"))
    assert True not in (response.json().get("approved"), response.json().get("allowed"))
