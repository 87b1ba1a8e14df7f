"""What was decided, listed and explained: as it was recorded, and of one's own tenant alone."""

import pytest

from axonflow.policy.deciding.telling import rule_text
from tests.sidecar.doors import ACME, ALLOW_ALL, BETA, HEADERS, REQUEST, Doors
from tests.sidecar.policy_doors import PolicyDoors
from tests.strategies import policy_set

DECISIONS, SEARCH = "/v1/decisions", "/api/v1/audit/search"
RULES = policy_set(
    [
        {"id": "no-shell", "effect": "deny", "match": {"resource.id": "shell"}, "reason": "No shells."},
        {"id": "late", "effect": "require_approval", "match": {}, "when": "context.hour > 20"},
        {"id": "mask", "effect": "redact", "match": {}, "when": 'detected("pii.email")'},
        {"id": "tell", "effect": "warn", "match": {"context.env": "prod"}},
    ],
    default="allow",
)
CASES = {
    "allow": {},
    "deny": {"resource": "tool:shell", "context": {"hour": 9, "env": "prod", "unread": "x"}},
    "needs_approval": {"context": {"hour": 21}},
}


@pytest.fixture(scope="module")
def doors():
    """With a decision of each verdict, and one of another tenant."""
    doors = Doors(RULES)
    doors.ids = {}
    for verdict, parts in CASES.items():
        body = REQUEST | {"context": {"hour": 9}} | parts
        doors.ids[verdict] = doors.post(DECISIONS, body).json()["decision_id"]
    theirs = REQUEST | {"principal": {"id": "bob", "tenant": "acme"}, "context": {"hour": 9}}
    doors.theirs = doors.post(DECISIONS, theirs, ACME).json()["decision_id"]
    return doors


def listed(doors, query="", headers=HEADERS):
    response = doors.call("GET", f"/api/v1/decisions{query}", headers=headers)
    assert response.status_code == 200
    return [row["decision_id"] for row in response.json()["decisions"]]


def explained(doors, decision_id, headers=HEADERS):
    return doors.call("GET", f"/api/v1/decisions/{decision_id}/explain", headers=headers)


@pytest.mark.parametrize("verdict", CASES)
def test_decision_list_of_a_verdict_has_those_alone(doors, verdict):
    assert listed(doors, f"?decision={verdict}") == [doors.ids[verdict]]


@pytest.mark.parametrize(
    ("query", "verdicts"),
    [("", [*CASES]), ("?policy_id=late", ["needs_approval"]), ("?tool_signature=shell", ["deny"]),
     ("?tool_signature=search", ["allow", "needs_approval"]), ("?since=2999-01-01T00:00:00Z", []),
     ("?since=2020-01-01T00:00:00Z", [*CASES]), ("?policy_id=other", []), ("?limit=1", ["needs_approval"])],
)  # fmt: skip
def test_decision_list_filters_as_asked_newest_first(doors, query, verdicts):
    assert listed(doors, query) == [doors.ids[verdict] for verdict in reversed(verdicts)]


@pytest.mark.parametrize(
    "query",
    [
        "?decision=blocked",
        "?since=monday",
        "?limit=0",
        "?limit=1001",
        "?limit=x",
        "?colour=red",
        "?limit=-1",
        "?limit=1000000000",
        "?limit=1e9",
        "?since=2026-02-30T00:00:00Z",
        "?since=2026-01-31",
        "?limit=1&limit=2",
    ],
)
def test_decision_list_with_a_filter_that_is_none_is_400(doors, query):
    assert doors.call("GET", f"/api/v1/decisions{query}").status_code == 400


def test_decision_list_in_pages_has_each_decision_once(doors):
    seen, before = [], ""
    for _ in CASES:
        page = doors.call("GET", f"/api/v1/decisions?limit=1{before}").json()
        seen += [row["decision_id"] for row in page["decisions"]]
        before = f"&before={page['next']}"
    assert seen == [*reversed(doors.ids.values())]
    assert doors.call("GET", f"/api/v1/decisions?limit=1{before}").json() == {"decisions": [], "next": None}


