"""The wire contract's routes: what they ask of the engine, and how they say what it answered."""

import pytest

from axonflow.audit import Usage
from axonflow.ids import now_us
from tests.sidecar.doors import ACME, ALLOW_ALL, BETA, HEADERS, Doors
from tests.strategies import policy_set

DECIDE, PRE_CHECK, LLM_CALL, SEARCH = (
    "/api/v1/decide", "/api/policy/pre-check", "/api/audit/llm-call", "/api/v1/audit/search",
)  # fmt: skip
TOOL_CALL = "/api/v1/audit/tool-call"
REDACTING = policy_set(
    [{"id": "mask", "effect": "redact", "match": {}, "obligations": [{"detectors": ["pii.email"]}]}], default="allow"
)
APPROVAL = policy_set([{"id": "ask", "effect": "require_approval", "match": {}}], default="allow")
LLM = {"stage": "llm", "query": "write to ann@example.com", "target": {"model": "gpt-5-mini", "provider": "openai"}}


def decide(policies, headers=HEADERS, **parts):
    doors = Doors(policies)
    return doors, doors.post(DECIDE, LLM | parts, headers)


@pytest.mark.parametrize(
    ("policies", "verdict"),
    [(ALLOW_ALL, "allow"), (policy_set([]), "deny"), (APPROVAL, "needs_approval"), (REDACTING, "allow")],
)
def test_decide_answers_200_with_the_contracts_verdict(policies, verdict):
    _, response = decide(policies)
    assert (response.status_code, response.json()["verdict"]) == (200, verdict)
    assert len(response.json()["trace_id"]) == 32


def test_decide_redaction_comes_with_its_obligation_and_the_text_to_send_on():
    body = decide(REDACTING)[1].json()
    assert body["obligations"] == [{"type": "redact_pii", "detail": "pii.email"}]
    assert body["redacted_query"] == "write to [REDACTED:pii.email]"
    assert body["redactions"] == [{"detector": "pii.email", "style": "mask", "findings": 1}]
    assert [one["id"] for one in body["policy_identities"]] == body["evaluated_policies"] == ["mask"]


def test_decide_for_a_caller_that_cannot_redact_denies_and_records_that():
    doors, response = decide(REDACTING, fulfillment_capabilities=["request_header_mutation"])
    assert response.json()["verdict"] == "deny"
    assert not {"redacted_query", "redactions"} & response.json().keys()
    assert response.json()["obligations"] == []
    assert doors.recorded()[-1].effect == "deny"
    assert decide(REDACTING, fulfillment_capabilities=["request_body_redaction"])[1].json()["verdict"] == "allow"


@pytest.mark.parametrize(
    ("stage", "target", "action", "resource"),
    [
        ("llm", {"model": "m"}, "llm.request", "model:m"),
        ("tool", {"tool": "t", "server": "s"}, "tool.call", "tool:t"),
        ("agent", {"server": "a"}, "agent.message", "agent:a"),
        ("agent", {"tool": "a"}, "agent.message", "agent:a"),
    ],
)
def test_decide_stage_and_target_name_action_and_resource(stage, target, action, resource):
    doors, response = decide(ALLOW_ALL, stage=stage, target=target)
    assert response.status_code == 200
    event = doors.recorded()[-1]
    assert (event.action, event.resource, event.principal) == (action, resource, "service:tester")
    assert event.on_behalf_of == ("user:anonymous",)


def test_decide_user_token_becomes_a_pseudonym_and_is_never_recorded():
    doors, response = decide(ALLOW_ALL, user_token="eyJ-secret-token")
    (user,) = doors.recorded()[-1].on_behalf_of
    assert user.startswith("user:token-")
    assert "secret" not in repr(doors.recorded()) + response.text


@pytest.mark.parametrize(
    "parts", [{"stage": "other"}, {"target": {}}, {"target": {"tool": "t"}}, {"query": None}, {"context": []},
              {"context": {"n": 2**70}}, {"target": {"model": "a\0b"}}, {"fulfillment_capabilities": "all"}],
)  # fmt: skip
def test_decide_bad_body_is_a_problem_and_nothing_is_recorded(parts):
    doors, response = decide(ALLOW_ALL, **parts)
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert not doors.recorded()


