"""Formulas say what the engine says, witnesses are confirmed by it, and what is called impossible never happens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow
from axonflow.policy.analysis.formulas import ERROR, NO, YES, every, negated
from axonflow.policy.analysis.solving import Impossible, Unknown, Witness
from axonflow.policy.analysis.theory import Theory
from tests.strategies import policy_set, policy_sets, requests


def theory_of(*rules, **fields):
    return Theory(AxonFlow.open({**policy_set(list(rules)), **fields}).policies)


def one(when, **fields):
    theory = theory_of({"id": "r", "effect": "deny", "when": when, **fields})
    return theory, theory.engine.rules[0]


@given(policy_sets(), requests())
@settings(max_examples=60)
def test_formula_of_a_rule_holds_where_the_engine_says_it_matches(documents, request_):
    theory = Theory(AxonFlow.open(documents).policies)
    matching = set(theory.decide(request_).policies)
    for rule in theory.engine.rules:
        assert theory.world.holds(theory.matches(rule), request_) is (rule.id in matching)
        assert theory.world.holds(negated(theory.matches(rule)), request_) is (rule.id not in matching)


@given(policy_sets(), st.lists(requests(), min_size=4, max_size=4))
@settings(max_examples=40)
def test_solving_two_rules_is_confirmed_by_the_engine(documents, drawn):
    theory = Theory(AxonFlow.open(documents).policies)
    for rule, other in zip(theory.engine.rules, theory.engine.rules[1:], strict=False):
        formula = every([theory.matches(rule), negated(theory.matches(other))])
        outcome = theory.solve(formula)
        if isinstance(outcome, Witness):
            matching = theory.decide(outcome.request).policies
            assert rule.id in matching
            assert other.id not in matching
        elif isinstance(outcome, Impossible):
            assert not any(theory.world.holds(formula, request_) for request_ in drawn)


POSSIBLE = [
    "context.risk >= 50 && context.risk < 51",
    "context.risk > 3 && context.risk < 4",
    'context.name.startsWith("ab") && context.name.endsWith("yz") && context.name.contains("mn")',
    'context.name.glob("prod-*-eu") && context.name != "prod--eu"',
    'context.name.matches("^[A-Z]{2,5}-[0-9]+$")',
    '"a" in principal.roles && "b" in principal.roles && !("c" in principal.roles)',
    "size(principal.roles) == 7",
    'context.ip.inCIDR("10.0.0.0/8") && !context.ip.inCIDR(["10.0.0.0/9", "10.128.0.0/10"])',
    'principal.version.matchesSemver(">=1.2 <2") && !principal.version.matchesSemver("^1.3")',
    'time.within("Mon-Fri 09:00-17:30", "Europe/Berlin") && !time.within("Mon-Thu 00:00-24:00", "Europe/Berlin")',
    'time > timestamp("2030-01-01T00:00:00Z")',
    'detected("pii.email") && !detected("secret")',
    'chars(content) > 500 && detected("pii.email")',
    "has(context.deep.er) && context.deep.er == 3 && !has(context.deep.other)",
    'principal.on_behalf_of.on_behalf_of.id == "bob" && principal.on_behalf_of.status == "x"',
    "context.a < context.b",
    "resource.owner == principal.id",
    "context.flag ? context.n > 3 : context.n < 0",
    'context.labels.exists(l, l == "secret")',
    'context["odd name"] == 1',
    '"env" in context && context.env != "prod"',
    "1 / 0 == 1",
    "time.getDayOfWeek() == 6",
    'matches(context.name, "^ab+$")',
    'principal.roles.exists(r, r in ["a", "b"]) && principal.roles.exists(r, r.startsWith("a"))',
    'context.labels.exists(i, l, l == "x") || principal.roles.exists_one(r, r == "a")',
    'principal.attributes.id == "x" && principal.attributes["level"] == 3',
    'context.name > "m" && context.name < "n"',
    '"a" in context.kinds && "b" in context.kinds && context.flag',
    "cel.bind(x, context.a, x > 2) || context.n in [1, 2, null]",
    'resource.tags.deep.er == "x" && principal.on_behalf_of.attributes.level > 2',
    '"boss" in principal.on_behalf_of.roles && principal.on_behalf_of.type == "agent"',
    "size(context.list) == 2 && has(context.list)",
    'time.within("Mon 09:00-10:00", "UTC") && time.within("Mon 10:00-12:00", "+02:00")',
    'time < timestamp("1990-01-01T00:00:00Z")',
    'detected("pii.email") && detected("pii.phone") && detected("secret") && detected("injection.sql")',
    'findings.exists(f, f.category == "pii")',
    " && ".join(f'context.name.contains("{letter}")' for letter in "abcd"),
    " && ".join(f'"{letter}" in principal.roles' for letter in "abcdef"),
    "context.env in context.allowed",
]
IMPOSSIBLE = [
    "context.risk > 50 && context.risk < 50 && has(context.risk)",
    'has(context.env) && context.env == "a" && context.env == "b"',
    'resource.id.startsWith("ab") && resource.id.startsWith("b")',
    'resource.id == "abc" && !resource.id.startsWith("ab")',
    'resource.id.contains("shell") && !resource.id.contains("hell")',
    'resource.id == "x" && resource.id.glob("ab*")',
    'principal.type == "robot"',
    'principal.type != "user" && principal.type != "agent" && principal.type != "service"',
    "size(principal.roles) > 3 && size(principal.roles) < 4",
    '"a" in principal.roles && !("a" in principal.roles)',
    'detected("pii.email") && !detected("pii") && false == false && !detected("pii.phone") && !detected("pii.email")',
    'time.within("Mon-Fri 09:00-17:00", "UTC") && time.within("Sat 00:00-24:00", "UTC")',
    "1 == 2",
    "!has(context.risk) && has(context.risk)",
    'has(principal.on_behalf_of) && !has(principal.on_behalf_of) || principal.id == ""',
]
LIMITED = [
    'resource.id.matches("^a") && resource.id.matches("^[^a]")',
    " && ".join(f'context.name.contains("{letter}")' for letter in "abcdef"),
    "size(context.a) > size(context.b) && size(context.b) > size(context.a)",
]


@pytest.mark.parametrize("when", POSSIBLE)
def test_solving_what_can_be_gives_a_request_that_the_engine_confirms(when):
    theory, rule = one(when)
    outcome = theory.solve(theory.matches(rule))
    assert isinstance(outcome, Witness), outcome
    assert theory.decide(outcome.request).policies == ("r",)


@pytest.mark.parametrize("when", IMPOSSIBLE)
def test_solving_what_cannot_be_is_impossible_for_certain(when):
    theory, rule = one(when)
    assert isinstance(theory.solve(theory.condition(rule, YES)), Impossible)
    assert not isinstance(theory.solve(theory.condition(rule, NO | ERROR)), Impossible)


@pytest.mark.parametrize("when", LIMITED)
def test_solving_beyond_the_theory_is_unknown_and_never_guessed(when):
    theory, rule = one(when)
    assert isinstance(theory.solve(theory.condition(rule, YES)), Unknown)


def test_solving_out_of_steps_says_so():
    theory, rule = one("(context.a == 1 || context.b == 2) && (context.a == 3 || context.c == 4)")
    assert theory.solve(theory.condition(rule, YES), steps=1) == Unknown("steps")
    assert isinstance(theory.solve(theory.condition(rule, YES)), Witness)


def test_filters_of_lists_hold_as_the_engine_has_them():
    theory = theory_of(
        {"id": "a", "effect": "allow", "match": {"context.env": ["dev", "test"]}},
        {"id": "d", "effect": "deny", "match": {"context.env": ["prod", "test"]}},
    )
    allow, deny = sorted(theory.engine.rules, key=lambda rule: rule.id)
    both = theory.solve(every([theory.matches(allow), theory.matches(deny)]))
    assert both.request.context["env"] in ("test", ["dev", "test"], ["test"])
    only = every([theory.matches(deny), negated(theory.matches(allow)), theory.lacks("context.risk")])
    assert theory.decide(theory.solve(only).request).policies == ("d",)


def test_exceptions_take_a_rule_out_until_they_expire():
    waived = {
        "id": "w",
        "rules": ["r"],
        "match": {"principal.id": "ann"},
        "reason": "Drill.",
        "expires": "2027-03-01T18:00:00Z",
    }
    theory = theory_of({"id": "r", "effect": "deny", "match": {"principal.id": "ann"}}, exceptions=[waived])
    outcome = theory.solve(theory.matches(theory.engine.rules[0]))
    assert outcome.request.time >= 1_803_924_000_000_000
    assert theory.decide(outcome.request).policies == ("r",)


@pytest.mark.parametrize(
    "when",
    [
        "context.b.exists(z, z == 7)", "7 in context.b", "context.b.exists(z, z in [true, 1.5])", "null in context.b",
        "context.b.k.exists(z, z == 7)", 'context.b.exists(z, z == 7) && "x" in context.b',
    ],
)  # fmt: skip
def test_list_that_holds_what_is_no_text_is_not_called_impossible(when):
    theory = theory_of({"id": "r", "effect": "allow", "when": when})
    assert isinstance(theory.solve(theory.matches(theory.engine.rules[0])), Witness)


def test_attribute_whose_name_is_empty_is_not_called_impossible():
    theory = theory_of({"id": "r", "effect": "allow", "when": 'principal.attributes[""] == "x"'})
    assert isinstance(theory.solve(theory.matches(theory.engine.rules[0])), Unknown)


def test_text_right_after_another_is_not_called_impossible():
    theory, rule = one('context.s > "a\\u0000" && context.s < "a\\u0000\\u0001"')
    assert isinstance(theory.solve(theory.condition(rule)), Witness)
    theory, rule = one('resource.id < "\\u0002"')
    assert isinstance(theory.solve(theory.condition(rule)), Witness)
    theory, rule = one('context.s > "a" && context.s < "a\\u0000"')
    assert isinstance(theory.solve(theory.condition(rule)), Impossible)