def test_decision_list_row_says_what_was_asked_and_decided(doors):
    (row,) = doors.call("GET", "/api/v1/decisions?decision=deny").json()["decisions"]
    named = row["decision"], row["policy_id"], row["tool_signature"], row["principal"], row["effect"]
    assert named == ("deny", "no-shell", "shell", "user:ann", "deny")
    assert row["context"] == {"hour": "9", "env": "prod"}


def test_explanation_has_reasons_rules_and_what_these_looked_at(doors):
    told = explained(doors, doors.ids["deny"]).json()
    assert (told["decision"], told["policies_in_force"]) == ("deny", True)
    assert told["reason"].startswith("No shells.; ")
    assert told["policy_matches"][0] == {
        "policy_id": "no-shell", "policy_name": "no-shell", "policy_description": "No shells.", "action": "deny",
    }  # fmt: skip
    texts = {rule.id: rule_text(rule) for rule in doors.flow.policies.rules}
    assert told["matched_rules"] == [
        {"policy_id": name, "rule_id": name, "rule_text": texts[name], "matched_on": seen}
        for name, seen in (("no-shell", ""), ("tell", 'context.env = "prod"'))
    ]
    assert told["attributes"] == {"context.hour": 9, "context.env": "prod"}


def test_explanation_of_a_decision_by_other_policies_tells_no_rule(doors):
    others = Doors(ALLOW_ALL)
    others.audit_store, others.flow._audit = doors.audit_store, doors.flow.audit
    told = explained(others, doors.ids["deny"]).json()
    assert told["policies_in_force"] is False
    assert told["matched_rules"] == [{"policy_id": name, "rule_id": name} for name in ("no-shell", "tell")]
    assert told["policy_matches"][0] == {
        "policy_id": "no-shell", "policy_name": "no-shell", "policy_description": "No shells.",
    }  # fmt: skip


def test_explanation_of_findings_tells_where_and_never_what():
    doors = Doors(RULES)
    asked = REQUEST | {"content": "write to ann@example.com", "context": {"hour": 9}}
    told = explained(doors, doors.post(DECISIONS, asked).json()["decision_id"])
    assert [(one["detector"], one["start"], one["end"]) for one in told.json()["findings"]] == [("pii.email", 9, 24)]
    assert "example" not in told.text


def test_explanation_of_a_rule_that_failed_has_the_error():
    doors = Doors(RULES)
    told = explained(doors, doors.post(DECISIONS, REQUEST).json()["decision_id"]).json()
    assert told["decision"] == "needs_approval"
    assert told["errors"][0].startswith("late: ")


def test_explanation_of_more_policies_than_are_kept_says_how_many_and_claims_nothing_of_them():
    rules = [{"id": f"w{number:03}", "effect": "warn", "reason": f"{number} " * 100} for number in range(300)]
    doors = Doors(RULES | {"rules": [*RULES["rules"], *rules]})
    answer = doors.post(DECISIONS, REQUEST | {"context": {"hour": 9}, "resource": {"type": "tool", "id": "shell"}})
    assert answer.status_code == 200
    decision_id = answer.json()["decision_id"]
    told = explained(doors, decision_id).json()
    kept = len(told["policy_matches"])
    assert (told["policy_id"], told["policy_matches"][0]["policy_description"]) == ("no-shell", "No shells.")
    assert told["policies_left_out"] == len(answer.json()["policies"]) - kept
    assert [one["policy_id"] for one in told["policy_matches"]] == answer.json()["policies"][:kept]
    assert all(one["action"] for one in told["policy_matches"])
    assert told["reasons"][-1].startswith("... ")
    assert "override_available" not in told
    assert listed(doors, "?decision=deny") == [decision_id]


