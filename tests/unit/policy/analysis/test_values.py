"""What only odd values show, and what is compared of many rules: nothing is said that the engine refutes."""

import pytest

from axonflow import Request
from axonflow.policy.analysis.analysing import analyse
from tests.strategies import policy_set
from tests.unit.policy.analysis.small_world import analysed, engine_of, found

NOW_S = 1_767_607_200.0

SATISFIED = [
    ("1 in context.levels && 2 in context.levels", {"context": {"levels": [2, 1]}}),
    ("true in context.flags", {"context": {"flags": [True]}}),
    ("context.codes.exists(one, one == 5)", {"context": {"codes": [5]}}),
    ("context.tokens > 1e16", {"context": {"tokens": 2e16}}),
    ("context.rate > 0.1 && context.rate < 0.10000000000000003", {"context": {"rate": 0.10000000000000002}}),
    ("context.note.size() > 30000", {"context": {"note": "x" * 30_001}}),
    ('resource.id < "!"', {"resource": "tool: x"}),
    ("size(findings) > 0", {"content": "ann@example.com"}),
    ('"b" in context.map && context.map.c == 1', {"context": {"map": {"b": 0, "c": 1}}}),
    ("size(content) > 5 && chars(content) < 3", {"content": [""] * 6}),
    (
        "principal.on_behalf_of.attributes.level > 3 && principal.on_behalf_of.level < 5",
        {"principal": {"id": "ann", "on_behalf_of": {"id": "bob", "attributes": {"level": 4}}}},
    ),
]


@pytest.mark.parametrize(("when", "fields"), SATISFIED)
def test_rule_that_some_request_matches_is_never_unreachable_nor_redundant(when, fields):
    request = Request(**{"principal": "user:ann", "action": "tool.call", "resource": "tool:a", **fields})
    engine, analysis = analysed({"id": "r", "effect": "allow", "when": when})
    assert engine.decide(request, "", NOW_S).policies == ("r",)
    assert not analysis.findings


def test_members_of_a_list_that_are_no_text_make_two_filters_meet():
    rule = {"id": "r", "effect": "deny", "match": {"context.level": 1}, "when": "!(context.level == 1)"}
    engine, analysis = analysed(rule)
    request = Request("user:ann", "tool.call", "tool:a", {"level": [1, 2]})
    assert engine.decide(request, "", NOW_S).policies == ("r",)
    assert not found(analysis, "unreachable")


def test_found_among_findings_is_shown_by_a_content():
    _, analysis = analysed({"id": "r", "effect": "allow", "when": 'findings.exists(one, one.category == "pii")'})
    assert not analysis.findings
    assert not analysis.undecided


@pytest.mark.parametrize("when", ['size(context.x) == 5 && context.x.startsWith("ab")', "context.a.x > context.a.y"])
def test_analysis_of_a_plain_condition_leaves_nothing_undecided(when):
    assert not analysed({"id": "r", "effect": "allow", "when": when})[1].undecided


def test_condition_that_a_rule_is_looked_up_by_is_not_redundant_where_no_match_is_known():
    engine = engine_of(policy_set([{"id": "r", "effect": "deny", "when": 'resource.id == "a" && context.x > 1'}]))
    assert not analyse(engine).findings


def test_networks_that_do_not_meet_are_neither_compared_nor_undecided():
    rules = [
        {"id": f"r{number}", "effect": effect, "when": f'context.ip.inCIDR("10.{number}.0.0/16")'}
        for number, effect in enumerate(["allow", "deny"] * 20)
    ]
    _, analysis = analysed(*rules, {"id": "all", "effect": "deny", "when": 'context.ip.inCIDR(["10.0.0.0/8", "::/0"])'})
    assert not analysis.undecided
    assert found(analysis, "shadowed") == {(rule["id"], "all") for rule in rules}
    assert not found(analysis, "conflict")
    assert analysis.pairs < 100


def test_networks_of_which_one_is_within_the_other_are_no_conflict():
    _, analysis = analysed(
        {"id": "yes", "effect": "allow", "when": 'context.ip.inCIDR("10.0.0.0/8")'},
        {"id": "no", "effect": "deny", "when": 'context.ip.inCIDR("10.1.0.0/16")'},
    )
    assert not analysis.findings
    assert not analysis.undecided


def test_beginnings_of_which_one_begins_with_the_other_are_compared():
    _, analysis = analysed(
        {"id": "wide", "effect": "deny", "when": 'resource.id.startsWith("ab")'},
        {"id": "narrow", "effect": "deny", "when": 'resource.id.startsWith("abc")'},
        {"id": "exact", "effect": "allow", "match": {"resource.id": "abx"}},
        {"id": "other", "effect": "deny", "when": 'resource.id.startsWith("b")'},
    )
    assert found(analysis, "shadowed") == {("narrow", "wide"), ("exact", "wide")}
    assert analysis.pairs < 6


def test_pairs_of_a_crowd_are_bounded_altogether(monkeypatch):
    monkeypatch.setattr("axonflow.policy.analysis.pairing._MAX_CROWDED", 3)
    rules = [{"id": f"r{n}", "effect": "deny", "when": f"context.risk > {n}"} for n in range(12)]
    analysis = analyse(engine_of(policy_set(rules)), compared=2)
    assert analysis.pairs <= 6
    assert analysis.left_out > 6
