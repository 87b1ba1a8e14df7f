"""Static and dynamic policies in the shapes of the wire contract: rules for what can be enforced, names for others."""

import json

import pytest

from axonflow import AxonFlow, PolicyError, Request
from axonflow.adapters.yaml_text import parse_yaml
from axonflow.app.importing import import_policies
from tests.strategies import policy_set

DROP = {"id": "8c", "name": "No drops", "category": "security-sqli", "severity": "high", "pattern": "drop table"}
RISKY = {
    "name": "Risky", "type": "risk", "conditions": [{"field": "risk_score", "operator": "greater_than", "value": 0.8}],
    "actions": [{"type": "block", "config": {"message": "Too risky."}}],
}  # fmt: skip
FACTS = {
    "created_at": "2026-01-01T00:00:00Z",
    "version": 3,
    "has_override": False,
    "tenant_id": "acme",
    "tier": "tenant",
}
OVERRIDE = {"action_override": "log", "override_reason": "A drill.", "expires_at": "2027-01-01T00:00:00Z"}
OPEN = policy_set([], name="open", layer="system", default="allow")


def imported(*policies, **options):
    result = import_policies({"p.json": json.dumps(list(policies))}, **options)
    return [parse_yaml(one.text, one.name)[0] for one in result.sets], result.findings


def allowed(documents, content="drop table", time=1_790_000_000_000_000, **context):
    flow = AxonFlow.open([OPEN, *documents])
    return flow.decide(Request("user:ann", "llm.request", "model:m", context, content, time)).allowed


def told(findings):
    return [(one.kind, one.policy, one.found, one.loosens) for one in findings]


def test_pattern_and_conditions_become_rules_named_after_their_policies():
    (document,), findings = imported(DROP | FACTS, RISKY | FACTS)
    assert findings == ()
    assert (document["layer"], document["default"]) == ("tenant", "inherit")
    assert [(rule["id"], rule["effect"], rule["reason"]) for rule in document["rules"]] == [
        ("api:8c", "deny", "No drops"), ("api:risky:block", "deny", "Too risky."),
    ]  # fmt: skip
    assert document["detectors"] == [
        {
            "id": "custom.api_8c",
            "severity": "high",
            "description": "No drops",
            "patterns": ["drop table"],
            "examples": [],
        }
    ]
    assert [allowed([document], risk_score=score) for score in (0.9, 0.1)] == [False, False]
    assert [allowed([document], "hello", risk_score=score) for score in (0.9, 0.1)] == [False, True]


def test_tiers_become_sets_of_their_layers():
    policies = (DROP | {"tier": "system"}, DROP | {"tier": "organization", "organization_id": "group"}, DROP)
    documents, findings = imported(*policies)
    assert findings == ()
    assert [(one["metadata"]["name"], one["layer"]) for one in documents] == [
        ("p-system", "system"), ("p-organization-group", "organization"), ("p-tenant-default", "tenant"),
    ]  # fmt: skip
    assert [one["rules"][0]["id"] for one in documents] == ["api:8c", "api:8c-1", "api:8c-2"]


def test_override_of_ones_own_policy_stands_until_it_ends():
    documents, findings = imported(DROP | {"override": OVERRIDE})
    assert findings == ()
    assert [allowed(documents, time=time) for time in (1_790_000_000_000_000, 1_990_000_000_000_000)] == [True, False]


def test_override_of_a_layer_above_counts_only_where_it_is_stricter():
    above = DROP | {"tier": "system", "action": "warn"}
    documents, findings = imported(above | {"override": OVERRIDE | {"action_override": "block", "tenant_id": "acme"}})
    assert findings == ()
    assert [one["layer"] for one in documents] == ["system", "tenant"]
    assert not allowed(documents)
    documents, findings = imported(above | {"override": OVERRIDE})
    assert told(findings) == [("ignored", "8c", "log", False)]
    assert [one["layer"] for one in documents] == ["system"]


