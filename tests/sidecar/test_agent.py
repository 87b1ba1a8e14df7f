"""The agent's main route, driven by a real HTTP client: keys, tenants, limits, traces, failures."""

import asyncio
import base64
import json
import re

import pytest

from axonflow import Decision
from axonflow.errors import AuditError
from axonflow_sidecar.http.asgi import MAX_BODY_BYTES, Call, Reply
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.keys import KeyRing
from axonflow_sidecar.http.routing import PUBLIC, Route, routed
from tests.sidecar.doors import ACME, ALLOW_ALL, HEADERS, KEY, REQUEST, Doors
from tests.strategies import policy_set

PATH = "/v1/decisions"
JSON = HEADERS | {"content-type": "application/json"}


def basic(name, key):
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()}


def test_agent_health_needs_no_key():
    response = Doors().call("GET", "/health", headers={})
    assert (response.status_code, response.json()["status"]) == (200, "healthy")
    assert response.json()["service"] == "axonflow-agent"


@pytest.mark.parametrize(("resource", "effect"), [("tool:search", "allow"), ("tool:shell", "deny")])
def test_agent_decision_is_the_librarys_and_recorded_first(resource, effect):
    doors = Doors()
    response = doors.post(PATH, REQUEST | {"resource": resource})
    decision = Decision.from_json(response.content)
    assert (response.status_code, decision.effect) == (200, effect)
    event = doors.recorded()[-1]
    assert (event.decision_id, event.origin.client_id) == (decision.decision_id, "tester")
    assert event.origin.request_id == response.headers["x-request-id"]
    assert event.origin.trace_id == response.headers["traceparent"].split("-")[1]