@pytest.mark.parametrize("headers", [ACME, BETA], ids=["acme", "beta"])
def test_decision_of_another_tenant_is_as_one_that_never_was(doors, headers):
    there, nowhere = explained(doors, doors.ids["deny"], headers), explained(doors, "0" * 36, headers)
    assert there.status_code == nowhere.status_code == 404
    assert there.json()["message"] == nowhere.json()["message"]
    assert listed(doors, headers=headers) == ([doors.theirs] if headers is ACME else [])


def test_decision_of_a_tenant_that_the_operator_names_is_told(doors):
    named = HEADERS | {"x-tenant-id": "acme"}
    assert listed(doors, headers=named) == [doors.theirs]
    assert explained(doors, doors.theirs, named).status_code == 200
    assert explained(doors, doors.theirs, ACME | {"x-tenant-id": "default"}).status_code == 403


@pytest.mark.parametrize(("headers", "status"), [(ACME, 200), (HEADERS, 200), (BETA, 403)])
def test_audit_of_a_tenant_is_for_that_tenants_key(doors, headers, status):
    response = doors.call("GET", "/api/v1/audit/tenant/acme?limit=5", headers=headers)
    assert response.status_code == status
    if status == 200:
        assert {entry["tenant_id"] for entry in response.json()["entries"]} == {"acme"}


def test_audit_search_in_pages_by_cursor_has_each_entry_once(doors):
    every = [entry["id"] for entry in doors.post(SEARCH, {"kind": "decision"}).json()["entries"]]
    seen, before = [], ""
    for _ in every:
        page = doors.post(SEARCH, {"limit": 1, "before": before, "kind": "decision"}).json()
        seen += [entry["id"] for entry in page["entries"]]
        before = page["next"]
    assert seen == every
    listing = doors.call("GET", f"/api/v1/audit/tenant/default?before={every[0]}&offset=1&limit=2").json()
    assert listing["entries"][0]["id"] == every[2]


@pytest.mark.parametrize(
    ("body", "at", "found"),
    [({"kind": "nonsense"}, "$.kind", "'nonsense'"), ({"effect": "denied"}, "$.effect", "'denied'"),
     ({"effect": "\0"}, "$.effect", "'\\x00'"), ({"principal": "ann"}, "$.principal", "'ann'"),
     ({"resource": "shell"}, "$.resource", "'shell'"), ({"limit": 0}, "$.limit", "0"), ({"limit": -1}, "$.limit", "-1"),
     ({"limit": 10**9}, "$.limit", "1000000000"), ({"offset": 10**9}, "$.offset", "1000000000"),
     ({"start_time": "monday"}, "$.start_time", "'monday'"),
     ({"end_time": "2026-02-30T00:00:00Z"}, "$.end_time", "'2026-02-30T00:00:00Z'"),
     ({"start_time": "2026-02-01T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"}, "$.end_time", None),
     ({"start_time": "2026-02-01T00:00:00Z", "end_time": "2026-02-01T00:00:00Z"}, "$.end_time", None)],
)  # fmt: skip
def test_audit_search_for_what_no_event_can_be_is_400_and_names_it(doors, body, at, found):
    response = doors.post(SEARCH, body)
    problem = response.json()
    assert (response.status_code, problem["at"], problem.get("found")) == (400, at, found), problem
    assert problem["expected"]


@pytest.mark.parametrize("path", ["/api/v1/decisions", "/api/v1/decisions/x/explain", "/api/v1/audit/tenant/nobody"])
def test_records_of_a_tenant_that_nobody_knows_are_404_and_not_an_empty_answer(doors, path):
    response = doors.call("GET", path, headers=HEADERS | {"x-tenant-id": "nobody"})
    assert (response.status_code, response.json()["message"][:14]) == (404, "no such tenant")
    assert doors.post(SEARCH, {"tenant_id": "nobody"}).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "?offset=-1",
        "?offset=1000001",
        "?limit=-1",
        "?limit=1000000000",
        "?offset=x",
        "?limit=0",
        "?before=x&colour=red",
    ],
)
def test_audit_of_a_tenant_out_of_bounds_is_400(doors, query):
    assert doors.call("GET", f"/api/v1/audit/tenant/default{query}").status_code == 400