def test_list_with_something_else_in_it_gives_its_policies_and_names_the_rest():
    documents, findings = imported(DROP, 7, None, "x", [DROP])
    assert documents == imported(DROP)[0]
    assert not allowed(documents)
    assert told(findings) == [("left out", "", kind, True) for kind in ("int", "null", "string", "list")]
    assert [one.at for one in findings[:2]] == ["p.json:1:110", "p.json:1:113"]
    with pytest.raises(PolicyError, match="no policies that can be imported"):
        imported(7)


def test_override_that_cannot_be_enforced_leaves_the_policy_as_it_is_and_is_named():
    documents, findings = imported(DROP | {"pattern": "a+", "override": OVERRIDE | {"action_override": "redact"}})
    assert told(findings) == [("left out", "8c", "redact", True)]
    assert not allowed(documents, "aaa")
    above = DROP | {"pattern": "a+", "tier": "system", "action": "log"}
    documents, findings = imported(above | {"override": OVERRIDE | {"action_override": "redact"}})
    assert told(findings) == [("left out", "8c", "redact", True)]
    assert [one["layer"] for one in documents] == ["system"]


@pytest.mark.parametrize(
    "override",
    [
        OVERRIDE | {"expires_at": None}, OVERRIDE | {"expires_at": "2027-01-01"}, OVERRIDE | {"expires_at": "soon"},
        OVERRIDE | {"action_override": "explode"}, OVERRIDE | {"override_reason": 3},
        OVERRIDE | {"override_reason": "\0"},
    ],
)  # fmt: skip
def test_override_that_is_none_leaves_the_policy_as_it_is_and_is_named(override):
    documents, findings = imported(DROP | {"override": override})
    assert told(findings) == [("left out", "8c", "override", True)]
    assert not allowed(documents)


@pytest.mark.parametrize(
    ("policy", "expected", "rules"),
    [
        (DROP | {"enabled": False}, ("ignored", "8c", "enabled: false", False), 0),
        (DROP | {"name": None}, ("left out", "8c", "none", True), 0),
        (DROP | {"action": "explode"}, ("left out", "No drops", "action", True), 0),
        (DROP | {"tier": "galaxy"}, ("left out", "No drops", "'galaxy'", True), 0),
        (DROP | {"tenant_id": "*"}, ("left out", "No drops", "'*'", True), 0),
        (DROP | {"tier": "organization", "organization_id": "@a"}, ("left out", "No drops", "'@a'", True), 0),
        (DROP | {"pattern": "(a"}, ("left out", "8c", "missing ): (a", True), 0),
        (DROP | {"pattern": "a+", "action": "redact"}, ("left out", "8c", "another", True), 0),
        (DROP | {"exclusions": ["x"]}, ("left out", "8c", "exclusions", True), 1),
        (DROP | {"exclusions": []}, None, 1),
        (RISKY | {"conditions": [{"field": "a b", "operator": "equals", "value": 1}]},
         ("left out", "risky", "'a b'", True), 0),
        (RISKY | {"conditions": []}, ("left out", "Risky", "conditions", True), 0),
        (RISKY | {"actions": [{"type": "route"}, {"type": "block"}]}, ("left out", "risky", "'route'", True), 1),
        (RISKY | {"actions": [{"type": "block"}, {"type": "block"}]}, ("ignored", "risky", "block", False), 1),
        (RISKY | {"actions": [{"type": "modify_risk"}]}, ("left out", "risky", "'modify_risk'", True), 0),
    ],
)  # fmt: skip
def test_policy_that_cannot_be_carried_over_whole_is_named(policy, expected, rules):
    documents, findings = imported(policy)
    assert told(findings) == ([expected] if expected else [])
    assert sum(len(one["rules"]) for one in documents) == rules
    assert all(found.at.startswith("p.json:1:") for found in findings)


