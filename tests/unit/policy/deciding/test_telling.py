"""What rules in force say of themselves: the text has to mean what the rule does."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow
from axonflow.policy.deciding.telling import paths_of, rule_text
from tests.strategies import TEXT, policy_set, requests

RULE = {"id": "r", "effect": "deny"}


def compiled(*rules):
    numbered = [{**RULE, "id": f"r{number}", **rule} for number, rule in enumerate(rules)]
    return {rule.id: rule for rule in AxonFlow.open(policy_set(numbered)).policies.rules}


@pytest.mark.parametrize(
    ("rule", "text", "paths"),
    [
        ({"match": {}}, "deny when true", set()),
        ({"match": {"action": "tool.call"}}, 'deny when action == "tool.call"', set()),
        (
            {"match": {"resource.id": ["b", "a"], "context.n": [1, True]}, "when": "context.risk  > -5"},
            'deny when resource.id in ["a", "b"] && context.n in [1, true] && (context.risk > -5)',
            {"resource.id", "context.n", "context.risk"},
        ),
        (
            {"match": {}, "when": "context.a == 'it\\'s \"ü\"' && context.b == 7u && context.c == b'\\x01'"},
            'deny when context.a == "it\'s \\"ü\\"" && context.b == 7u && context.c == b"\\x01"',
            {"context.a", "context.b", "context.c"},
        ),
    ],
)
def test_rule_text_of_a_rule_says_what_it_matches_and_asks(rule, text, paths):
    (made,) = compiled(rule).values()
    assert rule_text(made) == text
    assert paths_of(made) == paths


def test_rule_text_of_patterns_has_that_of_each():
    rules = compiled(*({"match": {}, "when": f'context.a.matches("{one}")'} for one in ("x+", "y|z")))
    texts = [rule_text(rules[name]) for name in ("r0", "r1")]
    assert texts == ['deny when context.a.matches("x+")', 'deny when context.a.matches("y|z")']


def test_rule_text_of_rules_of_one_shape_has_the_literals_of_each():
    rules = compiled(*({"match": {}, "when": f"context.risk > {number}"} for number in (7, 8)))
    assert [rule_text(rules[name]) for name in ("r0", "r1")] == [
        "deny when context.risk > 7", "deny when context.risk > 8",
    ]  # fmt: skip


@settings(max_examples=40)
@given(text=TEXT, risk=st.integers(-9, 9), request=requests())
def test_rule_text_compiled_again_decides_the_same(text, risk, request):
    asked = f"has(context.env) && (context.env == {json.dumps(text, ensure_ascii=False)} || context.risk > {risk})"
    rules = compiled({"match": {"principal.id": "ann"}, "when": asked})
    condition = rule_text(rules["r0"]).removeprefix("deny when ")
    again = compiled({"match": {}, "when": condition})
    before, after = (rule["r0"].judge_carefully(request, None) for rule in (rules, again))
    assert (before[0] and request.principal.id == "ann") == after[0]