@pytest.mark.parametrize(
    ("query", "count"),
    [({"request_type": "tool.call"}, 3), ({"effect": "deny"}, 1), ({"resource": "tool:shell"}, 1),
     ({"kind": "plan_step"}, 0), ({"kind": "decision", "user_email": "ann"}, 3)],
)  # fmt: skip
def test_audit_search_by_our_own_filters_finds_those(doors, query, count):
    assert len(doors.post(SEARCH, query).json()["entries"]) == count


@pytest.mark.parametrize(
    "before", ["zzz", "0", "01a20275-0601-7493-a25c-20221405502", "01a20275-0601-4493-a25c-202214055027"]
)
def test_page_after_what_is_no_event_is_400_and_not_the_first_page(doors, before):
    for path in (f"/api/v1/decisions?before={before}", f"/api/v1/audit/tenant/default?before={before}"):
        response = doors.call("GET", path)
        assert (response.status_code, response.json()["at"]) == (400, "before")
    response = doors.post(SEARCH, {"before": before})
    assert (response.status_code, response.json()["at"]) == (400, "$.before")


def test_records_without_a_database_are_503(doors):
    without = Doors(RULES)
    without.reopen(search=None)
    for path in ("/api/v1/decisions", "/api/v1/decisions/x/explain", "/api/v1/audit/tenant/default"):
        assert without.call("GET", path).status_code == 503


def test_explanation_says_whether_the_policy_that_matched_can_be_overridden_or_is():
    doors = PolicyDoors()
    written = {"name": "No hello", "category": "security-dangerous", "pattern": "hello", "action": "block"}
    policy = doors.post("/api/v1/static-policies", written).json()["id"]
    asked = REQUEST | {"content": "say hello"}
    decision = doors.post(DECISIONS, asked).json()
    assert decision["effect"] == "deny"

    def told(decision_id):
        answer = explained(doors, decision_id).json()
        return answer["override_available"], answer.get("override_existing_id")

    assert told(decision["decision_id"]) == (True, None)
    made = doors.post(
        f"/api/v1/static-policies/{policy}/override", {"action_override": "log", "override_reason": "x"}
    ).json()
    assert told(decision["decision_id"]) == (False, made["id"])
    assert told(doors.post(DECISIONS, REQUEST).json()["decision_id"]) == (False, None)
    doors.call("DELETE", f"/api/v1/static-policies/{policy}/override")
    doors.call("DELETE", f"/api/v1/static-policies/{policy}")
    assert told(decision["decision_id"]) == (False, None)


def test_explanation_without_policies_of_these_routes_offers_no_override(doors):
    assert explained(doors, doors.ids["deny"]).json()["override_available"] is False


def test_audit_search_by_an_override_finds_what_made_it():
    doors = PolicyDoors()
    written = {"name": "No hello", "category": "security-dangerous", "pattern": "hello", "action": "block"}
    path = f"/api/v1/static-policies/{doors.post('/api/v1/static-policies', written).json()['id']}/override"
    doors.call("DELETE", path)
    first, second = (
        doors.post(path, {"action_override": action, "override_reason": "x"}).json()["id"] for action in ("log", "warn")
    )
    found = doors.post(SEARCH, {"override_id": first}).json()
    (entry,) = found["entries"]
    assert (found["total"], entry["request_type"]) == (1, "policy.override")
    assert doors.post(SEARCH, {"override_id": second}).json()["entries"] != found["entries"]
    for narrower in ({"kind": "decision"}, {"offset": 1}, {"end_time": "2020-01-01T00:00:00Z"}):
        assert doors.post(SEARCH, {"override_id": first} | narrower).json()["entries"] == []
    assert doors.post(SEARCH, {"override_id": first}, ACME).json()["entries"] == []
