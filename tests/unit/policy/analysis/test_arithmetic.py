"""With z3, questions about several attributes are decided too: never against the engine, and undecided without it."""

import random
from itertools import product

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from axonflow import AxonFlow, Request
from axonflow.errors import PolicyError
from axonflow.policy.analysis import arithmetic
from axonflow.policy.analysis.analysing import analyse
from axonflow.policy.analysis.formulas import ERROR, NO, YES
from axonflow.policy.analysis.solving import Impossible, Unknown, Witness
from axonflow.policy.analysis.theory import Theory
from tests.strategies import policy_set

pytest.importorskip("z3", reason="the extra axonflow[analysis]")

ABSENT = object()
VALUES = (ABSENT, -3, 0, 1, 2, 2**62, 1.5, 2.0, "", "a", "ab", True, False, None, [], [1])
CONTEXTS = [dict(zip("abc", values, strict=True)) for values in product(VALUES, repeat=3)]
REQUESTS = [
    Request("user:ann", "tool.call", "tool:a", {name: value for name, value in one.items() if value is not ABSENT})
    for one in random.Random(3).sample(CONTEXTS, 500)
]
TERMS = st.recursive(
    st.sampled_from(["context.a", "context.b", "context.c", "1", "2", "1.5", '"a"', "resource.id"]),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda three: f"({' '.join(three)})"),
    max_leaves=3,
)
RELATIONS = st.tuples(TERMS, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), TERMS).map(" ".join)


def theory_of(when, **fields):
    return Theory(AxonFlow.open({**policy_set([{"id": "r", "effect": "deny", "when": when}]), **fields}).policies)


def solved(when, accepts=YES, **fields):
    theory = theory_of(when, **fields)
    return theory.solve(theory.condition(theory.engine.rules[0], accepts))


@given(st.lists(RELATIONS, min_size=1, max_size=3), st.sampled_from([YES, NO, ERROR, YES | ERROR]))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_solver_never_contradicts_the_engine(relations, accepts):
    try:
        theory = theory_of(" && ".join(relations))
    except PolicyError:
        reject()  # most of what is drawn, and no fault of its own, such as "a" - 1, which can never have a value
    formula = theory.condition(theory.engine.rules[0], accepts)
    outcome = theory.solve(formula)
    if isinstance(outcome, Impossible):
        assert not [request for request in REQUESTS if theory.world.holds(formula, request)]
    elif isinstance(outcome, Witness):
        assert theory.world.holds(formula, outcome.request)


IMPOSSIBLE = [
    "context.a < context.b && context.b < context.a",
    "context.a + context.b > 10 && context.a < 3 && context.b < 3",
    "resource.owner == principal.id && resource.owner != principal.id",
    "context.spent <= context.budget && context.budget < 100 && context.spent > 200",
    'context.a == context.b && context.a == "x" && context.b == "y"',
    'context.flag && context.s.startsWith("x") && context.a < context.b && context.b < context.a',
]


def test_keys_of_match_and_has_count_beside_relations():
    rule = {"id": "r", "effect": "allow", "match": {"context.a": [1, 2], "resource.id": "x"}}
    for when in ("context.a > context.b && context.b > 2", "!has(context.b) && context.a == context.b"):
        theory = Theory(AxonFlow.open(policy_set([{**rule, "when": when}])).policies)
        assert isinstance(theory.solve(theory.matches(theory.engine.rules[0])), Impossible)


@pytest.mark.parametrize("when", IMPOSSIBLE)
def test_relations_that_exclude_each_other_are_impossible(when):
    assert isinstance(solved(when), Impossible)


@pytest.mark.parametrize(
    "when",
    [
        "context.spent + context.cost > context.budget && context.budget > 1000 && context.spent < 5",
        "context.a + 17 == context.b && context.b > 100",
        "context.a * 3 == context.b + 1 && context.a > 40",
        'context.a + context.b == "abc" && context.a != "" && context.b != ""',
    ],
)
def test_relations_that_can_hold_have_a_request_that_the_engine_confirms(when):
    outcome = solved(when)
    assert isinstance(outcome, Witness)
    assert theory_of(when).decide(outcome.request).policies == ("r",)


def test_declared_types_are_left_to_the_engine_and_not_guessed():
    """A declared int that is a text is an error, which the solver knows nothing of."""
    outcome = solved(IMPOSSIBLE[0], attributes={"context.a": "int", "context.b": "int"})
    assert isinstance(outcome, Unknown)


def test_rule_over_several_attributes_is_found_unreachable_with_a_request_that_comes_near():
    document = policy_set([{"id": "r", "effect": "allow", "when": IMPOSSIBLE[0]}])
    (one,) = analyse(AxonFlow.open(document).policies).findings
    assert (one.kind, set(one.parts)) == ("unreachable", set(IMPOSSIBLE[0].split(" && ")))


def test_without_the_solver_the_same_is_undecided(monkeypatch):
    monkeypatch.setattr(arithmetic, "_is_installed", lambda: False)
    assert solved(IMPOSSIBLE[0]) == Unknown("theory")
    document = policy_set([{"id": "r", "effect": "allow", "when": IMPOSSIBLE[0]}])
    analysis = analyse(AxonFlow.open(document).policies)
    assert not analysis.findings
    assert [one.why for one in analysis.undecided] == ["theory"]
