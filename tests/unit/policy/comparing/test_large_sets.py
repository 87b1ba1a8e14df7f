"""What a change does is decided among any number of rules that may meet it."""

import pytest

from axonflow.app.comparing import compare
from axonflow.policy.analysis.formulas import HOLDS
from tests.strategies import policy_set
from tests.unit.policy.comparing.test_comparing import SHELL, YES, confirm

ROLES = [
    {
        "id": f"r{number}",
        "effect": "deny" if number % 2 else "allow",
        "match": {"action": "tool.call", "principal.roles": [f"n{number % 29}", f"n{number % 31}"]},
        "when": f"has(context.risk) && context.risk > {number}",
    }
    for number in range(500)
]
FAILING = [
    {"id": f"r{number}", "effect": "deny", "match": {"action": "tool.call"}, "when": f"context.n{number} > 1"}
    for number in range(120)
]


@pytest.mark.parametrize("others", [ROLES, FAILING], ids=["roles", "failing"])
def test_rule_removed_amid_hundreds_that_may_meet_it_is_told_with_a_request(others):
    before, after = policy_set([YES, SHELL, *others]), policy_set([YES, *others])
    found = compare(before, after)
    confirm(before, after, found)
    assert [(one.kind, one.cause) for one in found.differences][:1] == [("newly-allowed", "shell")]
    assert not found.undecided


def test_rule_amid_hundreds_that_another_covers_is_proven_to_change_no_verdict():
    wider = {"id": "wider", "effect": "deny", "match": {"resource.id": ["sql", "shell"]}}
    found = compare(policy_set([YES, wider, SHELL, *ROLES]), policy_set([YES, wider, *ROLES]))
    assert (found.verdict, [one.cause for one in found.unfelt]) == ("same", ["shell"])


def test_denial_of_what_none_of_hundreds_allows_is_proven_to_change_no_verdict():
    grants = [
        {"id": f"g{number}", "effect": "allow", "match": {"action": "tool.call", "resource.id": f"t{number}"}}
        for number in range(450)
    ]
    conditional = SHELL | {"match": {"action": "tool.call"}, "when": 'resource.id.startsWith("shell")'}
    found = compare(policy_set([*grants, conditional]), policy_set(grants))
    assert (found.verdict, [one.cause for one in found.unfelt]) == ("same", ["shell"])


def test_denial_of_what_some_of_a_few_may_allow_is_undecided_where_not_all_of_them_were_tried(monkeypatch):
    monkeypatch.setattr("axonflow.policy.comparing.searching.MAX_SEARCHES", 4)
    grants = [
        {"id": f"g{number}", "effect": "allow", "match": {"action": "tool.call", "resource.id": f"t{number}"}}
        for number in range(9)
    ]
    conditional = SHELL | {"match": {"action": "tool.call"}, "when": 'resource.id.startsWith("shell")'}
    found = compare(policy_set([*grants, conditional]), policy_set(grants))
    assert (found.verdict, found.unfelt, found.differences) == ("undecided", (), ())
    assert {one.why for one in found.undecided} == {"too many combinations to try"}


def test_rules_of_one_form_in_another_order_are_no_change():
    found = compare(policy_set(ROLES), policy_set(ROLES[::-1]))
    assert (found.verdict, found.changes) == ("same", 0)


def test_comparison_that_takes_more_than_it_may_is_undecided(monkeypatch):
    monkeypatch.setattr("axonflow.policy.comparing.searching.MAX_EFFORT", 0)
    found = compare(policy_set([YES, SHELL]), policy_set([YES]))
    assert found.verdict == "undecided"
    assert {one.why for one in found.undecided} == {"too many combinations to try"}


def test_default_that_becomes_deny_beside_hundreds_of_rules_is_told():
    before, after = policy_set(ROLES, default="allow"), policy_set(ROLES)
    found = compare(before, after)
    confirm(before, after, found)
    assert ("newly-denied", "layers") in {(one.kind, one.cause) for one in found.differences}
    assert not found.undecided


def test_change_in_a_layer_that_the_other_side_does_not_have_is_told():
    before = policy_set([YES])
    after = policy_set([YES, SHELL], layer="system")
    found = compare(before, after)
    confirm(before, after, found)
    assert "newly-denied" in {one.kind for one in found.differences}


def test_permissions_of_two_layers_are_sought_where_both_may_give_them():
    def granting(layer, *tools):
        rules = [
            {"id": f"{layer}-{tool}", "effect": "allow", "match": {"action": "tool.call", "resource.id": tool}}
            for tool in tools
        ]
        return policy_set(rules, layer=layer) | {"metadata": {"name": f"of-{layer}"}}

    outer, inner = granting("system", "a", "b", "c"), granting("tenant", "c", "d", "e")
    denies = policy_set([{"id": "no", "effect": "deny", "when": "has(context.a) || has(context.b)"}]) | {
        "metadata": {"name": "denies"}
    }
    found = compare([outer, inner, denies], [outer, inner])
    first = found.differences[0]
    assert (first.kind, first.cause, first.request.resource.id) == ("newly-allowed", "no", "c")
    apart = granting("tenant", "d", "e")
    none = compare([outer, apart, denies], [outer, apart])
    assert (none.verdict, [one.cause for one in none.unfelt]) == ("same", ["no"])


def test_both_forms_of_rules_that_were_all_changed_are_taken_into_account():
    def denials(condition):
        rules = [
            {"id": f"d{number}", "effect": "deny", "match": {"action": "tool.call"}, "when": f"has(context.n{number})"}
            for number in range(6)
        ]
        return [rule | {"when": f"({rule['when']} || has(context.all)){condition}"} for rule in rules]

    before = policy_set([YES, *denials("")])
    after = policy_set([YES, *denials(" && !has(context.trusted)")])
    found = compare(before, after)
    confirm(before, after, found)
    assert [(one.kind, one.cause) for one in found.differences] == [("newly-allowed", f"d{n}") for n in range(6)]
    assert not found.undecided


def test_permission_beyond_the_theory_leaves_it_undecided():
    never = 'resource.id.matches("^a") && resource.id.matches("^[^a]")'
    grants = {"id": "never", "effect": "allow", "match": {"action": "tool.call"}, "when": never}
    found = compare(policy_set([grants, SHELL | {"match": {}}]), policy_set([grants]))
    assert found.verdict == "undecided"
    assert {one.why for one in found.undecided} == {"a condition is beyond what can be proven"}


def test_rule_that_matches_where_its_formula_does_not_leaves_it_undecided(monkeypatch):
    wider = {"id": "wider", "effect": "deny", "match": {"resource.id": ["sql", "shell"]}}
    before, after = policy_set([YES, wider, SHELL]), policy_set([YES, wider])
    monkeypatch.setattr("axonflow.policy.comparing.searching.negated", lambda _formula: HOLDS)
    found = compare(before, after)
    assert found.verdict == "undecided"
    assert {one.why for one in found.undecided} == {"a condition is beyond what can be proven"}
