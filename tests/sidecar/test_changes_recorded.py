"""What administrators change over HTTP is in the trail of whose it is, whichever route they take."""

import pytest

from tests.sidecar.doors import ACME, HEADERS
from tests.sidecar.policy_doors import PolicyDoors
from tests.sidecar.test_api_policy_routes import RISKY, SECRETS
from tests.sidecar.test_typed_policy_routes import DOCUMENT

STATIC, DYNAMIC, TYPED = "/api/v1/static-policies", "/api/v1/dynamic-policies", "/api/v1/typed-policies"
SETS = "/v1/policy-sets"
CHANGING = {
    "policies.write", "policies.activate", "keys.write", "roles.write", "tenants.write", "tenant.export",
    "persons.erase",
}  # fmt: skip
RECORDED = {
    ("POST", "/v1/tenants"), ("PATCH", "/v1/tenants/{tenant_id}"), ("DELETE", "/v1/tenants/{tenant_id}"),
    ("POST", "/v1/tenants/{tenant_id}/suspend"), ("POST", "/v1/tenants/{tenant_id}/resume"),
    ("GET", "/v1/tenant/export"), ("POST", "/v1/audit/persons/erase"),
    ("POST", "/v1/keys"), ("DELETE", "/v1/keys/{key_id}"), ("POST", "/v1/keys/{key_id}/rotate"),
    ("PUT", "/v1/roles/{role}"), ("DELETE", "/v1/roles/{role}"), ("POST", "/v1/grants"),
    ("POST", "/v1/grants/withdraw"),
    *((method, f"{path}{rest}") for path in (STATIC, DYNAMIC)
      for method, rest in (("POST", ""), ("PUT", "/{id}"), ("PATCH", "/{id}"), ("DELETE", "/{id}"))),
    ("POST", f"{STATIC}/{{id}}/override"), ("DELETE", f"{STATIC}/{{id}}/override"),
    ("POST", f"{TYPED}/publish"), ("POST", f"{TYPED}/activate"),
    ("POST", f"{SETS}/publish"), ("POST", f"{SETS}/activate"), ("POST", f"{SETS}/rollback"),
}  # fmt: skip
"""Each is tested here, in test_tenant_routes, test_policy_set_routes or test_audit_erase."""
CHANGES_NOTHING = {("POST", f"{STATIC}/test"), ("POST", f"{TYPED}/validate")}


@pytest.fixture
def doors():
    return PolicyDoors()


def events(doors, tenant_id):
    return [event for event in doors.recorded(tenant_id) if event.kind == "admin"]


def test_every_route_that_changes_something_is_one_that_is_recorded(doors):
    routes = {(route.method, route.path) for route in doors.routes["agent"] if route.permission in CHANGING}
    assert routes - CHANGES_NOTHING == RECORDED


@pytest.mark.parametrize(("path", "body"), [(STATIC, SECRETS), (DYNAMIC, RISKY)])
def test_policies_that_are_edited_are_in_the_trail(doors, path, body):
    made = doors.post(path, body, ACME).json()
    one = f"{path}/{made['id']}"
    doors.call("PUT", one, json={"name": "Another"}, headers=ACME)
    doors.call("PATCH", one, json={"enabled": False}, headers=ACME)
    doors.call("DELETE", one, headers=ACME)
    recorded = events(doors, "acme")
    assert [event.action for event in recorded] == [
        name for name in ("create", "change", "toggle", "delete") for name in [f"policy.{name}"] * 2
    ]
    assert {(event.principal, event.resource) for event in recorded} == {("service:crm", f"policy:{made['id']}")}
    assert recorded[3].details == {
        "outcome": "done", "version": 2, "policy_id": made["policy_id"], "kind": path.split("/")[-1].split("-")[0],
        "enabled": True,
    }  # fmt: skip


def test_override_is_in_the_trail_with_its_reason_from_its_beginning_to_its_end(doors):
    policy = doors.post(STATIC, SECRETS, ACME).json()
    path = f"{STATIC}/{policy['id']}/override"
    assert doors.post(path, {"action_override": "log", "override_reason": "A trial."}, ACME).status_code == 201
    assert doors.call("DELETE", path, headers=ACME).status_code == 204
    assert doors.call("DELETE", path, headers=ACME).status_code == 404
    begun, done, *ended = events(doors, "acme")[2:]
    assert (begun.action, begun.reasons, done.details["override_action"]) == ("policy.override", ("A trial.",), "log")
    assert [event.details["outcome"] for event in ended] == ["begun", "done", "begun", "failed"]
    assert {event.action for event in ended} == {"policy.end_override"}


def test_document_that_is_published_and_activated_is_in_the_trail(doors):
    digest = doors.post(f"{TYPED}/publish", {"document": DOCUMENT}, ACME).json()["digest"]
    doors.post(f"{TYPED}/activate", {"digest": digest, "reason": "No shells."}, ACME)
    _, published, begun, active = events(doors, "acme")
    assert (published.action, published.resource) == ("policy.publish", "policy_set:tools")
    assert (published.details["digest"], published.details["version"]) == (digest, 1)
    assert (begun.action, begun.reasons, begun.resource) == ("policy.activate", ("No shells.",), f"policy:{digest}")
    assert (active.resource, active.details["activation"]) == ("policy_set:tools", 1)


def test_policy_of_a_layer_above_is_recorded_there_when_it_is_changed_and_never_by_who_may_not(doors):
    made = doors.post(STATIC, SECRETS | {"tier": "system"}, HEADERS).json()
    assert [event.details["outcome"] for event in events(doors, "*")] == ["begun", "done"]
    assert doors.call("DELETE", f"{STATIC}/{made['id']}", headers=ACME).status_code == 403
    assert len(events(doors, "*")) == 2
    assert events(doors, "acme")[-1].details == {"outcome": "failed", "error": "policy_forbidden"}


def test_policy_for_a_tenant_that_is_not_there_leaves_no_trail(doors):
    response = doors.post(STATIC, SECRETS, HEADERS | {"x-tenant-id": "nobody"})
    assert (response.status_code, doors.recorded("nobody")) == (404, [])
