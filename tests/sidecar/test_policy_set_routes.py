"""Published policies over HTTP: what `axonflow policy` does with them, under the permissions of the key."""

import base64

import pytest

from axonflow.app.bundles import build_bundle, make_key_pair
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.keys import ApiKey, KeyRing
from tests.publishing import answering
from tests.sidecar.doors import ACME, BETA, HEADERS
from tests.sidecar.policy_doors import PolicyDoors
from tests.strategies import policy_set

SETS = "/v1/policy-sets"
KEY = "a-key-of-these-tests-0123456789-ab"


@pytest.fixture
def doors():
    return PolicyDoors()


def effect(doors, tenant="acme"):
    asked = {"principal": {"id": "ann", "tenant": tenant}, "action": "tool.call", "resource": "tool:search"}
    return doors.post("/v1/decisions", asked).json()["effect"]


def change(doors, verb, headers=ACME, status=200, **parts):
    response = doors.post(f"{SETS}/{verb}", {"reason": "A test."} | parts, headers)
    assert response.status_code == status, response.text
    return response.json()


def published(doors, *documents, headers=ACME, status=201, **parts):
    return change(doors, "publish", headers, status, documents=list(documents), **parts)


def bundled(doors, *documents, key="own", scope="acme"):
    return base64.b64encode(build_bundle(list(documents), doors.folder / f"{key}.key", scope=scope)).decode()


def told(doors, path="", headers=ACME, status=200, **query):
    response = doors.call("GET", f"{SETS}{path}", headers=headers, params=query)
    assert response.status_code == status, response.text
    return response.json()


def test_documents_are_published_activated_and_rolled_back_as_the_command_does(doors):
    first = published(doors, answering("deny"))
    assert (first["version"]["version"], first["version"]["author"], first["in_force"]) == (1, "service:crm", None)
    assert effect(doors) == "allow"
    state = change(doors, "activate", version=1, expected_sequence=0)
    assert (state["scope"], state["in_force"]["sequence"], effect(doors)) == ("acme", 1, "deny")
    second = published(doors, answering("allow"), activate=True, expected_sequence=1)
    assert (second["in_force"]["version"], effect(doors), effect(doors, "beta")) == (2, "allow", "allow")
    assert change(doors, "rollback", expected_sequence=2)["in_force"]["version"] == 1
    assert effect(doors) == "deny"
    assert change(doors, "rollback", to=2)["in_force"]["version"] == 2
    assert change(doors, "activate", version=None)["in_force"]["version"] is None
    history = told(doors, "/history")
    assert [one["version"] for one in history["versions"]] == [2, 1]
    assert [one["kind"] for one in history["activations"]] == [
        "deactivate", "rollback", "rollback", "activate", "activate",
    ]  # fmt: skip
    assert told(doors)["sets"] == [{"set_name": "main", "sequence": 5, "version": None, "digest": None}]


def test_versions_are_shown_with_their_documents_and_what_differs(doors):
    for name in ("deny", "allow"):
        published(doors, answering(name), set="team/rules")
    diff = told(doors, "/diff", set="team/rules", **{"from": 1, "to": 2})
    assert (diff["added"], diff["removed"]) == (["own/allow-0"], ["own/deny-0"])
    version = told(doors, "/version", set="team/rules", version=1)
    assert '"deny-0"' in version["documents"]["policies.json"]
    assert base64.b64decode(version["bundle"]).startswith(b'{"format":"axonflow-policy-bundle/')
    assert told(doors, "/history", set="team/rules", limit=1)["versions"][0]["version"] == 2


def test_activation_on_a_state_that_is_another_by_now_is_refused(doors):
    published(doors, answering("deny"), activate=True)
    for sequence in (0, 2):
        assert change(doors, "activate", status=409, version=1, expected_sequence=sequence)["code"] == "policy_conflict"
        assert change(doors, "rollback", status=409, expected_sequence=sequence)["code"] == "policy_conflict"
    assert published(doors, answering("allow"), activate=True, expected_sequence=0, status=409)
    assert (effect(doors), told(doors)["sets"][0]["sequence"]) == ("deny", 1)


def test_bundle_is_kept_as_it_was_signed_where_its_key_is_trusted(doors):
    bundle = bundled(doors, answering("deny"))
    answer = change(doors, "publish", status=201, bundle=bundle, activate=True)
    assert (answer["in_force"]["version"], effect(doors)) == (1, "deny")
    assert told(doors, "/version", version=1)["bundle"] == bundle
    make_key_pair(doors.folder / "strange.key", doors.folder / "strange.pub")
    strange = bundled(doors, answering("allow"), key="strange")
    assert "not signed by a key" in change(doors, "publish", status=400, bundle=strange)["message"]
    others = bundled(doors, answering("allow"), scope="beta")
    assert "another scope" in change(doors, "publish", status=400, bundle=others)["message"]
    for wrong in ("", "AAAA", "é", "no base64"):
        assert change(doors, "publish", status=400, bundle=wrong)


def test_bundle_can_be_published_where_documents_cannot_be_signed():
    doors = PolicyDoors(key=False)
    assert "signed" in published(doors, answering("deny"), status=400)["message"]
    change(doors, "publish", status=201, bundle=bundled(doors, answering("deny")), activate=True)
    assert effect(doors) == "deny"


