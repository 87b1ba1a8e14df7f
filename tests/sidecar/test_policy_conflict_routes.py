"""Conflicts over HTTP: of stored policies with what is in force beside them."""

from tests.sidecar.policy_doors import PolicyDoors
from tests.sidecar.test_api_policy_routes import DYNAMIC, create
from tests.strategies import policy_set


def test_conflict_with_a_rule_that_was_published_or_is_in_a_file_is_shown():
    when = "has(context.risk_score) && context.risk_score > 0.5"
    shell = {
        "id": "no-shell",
        "effect": "deny",
        "match": {"resource.id": "shell"},
        "when": when,
        "reason": "No shells.",
    }
    doors = PolicyDoors(policy_set([shell], "files", default="allow"), stand_in=False)
    watched = create(doors, DYNAMIC, actions=[{"type": "alert"}])
    (conflict,) = doors.post("/api/v1/policies/conflicts", {}).json()["conflicts"]
    assert conflict["policy_a"]["id"] == watched["id"]
    assert conflict["policy_b"] == {"id": "no-shell", "name": "No shells.", "type": "rule"}
    assert (conflict["conflict_type"], conflict["severity"]) == ("different_actions", "high")
    assert conflict["overlapping_field"] == "risk_score"
    assert "the rule refuses it" in conflict["description"]
    met = doors.post("/api/v1/policies/simulate", conflict["example"]).json()["applied_policies"]
    assert set(met) == {"no-shell", f"api:{watched['id']}:alert"}
    document = policy_set(
        [{"id": "prod", "effect": "allow", "match": {"context.env": "prod"}, "when": when}], "own", default="abstain"
    )
    body = {"reason": "A test.", "documents": [document], "activate": True}
    assert doors.post("/v1/policy-sets/publish", body).status_code == 201
    create(doors, DYNAMIC)
    conflicts = doors.post("/api/v1/policies/conflicts", {}).json()["conflicts"]
    assert {("the policy refuses it" in one["description"], one["policy_b"]["id"]) for one in conflicts} >= {
        (True, "prod"),
        (False, "no-shell"),
    }