@pytest.mark.parametrize(("headers", "named", "tenant"), [(HEADERS, "acme", "acme"), (ACME, "", "acme")])
def test_decide_tenant_is_the_keys_or_the_one_named(headers, named, tenant):
    doors, response = decide(ALLOW_ALL, headers, caller_identity={"tenant_id": named})
    assert response.status_code == 200
    assert doors.recorded(tenant)


def test_decide_key_of_one_tenant_naming_another_is_refused():
    doors, response = decide(ALLOW_ALL, ACME, caller_identity={"tenant_id": "default"})
    assert response.status_code == 403
    assert not doors.recorded()


def pre_checked(policies=ALLOW_ALL, clock_us=now_us, **parts):
    doors = Doors(policies, clock_us=clock_us)
    body = {"user_token": "u", "client_id": "tester", "query": "write to ann@example.com", **parts}
    return doors, doors.post(PRE_CHECK, body).json()


@pytest.mark.parametrize(
    ("policies", "approved", "reason"),
    [
        (ALLOW_ALL, True, None),
        (
            policy_set([{"id": "no", "effect": "deny", "match": {}, "reason": "Not today."}]),
            False,
            "Denied: Not today.",
        ),
        (APPROVAL, False, "Held for approval: Rule ask says require_approval."),
    ],
)
def test_pre_check_approves_only_what_may_go_on(policies, approved, reason):
    _, body = pre_checked(policies)
    assert (body["approved"], body["verdict"], body.get("block_reason")) == (
        approved, "allow" if approved else "deny", reason
    )  # fmt: skip


def test_pre_check_redaction_says_so_and_gives_the_text():
    _, body = pre_checked(REDACTING)
    assert (body["approved"], body["requires_redaction"]) == (True, True)
    assert body["redacted_query"] == "write to [REDACTED:pii.email]"
    assert body["redactions"] == [{"detector": "pii.email", "style": "mask", "findings": 1}]


def test_pre_check_model_and_data_sources_reach_the_policies():
    only = policy_set(
        [
            {
                "id": "m",
                "effect": "allow",
                "match": {"resource.id": "gpt-5-mini"},
                "when": '"crm" in context.data_sources',
            }
        ]
    )
    assert pre_checked(only, context={"model": "gpt-5-mini"}, data_sources=["crm"])[1]["approved"]
    assert not pre_checked(only, context={"model": "other"}, data_sources=["crm"])[1]["approved"]
    assert not pre_checked(only, data_sources=["crm"])[1]["approved"]


def llm_call(doors, context_id, headers=HEADERS, **parts):
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    body = {"context_id": context_id, "provider": "openai", "model": "gpt", "token_usage": usage, "latency_ms": 12.5}
    return doors.post(LLM_CALL, body | parts, headers)


def test_llm_call_after_its_pre_check_is_recorded_under_the_same_decision():
    doors, checked = pre_checked()
    response = llm_call(doors, checked["context_id"], response_summary="It said hunter2.")
    assert response.json()["success"] is True
    event = doors.recorded()[-1]
    assert (event.event_id, event.decision_id, event.kind) == (
        response.json()["audit_id"], checked["decision_id"], "model_call"
    )  # fmt: skip
    assert event.usage == Usage(provider="openai", model="gpt", input_tokens=3, output_tokens=4, total_tokens=7)
    assert (event.duration_us, event.details) == (12_500, {"approved": True, "response_summary_chars": 16})
    assert "hunter2" not in repr(event)


@pytest.mark.parametrize(("cost_usd", "micros"), [(0.0123456, 12_346), (2, 2_000_000), (0, 0), (None, None)])
def test_llm_call_with_a_cost_in_its_metadata_records_it(cost_usd, micros):
    doors, checked = pre_checked()
    assert llm_call(doors, checked["context_id"], metadata={"cost_usd": cost_usd, "other": "x"}).status_code == 200
    assert doors.recorded()[-1].usage.cost_usd_micros == micros


@pytest.mark.parametrize("cost_usd", [-1, 10**7, "1", True, [1]])
def test_llm_call_with_a_cost_that_is_none_is_400(cost_usd):
    doors, checked = pre_checked()
    response = llm_call(doors, checked["context_id"], metadata={"cost_usd": cost_usd})
    assert (response.status_code, response.json()["at"]) == (400, "$.metadata.cost_usd")


