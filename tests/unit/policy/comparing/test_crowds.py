"""The ways in which a formula may hold are all of them, and rules that may meet are found among any number."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow.app.comparing import _side
from axonflow.app.policies import policy_sources, trusted_by
from axonflow.policy.analysis.formulas import NO, YES, Every, Literal, Some, every, negated, some
from axonflow.policy.comparing.crowds import Crowd, cases, standing_for
from axonflow.policy.comparing.searching import Crowds
from tests.strategies import policy_set

NAMES = ("a", "b", "c", "d")
ATOMS = {name: standing_for(name) for name in NAMES}
FORMULAS = st.recursive(
    st.sampled_from(list(ATOMS.values())).flatmap(lambda one: st.sampled_from([one, negated(one)])),
    lambda inner: st.lists(inner, max_size=3).map(every) | st.lists(inner, max_size=3).map(some),
    max_leaves=8,
)


def holds(formula, world):
    if isinstance(formula, Literal):
        return bool(formula.accepts & (YES if world[formula.atom.key] else NO))
    found = (holds(part, world) for part in formula.parts)
    return all(found) if isinstance(formula, Every) else any(found)


@given(FORMULAS)
@settings(max_examples=200)
def test_cases_of_a_formula_hold_where_it_does_and_nowhere_else(formula):
    found = [case.rest for case in cases(formula, {})]
    for values in product((True, False), repeat=len(NAMES)):
        world = dict(zip(NAMES, values, strict=True))
        assert any(holds(one, world) for one in found) is holds(formula, world)


def test_cases_that_are_the_same_come_once_and_what_contradicts_itself_never():
    a, b = ATOMS["a"], ATOMS["b"]
    twice = Some((every([a, b]), every([a, b]), every([a, negated(a)])))
    assert [{one.atom.key for one in case.rest.parts} for case in cases(twice, {})] == [{"a", "b"}]


def test_what_stands_for_a_rule_is_never_asked_of_a_request():
    """A formula that has one in it was not given its meaning: any answer would be made up."""
    with pytest.raises(NotImplementedError, match="is asked of no request"):
        ATOMS["a"].atom.test(None, None)


def written(*rules):
    sides = _side(policy_sources(policy_set(list(rules))), trusted_by(()))
    return list(sides.rules.values())


def test_cases_tell_crowds_apart_by_whether_one_matches():
    crowd, none = Crowd([], is_old=True), Crowd([], is_old=False)
    formula = every([ATOMS["a"], negated(ATOMS["b"]), ATOMS["c"], negated(ATOMS["d"])])
    (case,) = cases(formula, {"a": crowd, "b": none, "c": ATOMS["d"], "d": ATOMS["c"]})
    assert (case.wanted, case.unwanted) == ((crowd,), (none,))
    assert isinstance(case.rest, Every)
    assert {(one.atom.key, one.accepts & YES) for one in case.rest.parts} == {("d", YES), ("c", 0)}


RULES = [
    {"id": "any", "effect": "deny"},
    {"id": "shell", "effect": "deny", "match": {"action": "tool.call", "resource.id": "shell"}},
    {"id": "sql", "effect": "deny", "match": {"resource.id": ["sql", "search"]}},
    {"id": "ann", "effect": "deny", "match": {"principal.id": "ann"}},
    {"id": "llm", "effect": "deny", "match": {"action": "llm.request"}},
]


def test_crowd_gives_those_that_may_meet_a_rule_each_once():
    members = written(*RULES)
    crowd = Crowd(members, is_old=False)
    by_id = {one.rule.id: one for one in members}
    for one in members:
        met = [other.rule.id for other in crowd.meeting([one, one])]
        assert len(set(met)) == len(met)
        assert set(met) == {other.rule.id for other in members if other.may_meet(one)}
    assert {one.rule.id for one in crowd.meeting([by_id["shell"]])} == {"any", "shell", "ann"}
    assert len(list(crowd.meeting(None))) == len(members)


def test_crowd_without_a_rule_neither_meets_it_nor_counts_it():
    fewer = Crowd(written(*RULES), is_old=False).without(frozenset(["shell"]))
    assert "shell" not in {one.rule.id for one in fewer.meeting(None)}
    assert [one.rule.id for one in fewer.among(["sql", "shell", "else"])] == ["sql"]


def test_what_a_crowd_shares_is_what_all_of_it_say_also_who_is_left_out():
    narrow = {"match": {"action": "tool.call"}, "effect": "deny", "when": 'has(context.a) && context.env == "x"'}
    wide = {"id": "wide", "effect": "deny", "match": {"action": "tool.call"}}
    allow = {"id": "yes", "effect": "allow"}
    side = _side(
        policy_sources(policy_set([allow, wide, narrow | {"id": "n1"}, narrow | {"id": "n2"}])), trusted_by(())
    )
    crowds = Crowds(side, side)
    (crowd,) = [
        one
        for one in crowds.beside("yes").meanings.values()
        if isinstance(one, Crowd) and one.members[0].rule.effect == "deny"
    ]
    theory = side.theory
    without = crowds.shared_by(crowd.without(frozenset(["wide"])))
    bare = theory.world.request({"action": "tool.call"})
    assert theory.world.holds(without, bare)
    assert not theory.world.holds(without, theory.world.request({"action": "llm.request"}))


def test_what_a_crowd_shares_may_be_a_choice_that_all_of_it_leave_open():
    either = {"effect": "deny", "when": "context.a == 1 || context.b == 1"}
    more = {"id": "n2", "effect": "deny", "when": "(context.a == 1 || context.b == 1) && context.c == 1"}
    side = _side(policy_sources(policy_set([{"id": "n1"} | either, more])), trusted_by(()))
    (crowd,) = [one for one in Crowds(side, side).beside(None).meanings.values() if isinstance(one, Crowd)]
    shared = Crowds(side, side).shared_by(crowd)
    world = side.theory.world
    for context, expected in (({"a": 1, "b": 2}, True), ({"a": 2, "b": 1}, True), ({"a": 2, "b": 2, "c": 1}, False)):
        named = {f"context.{name}": value for name, value in context.items()}
        assert world.holds(shared, world.request({"action": "tool.call", **named})) is expected