def test_policy_with_several_faults_has_each_of_them_named():
    odd = DROP | {"tier": "galaxy", "severity": "awful", "action": "explode", "exclusions": ["x"], "priority": "high"}
    documents, findings = imported(odd)
    assert documents[0]["rules"] == []
    assert [one.found for one in findings] == ["'galaxy'", "severity", "priority", "action", "exclusions"]
    conditions = [
        {"field": "a b", "operator": "equals", "value": 1},
        {"field": "query", "operator": "sounds_like", "value": 1},
        {"field": "query", "operator": "regex", "value": "(?=x)"},
    ]
    unsayable = RISKY | {"conditions": conditions, "actions": [{"type": "route"}, {"type": "block"}]}
    documents, findings = imported(unsayable)
    assert documents == [] or documents[0]["rules"] == []
    assert [one.found for one in findings] == ["'a b'", "'sounds_like'", "invalid perl operator: (?=", "'route'"]
    assert len({one.at for one in findings}) == len(findings)
    malformed = RISKY | {"type": "odd", "conditions": [*conditions, {"field": 3}, 5], "actions": [{}, "x"]}
    _, findings = imported(malformed)
    assert [one.found for one in findings] == [
        "type", "'a b'", "'sounds_like'", "invalid perl operator: (?=", "conditions[3].field", "conditions[4]",
        "actions[0]", "actions[1]",
    ]  # fmt: skip


def test_redaction_that_cannot_be_is_widened_to_a_denial():
    documents, findings = imported(DROP | {"pattern": "a+", "action": "redact"}, widen=True)
    assert told(findings) == [("widened", "8c", "another", False)]
    assert not allowed(documents, "aaa")


def test_name_that_no_record_may_hold_leaves_the_rule_out():
    documents, findings = imported(DROP | {"name": "a\0b"})
    assert told(findings) == [("left out", "api:8c", 'detected("custom.api_8c")', True)]
    assert "detectors" not in documents[0]


def test_documents_of_one_text_become_sets_with_names_of_their_own():
    """Each is a file of that name, so of two with one name the second would stand in the place of the first."""
    texts = {"api.yaml": "{id: a, name: A, pattern: foo}\n---\n{id: a, name: B, pattern: bar}\n"}
    texts["b/api.json"] = json.dumps([DROP | FACTS, DROP | FACTS | {"tenant_id": "other"}])
    texts["api-2-tenant-acme.json"] = json.dumps(DROP)
    result = import_policies(texts)
    names = [one.name for one in result.sets]
    assert len(set(names)) == 5
    documents = [parse_yaml(one.text, one.name)[0] for one in result.sets]
    assert [one["metadata"]["name"] for one in documents] == names
    assert len({detector["id"] for one in documents for detector in one["detectors"]}) == 5
    assert [allowed(documents, text) for text in ("foo", "bar", "drop table", "x")] == [False, False, False, True]


def test_override_of_a_policy_whose_id_is_made_free_stands_for_no_other():
    """`x` is there twice; the number that tells the second one apart is taken as well."""
    second = DROP | FACTS | {"id": "x", "pattern": "second", "override": OVERRIDE | {"expires_at": "2099-01-01T00:00Z"}}
    first = [DROP | FACTS | {"id": "x-2", "pattern": "first"}, DROP | FACTS | {"id": "x", "pattern": "third"}]
    documents, findings = imported(*first, second)
    assert findings == ()
    assert [allowed(documents, text) for text in ("first", "second", "third")] == [False, True, False]


def test_policies_of_several_lists_are_all_there_and_those_of_two_lists_once():
    other = DROP | {"id": "9", "pattern": "other"}
    envelope = {"policies": [DROP], "static": [DROP, other], "dynamic": [RISKY]}
    (one,) = import_policies({"p.json": json.dumps(envelope)}).sets
    assert one.rules == {"deny": 3}


@pytest.mark.parametrize(
    ("pages", "loosens"),
    [
        ({"total": 1, "limit": 50, "offset": 0, "has_more": False}, []),
        ({"total": 120, "limit": 50, "offset": 0}, [True]),
        ({"limit": 50, "offset": 50}, [True]),
        ({"has_more": True}, [True]),
        (None, []),
    ],
)
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_page_of_policies_is_not_taken_for_all_of_them(pages, loosens, is_wrapped):
    page = {"policies": [DROP], "pagination": pages}
    result = import_policies({"p.json": json.dumps({"data": page} if is_wrapped else page)})
    assert [one.loosens for one in result.findings if one.found == "pagination"] == loosens
    assert result.sets[0].rules == {"deny": 1}


def test_half_a_character_is_refused_before_it_reaches_a_report():
    with pytest.raises(PolicyError, match="lone surrogates"):
        imported(DROP | {"zork\ud800": 1})