def test_documents_that_fail_their_own_tests_or_do_not_load_are_refused(doors):
    asked = {"principal": "user:ann", "action": "tool.call", "resource": "tool:search"}
    failing = answering("deny")
    failing["rules"][0]["tests"] = [{"request": asked, "expect": "allow"}, {"request": asked, "expect": "deny"}]
    refused = published(doors, failing, status=400)
    assert (refused["message"], refused["code"]) == ("test 1 of rule deny-0 fails", "invalid_policy")
    failing["rules"][0]["tests"].pop(0)
    assert published(doors, failing)["version"]["rules"] == 1
    for wrong in (answering("deny", when="context.x >"), answering("deny", scope="*"), {"kind": "PolicySet"}):
        assert published(doors, wrong | {"rules": [{"id": "x"}]}, status=400)["code"] == "invalid_policy"
    assert len(told(doors, "/history")["versions"]) == 1


def test_set_that_breaks_its_own_bound_is_refused_with_the_rule_that_does(doors):
    dear = {"id": "dear", "effect": "deny", "when": "context.a == context.b"}
    bounded = policy_set([dear], bounds={"rule_units": 100})
    refused = published(doors, bounded, status=400)
    assert refused["code"] == "invalid_policy"
    assert "rule dear costs more than its set allows a rule" in refused["message"]


def test_layers_above_take_a_key_for_any_tenant(doors):
    for scope in ("*", "@group"):
        assert published(doors, answering("deny", scope), scope=scope, status=403)["code"] == "policy_forbidden"
        assert told(doors, scope=scope, status=403)
        named = published(doors, answering("deny", scope, name=f"own-{scope[1:]}"), scope=scope, headers=HEADERS)
        assert named["version"]["tenant_id"] == scope
    change(doors, "activate", HEADERS, scope="@group", version=1)
    assert (effect(doors), effect(doors, "beta")) == ("deny", "allow")
    assert told(doors, scope="*", headers=HEADERS) == {
        "scope": "*",
        "sets": [{"set_name": "main", "sequence": 0, "version": None, "digest": None}],
    }
    assert told(doors, scope="@", headers=HEADERS, status=400)
    assert told(doors, scope="acme", headers=BETA, status=403)
    assert told(doors, scope="acme", headers=HEADERS)["scope"] == "acme"
    assert told(doors, headers=HEADERS | {"x-tenant-id": "acme"})["scope"] == "acme"


def test_who_may_write_does_not_put_in_force(doors):
    ring = KeyRing([ApiKey(KEY, "author", "acme", roles=("policy_author",))])
    doors.identities = Identities(ring)
    doors.reopen()
    own = {"authorization": f"Bearer {KEY}"}
    assert published(doors, answering("deny"), headers=own, activate=True, status=403)
    assert told(doors, headers=own)["sets"] == []
    published(doors, answering("deny"), headers=own)
    assert change(doors, "activate", own, 403, version=1)
    assert change(doors, "rollback", own, 403)


def test_policies_edited_one_by_one_are_no_set_to_publish_or_go_back_in(doors):
    doors.post("/api/v1/static-policies", {"name": "x", "category": "c", "pattern": "ab", "action": "block"}, ACME)
    published(doors, answering("deny"), set="api-policies", status=403)
    published(doors, answering("deny", name="api-policies"), status=403)
    change(doors, "activate", status=403, set="api-policies", version=None)
    change(doors, "rollback", status=403, set="api-policies")
    assert told(doors, set="api-policies", path="/history")["versions"][0]["rules"] == 1


def test_what_is_not_there_and_what_is_no_change_is_told(doors):
    assert change(doors, "activate", status=404, version=7)["code"] == "policy_not_found"
    assert change(doors, "rollback", status=404)["message"] == "nothing to roll back"
    assert told(doors, "/version", version=1, status=404)
    assert told(doors, "/diff", status=404, **{"from": 1, "to": 2})
    for query in ({"version": 0}, {"version": "x"}, {}, {"version": 2**31}, {"set": "a b", "version": 1}, {"x": 1}):
        assert told(doors, "/version", status=400, **query)
    assert told(doors, "/history", status=400, limit=0)
    for parts in ({"reason": " "}, {"reason": ""}, {"set": "a b"}, {"expected_sequence": -1}, {"reason": "x" * 4_001}):
        assert change(doors, "activate", status=400, **{"version": 1} | parts)
    for parts in ({}, {"documents": [], "bundle": ""}, {"documents": ["/etc/passwd"]}, {"documents": []}):
        assert change(doors, "publish", status=400, **parts)


def test_every_change_is_in_the_audit_trail_of_its_scope_with_what_came_of_it(doors):
    published(doors, answering("deny"), activate=True)
    change(doors, "rollback")
    change(doors, "activate", status=404, version=9)
    published(doors, answering("deny", "*"), scope="*", headers=HEADERS)
    events = doors.recorded("acme")
    assert {(one.kind, one.principal, one.resource) for one in events} == {("admin", "service:crm", "policy_set:main")}
    assert [(one.action, one.details["outcome"]) for one in events] == [
        (f"policy.{action}", outcome)
        for action, came in (("publish", "done"), ("activate", "done"), ("rollback", "done"), ("activate", "failed"))
        for outcome in ("begun", came)
    ]
    assert (events[3].details["version"], events[3].details["activation"]) == (1, 1)
    assert [one.action for one in doors.recorded("*")] == ["policy.publish"] * 2


def test_without_a_database_there_is_nothing_to_publish_into(doors):
    doors.reopen(policy_sets=None)
    assert told(doors, status=503)["message"] == "no database"
    assert published(doors, answering("deny"), status=503)
