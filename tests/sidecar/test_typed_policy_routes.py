"""Whole documents over the contract's typed routes: validated, published, and in force once they are activated."""

import base64

import pytest

from tests.sidecar.doors import ACME, BETA, HEADERS
from tests.sidecar.policy_doors import PolicyDoors
from tests.strategies import policy_set

TYPED = "/api/v1/typed-policies"
SHELL = {"id": "no-shell", "effect": "deny", "match": {"action": "tool.call", "resource.id": "shell"}}
DOCUMENT = policy_set([SHELL], "tools", default="allow")
ASK = {"principal": "user:ann", "action": "tool.call", "resource": "tool:shell"}


@pytest.fixture
def doors():
    return PolicyDoors()


def effect(doors, tenant="acme"):
    principal = {"id": "ann", "tenant": tenant}
    return doors.post("/v1/decisions", ASK | {"principal": principal}).json()["effect"]


def published(doors, document=DOCUMENT, headers=ACME, **parts):
    return doors.post(f"{TYPED}/publish", {"document": document, "fixtures": []} | parts, headers)


def test_published_document_is_in_force_once_it_is_activated(doors):
    answer = published(doors).json()
    assert (answer["success"], answer["version"], answer["set"], effect(doors)) == (True, 1, "tools", "allow")
    assert published(doors).json()["version"] == 1
    body = {"digest": answer["digest"], "reason": "No shells."}
    active = doors.post(f"{TYPED}/activate", body, ACME).json()["activation"]
    assert (active["version"], active["scope"], active["sequence"]) == (1, "acme", 1)
    assert [effect(doors, tenant) for tenant in ("acme", "beta", "default")] == ["deny", "allow", "allow"]
    (one,) = doors.call("GET", f"{TYPED}/active", headers=ACME).json()["sets"]
    assert (one["name"], one["version"], one["digest"]) == ("tools", 1, answer["digest"])
    assert base64.b64decode(one["bundle"]).startswith(b'{"format":"axonflow-policy-bundle/')
    assert doors.call("GET", f"{TYPED}/active", headers=BETA).status_code == 404
    assert doors.post(f"{TYPED}/activate", body, BETA).status_code == 404


def test_document_that_would_not_load_is_answered_with_every_fault(doors):
    wrong = policy_set([SHELL | {"when": "context.x >"}, SHELL | {"id": "b", "effect": "explode"}], "tools")
    answer = doors.post(f"{TYPED}/validate", {"document": wrong}, ACME).json()
    assert not answer["success"]
    assert {one["severity"] for one in answer["findings"]} == {"reject"}
    refused = published(doors, wrong)
    assert (refused.status_code, refused.json()["reason"]) == (422, "rejected")
    assert refused.json()["findings"] == answer["findings"]
    for document in ({}, {"metadata": 7}, {"metadata": {"name": 7}}):
        assert published(doors, document).status_code == 422


def test_fixtures_and_tests_of_rules_are_run_on_the_document_alone(doors):
    fixtures = [{"request": ASK, "expect": "deny"}, {"request": ASK, "expect": "allow"}, {"request": ASK}]
    answer = doors.post(f"{TYPED}/validate", {"document": DOCUMENT, "fixtures": fixtures}, ACME).json()
    assert [one["detail"] for one in answer["findings"]] == ["$.fixtures[1]", "$.fixtures[2]"]
    tested = policy_set([SHELL | {"tests": [{"request": ASK, "expect": "allow"}]}], "tools")
    assert doors.post(f"{TYPED}/validate", {"document": tested}, ACME).json()["findings"][0]["code"] == "test_failed"
    many = doors.post(f"{TYPED}/validate", {"document": DOCUMENT, "fixtures": [{}] * 201}, ACME).json()
    assert many["findings"][0]["code"] == "too_many_fixtures"


def test_warning_does_not_keep_a_document_from_being_published(doors):
    loose = policy_set([SHELL | {"match": {"action": "tool.cal"}}], "tools", default="allow")
    answer = doors.post(f"{TYPED}/validate", {"document": loose}, ACME).json()
    assert answer["success"]
    assert [one["severity"] for one in answer["findings"]] == ["warn"]
    assert published(doors, loose).json()["findings"] == answer["findings"]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"layer": "system"}, "wrong_layer"), ({"metadata": {"name": "api-policies"}}, "reserved_name")],
)
def test_document_for_another_layer_or_of_a_taken_name_is_refused(doors, change, code):
    answer = published(doors, DOCUMENT | change)
    assert answer.status_code == 422
    assert answer.json()["findings"][-1]["code"] == code


def test_system_shows_what_holds_for_every_tenant(doors):
    doors = PolicyDoors(DOCUMENT)
    answer = doors.call("GET", f"{TYPED}/system", headers=ACME).json()["system"]
    assert [one["id"] for one in answer["controls"]] == ["no-shell"]
    assert answer["assurance_counts"] == {"enforced": 1}


def test_edition_says_what_can_be_published_here(doors):
    assert doors.call("GET", f"{TYPED}/edition").json()["signing_key_custody"] == "agent"
    keyless = PolicyDoors(key=False)
    assert keyless.call("GET", f"{TYPED}/edition").json()["signing_key_custody"] == "none"
    assert published(keyless).status_code == 400
    keyless.reopen(typed_policies=None)
    assert keyless.call("GET", f"{TYPED}/edition", headers=HEADERS).json()["persistence"] == "none"
    assert published(keyless).status_code == 503