def test_audit_search_of_a_model_call_shows_what_it_used():
    doors, checked = pre_checked()
    llm_call(doors, checked["context_id"])
    newest = doors.post(SEARCH, {"limit": 1}).json()["entries"][0]
    shown = newest["response_time_ms"], newest["provider"], newest["model"], newest["tokens_used"]
    assert shown == (12, "openai", "gpt", 7)


def test_tool_call_is_recorded_with_sizes_and_never_with_what_went_in_and_out():
    doors = Doors()
    told = {
        "tool_name": "mail", "user_id": "ann", "input": {"to": "ann@example.com"}, "output": "hunter2 sent",
        "workflow_id": "w1", "step_id": "s1", "duration_ms": 12.5, "policies_applied": ["p"], "success": False,
        "error_message": "no such hunter2", "decision_id": "d1",
    }  # fmt: skip
    answer = doors.post(TOOL_CALL, told)
    event = doors.recorded()[-1]
    assert (answer.status_code, answer.json()["status"]) == (200, "recorded")
    assert answer.json()["audit_id"] == event.event_id
    assert (event.kind, event.resource, event.decision_id) == ("tool_call", "tool:mail", "d1")
    assert (event.principal, event.on_behalf_of, event.duration_us) == ("service:tester", ("user:ann",), 12_500)
    assert event.errors == ("the tool failed",)
    assert event.details == {
        "workflow_id": "w1", "step_id": "s1", "policies_applied": ["p"], "error_chars": 15, "input_bytes": 24,
        "output_bytes": 14,
    }  # fmt: skip
    assert "hunter2" not in repr(event)
    assert "ann@example.com" not in repr(event)


def test_tool_call_of_which_little_is_told_is_recorded():
    doors = Doors()
    assert doors.post(TOOL_CALL, {"tool_name": "mail"}).status_code == 200
    event = doors.recorded()[-1]
    assert (event.errors, event.details, event.duration_us, event.on_behalf_of) == ((), {}, None, ())


@pytest.mark.parametrize(
    "parts", [{"tool_name": ""}, {"tool_name": "a\0"}, {"user_id": "\0"}, {"duration_ms": -1}, {"decision_id": "a\0"},
              {"duration_ms": "long"}, {"policies_applied": ["p"] * 65}, {"decision_id": "x" * 129}, {"success": 1}],
)  # fmt: skip
def test_tool_call_with_impossible_facts_is_400(parts):
    doors = Doors()
    assert doors.post(TOOL_CALL, {"tool_name": "mail"} | parts).status_code == 400
    assert not doors.recorded()


@pytest.mark.parametrize(
    ("parts", "at"), [({"tool_name": "a\0"}, "$.tool_name"), ({"user_id": "u" * 513}, "$.user_id")]
)
def test_tool_call_with_a_name_that_cannot_be_recorded_is_told_which_it_is(parts, at):
    assert Doors().post(TOOL_CALL, {"tool_name": "mail"} | parts).json()["at"] == at


def test_tool_call_that_failed_is_found_as_an_error_and_one_that_did_not_as_allowed():
    doors = Doors()
    for success in (True, False):
        doors.post(TOOL_CALL, {"tool_name": "mail", "success": success})
    failed, done = doors.post(SEARCH, {"kind": "tool_call"}).json()["entries"]
    assert (failed["policy_decision"], done["policy_decision"]) == ("error", "allowed")
    assert (failed["policy_details"]["errors"], done["policy_details"]["errors"]) == (["the tool failed"], [])


def test_tool_call_with_the_key_of_another_tenant_is_403():
    doors = Doors()
    headers = ACME | {"x-tenant-id": "beta"}
    assert doors.post(TOOL_CALL, {"tool_name": "mail"}, headers).status_code == 403


def test_llm_call_works_with_an_agent_that_never_saw_the_pre_check():
    _, checked = pre_checked()
    assert llm_call(Doors(), checked["context_id"]).status_code == 200


def test_llm_call_with_an_expired_context_is_400():
    _, checked = pre_checked(clock_us=lambda: now_us() - 6 * 60 * 1_000_000)
    assert llm_call(Doors(), checked["context_id"]).status_code == 400


@pytest.mark.parametrize("context_id", ["", "unknown", "a.b", "x" * 50_000])
def test_llm_call_with_an_unknown_context_is_400(context_id):
    doors = Doors()
    assert llm_call(doors, context_id).json()["at"] == "$.context_id"
    assert not doors.recorded()


