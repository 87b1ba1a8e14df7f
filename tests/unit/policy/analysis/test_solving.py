"""Where a space is asked for more than it knows, or than it may try, it says so and nothing else."""

import pytest

from axonflow import AxonFlow
from axonflow.policy.analysis import domains, members
from axonflow.policy.analysis.formulas import every, negated, some
from axonflow.policy.analysis.solving import Impossible, Unknown, Witness
from axonflow.policy.analysis.theory import Theory
from tests.strategies import policy_set


def theory_of(*conditions):
    """A theory, and that the condition of each rule holds."""
    rules = [{"id": f"r{number}", "effect": "allow", "when": when} for number, when in enumerate(conditions)]
    theory = Theory(AxonFlow.open(policy_set(rules)).policies)
    own = sorted(theory.engine.rules, key=lambda one: int(one.id[1:]))
    return theory, [theory.matches(one) for one in own]


def test_space_that_is_asked_for_what_it_does_not_know_makes_one_that_does():
    theory, (low, high, other) = theory_of("context.n < 5", "context.n > 7", "context.m == 1")
    space = theory.space([low, high])
    assert space.may_hold(low)
    assert space.may_hold(every([low, other])) is False, "which says nothing"
    found = space.solve(every([low, other]))
    assert isinstance(found, Witness)
    assert found.request.context["n"] < 5
    assert found.request.context["m"] == 1
    assert isinstance(space.solve(every([low, high, other])), Impossible)


def test_space_that_may_try_nothing_says_neither():
    theory, (low, high) = theory_of("context.n < 5", "context.n > 7")
    space = theory.space([low, high], steps=0)
    assert space.may_hold(some([low, high])) is False
    assert space.solve(low) == Unknown("steps")
    assert space.solve(every([low, high])) == Unknown("steps"), "as little as it may say of what is impossible"


ROUND = ("context.a < context.b", "context.b < context.c", "context.c < context.a")


def test_question_about_several_attributes_beyond_those_of_a_world_is_unknown():
    theory, parts = theory_of(*ROUND)
    assert isinstance(theory.solve(every(parts)), Impossible)
    theory.world.questions_left = 0
    assert theory.solve(every(parts)) == Unknown("steps")


def test_domain_is_the_same_where_others_were_let_go_of(monkeypatch):
    theory, (low, high, other) = theory_of("context.n < 5", "context.n > 7", "context.m == 1")
    between = every([negated(low), negated(high), other])
    first = theory.solve(between)
    monkeypatch.setattr(domains, "_MAX_KEPT", 0)
    kept = set(theory.world.kept)
    assert isinstance(theory.solve(low), Witness)
    assert not kept & set(theory.world.kept), "there is room for what is asked now only"
    assert isinstance(first, Witness)
    assert theory.solve(between) == first
    assert isinstance(theory.solve(every([low, high])), Impossible)


SELECTORS = ("pii.email", "pii.phone", "pii.us_ssn", "pii.iban", "secret", "injection.sql", "pii.credit_card")


def test_detectors_that_fall_into_few_regions_are_told_apart():
    theory, (all_of_them, one) = theory_of('detected("pii")', 'detected("pii.email")')
    assert isinstance(theory.solve(every([one, negated(all_of_them)])), Impossible)


def test_detectors_that_fall_into_too_many_regions_are_thought_to_say_anything():
    theory, (all_of_them, *each) = theory_of('detected("pii")', *[f'detected("{one}")' for one in SELECTORS])
    assert theory.solve(every([each[0], negated(all_of_them), *map(negated, each[1:])])) == Unknown("theory")
    found = theory.solve(every([each[0], all_of_them, *map(negated, each[1:])]))
    assert isinstance(found, Witness)
    assert set(theory.decide(found.request).policies) == {"r0", "r1"}


def test_member_that_no_request_has_is_not_tried():
    theory, (empty, other) = theory_of('"" in principal.roles', '"ops" in principal.roles')
    assert theory.solve(empty) == Impossible()
    found = theory.solve(every([other, negated(empty)]))
    assert isinstance(found, Witness)
    assert found.request.principal.roles == ("ops",)


@pytest.mark.parametrize("path", ["principal.roles", "context.tags"])
def test_list_of_more_kinds_of_members_than_are_tried_is_not_called_impossible(monkeypatch, path):
    theory, parts = theory_of(*[f'"n{number}" in {path}' for number in range(6)])
    wanted = every([parts[0], *map(negated, parts[1:])])
    assert isinstance(theory.solve(wanted), Witness)
    monkeypatch.setattr(members, "MAX_VALUES", 2)
    theory.world.kept.clear()
    assert not isinstance(theory.solve(every([*parts[3:], *map(negated, parts[:3])])), Impossible)