def test_agent_time_of_a_request_is_the_agents_own():
    expiring = policy_set([{"id": "no", "effect": "deny", "match": {"action": "tool.call"}}], default="allow")
    expiring["exceptions"] = [
        {"id": "past", "rules": ["no"], "reason": "A past emergency.", "expires": "2020-01-01T00:00:00Z"}
    ]
    doors = Doors(expiring)
    assert doors.post(PATH, REQUEST | {"time": 1_500_000_000_000_000}).json()["effect"] == "deny"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("tester", "wrong"),
        basic("someone", KEY),
        basic("", KEY),
        {"authorization": f"Basic {KEY}"},
        {"authorization": b"Basic \xe9"},
        {"authorization": b"Bearer \xe9"},
        {"authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {KEY}x"},
        {"authorization": "Bearer " + "x" * 10_000},
        {"authorization": ""},
    ],
)
def test_agent_without_a_valid_key_answers_401(headers):
    doors = Doors()
    response = doors.post(PATH, REQUEST, headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert KEY not in response.text
    assert not doors.recorded()


@pytest.mark.parametrize("headers", [HEADERS, basic("tester", KEY), {"authorization": f"bearer {KEY}"}])
def test_agent_takes_a_key_as_bearer_or_basic(headers):
    assert Doors().post(PATH, REQUEST, headers).status_code == 200


def test_agent_key_of_one_tenant_is_refused_for_another():
    doors = Doors(ALLOW_ALL)
    assert doors.post(PATH, REQUEST, ACME).status_code == 403
    assert doors.post(PATH, REQUEST | {"principal": {"id": "ann", "tenant": "acme"}}, ACME).status_code == 200
    assert not doors.recorded("default")


@pytest.mark.parametrize(
    ("method", "path", "content", "kind", "status"),
    [
        ("POST", PATH, b"{", "application/json", 400),
        ("POST", PATH, b"", "application/json", 400),
        ("POST", PATH, json.dumps(REQUEST | {"more": 1}).encode(), "application/json", 400),
        ("POST", PATH, json.dumps(REQUEST | {"content": 2**64}).encode(), "application/json", 400),
        ("POST", PATH, json.dumps(REQUEST | {"principal": "user:a\0b"}).encode(), "application/json", 400),
        ("POST", PATH, b'{"principal": "user:\\ud800", "action": "a", "resource": "b:c"}', "application/json", 400),
        ("POST", PATH, json.dumps(REQUEST)[:-5].encode(), "application/json", 400),
        ("POST", PATH, json.dumps(REQUEST)[:-1].encode() + b', "action": "tool.call"}', "application/json", 400),
        ("POST", PATH, b"[" * 100_000, "application/json", 400),
        ("POST", PATH, b"\xff\xfe{}", "application/json", 400),
        ("POST", PATH, b"x" * (MAX_BODY_BYTES + 1), "application/json", 413),
        ("POST", PATH, b"{}", "text/plain", 415),
        ("POST", PATH, b"{}", "", 415),
        ("PUT", PATH, b"{}", "application/json", 405),
        ("POST", "/v2/decisions", b"{}", "application/json", 404),
        ("GET", "/", b"", "application/json", 404),
        ("GET", "/api/v1/plan/", b"", "application/json", 404),
        ("GET", "/api/v1/plan/a/b", b"", "application/json", 404),
    ],
)
def test_agent_bad_input_is_answered_by_a_problem_document(method, path, content, kind, status):
    response = Doors().call(method, path, content=content, headers=HEADERS | {"content-type": kind})
    document = response.json()
    assert response.status_code == document["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert document["message"]
    assert document["request_id"] == response.headers["x-request-id"]


def test_agent_headers_over_their_limit_are_refused():
    response = Doors().call("POST", PATH, json=REQUEST, headers=HEADERS | {"x-much": "a" * 40_000})
    assert (response.status_code, response.json()["code"]) == (431, "invalid_request")


@pytest.mark.parametrize("name", ["authorization", "x-tenant-id", "x-user-token"])
def test_agent_header_that_decides_who_calls_is_taken_once(name):
    doors = Doors(ALLOW_ALL)
    twice = [*JSON.items(), (name, "Bearer wrong"), (name, JSON["authorization"])]
    response = doors.call("POST", PATH, content=json.dumps(REQUEST).encode(), headers=twice)
    assert (response.status_code, response.json()["at"]) == (400, name)
    assert not doors.recorded()


def test_agent_encoded_body_is_refused():
    response = Doors().call("POST", PATH, content=b"{}", headers=JSON | {"content-encoding": "gzip"})
    assert response.status_code == 415


def test_agent_content_length_over_the_limit_is_refused_before_the_body_is_read():
    doors = Doors()
    response = doors.call("POST", PATH, content=b"{}", headers=JSON | {"content-length": "9" * 13})
    assert response.status_code == 413


def test_agent_that_cannot_record_answers_503_and_never_allows(monkeypatch):
    doors = Doors(ALLOW_ALL)

    async def broken(event):
        raise AuditError("the disk is full")

    monkeypatch.setattr(doors.flow.audit, "append", broken)
    response = doors.post(PATH, REQUEST)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert "allow" not in response.text


@pytest.mark.parametrize(("sends_all", "status"), [(False, 408), (True, 503)])
def test_agent_call_that_takes_too_long_says_whose_fault_it_was(sends_all, status):
    async def forever(call):
        if sends_all:
            await call.json_body()
            await asyncio.Event().wait()
        return Reply(await call.json_body())

    async def receive():
        if sends_all:
            return {"type": "http.request", "body": b"{}", "more_body": False}
        return await asyncio.Event().wait()

    said = []

    async def send(message):
        said.append(message)

    application = routed([Route("POST", "/x", forever, PUBLIC, timeout_s=0.01)], Identities(KeyRing([KEY])))
    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [(b"content-type", b"application/json"),
                                                                        (b"expect", b"100-continue")]}  # fmt: skip
    asyncio.run(application(scope, receive, send))
    assert said[0]["status"] == status


@pytest.mark.parametrize(
    ("version", "headers", "taken"),
    [
        ("1.1", {b"content-length": b"4"}, 2),
        ("1.1", {b"content-length": b"04"}, 3),
        ("1.1", {b"content-length": b"2", b"transfer-encoding": b"chunked"}, 3),
        ("1.1", {}, 3),
        ("2", {b"content-length": b"4"}, 3),
    ],
    ids=["of a known length", "of a length oddly written", "chunked", "of no known length", "HTTP/2"],
)
def test_agent_body_is_taken_whole_and_no_further_where_its_length_is_certain(version, headers, taken):
    parts = [(b"{ ", True), (b" }", True), (b"", False)]
    left = iter(parts)

    async def receive():
        body, more_body = next(left)
        return {"type": "http.request", "body": body, "more_body": more_body}

    headers = {b"content-type": b"application/json"} | headers
    call = Call({"method": "POST", "http_version": version, "headers": list(headers.items())}, receive)
    assert asyncio.run(call.json_body()) == b"{  }"
    assert len(parts) - len(list(left)) == taken


def test_agent_handler_that_fails_answers_500_without_saying_what_was_sent(monkeypatch, caplog):
    doors = Doors(ALLOW_ALL)

    async def broken(*args, **kwargs):
        raise RuntimeError("the secret is hunter2")

    monkeypatch.setattr(type(doors.flow), "enforce", broken)
    response = doors.post(PATH, REQUEST)
    assert response.status_code == 500
    assert "hunter2" not in response.text + caplog.text + repr([record.__dict__ for record in caplog.records])


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
        ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-brings", True),
        ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
        ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", False),
        ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", False),
        ("nonsense", False),
    ],
)
def test_agent_trace_is_continued_when_it_is_well_formed(sent, kept):
    response = Doors().post(PATH, REQUEST, HEADERS | {"traceparent": sent})
    match = re.fullmatch("00-([0-9a-f]{32})-([0-9a-f]{16})-0[01]", response.headers["traceparent"])
    assert (match[1] == "0af7651916cd43dd8448eb211c80319c") is kept
    assert match[2] != "b7ad6b7169203331"


@pytest.mark.parametrize(("sent", "kept"), [("req-1.a_b", True), ("a b", False), ("x" * 129, False), ("", False)])
def test_agent_request_id_is_kept_when_it_is_well_formed(sent, kept):
    response = Doors().post(PATH, REQUEST, HEADERS | {"x-request-id": sent})
    assert (response.headers["x-request-id"] == sent) is kept


def test_agent_metrics_need_a_key_and_count_calls_and_decisions():
    doors = Doors()
    doors.post(PATH, REQUEST)
    doors.post(PATH, REQUEST | {"resource": "tool:shell"})
    doors.call("GET", "/nowhere/at/all")
    assert doors.call("GET", "/metrics", headers={}).status_code == 401
    assert doors.call("GET", "/metrics", headers=ACME).status_code == 403
    text = doors.call("GET", "/metrics").text
    assert 'axonflow_decisions_total{effect="allow"} 1.0' in text
    assert 'axonflow_http_requests_total{route="/v1/decisions",service="agent",status="200"} 2.0' in text
    assert "nowhere" not in text