def test_llm_call_with_the_context_of_another_client_is_400():
    doors, checked = pre_checked()
    assert llm_call(doors, checked["context_id"], ACME).status_code == 400


@pytest.mark.parametrize(
    "parts", [{"token_usage": {"total_tokens": -1}}, {"token_usage": {"total_tokens": 2**80}}, {"latency_ms": -1},
              {"latency_ms": 1e300}, {"model": "x" * 300}, {"provider": "a\0"}, {"latency_ms": "fast"}],
)  # fmt: skip
def test_llm_call_with_impossible_facts_is_400(parts):
    doors, checked = pre_checked()
    assert llm_call(doors, checked["context_id"], **parts).status_code == 400
    assert [event.kind for event in doors.recorded()] == ["decision"]


def test_audit_search_finds_what_was_just_answered_newest_first():
    doors = Doors(REDACTING)
    first = doors.post(DECIDE, LLM).json()["decision_id"]
    second = doors.post(DECIDE, LLM | {"query": "hi"}).json()["decision_id"]
    found = doors.post(SEARCH, {"limit": 10, "action": "llm.request"}).json()
    assert [one["policy_details"]["decision_id"] for one in found["entries"]] == [second, first]
    assert [one["policy_decision"] for one in found["entries"]] == ["redacted", "redacted"]
    assert found["total"] == 2


@pytest.mark.parametrize(
    ("query", "count"),
    [({"client_id": "tester"}, 3), ({"client_id": "other"}, 0), ({"action": "llm.request"}, 2), ({"limit": 1}, 1),
     ({"offset": 1}, 2), ({"policy_name": "mask"}, 2), ({"policy_name": "x"}, 0),
     ({"start_time": "2020-01-01T00:00:00Z", "end_time": "2999-01-01T00:00:00+02:00"}, 3),
     ({"end_time": "2020-01-01T00:00:00.123456789Z"}, 0)],
)  # fmt: skip
def test_audit_search_filters_as_asked(query, count):
    """Two decisions, after one log-in."""
    doors = Doors(REDACTING)
    doors.post(DECIDE, LLM)
    doors.post(DECIDE, LLM)
    assert len(doors.post(SEARCH, query).json()["entries"]) == count


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"offset": -1}, {"start_time": "yesterday"},
                                   {"start_time": "2026-01-01T00:00:00"}, {"limit": "10"}])  # fmt: skip
def test_audit_search_out_of_bounds_is_400(query):
    assert Doors().post(SEARCH, query).status_code == 400


def test_audit_search_of_a_tenants_key_sees_that_tenant_alone():
    doors = Doors(ALLOW_ALL)
    doors.post(DECIDE, LLM)
    doors.post(DECIDE, LLM, ACME)
    found = doors.post(SEARCH, {}, ACME).json()
    assert {one["tenant_id"] for one in found["entries"]} == {"acme"}
    assert doors.post(SEARCH, {"tenant_id": "default"}, ACME).status_code == 403


def test_request_of_a_type_that_needs_a_model_says_llm_routing():
    response = Doors().post("/api/request", {"query": "hi", "user_token": "", "request_type": "chat"})
    assert (response.status_code, response.json()["success"]) == (200, False)
    assert "LLM routing" in response.json()["error"]


def test_llm_call_with_the_context_of_another_tenants_client_of_the_same_name_is_400():
    doors = Doors(ALLOW_ALL)
    checked = doors.post(PRE_CHECK, {"query": "q"}, ACME).json()
    assert llm_call(doors, checked["context_id"], BETA).status_code == 400
    assert llm_call(doors, checked["context_id"], ACME).status_code == 200
    assert [event.kind for event in doors.recorded("acme")] == ["decision", "model_call"]


@pytest.mark.parametrize("query", [{"polciy_name": "x"}, {"tenant_id": "*"}, {"tenant_id": "a\tb"}])
def test_audit_search_with_a_filter_that_is_none_is_400(query):
    assert Doors().post(SEARCH, query).status_code == 400


def test_audit_search_by_an_override_finds_nothing_as_there_are_none():
    doors = Doors(ALLOW_ALL)
    doors.post(DECIDE, LLM)
    assert doors.post(SEARCH, {"override_id": "x"}).json()["entries"] == []
