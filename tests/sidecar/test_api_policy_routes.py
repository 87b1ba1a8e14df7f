"""Section 8 of the wire contract: policies that are edited over HTTP are in force when the answer comes."""

import pytest

from axonflow.errors import PolicyConflict, PolicyStoreError
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.keys import ApiKey, KeyRing
from tests.sidecar.doors import ACME, BETA, HEADERS
from tests.sidecar.policy_doors import PolicyDoors
from tests.strategies import policy_set

STATIC, DYNAMIC = "/api/v1/static-policies", "/api/v1/dynamic-policies"
SECRETS = {"name": "No secrets", "category": "security-sqli", "pattern": "secret-[0-9]{4}", "action": "block"}
RISKY = {
    "name": "Risky", "type": "risk", "category": "dynamic-risk", "enabled": True,
    "conditions": [{"field": "risk_score", "operator": "greater_than", "value": 0.8}],
    "actions": [{"type": "block", "config": {}}],
}  # fmt: skip


@pytest.fixture
def doors():
    return PolicyDoors()


def create(doors, path=STATIC, headers=HEADERS, **parts):
    response = doors.post(path, (SECRETS if path == STATIC else RISKY) | parts, headers)
    assert response.status_code == 201, response.text
    return response.json()


def verdict(doors, query="secret-1234", headers=HEADERS, **context):
    body = {"stage": "llm", "query": query, "target": {"model": "m"}, "context": context}
    return doors.post("/api/v1/decide", body, headers).json()["verdict"]


def test_static_policy_is_in_force_when_its_answer_comes(doors):
    assert verdict(doors) == "allow"
    policy = create(doors, description="None.", severity="high", tags=["a"], priority=3)
    assert verdict(doors) == "deny"
    assert (policy["tier"], policy["tenant_id"], policy["version"], policy["severity"]) == (
        "tenant",
        "default",
        1,
        "high",
    )
    assert doors.call("GET", f"{STATIC}/{policy['id']}").json() == policy
    assert doors.call("GET", f"{STATIC}/{policy['policy_id']}").json() == policy


def test_static_policy_is_changed_toggled_and_deleted_at_once(doors):
    path = f"{STATIC}/{create(doors)['id']}"
    assert doors.call("PATCH", path, json={"enabled": False}).json()["enabled"] is False
    assert verdict(doors) == "allow"
    changed = doors.call("PUT", path, json={"enabled": True, "action": "require_approval", "name": None}).json()
    assert (changed["version"], changed["name"], verdict(doors)) == (3, "No secrets", "needs_approval")
    versions = doors.call("GET", f"{path}/versions").json()["versions"]
    assert [(one["version"], one["change_type"]) for one in versions] == [
        (3, "updated"),
        (2, "disabled"),
        (1, "created"),
    ]
    assert versions[0]["snapshot"]["action"] == "require_approval"
    assert versions[0]["change_summary"] == "Changed: definition, enabled."
    deleted = doors.call("DELETE", path)
    assert (deleted.status_code, deleted.content, "content-length" in deleted.headers) == (204, b"", False)
    assert verdict(doors) == "allow"
    assert doors.call("GET", path).status_code == 404
    assert doors.call("GET", f"{path}/versions").json()["versions"][0]["change_type"] == "deleted"


def test_dynamic_policy_is_in_force_when_its_answer_comes(doors):
    path = f"{DYNAMIC}/{create(doors, DYNAMIC)['id']}"
    assert [verdict(doors, risk_score=score) for score in (0.9, 0.8)] == ["deny", "allow"]
    doors.call("PUT", path, json={"actions": [{"type": "redact", "config": {"detectors": ["pii.email"]}}]})
    body = {"stage": "llm", "query": "ann@a.example", "target": {"model": "m"}, "context": {"risk_score": 1}}
    assert doors.post("/api/v1/decide", body).json()["redacted_query"] == "[REDACTED:pii.email]"
    assert doors.call("PUT", path, json={"enabled": False}).json()["enabled"] is False
    assert verdict(doors, risk_score=1) == "allow"
    assert doors.call("DELETE", path).status_code == 204


