"""Many questions about the members of one list are answered as trying every list answers them."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow
from axonflow.policy.analysis.formulas import every, negated, some
from axonflow.policy.analysis.members import wanted_in
from axonflow.policy.analysis.solving import Impossible, Witness
from axonflow.policy.analysis.theory import Theory
from tests.strategies import policy_set

NAMES = ("a", "b", "c", "d", "e")
LISTS = [list(chosen) for count in range(len(NAMES) + 1) for chosen in combinations(NAMES, count)]


def rule(path, names, number, effect="deny"):
    return {"id": f"r{number}", "effect": effect, "match": {"action": "tool.call", path: sorted(names)}}


def matching(theory):
    """That each rule matches, in the order of their numbers."""
    return [theory.matches(one) for one in sorted(theory.engine.rules, key=lambda one: int(one.id[1:]))]


def requests_of(theory, path):
    values = [tuple(one) for one in LISTS] if path == "principal.roles" else [*LISTS, "a", "z", ["z"], ["a", "z"], 1]
    return [theory.world.request({"action": "tool.call", path: value}) for value in values]


@given(
    st.sampled_from(["principal.roles", "context.tags"]),
    st.lists(
        st.tuples(
            st.sets(st.sampled_from(NAMES), min_size=1, max_size=3),
            st.sampled_from(["deny", "allow"]),
            st.booleans(),
        ),
        min_size=4,
        max_size=9,
    ),
    st.integers(0, 4),
)
@settings(max_examples=120, deadline=None)
def test_filters_on_one_list_are_solved_as_all_lists_solve_them(path, asked, joined):
    theory = Theory(
        AxonFlow.open(policy_set([rule(path, names, n, effect) for n, (names, effect, _) in enumerate(asked)])).policies
    )
    parts = [one if holds else negated(one) for one, (_, _, holds) in zip(matching(theory), asked, strict=True)]
    formula = every([some(parts[:joined]) if joined else every([]), *parts[joined:], theory.acts(["tool.call"])])
    outcome = theory.solve(formula)
    can_be = any(theory.world.holds(formula, request) for request in requests_of(theory, path))
    assert not (isinstance(outcome, Impossible) and can_be)
    if isinstance(outcome, Witness):
        assert theory.world.holds(formula, outcome.request)
    else:
        wanted = wanted_in(formula).get(path, ())
        assert isinstance(outcome, Impossible) or len(wanted) > 4


def test_list_of_which_any_member_is_asked_for_and_not_all_are_has_one_of_each():
    """A denial looks for any member, a grant for all of them, and both for the same name."""
    own = [rule("context.tags", ["a"], 0), rule("context.tags", ["a"], 1, "allow")]
    theory = Theory(AxonFlow.open(policy_set(own)).policies)
    denied, granted = matching(theory)
    outcome = theory.solve(every([denied, negated(granted)]))
    assert isinstance(outcome, Witness)
    assert "a" in outcome.request.context["tags"]
    assert set(outcome.request.context["tags"]) != {"a"}


@pytest.mark.parametrize("path", ["principal.roles", "context.tags"])
def test_thirty_filters_on_one_list_are_no_crowd_that_is_given_up(path):
    own = [rule(path, [f"n{number}", f"n{number + 1}", f"m{number}"], number) for number in range(30)]
    theory = Theory(AxonFlow.open(policy_set([*own, rule(path, ["n3", "n9"], 30)])).policies)
    *others, asked = matching(theory)
    assert isinstance(theory.solve(every([asked, *map(negated, others)])), Impossible)
    assert isinstance(theory.solve(every([asked, others[20], *map(negated, others[21:])])), Witness)


def test_list_of_too_many_kinds_of_members_is_not_called_impossible():
    own = [rule("principal.roles", [f"n{number}", *(f"m{n}" for n in range(20))], number) for number in range(20)]
    theory = Theory(AxonFlow.open(policy_set(own)).policies)
    parts = matching(theory)
    apart = [negated(one) for one in parts[15:]]
    assert not isinstance(theory.solve(every([*parts[:15], *apart])), Impossible)
