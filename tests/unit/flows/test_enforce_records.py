"""enforce and record: what is in the event beside the verdict, and that every request can be recorded."""

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import AxonFlow, Request
from axonflow.audit import AuditEvent, Detected, Usage
from axonflow.errors import AuditError, ConfigurationError
from tests.strategies import policy_set, requests

KEY = b"k" * 32
ALLOW = {"id": "yes", "effect": "allow"}
READS = [
    ALLOW,
    {"id": "env", "effect": "warn", "match": {"context.env": "prod"}},
    {"id": "more", "effect": "warn", "when": "context.a == 1 || principal.roles == [] || resource.x == 1"},
]
FINDS = [ALLOW, {"id": "mask", "effect": "redact", "obligations": [{"detectors": ["pii.email", "secret"]}]}]
CONTENT = {"to": "ann@example.com", "note": "of 2026"}


def enforced(rules, request, **means):
    flow = AxonFlow.open(policy_set(rules), **means)
    asyncio.run(flow.enforce(request))
    (record,) = asyncio.run(flow.audit.records(request.principal.tenant))
    return record.event


def request(**changes):
    return Request(**({"principal": "user:ann", "action": "tool.call", "resource": "tool:x"} | changes))


def test_enforce_records_the_attributes_that_the_rules_read_and_no_others():
    event = enforced(READS, request(context={"env": "prod", "a": 2**60, "unread": "x"}))
    assert event.attributes == {"context.env": "prod", "context.a": str(2**60)}
    assert enforced(READS, request(context={"env": "a\0b"})).attributes == {"context.env": "a\\u0000b"}


def test_enforce_records_where_something_was_found_and_never_what():
    event = enforced(FINDS, request(content=CONTENT))
    assert event.findings == (Detected("pii.email", "$.to", 0, 15, "email_address"),)
    assert event.details == {"redaction_fulfilled_by": "axonflow", "redacted.pii.email.mask": 1}
    assert b"example.com" not in event.canonical()


@pytest.mark.parametrize("effect", ["warn", "deny"])
def test_enforce_of_thousands_of_rules_with_long_reasons_is_answered_and_recorded_on_disk(tmp_path, effect):
    rules = [
        {
            "id": f"rule-{number:04}",
            "effect": effect,
            "when": "context.absent == 1 || true",
            "reason": f"{number} " * 190,
        }
        for number in range(4_000)
    ]
    flow = AxonFlow.open(policy_set([ALLOW, *rules]), audit=str(tmp_path))
    decision = asyncio.run(flow.enforce(request()))
    (record,) = asyncio.run(flow.audit.records("default"))
    flow.audit.close()
    assert len(decision.policies) == 4_001
    kept = len(record.event.policies) - 1
    assert record.event.policies[:-1] == decision.policies[:kept]
    assert record.event.policies[-1].startswith(f"... {4_001 - kept} sha256:")
    assert record.event.reasons[:-1] == decision.reasons[:kept]
    assert len(record.canonical) < 40 << 10


def test_enforce_of_thousands_of_rules_that_fail_keeps_the_first_errors(tmp_path):
    rules = [{"id": f"rule-{number:04}", "effect": "deny", "when": "context.absent == 1"} for number in range(4_000)]
    flow = AxonFlow.open(policy_set(rules), audit=str(tmp_path))
    decision = asyncio.run(flow.enforce(request()))
    (record,) = asyncio.run(flow.audit.records("default"))
    flow.audit.close()
    assert (len(decision.errors), decision.allowed) == (4_000, False)
    assert record.event.errors[-1].startswith(f"... {4_001 - len(record.event.errors)} sha256:")


def test_enforce_looks_for_nothing_only_to_record_it():
    assert enforced([ALLOW], request(content=CONTENT)).findings == ()


def test_enforce_records_how_long_it_took():
    assert 0 <= enforced([ALLOW], request()).duration_us < 60_000_000