def test_policy_changes_nothing_for_other_tenants(doors):
    mine = create(doors, headers=ACME)
    assert [verdict(doors, headers=one) for one in (ACME, BETA, HEADERS)] == ["deny", "allow", "allow"]
    for method, path in (("GET", ""), ("PUT", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/versions")):
        body = None if method in ("GET", "DELETE") else {"enabled": False}
        response = doors.call(method, f"{STATIC}/{mine['id']}{path}", headers=BETA, json=body)
        assert (response.status_code, response.json()["code"]) == (404, "policy_not_found")
    assert doors.call("GET", STATIC, headers=BETA).json()["policies"] == []
    seen = doors.call("GET", STATIC, headers=HEADERS | {"x-tenant-id": "acme"}).json()["policies"]
    assert [one["id"] for one in seen] == [mine["id"]]
    assert doors.call("GET", STATIC, headers=BETA | {"x-tenant-id": "acme"}).status_code == 403


def test_policies_of_layers_above_apply_below_and_are_changed_by_operators_only(doors):
    everywhere = create(doors, tier="system", pattern="everywhere")
    group = create(doors, tier="organization", organization_id="group", pattern="in the group")
    assert [verdict(doors, "everywhere", one) for one in (ACME, BETA, HEADERS)] == ["deny"] * 3
    assert [verdict(doors, "in the group", one) for one in (ACME, BETA, HEADERS)] == ["deny", "allow", "allow"]
    assert group["organization_id"] == "group"
    for body in ({"tier": "system"}, {"tier": "organization", "organization_id": "group"}):
        assert doors.post(STATIC, SECRETS | body, ACME).status_code == 403
    path = f"{STATIC}/{everywhere['id']}"
    assert doors.call("PATCH", path, headers=ACME, json={"enabled": False}).status_code == 403
    assert doors.call("DELETE", path, headers=ACME).status_code == 403
    assert verdict(doors, "everywhere", ACME) == "deny"
    assert doors.call("PATCH", path, json={"enabled": False}).status_code == 200
    assert verdict(doors, "everywhere", ACME) == "allow"
    assert doors.post(STATIC, SECRETS | {"tier": "organization"}).status_code == 403
    tiers = {one["tier"] for one in doors.call("GET", STATIC, headers=ACME).json()["policies"]}
    assert tiers == {"system", "organization"}


def test_list_is_paged_filtered_searched_and_sorted(doors):
    for name, category in (("beta", "pii-us"), ("alpha", "pii-us"), ("gamma", "security-sqli")):
        create(doors, name=name, category=category, enabled=name != "gamma")

    def names(**query):
        answer = doors.call("GET", STATIC, params=query).json()
        return [one["name"] for one in answer["policies"]], answer["pagination"]["total"]

    assert names(sort_by="name") == (["alpha", "beta", "gamma"], 3)
    assert names(sort_by="name", sort_order="desc", limit=1, offset=1) == (["beta"], 3)
    assert names(category="pii-us", search="ALPH") == (["alpha"], 1)
    assert names(enabled="false") == (["gamma"], 1)
    assert names() == (["gamma", "alpha", "beta"], 3)
    assert names(tier="system") == ([], 0)
    for query in (
        "limit=0",
        "limit=x",
        "enabled=maybe",
        "sort_order=up",
        "sort_by=pattern",
        "limit=1&limit=2",
        "a=%ff%fe",
    ):
        status = doors.call("GET", f"{STATIC}?{query}").status_code
        assert status == (200 if query.startswith("a=") else 400), query


def test_override_stands_for_its_tenant_until_it_ends(doors):
    path = f"{STATIC}/{create(doors)['id']}"
    body = {"action_override": "warn", "override_reason": "An exercise."}
    made = doors.post(f"{path}/override", body)
    assert (made.status_code, made.json()["active"], verdict(doors)) == (201, True, "allow")
    shown = doors.call("GET", path).json()
    assert (shown["has_override"], shown["override"]["action_override"]) == (True, "warn")
    assert doors.call("GET", f"{STATIC}/overrides").json()["count"] == 1
    effective = doors.call("GET", f"{STATIC}/effective").json()["static"]
    assert [(one["action"], one["effective_action"]) for one in effective] == [("block", "warn")]
    assert doors.call("DELETE", f"{path}/override").status_code == 204
    assert verdict(doors) == "deny"
    assert doors.call("DELETE", f"{path}/override").status_code == 404
    assert doors.call("GET", f"{STATIC}/overrides").json()["overrides"] == []


def test_override_ends_by_itself_without_anything_being_loaded_anew():
    now = [1_800_000_000_000_000]
    doors = PolicyDoors(clock_us=lambda: now[0])
    path = f"{STATIC}/{create(doors)['id']}"
    body = {"action_override": "log", "override_reason": "x", "expires_at": "2099-01-01T00:00:00Z"}
    assert doors.post(f"{path}/override", body).status_code == 400
    assert doors.post(f"{path}/override", body | {"expires_at": "2020-01-01T00:00:00Z"}).status_code == 400
    made = doors.post(f"{path}/override", body | {"expires_at": "2027-01-16T00:00:00Z"})
    assert made.status_code == 201
    now[0] = 1_900_000_000_000_000
    assert doors.call("GET", f"{STATIC}/overrides").json()["count"] == 0
    assert doors.call("GET", path).json()["has_override"] is False


def test_override_of_a_layer_above_only_makes_it_stricter(doors):
    path = f"{STATIC}/{create(doors, tier='system', action='warn')['id']}"
    looser = doors.post(f"{path}/override", {"action_override": "log", "override_reason": "x"}, ACME)
    assert (looser.status_code, looser.json()["code"]) == (403, "policy_forbidden")
    assert doors.post(f"{path}/override", {"action_override": "block", "override_reason": "x"}, ACME).status_code == 201
    assert [verdict(doors, headers=one) for one in (ACME, BETA)] == ["deny", "allow"]


def test_override_that_cannot_be_done_is_refused_also_when_its_policy_changes(doors):
    endless = create(doors, pattern=r"secret-\d+")
    redact = {"action_override": "redact", "override_reason": "x"}
    assert doors.post(f"{STATIC}/{endless['id']}/override", redact).status_code == 400
    path = f"{STATIC}/{create(doors)['id']}"
    assert doors.post(f"{path}/override", redact).status_code == 201
    assert doors.call("PUT", path, json={"pattern": r"secret-\d+"}).status_code == 400
    assert doors.post(f"{STATIC}/nobody/override", redact).status_code == 404
    assert doors.post(f"{path}/override", redact | {"override_reason": ""}).status_code == 400


def test_pattern_is_tried_as_a_policy_would_look_for_it(doors):
    body = {"pattern": "(secret)-([0-9]{4})", "inputs": ["a secret-1234", "none", "s\u200becret-1234"]}
    answer = doors.post(f"{STATIC}/test", body).json()
    assert (answer["valid"], [one["matched"] for one in answer["matches"]]) == (True, [True, False, True])
    assert [one["groups"] for one in answer["matches"]] == [["secret", "1234"], [], []]
    bad = doors.post(f"{STATIC}/test", {"pattern": "(a", "inputs": ["a"]}).json()
    assert (bad["valid"], bad["matches"], "RE2" in bad["error"]) == (False, [], True)
    many = doors.post(f"{STATIC}/test", {"pattern": "a", "inputs": ["a"] * 101}).json()
    assert not many["valid"]


@pytest.mark.parametrize(
    ("path", "change", "at"),
    [
        (STATIC, {"name": None}, "$.name"), (STATIC, {"category": None}, "$.category"),
        (STATIC, {"pattern": None}, "$.pattern"), (STATIC, {"pattern": "(?=x)"}, "$.pattern"),
        (STATIC, {"pattern": r"\d+", "action": "redact"}, "$.pattern"), (STATIC, {"name": "x" * 257}, "$.name"),
        (STATIC, {"name": "a\u0000b"}, "$"), (STATIC, {"tags": ["x"] * 33}, "$.tags"),
        (STATIC, {"action": "explode"}, None), (STATIC, {"surprise": 1}, None),
        (STATIC, {"priority": 2**40}, "$.priority"),
        (DYNAMIC, {"conditions": []}, "$.conditions"), (DYNAMIC, {"actions": None}, "$.actions"),
        (DYNAMIC, {"type": "weather"}, "$.type"), (DYNAMIC, {"actions": [{"type": "route"}]}, "$.actions[0].type"),
        (DYNAMIC, {"conditions": [{"field": "query", "operator": "like", "value": 1}]}, "$.conditions[0].operator"),
        (DYNAMIC, {"conditions": [{"field": "query", "operator": "regex", "value": "["}]}, None),
    ],
    ids=str,
)  # fmt: skip
def test_policy_that_cannot_be_enforced_is_refused_with_its_place_and_not_kept(doors, path, change, at):
    body = {
        name: value for name, value in ((SECRETS if path == STATIC else RISKY) | change).items() if value is not None
    }
    response = doors.post(path, body)
    assert response.status_code == 400
    assert at is None or response.json()["at"] == at
    assert doors.call("GET", path).json()["policies"] == []
    assert verdict(doors, risk_score=1) == "allow"


def test_change_that_cannot_be_enforced_leaves_the_policy_as_it_was(doors):
    policy = create(doors)
    path = f"{STATIC}/{policy['id']}"
    for body in ({"pattern": "(a"}, {"tier": "system"}, {"policy_id": "other"}, {"action": "explode"}):
        assert doors.call("PUT", path, json=body).status_code == 400
    assert doors.call("GET", path).json() == policy
    assert doors.call("GET", path.replace("static", "dynamic")).status_code == 404


def test_policy_that_changed_meanwhile_is_a_conflict(doors, monkeypatch):
    path = f"{STATIC}/{create(doors)['id']}"

    async def write(*_):
        raise PolicyConflict("changed meanwhile")

    monkeypatch.setattr(doors.shelf.policies, "write", write)
    response = doors.call("PATCH", path, json={"enabled": False})
    assert (response.status_code, response.json()["code"]) == (409, "policy_conflict")


def test_policy_that_others_publish_over_is_in_force_nevertheless(doors, monkeypatch):
    store, tries = doors.shelf.published, []
    activate = store.activate

    async def contended(activation, known):
        tries.append(activation)
        if len(tries) < 3:
            raise PolicyConflict("somebody else was faster")
        return await activate(activation, known)

    monkeypatch.setattr(store, "activate", contended)
    create(doors)
    assert (len(tries), verdict(doors)) == (3, "deny")

    async def always(*_):
        raise PolicyConflict("somebody else was faster")

    monkeypatch.setattr(store, "activate", always)
    assert doors.post(STATIC, SECRETS).status_code == 409


def test_change_that_comes_to_the_same_publishes_nothing_new(doors):
    path = f"{STATIC}/{create(doors)['id']}"
    state = doors.shelf.published.in_force()
    assert doors.call("PUT", path, json={"tags": ["new"]}).status_code == 200
    assert doors.shelf.published.in_force() == state


def test_store_that_does_not_answer_is_503_and_nothing_is_loosened(doors, monkeypatch):
    create(doors)

    async def away(*_):
        raise PolicyStoreError("no connection")

    for name in ("page", "get", "write", "versions", "enabled"):
        monkeypatch.setattr(doors.shelf.policies, name, away)
    assert doors.call("GET", STATIC).status_code == 503
    assert doors.post(STATIC, SECRETS).status_code == 503
    assert verdict(doors) == "deny"


def test_agent_that_does_not_serve_what_was_stored_says_so(doors, monkeypatch):
    async def away():
        raise PolicyStoreError("no connection")

    monkeypatch.setattr(doors.follower._feed, "in_force", away)
    response = doors.post(STATIC, SECRETS)
    assert response.status_code == 503
    assert "not in force" in response.json()["message"]


def test_agent_without_a_database_or_without_a_key_takes_no_policies():
    doors = PolicyDoors(key=False)
    refused = doors.post(STATIC, SECRETS)
    assert (refused.status_code, "signed" in refused.json()["message"]) == (400, True)
    assert doors.call("GET", STATIC).status_code == 200
    doors.reopen(api_policies=None)
    assert doors.call("GET", STATIC).status_code == 503


def test_files_that_stand_in_still_decide_what_is_allowed_beside_written_policies():
    doors = PolicyDoors(policy_set([{"id": "m", "effect": "allow", "match": {"resource.id": "m"}}]))
    create(doors)
    assert [verdict(doors, query) for query in ("hello", "secret-1234")] == ["allow", "deny"]
    elsewhere = {"stage": "llm", "query": "hello", "target": {"model": "other"}}
    assert doors.post("/api/v1/decide", elsewhere).json()["verdict"] == "deny"


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("owner", (201, 200, 200)), ("policy_author", (403, 200, 200)), ("policy_publisher", (403, 200, 200)),
        ("viewer", (403, 200, 200)), ("agent", (403, 403, 403)),
    ],
)  # fmt: skip
def test_policy_that_is_in_force_at_once_takes_the_roles_to_write_and_to_activate(doors, role, statuses):
    ring = KeyRing([ApiKey("role-key-0123456789-0123456789-ab", "crm", "acme", (role,))])
    doors.identities = Identities(ring, inactive={})
    doors.reopen()
    headers = {"authorization": "Bearer role-key-0123456789-0123456789-ab"}
    made = doors.post(STATIC, SECRETS, headers).status_code
    read = doors.call("GET", STATIC, headers=headers).status_code
    tried = doors.post("/api/v1/policies/simulate", {"query": "x"}, headers).status_code
    assert (made, read, tried) == statuses


