"""Stored policies and rules from elsewhere of which one refuses what the other lets pass, with a request for each."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.policy.api.conditions import OPERATORS
from axonflow.policy.api.rule_conflicts import rule_conflicts
from axonflow.policy.api.rules import document_of, is_rule_of
from axonflow.policy.api.simulation import Simulated, simulated_request
from tests.api_policies import api_policy, conditions, pattern
from tests.strategies import policy_set

RISKY = ("context.risk", "greater_than", 80)
DENY_HIGH = {"id": "high", "effect": "deny", "match": {"action": "tool.call"}, "when": "context.risk > 50"}
ALLOW_HIGH = {"id": "prod", "effect": "allow", "match": {"context.env": "prod"}, "when": "context.risk > 50"}


def in_force(policies, *rules, default="allow"):
    documents = [policy_set(list(rules), "files", default=default)]
    made = document_of("default", policies, [], compile_pattern)
    return AxonFlow.open([*documents, *([made] if made else [])])


def matched(flow, asked):
    decision = decided(flow, asked)
    return set(decision.policies) - {error.policy for error in decision.errors}


def decided(flow, asked):
    return flow.decide(simulated_request(Simulated(**asked), "default", "simulation"))


def found(policies, *rules, **parts):
    flow = in_force(policies, *rules)
    conflicts, is_all = rule_conflicts(
        policies, flow.policies.rules, lambda asked: sorted(matched(flow, asked)), **parts
    )
    for one in conflicts:
        assert {one.rule} < matched(flow, one.example)
    return conflicts, is_all


def policy(action="block", *condition):
    return api_policy(conditions(*(condition or RISKY), actions=[action]))


@pytest.mark.parametrize(
    ("action", "rule", "expected"),
    [
        ("log", DENY_HIGH, (True, "high")), ("redact", DENY_HIGH, (True, "high")), ("block", DENY_HIGH, None),
        ("require_approval", DENY_HIGH, None), ("block", ALLOW_HIGH, (False, "high")),
        ("require_approval", ALLOW_HIGH, (False, "medium")), ("log", ALLOW_HIGH, None),
        ("log", DENY_HIGH | {"effect": "require_approval"}, (True, "medium")),
        ("block", ALLOW_HIGH | {"effect": "warn"}, None), ("block", {"id": "all", "effect": "allow"}, None),
        ("log", DENY_HIGH | {"effect": "redact"}, None),
    ],
)  # fmt: skip
def test_rule_that_refuses_what_a_policy_lets_pass_or_the_other_way_is_a_conflict(action, rule, expected):
    conflicts, is_all = found([policy(action)], rule)
    assert [(one.rule_refuses, one.severity) for one in conflicts] == ([expected] if expected else [])
    assert [(one.rule, one.field) for one in conflicts] == [(rule["id"], "context.risk")] * len(conflicts)
    assert is_all


@pytest.mark.parametrize(
    ("condition", "rule"),
    [
        (RISKY, {"when": "context.risk > 50"}), (RISKY, {"when": "has(context.risk) && context.risk > 50"}),
        (RISKY, {"when": "context.?risk.orValue(0) > 50", "match": {"action": "connector.query"}}),
        (RISKY, {"when": "context.risk > 50", "match": {"context.team": ["a", "b"]}}),
        (RISKY, {"when": "context.risk > 50", "match": {"action": ["llm.response", "custom.action"]}}),
        (RISKY, {"when": 'context["risk"] > 50', "match": {"resource.id": "gpt", "action": "llm.request"}}),
        (RISKY, {"match": {"context.risk": 81}}), (("env", "equals", "prod"), {"match": {"context.env": "prod"}}),
        (("env", "equals", "prod"), {"when": 'context.env.startsWith("pro")'}),
        (("tool", "equals", "shell"), {"match": {"resource.id": "shell"}}),
        (("user.id", "equals", "ann"), {"when": 'principal.on_behalf_of.id == "ann"'}),
        (("user.dept", "equals", "x"), {"when": "has(principal.on_behalf_of.attributes.dept)"}),
        (("query", "equals", "ann@a.example"), {"when": 'detected("pii.email")'}),
        (("query", "equals", "ann@a.example"), {"when": "size(findings) > 0"}),
        (("query", "equals", "abc"), {"when": 'content == "abc"'}),
    ],
)  # fmt: skip
def test_rule_that_looks_at_the_same_field_is_met_with_what_it_is_looked_up_by(condition, rule):
    own = policy("log", *condition)
    ((met, field),) = [(one.rule, one.field) for one in found([own], {"id": "r", "effect": "deny"} | rule)[0]]
    assert (met, field) == ("r", condition[0])


@pytest.mark.parametrize(
    "rule",
    [
        {"when": "has(context.risk) && context.risk < 50"}, {"match": {"principal.roles": "admin"}},
        {"match": {"context.team.lead": "ann"}, "when": "context.risk > 50"},
        {}, {"match": {"action": "tool.call"}}, {"match": {"resource.id": "shell"}}, {"when": "context.cost > 50"},
        {"when": "context.risk > 50 && context.absent > 1"}, {"when": "[1, 2].exists(x, x > 1)"},
    ],
)  # fmt: skip
def test_rule_that_no_such_request_meets_or_that_looks_elsewhere_is_not_found(rule):
    assert found([policy("log")], {"id": "r", "effect": "deny"} | rule) == ([], True)


def test_pattern_meets_what_its_text_meets_and_one_without_a_text_meets_nothing():
    injection = {"id": "sql", "effect": "deny", "when": 'detected("code.sql_injection")'}
    drop = api_policy(pattern("x or 1=1", action="log"))
    (conflict,) = found(
        [drop, api_policy(pattern("a+b", action="log"))], injection | {"when": 'content == "x or 1=1"'}
    )[0]
    assert (conflict.policy, conflict.field) == (drop, "pattern x or 1=1")


def test_conflicts_are_those_of_the_policy_that_is_asked_for_and_no_more_than_the_bounds(monkeypatch):
    policies = [policy("log"), policy("log", "context.risk", "equals", 83)]
    conflicts, _ = found(policies, DENY_HIGH)
    assert {one.policy.id for one in conflicts} == {one.id for one in policies}
    assert [one.policy for one in found(policies, DENY_HIGH, only_of=policies[1].id)[0]] == [policies[1]]
    monkeypatch.setattr("axonflow.policy.api.rule_conflicts.MAX_CONFLICTS", 1)
    assert len(found(policies, DENY_HIGH)[0]) == 1
    monkeypatch.setattr("axonflow.policy.api.rule_conflicts.MAX_REQUESTS", 1)
    assert found(policies, DENY_HIGH) == ([], False)
    monkeypatch.setattr("axonflow.policy.api.rule_conflicts._MAX_VARIANTS", 1)
    assert not found(policies[:1], DENY_HIGH)[1]


def test_rules_of_stored_policies_and_of_none_are_no_rules_from_elsewhere():
    assert found([policy("log"), policy("block")]) == ([], True)
    named = [DENY_HIGH | {"id": name} for name in ("api:strange", "api")]
    assert {one.rule for one in found([policy("log")], *named)[0]} == {"api:strange", "api"}


CONDITIONS = st.builds(
    lambda field, operator, value, action: api_policy(conditions(field, operator, value, actions=[action])),
    st.sampled_from(["query", "risk", "user.role", "tool", "context.env", "response"]),
    st.sampled_from(sorted(OPERATORS.keys() - {"in", "not_in", "contains_any", "exists", "not_exists"})),
    st.sampled_from(["prod", "admin", "shell"]) | st.integers(0, 9),
    st.sampled_from(["block", "log", "warn", "require_approval", "redact"]),
)
RULES = st.fixed_dictionaries(
    {"effect": st.sampled_from(["deny", "allow", "require_approval"])},
    optional={
        "when": st.sampled_from(["context.risk > 3", 'content == "prod"', 'detected("pii.email")']),
        "match": st.sampled_from([{"action": "tool.call"}, {"resource.id": "shell"}, {"context.env": ["prod", "dev"]}]),
    },
)


@settings(max_examples=60)
@given(st.lists(CONDITIONS, max_size=3), st.lists(RULES, max_size=3))
def test_whatever_is_named_is_met_by_its_example_and_one_of_both_refuses(policies, rules):
    def is_enforceable(one):
        try:
            return bool(document_of("default", [one], [], compile_pattern))
        except ValueError:
            return False

    policies = [one for one in policies if is_enforceable(one)]
    named = [rule | {"id": f"r{number}"} for number, rule in enumerate(rules)]
    for one in found(policies, *named)[0]:
        flow = in_force(policies, *named)
        effects = {rule.id: rule.effect.value in {"deny", "require_approval"} for rule in flow.policies.rules}
        own = {effects[name] for name in matched(flow, one.example) if is_rule_of(name, one.policy.id)}
        assert {True in own, effects[one.rule]} == {True, False}