@pytest.mark.parametrize(
    ("means", "digest", "redacted"),
    [
        ({}, False, ""),
        ({"redaction_key": KEY}, True, ""),
        ({"audit_content": "redacted"}, False, '{"note":"of 2026","to":"[REDACTED:pii.email]"}'),
        ({"audit_content": "none", "redaction_key": KEY}, False, ""),
    ],
)
def test_enforce_keeps_of_the_content_what_the_operator_chose(means, digest, redacted):
    event = enforced([ALLOW], request(content=CONTENT), **means)
    assert event.content_digest.startswith("hmac-sha256:") is digest
    assert (event.content_redacted, event.content_chars) == (redacted, 28)
    assert b"ann@example.com" not in event.canonical()


def test_open_with_another_way_to_keep_content_is_refused():
    with pytest.raises(ConfigurationError, match="unknown way to keep content"):
        AxonFlow.open(audit_content="all")


def test_enforce_of_a_stream_that_waits_for_its_end_keeps_of_it_what_was_chosen():
    flow = AxonFlow.open(
        policy_set([ALLOW, {"id": "no", "effect": "deny", "when": 'detected("secret")'}]), redaction_key=KEY
    )

    async def run():
        guard = await flow.guard_stream(request())
        guard.feed("hello")
        return await guard.finish()

    assert asyncio.run(run()) == "hello"
    (record,) = asyncio.run(flow.audit.records("default"))
    assert record.event.content_digest.startswith("hmac-sha256:")


FLOW = AxonFlow.open(policy_set([*READS, FINDS[1]]), redaction_key=KEY)


@given(requests())
def test_enforce_of_any_request_is_recorded_in_bytes_that_every_store_keeps(asked):
    asyncio.run(FLOW.enforce(asked))
    event = asyncio.run(FLOW.audit.records(asked.principal.tenant))[-1].event
    assert AuditEvent.from_canonical(event.recordable()) == event


@given(
    st.dictionaries(st.text(), st.text() | st.integers() | st.floats() | st.binary() | st.lists(st.text())), st.text()
)
def test_record_with_any_details_is_recorded_in_bytes_that_every_store_keeps(details, failed):
    event = asyncio.run(FLOW.record("tool_call", request(), decision_id="d", details=details, failed=failed))
    assert AuditEvent.from_canonical(event.recordable()) == event


@pytest.mark.parametrize(
    "details", [{"x": math.nan}, {"x": "\ud800" * 10**6}, {"x": [[[[[[]]]]]] * 10**5}, {"\0": b""}]
)
def test_record_with_hostile_details_is_recorded_in_a_few_bytes(details):
    event = asyncio.run(FLOW.record("admin", request(), decision_id="d", details=details))
    assert len(event.recordable()) < 4_000


def test_record_with_secrets_in_its_details_keeps_none_of_them():
    secret = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zB0cF3hJ6"
    details = {"caller": secret, "policies": [f"of {secret}"], "deep": {"x": secret}, "api_key": "a" * 20, "size": 7}
    event = asyncio.run(FLOW.record("tool_call", request(), decision_id="d", details=details))
    assert secret.encode() not in event.canonical()
    assert (sorted(event.details), event.details["size"]) == (sorted(details), 7)


def test_record_of_what_was_used_has_it_in_the_event():
    usage = Usage(provider="p", model="m", input_tokens=1, output_tokens=2, cost_usd_micros=3)
    event = asyncio.run(
        FLOW.record("model_call", request(), decision_id="d", usage=usage, duration_us=7, failed="Timeout")
    )
    assert (event.usage, event.duration_us, event.errors, event.allowed) == (usage, 7, ("Timeout",), True)


@pytest.mark.parametrize("decision_id", ["a\0b", "\ud800"])
def test_record_under_an_id_that_no_store_keeps_is_refused(decision_id):
    with pytest.raises(AuditError, match=r"\$.decision_id"):
        asyncio.run(FLOW.record("admin", request(), decision_id=decision_id))


def test_record_of_a_log_in_that_failed_says_that_it_was_not_allowed():
    event = asyncio.run(FLOW.record("login", request(), decision_id="", failed="no valid key"))
    assert (event.allowed, event.effect) == (False, "deny")
