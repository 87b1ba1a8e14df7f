"""What is counted as tried, and that it is what the engine does."""

from hypothesis import given
from hypothesis import strategies as st

from axonflow import AxonFlow, Effect, Request
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app import policy_sources
from axonflow.policy.compiling.compiling import load_sets
from axonflow.policy.documents.checking import Expectation
from axonflow.policy.testing.cases import Case
from axonflow.policy.testing.coverage import SEVERAL, Coverage
from tests.strategies import policy_set, policy_sets, requests

NOW_S = 1_800_000_000.0


def covered(documents, *asked):
    loaded, problems = load_sets(policy_sources(documents))
    assert not problems
    engine = AxonFlow.open(documents).policies
    coverage = Coverage(loaded, engine, compile_pattern)
    for request in asked:
        coverage.add(Case("s", "n", "at", request, Expectation(Effect.DENY)), NOW_S)
    return coverage


def gaps(documents, *asked):
    return {(gap.rule, gap.what, gap.missing) for gap in covered(documents, *asked).report().untested}


def ask(tool, action="tool.call", **context):
    return Request("user:ann", action, f"tool:{tool}", context)


RULE = {
    "id": "r", "effect": "deny", "match": {"action": ["tool.call", "tool.result"], "resource.id": ["a", "b"]},
    "when": "context.x > 5 && (context.y || !has(context.z))",
}  # fmt: skip


def test_rule_with_no_test_lists_all_that_can_be_tried():
    report = covered([policy_set([RULE])]).report()
    assert (report.tried, report.percent) == (0, 0.0)
    assert {(gap.what, gap.missing) for gap in report.untested} == {
        ("rule", "matched"), ("rule", "not matched"), ("action tool.call", "matched"),
        ("action tool.result", "matched"),
        ("filter resource.id", "failed alone"), ("resource.id a", "matched"), ("resource.id b", "matched"),
        ("context.x > 5", "true"), ("context.x > 5", "false"), ("context.y", "true"), ("context.y", "false"),
        ("has(context.z)", "true"), ("has(context.z)", "false"), ("default: deny of the tenant layer", "decides"),
    }  # fmt: skip


def test_parts_that_are_never_evaluated_are_not_tried():
    one = gaps([policy_set([RULE])], ask("a", x=9, y=True, z=1))
    assert {what for _, what, _ in one} >= {"has(context.z)"}
    assert ("r", "context.x > 5", "true") not in one
    two = gaps([policy_set([RULE])], ask("a", x=9, y=False, z=1))
    assert ("r", "has(context.z)", "true") not in two
    assert ("r", "has(context.z)", "false") in two


def test_place_of_an_untested_part_is_its_own():
    report = covered([policy_set([RULE])]).report()
    (at,) = {gap.at for gap in report.untested if gap.what == "context.y"}
    assert at.endswith(".rules[0].when (character 27)")


def test_rule_whose_condition_fails_counts_as_the_engine_counts_it():
    report = covered([policy_set([RULE, {**RULE, "id": "w", "effect": "warn"}])], ask("a")).report()
    assert [(rule.rule, rule.matched, rule.unmatched) for rule in report.rules] == [("r", 1, 0), ("w", 0, 1)]


def test_exception_requirement_and_default_are_tried_both_ways():
    match = {"resource.id": "a"}
    waived = {"id": "e", "rules": ["no"], "match": {"context.env": "dev"}, "reason": "r"}
    waived["expires"] = "2099-01-01T00:00:00Z"
    document = policy_set(
        [{"id": "no", "effect": "deny", "match": match}, {"id": "yes", "effect": "allow", "match": match}],
        exceptions=[waived], requires={"tool.call": ["context.env"]},
    )  # fmt: skip
    asked = [ask("a", env="dev"), ask("a", env="prod"), ask("b", env="dev")]
    assert {missing for rule, _, missing in gaps([document], *asked) if rule != "yes"} == {"missing"}
    assert {rule for rule, *_ in gaps([document], *asked, ask("a"))} == set()
    assert {"held", "not held", "carried", "decides"} <= {missing for *_, missing in gaps([document])}


def test_shadow_rules_are_covered_by_themselves():
    documents = [policy_set([RULE]), policy_set([{**RULE, "effect": "allow"}], name="s", shadow=True)]
    coverage = covered(documents, ask("a", x=9, y=True))
    assert coverage.matched == [frozenset({(False, "r"), (True, "r")})]


def test_test_without_a_request_tries_nothing():
    coverage = covered([policy_set([RULE])], None)
    assert (coverage.report().tried, coverage.matched, coverage.failing) == (
        0, [frozenset()], {(False, "r"): [SEVERAL]}
    )  # fmt: skip


def test_conditions_of_all_forms_have_their_parts():
    when = (
        "cel.bind(a, context.a, a.exists(x, x > 1) ? context.b : detected('*'))"
        " || size(context.a.map(y, y > 2, y)) > 0 || true || [context.c == 1].size() == 1"
    )
    rule = {"id": "r", "effect": "warn", "when": when}
    seen = {(what, missing) for _, what, missing in gaps([policy_set([rule])], ask("a", a=[0, 2], b=False))}
    every = {what for _, what, _ in gaps([policy_set([rule])])}
    assert every >= {"a.exists(x, x > 1)", "x > 1", "context.b", 'detected("*")', "y > 2"}
    assert ("x > 1", "true") not in seen
    assert ("x > 1", "false") not in seen
    assert ("context.b", "true") in seen
    assert ('detected("*")', "true") in seen


@given(policy_sets(), st.lists(requests(), min_size=1, max_size=4))
def test_rules_that_count_as_matched_are_those_that_decide(documents, asked):
    engine = AxonFlow.open(documents).policies
    coverage = covered(documents, *asked)
    for request, matched in zip(asked, coverage.matched, strict=True):
        assert {rule for _, rule in matched} == set(engine.decide(request, "", NOW_S).policies)
    report = coverage.report()
    assert report.tried + len(report.untested) == report.possible
