"""Scenarios: what is read of them, what is wrong with them, and how they come out."""

import pytest

from axonflow import AxonFlow
from axonflow.adapters.policy_files import sources_of_text
from axonflow.app import policy_sources
from axonflow.errors import PolicyError
from axonflow.policy.compiling.compiling import load_sets
from axonflow.policy.testing.cases import inline_cases, read_scenarios, run_case
from tests.strategies import policy_set

HEAD = "apiVersion: axonflow.dev/v1\nkind: PolicyTests\nmetadata: {name: t}\n"
POLICIES = policy_set(
    [
        {"id": "tools", "effect": "allow", "match": {"action": "tool.call"}},
        {
            "id": "big", "effect": "require_approval", "match": {"resource.id": "pay"},
            "when": "context.amount > 5 || time > timestamp('2030-01-01T00:00:00Z')",
            "obligations": [{"approvers": ["lead", "cfo"]}],
            "reason": "Big.",
        },
        {"id": "slow", "effect": "limit", "match": {"resource.id": "pay"},
         "obligations": [{"unit": "requests", "maximum": 5, "window_s": 60}], "reason": "Slow."},
    ]
)  # fmt: skip


def read(text):
    (source,) = sources_of_text(HEAD + text, "t.yaml")
    return read_scenarios(source)


def refusal(text):
    with pytest.raises(PolicyError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def outcomes(text):
    engine = AxonFlow.open(POLICIES).policies
    return [run_case(case, engine, 1_800_000_000.0) for case in read(text).cases]


def test_scenario_is_laid_over_the_defaults_part_by_part():
    tests = read(
        "defaults: {principal: 'user:ann', action: tool.call, resource: 'tool:a', context: {env: dev, x: 1}}\n"
        "scenarios: [{name: one, request: {resource: 'tool:b', context: {x: 2}}, expect: deny}]\n"
    )
    (case,) = tests.cases
    assert (case.request.principal.id, case.request.resource.id) == ("ann", "b")
    assert case.request.context == {"env": "dev", "x": 2}
    assert (case.suite, case.name, case.at) == ("t", "one", "t.yaml:5:13")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("scenarios: [{name: a, request: {}}]", "t.yaml:4:13", "scenarios.0.expect is missing"),
        ("scenarios: [{name: a, request: {}, expect: alow}]", "t.yaml:4:44", "'alow'"),
        ("scenarios: [{name: a, request: {}, expect: deny, wen: 1}]", "t.yaml:4:50", "name"),
        ("scenario: []", "t.yaml:4:1", "defaults, scenarios"),
        ("scenarios: [{name: a, request: {action: x}, expect: deny}]", "t.yaml:4:32", "the request is not one"),
        ("scenarios: [{name: a, request: {}, expect: deny, at: noon}]", "t.yaml:4:54", "at"),
        ("rules: []", "t.yaml:4:1", "unknown field"),
    ],
)
def test_fault_of_a_scenario_is_told_with_its_place(text, place, words):
    (problem,) = refusal(text + "\n")
    assert problem.startswith(f"{place}: ")
    assert words in problem


def test_faults_of_several_scenarios_are_told_together():
    request = "{principal: 'user:ann', action: tool.call, resource: 'tool:a', time: 5}"
    text = "scenarios:\n" + "".join(
        f"  - {{name: a, at: 2026-01-01T00:00:00Z, request: {request}, expect: deny}}\n" for _ in "ab"
    )
    first, second, third = refusal(text)
    assert "two times" in first
    assert "t.yaml:6:12: two scenarios have the same name" in second
    assert "two times" in third


def test_scenario_with_its_time_is_decided_then():
    request = "request: {principal: 'user:ann', action: tool.call, resource: 'tool:pay', context: {amount: 1}}"
    now, later = outcomes(
        f"scenarios:\n  - {{name: now, {request}, expect: limit}}\n"
        f"  - {{name: later, at: 2031-01-01T00:00:00Z, {request}, expect: require_approval}}\n"
    )
    assert (now.passed, later.passed) == (True, True)


@pytest.mark.parametrize(
    ("expect", "problems"),
    [
        ("obligations: [{unit: requests}, {approvers: [lead, cfo]}]", []),
        ("obligations: [{}, {approvers: [lead, cfo]}]", []),
        ("obligations: [{approvers: [lead]}, {unit: requests}]", ["obligations"]),
        ("obligations: [{approvers: [lead, cfo]}]", ["obligations"]),
        ("obligations: []", ["obligations"]),
        ("obligations:", []),
        ("reasons: [Slow., Big., Rule tools says allow.]", []),
        ("reasons: [Big.]", ["reasons"]),
        ("policies: [tools]", ["policies"]),
    ],
)
def test_expectation_is_compared_in_what_it_names(expect, problems):
    (outcome,) = outcomes(
        "scenarios:\n  - name: a\n"
        "    request: {principal: 'user:ann', action: tool.call, resource: 'tool:pay', context: {amount: 9}}\n"
        f"    expect:\n      effect: require_approval\n      {expect}\n"
    )
    assert [problem.partition(":")[0] for problem in outcome.problems] == problems
    assert bool(outcome.explanation) is bool(problems)
    if problems:
        assert outcome.explanation[:2] == ("require_approval by big, slow, tools", "Big.")


def test_tests_among_policies_are_passed_over_and_policies_among_tests_refused():
    tests = {"apiVersion": "axonflow.dev/v1", "kind": "PolicyTests", "metadata": {"name": "t"}, "scenarios": []}
    assert len(AxonFlow.open([POLICIES, tests]).policies.rules) == 3
    with pytest.raises(PolicyError, match="tests of policies hold no policies"):
        AxonFlow.open([{**POLICIES, "kind": "PolicyTests"}])


def test_failing_scenario_tells_what_could_not_be_evaluated():
    request = "{principal: 'user:ann', action: tool.call, resource: 'tool:pay'}"
    (outcome,) = outcomes(f"scenarios: [{{name: a, request: {request}, expect: deny}}]")
    assert outcome.explanation[-1].startswith("big: ")


def test_shadow_scenario_is_held_against_the_shadow_sets_alone():
    request = "request: {principal: 'user:ann', action: tool.call, resource: 'tool:x'}"
    cases = read(
        f"scenarios:\n  - {{name: a, shadow: true, {request}, expect: deny}}\n"
        f"  - {{name: b, shadow: true, {request}, expect: allow}}\n"
        f"  - {{name: c, shadow: true, {request}, expect: {{effect: deny, reasons: [x]}}}}\n"
    ).cases
    engine = AxonFlow.open([POLICIES, policy_set([], name="tried", shadow=True)]).policies
    held, other, never = [run_case(case, engine, 0.0) for case in cases]
    assert held.passed
    assert (other.problems, other.explanation) == (("effect: expected allow, got deny",), ("deny by no rule",))
    assert "can never be compared" in never.problems[0]
    alone = AxonFlow.open(POLICIES).policies
    assert run_case(cases[0], alone, 0.0).problems == ("shadow: there is no shadow set",)


def test_inline_test_with_a_wrong_request_fails_and_says_why():
    rule = {"id": "r", "effect": "deny", "tests": [{"request": {"action": "x"}, "expect": "deny"}]}
    loaded, _ = load_sets(policy_sources(policy_set([rule])))
    (case,) = inline_cases(loaded)
    outcome = run_case(case, AxonFlow.open(POLICIES).policies, 0.0)
    assert (case.name, case.rule) == ("r, test 1", "r")
    assert "the request is not one" in outcome.problems[0]