def test_suspended_tenant_has_no_policies_to_show(doors):
    doors.inactive["acme"] = "suspended"
    assert doors.call("GET", STATIC, headers=HEADERS | {"x-tenant-id": "acme"}).status_code == 403


# -- what if


def test_simulation_says_what_would_be_decided_and_records_nothing(doors):
    create(doors, DYNAMIC)
    create(doors, action="require_approval")
    ask = {"query": "secret-1234", "user": {"id": "ann", "role": "analyst"}, "context": {"risk_score": 0.9}}
    before = len(doors.recorded())
    answer = doors.post("/api/v1/policies/simulate", ask).json()
    assert (answer["allowed"], answer["dry_run"], len(answer["applied_policies"])) == (False, True, 2)
    assert answer["required_actions"] == ["block", "require_approval"]
    assert answer["total_policies"] == 2
    assert doors.post("/api/v1/policies/simulate", {"query": "hi", "context": {"risk_score": 0}}).json()["allowed"]
    assert len(doors.recorded()) == before


def test_impact_report_counts_what_one_policy_alone_would_do(doors):
    policy = create(doors, enabled=False)
    create(doors, pattern="other")
    inputs = [{"query": "secret-1234"}, {"query": "other"}, {"query": "SECRET"}, {"query": "secret-0000"}]
    answer = doors.post("/api/v1/policies/impact-report", {"policy_id": policy["id"], "inputs": inputs}).json()
    assert (answer["total_inputs"], answer["matched"], answer["blocked"], answer["match_rate"]) == (4, 2, 2, 0.5)
    assert [one["actions"] for one in answer["results"]] == [["block"], [], [], ["block"]]
    dynamic = create(doors, DYNAMIC)
    body = {"policy_id": dynamic["id"], "inputs": []}
    assert doors.post("/api/v1/policies/impact-report", body).json()["match_rate"] == 0
    many = {"policy_id": dynamic["id"], "inputs": [{"query": "x", "context": {"risk_score": 1}}]}
    assert doors.post("/api/v1/policies/impact-report", many).json()["results"][0]["actions"] == ["block"]
    assert doors.post("/api/v1/policies/impact-report", body | {"policy_id": "none"}).status_code == 404
    assert doors.post("/api/v1/policies/impact-report", body | {"inputs": [{"query": "x"}] * 1001}).status_code == 400


def test_conflicts_are_shown_with_a_request_that_meets_both(doors):
    first = create(doors, pattern="shared text")
    second = create(doors, pattern="shared text", action="log")
    third = create(doors, DYNAMIC)
    answer = doors.post("/api/v1/policies/conflicts", {}).json()
    assert (answer["conflict_count"], answer["total_policies"], answer["complete"]) == (1, 3, True)
    (conflict,) = answer["conflicts"]
    assert {conflict["policy_a"]["id"], conflict["policy_b"]["id"]} == {first["id"], second["id"]}
    assert (conflict["conflict_type"], conflict["severity"]) == ("different_actions", "high")
    assert conflict["example"]["query"] == "shared text"
    only = doors.post("/api/v1/policies/conflicts", {"policy_id": third["id"]}).json()
    assert only["conflicts"] == []
