"""The audit event: what its bytes leave out, that those of version 1 are read, and that it is refused before it is
acknowledged if a store could not keep it."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.audit import AUDIT_KINDS, AuditEvent, Detected, Origin, Usage
from axonflow.errors import AuditError

VERSION_1 = (
    b'{"event_id":"e1","tenant_id":"acme","writer_id":"w","time_us":5,"kind":"llm.call","decision_id":"d",'
    b'"policy_digest":"sha256:0","principal":"service:crm","action":"llm.response","resource":"model:m","effect":"log",'
    b'"allowed":true,"policies":[],"reasons":[],"errors":[],"on_behalf_of":["user:ann"],"content_chars":0,'
    b'"origin":{"client_id":"crm","request_id":"r","trace_id":"0af7651916cd43dd8448eb211c80319c"},'
    b'"details":{"approved":true,"total_tokens":7},"schema_version":1}'
)


def event(**changes):
    ids = {
        "event_id": "00000000-0000-7000-8000-000000000005",
        "tenant_id": "acme",
        "writer_id": "w",
        "time_us": 5,
        "decision_id": "d",
    }
    what = {"principal": "user:ann", "action": "tool.call", "resource": "tool:x", "effect": "deny", "allowed": False}
    why = {"policy_digest": "sha256:0", "policies": ("p",), "reasons": ("r",)}
    return AuditEvent(**({"kind": "decision"} | ids | what | why | changes))


FULL = {
    "errors": ("p: context.x is missing",),
    "on_behalf_of": ("user:ann",),
    "content_chars": 3,
    "content_digest": "hmac-sha256:0",
    "content_redacted": "...",
    "origin": Origin("crm", "r", "0" * 32, "1" * 16, "2" * 16),
    "duration_us": 12,
    "usage": Usage(provider="p", model="m", input_tokens=1, output_tokens=2, total_tokens=4, cost_usd_micros=3),
    "attributes": {"context.env": "prod", "principal.roles": ["a", "b"], "context.n": 1.5, "context.no": None},
    "findings": (Detected("pii.email", "$.to", 0, 5, "tld"),),
    "details": {"approved": True},
    "sealed": {"k": "AAAA"},
}


@pytest.mark.parametrize("changes", [{}, FULL], ids=["plain", "full"])
def test_event_of_its_canonical_bytes_is_the_same_and_has_the_same_bytes(changes):
    original = event(**changes)
    again = AuditEvent.from_canonical(original.canonical())
    assert again == original
    assert again.canonical() == original.canonical() == original.recordable()


def test_event_without_more_than_it_needs_leaves_out_what_has_its_default():
    names = set(json.loads(event().canonical()))
    assert names == {*event().__struct_fields__} - set(FULL)
    assert names >= {"schema_version", "policies", "reasons"}


def test_event_of_version_1_is_read_as_it_was_written():
    old = AuditEvent.from_canonical(VERSION_1)
    assert (old.schema_version, old.kind, old.on_behalf_of) == (1, "llm.call", ("user:ann",))
    assert (old.origin.client_id, old.origin.span_id, old.details["total_tokens"]) == ("crm", "", 7)
    assert (old.usage, old.attributes, old.findings, old.duration_us) == (None, {}, (), None)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"event_id":1}', VERSION_1.replace(b"}}", b'},"x":1}')])
def test_event_of_other_bytes_is_refused(data):
    with pytest.raises(AuditError, match="not an audit event"):
        AuditEvent.from_canonical(data[:-1] if data == VERSION_1 else data)


@pytest.mark.parametrize("kind", sorted(AUDIT_KINDS))
def test_event_of_each_kind_is_recordable(kind):
    assert event(kind=kind).recordable()


TEXTS = ["event_id", "tenant_id", "kind", "decision_id", "principal", "action", "resource", "effect", "content_digest"]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "\udfffx"])
@pytest.mark.parametrize("name", TEXTS)
def test_event_with_text_that_no_database_keeps_is_refused_and_named(name, text):
    refused = "unknown kind" if name == "kind" and "\0" in text else rf"\$\.{name}: text that cannot be recorded"
    with pytest.raises(AuditError, match=refused):
        event(**{name: text}).recordable()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("policies", ("p", "a\0b")),
        ("origin", Origin(request_id="\ud800")),
        ("usage", Usage(provider="\0")),
        ("findings", (Detected("d", "$['\0']", 0, 1),)),
        ("attributes", {"context.x": ["\0"]}),
        ("details", {"\0": 1}),
        ("details", {"deep": {"deeper": ["\ud900"]}}),
    ],
)
def test_event_with_unstorable_text_within_a_field_is_refused_and_named(name, value):
    with pytest.raises(AuditError, match=rf"\$\.{name}"):
        event(**{name: value}).recordable()


def test_event_that_speaks_of_an_escape_is_recordable():
    assert event(reasons=("the text \\u0000 is allowed",)).recordable()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time_us", 2**63),
        ("time_us", -1),
        ("time_us", 2**70),
        ("time_us", 1.5),
        ("time_us", math.nan),
        ("time_us", "now"),
        ("duration_us", 0.5),
        ("duration_us", math.inf),
        ("details", {"x": [math.nan]}),
        ("content_chars", 2**64 - 1),
        ("usage", Usage(input_tokens=2**63)),
        ("usage", Usage(cost_usd_micros=-1)),
        ("usage", {"unheard_of": 1}),
        ("findings", (Detected("d", "$", -1, 1),)),
        ("allowed", "yes"),
        ("policies", None),
        ("reasons", (1,)),
        ("details", {"x": object()}),
        ("kind", "llm.call"),
        ("kind", ""),
        ("kind", ["decision"]),
    ],
)
def test_event_with_values_that_could_not_be_read_back_is_refused(name, value):
    with pytest.raises(AuditError):
        event(**{name: value}).recordable()


def test_event_nested_beyond_reading_is_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(AuditError):
        event(details={"x": deep}).recordable()


@given(st.text() | st.integers() | st.floats(), st.sampled_from(sorted(FULL)))
def test_event_that_is_recordable_is_kept_by_every_store(value, name):
    try:
        data = event(**{name: value}).recordable()
    except AuditError:
        return
    assert b"\0" not in data
    assert AuditEvent.from_canonical(data).canonical() == data
    assert "\0" not in json.loads(data).get(name, "") if isinstance(value, str) else True


def test_event_of_another_kind_is_refused_with_the_kinds_there_are():
    with pytest.raises(AuditError, match="decision or model_call or tool_call"):
        replace(event(), kind="meeting").recordable()
