"""Policies with one thing changed: which changes there are, which are none, and what tests notice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import AxonFlow, Request
from axonflow.app import policy_sources
from axonflow.app.policy_tests import compiled_for_tests, pattern_of
from axonflow.policy import PolicySource
from axonflow.policy.cel.parser import parse
from axonflow.policy.compiling.compiling import load_sets
from axonflow.policy.documents.checking import Expectation
from axonflow.policy.testing.cases import Case, inline_cases
from axonflow.policy.testing.conditions import changed_conditions
from axonflow.policy.testing.coverage import Coverage
from axonflow.policy.testing.mutants import REMOVED, edited, mutants_of, sampled
from axonflow.policy.testing.mutation import Bench, report_of
from axonflow.policy.testing.written import written
from tests.strategies import policy_set, policy_sets, requests

NOW_S = 1_800_000_000.0


def loaded(documents):
    sets, problems = load_sets(policy_sources(documents))
    assert not problems
    return sets


def bench(documents, cases):
    sets = loaded(documents)
    sources = policy_sources(documents)
    compiled = compiled_for_tests()
    coverage = Coverage(sets, compiled(sources), pattern_of)
    for case in cases:
        coverage.add(case, NOW_S)
    return Bench(sources, sets, cases, coverage, compiled, NOW_S)


def tried(*rules, **parts):
    """What becomes of the mutants of a set, by the tests of its rules: (kind, change) to state."""
    documents = [policy_set(list(rules), **parts)]
    sets = loaded(documents)
    place = bench(documents, tuple(inline_cases(sets)))
    return {(one.rule, one.kind, one.change): one for one in map(place.tried, mutants_of(sets))}


def asked(expect, **context):
    request = {"principal": "user:ann", "action": "tool.call", "resource": "tool:a", "context": context}
    return {"request": request, "expect": expect}


# -- changes of a condition


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("context.a > 5", {"!(context.a > 5)", "context.a >= 5", "context.a > 6", "context.a > 4"}),
        ("context.a == 'x'", {'context.a != "x"', 'context.a == "x~"'}),
        ("!context.a", {"context.a"}),
        ("detected('pii')", {'!detected("pii")'}),
        ("detected('pii', 'secret')",
         {'!detected("pii", "secret")', 'detected("secret")', 'detected("pii")'}),
        ("context.a in ['x', 'y']",
         {'!(context.a in ["x", "y"])', 'context.a in ["y"]', 'context.a in ["x"]'}),
        ("context.a && context.b && has(context.c)",
         {"!(context.a && context.b && has(context.c))", "context.a || context.b || has(context.c)",
          "context.b && has(context.c)", "context.a && has(context.c)", "context.a && context.b"}),
        ("context.a ? context.b : true",
         {"!(context.a ? context.b : true)", "context.a ? true : context.b", "context.a ? context.b : false"}),
        ("context.a.exists(x, x.startsWith('p'))",
         {'!context.a.exists(x, x.startsWith("p"))', 'context.a.all(x, x.startsWith("p"))',
          'context.a.exists(x, x.endsWith("p"))', 'context.a.exists(x, x.startsWith("p~"))'}),
        ("context.a == 0u || context.b == null || context.c == b'x'",
         {'!(context.a == 0u || context.b == null || context.c == b"\\x78")',
          'context.a == 0u && context.b == null && context.c == b"\\x78"',
          'context.b == null || context.c == b"\\x78"', 'context.a == 0u || context.c == b"\\x78"',
          "context.a == 0u || context.b == null", 'context.a != 0u || context.b == null || context.c == b"\\x78"',
          'context.a == 1u || context.b == null || context.c == b"\\x78"',
          'context.a == 0u || context.b != null || context.c == b"\\x78"',
          'context.a == 0u || context.b == null || context.c != b"\\x78"'}),
        ("context.a + 1u == 2u",
         {"context.a + 1u != 2u", "context.a - 1u == 2u", "context.a + 2u == 2u", "context.a + 0u == 2u",
          "context.a + 1u == 3u", "context.a + 1u == 1u"}),
    ],
)  # fmt: skip
def test_condition_is_changed_in_one_thing_at_a_time(text, changes):
    assert {written(changed.whole) for changed in changed_conditions(parse(text).node)} == changes


@given(policy_sets())
def test_mutants_of_any_policies_differ_from_them_and_name_a_place(documents):
    sets = loaded(documents)
    for mutant in mutants_of(sets):
        assert mutant.at.startswith("policies[")
        for edit in mutant.edits:
            data = sets[edit.set_number].source.data
            assert edited(data, edit.path, edit.value) != data


def test_edit_leaves_the_document_as_it_was():
    data = {"a": [{"b": 1}, 2]}
    assert edited(data, ("a", 0, "b"), 5) == {"a": [{"b": 5}, 2]}
    assert edited(data, ("a", 1), REMOVED) == {"a": [{"b": 1}]}
    assert edited(data, ("a", 0, "c"), 3) == {"a": [{"b": 1, "c": 3}, 2]}
    assert data == {"a": [{"b": 1}, 2]}


def test_sample_is_the_same_for_the_same_seed():
    mutants = list(mutants_of(loaded([policy_set([{"id": "r", "effect": "deny", "when": "context.a > 5"}])])))
    one, again, other = (sampled(mutants, 3, seed) for seed in (1, 1, 2))
    assert one == again != other
    assert len(one) == 3
    assert sampled(mutants, 1_000, 1) == mutants


def test_every_part_of_a_set_has_its_mutants():
    limit = {"unit": "usd_micros", "maximum": 5, "window_s": 60, "key": ["principal.id", "principal.tenant"]}
    document = policy_set(
        [
            {"id": "l", "effect": "limit", "obligations": [limit, {**limit, "maximum": 9}]},
            {"id": "m", "effect": "redact", "obligations": [{"detectors": ["pii", "secret"], "style": "drop"}]},
            {"id": "h", "effect": "require_approval", "obligations": [{"approvers": ["a", "b"]}]},
        ],
        default="inherit",
        actions=["crm.export"],
        requires={"tool.call": ["context.env", "context.a"], "llm.request": ["content"]},
        allowlists=[
            {"detectors": ["pii.email"], "values": ["a@x.example", "b@x.example"], "patterns": ["^x"], "reason": "r"}
        ],
        exceptions=[
            {"id": "e", "rules": ["l", "h"], "match": {"context.a": ["x", "y"]}, "when": "context.a in ['x', 'x']",
             "reason": "r", "expires": "2099-01-01T00:00:00Z"}
        ],
    )  # fmt: skip
    found = {(one.rule, one.kind, one.change) for one in mutants_of(loaded([document]))}
    assert found >= {
        ("requires of test", "requirement dropped", "tool.call need not carry context.a"),
        ("requires of test", "requirement dropped", "llm.request need not carry content"),
        ("actions of test", "action unknown", "crm.export is not declared"),
        ("allowlist 1 of test", "allowlist removed", "removed"),
        ("allowlist 1 of test", "allowlist narrowed", "values: without the 2. of 2"),
        ("l", "limit changed", "maximum: 5 -> 6"), ("l", "limit changed", "window_s: 60 -> 61"),
        ("l", "limit changed", "unit: usd_micros -> requests"), ("l", "key removed", "key: without principal.tenant"),
        ("m", "detector removed", "detectors: without pii"), ("m", "style changed", "style: drop -> mask"),
        ("h", "approver removed", "approvers: without a"), ("h", "effect changed", "effect: require_approval -> deny"),
        ("e", "exception narrowed", "does not loosen l"), ("e", "match value dropped", "match: context.a without x"),
        ("e", "filter dropped", "match: without context.a"), ("e", "list element removed", '["x", "x"] -> ["x"]'),
        ("e", "expiry moved", "expires: 2099-01-01T00:00:00Z -> never"),
    }  # fmt: skip
    assert len([one for one in found if one[1] == "list element removed"]) == 1
    assert "default changed" not in {kind for _, kind, _ in found}
    place = bench([document], ())
    assert {place.tried(mutant).state for mutant in mutants_of(loaded([document]))} == {"survived"}


# -- what becomes of them


def test_mutants_that_tests_tell_apart_are_killed_and_others_survive():
    rule = {"id": "r", "effect": "deny", "when": "context.a > 5", "tests": [asked("deny", a=9), asked("allow", a=5)]}
    found = tried(rule, default="allow")
    state = {change: one.state for (_, _, change), one in found.items()}
    assert state["context.a > 5 -> context.a >= 5"] == "killed"
    assert state["5 -> 4"] == "killed"
    assert state["5 -> 6"] == "survived"  # nobody asks for 6
    assert state["effect: deny -> require_approval"] == "killed"
    assert state["removed"] == state["when: removed"] == "killed"
    report = report_of(list(found.values()))
    assert (report.survived, report.survivors[0].change, report.survivors[0].by) == (1, "5 -> 6", "r, test 1")
    assert report.score < 100


def test_mutant_that_no_test_gets_to_says_so():
    found = tried(
        {"id": "r", "effect": "deny", "match": {"resource.id": "b"}, "tests": [asked("allow")]}, default="allow"
    )
    (one,) = [one for (_, _, change), one in found.items() if change == "effect: deny -> allow"]
    assert (one.state, one.by) == ("survived", "")


def test_mutant_that_does_not_load_is_none():
    limit = {"unit": "requests", "maximum": 1, "window_s": 1, "key": ["principal.id", "principal.tenant"]}
    found = tried({"id": "r", "effect": "limit", "when": "context.a.matches('(a)')", "obligations": [limit]})
    states = {(kind, change): one.state for (_, kind, change), one in found.items()}
    assert ("obligation dropped", "without") not in {(kind, change[:7]) for kind, change in states}
    found = tried({"id": "r", "effect": "deny", "when": "context.ip.inCIDR('10.0.0.0/8')"})
    assert {one.state for (_, kind, _), one in found.items() if kind == "literal changed"} == {"invalid"}


@pytest.mark.parametrize(
    ("effect", "when", "dropped", "state"),
    [
        ("warn", "has(context.a) && context.a == 1", "context.a == 1", "equivalent"),
        ("warn", "has(context.a) && (context.b || context.a == 1)", "context.b || context.a == 1", "survived"),
        ("deny", "has(context.a) && context.a == 1", "context.a == 1", "survived"),
        ("deny", "!has(context.a) || context.a == 1", "context.a == 1", "equivalent"),
        ("warn", "!has(context.a) || context.a == 1", "context.a == 1", "survived"),
        ("deny", "!has(context.a) || context.a.b.exists(x, x)", "context.a.b.exists(x, x)", "equivalent"),
        ("deny", "!has(context.a) || has(context.a.b)", "has(context.a.b)", "survived"),
        ("warn", "has(context.a) && context.?b.orValue(context.a)", "context.?b.orValue(context.a)", "survived"),
        (
            "warn",
            "has(context.a) && context.?b.or(optional.of(context.a)).hasValue()",
            "context.?b.or(optional.of(context.a)).hasValue()",
            "survived",
        ),
        (
            "warn",
            "has(context.a) && context.a.?b.orValue(context.a.b)",
            "context.a.?b.orValue(context.a.b)",
            "survived",
        ),
    ],
)
def test_has_before_what_reads_the_field_anyway_changes_nothing_but_errors(effect, when, dropped, state):
    found = tried({"id": "r", "effect": effect, "when": when})
    (one,) = [one for (_, _, change), one in found.items() if change.endswith(f" -> {dropped}")]
    assert one.state == state
    assert bool(one.why) is (state == "equivalent")
    if state == "equivalent":
        for a in ({}, {"a": None}, {"a": 1}, {"a": 2}, {"a": {}}, {"a": {"b": [True]}}, {"a": {"b": [False]}}):
            request = Request("user:ann", "tool.call", "tool:a", a)
            flows = [AxonFlow.open(policy_set([{"id": "r", "effect": effect, "when": w}])) for w in (when, dropped)]
            assert len({flow.decide(request).policies for flow in flows}) == 1


def test_exception_of_a_removed_rule_goes_with_it():
    waived = {"id": "e", "rules": ["r"], "when": "context.a == 1", "reason": "r", "expires": "2020-01-01T00:00:00Z"}
    rule = {"id": "r", "effect": "deny", "tests": [asked("deny", a=1)]}
    found = tried(rule, default="allow", exceptions=[waived])
    states = {(rule, kind): one.state for (rule, kind, _), one in found.items()}
    assert states["r", "rule removed"] == "killed"
    assert states["e", "exception removed"] == "survived"
    assert states["e", "expiry moved"] == "killed"


def test_action_stays_known_without_the_allow_rule_that_names_it():
    request = {"principal": "user:ann", "action": "crm.export", "resource": "tool:a"}
    names = {"id": "names", "effect": "allow", "match": {"action": ["crm.export"], "resource.id": "other"}}
    also = {"id": "also", "effect": "allow", "match": {"action": "crm.import"}}
    anything = {"id": "anything", "effect": "allow", "match": {"resource.id": "elsewhere"}}
    rule = {
        "id": "r",
        "effect": "deny",
        "match": {"resource.id": "a"},
        "tests": [{"request": request, "expect": "deny"}],
    }
    found = tried(names, also, anything, rule, default="allow")
    assert found["r", "rule removed", "removed"].state == "killed"


def test_allow_rule_that_becomes_another_is_tried_where_one_member_of_a_list_passes():
    rule = {"id": "r", "effect": "allow", "match": {"context.env": "dev"}, "tests": [asked("allow", env=["dev", "x"])]}
    found = tried(rule, default="allow")
    assert found["r", "effect changed", "effect: allow -> deny"].state == "killed"
    assert found["r", "rule removed", "removed"].state == "survived"


def test_default_of_sets_in_one_layer_is_changed_in_all_of_them():
    rule = {"id": "r", "effect": "deny", "tests": [asked("deny")]}
    documents = [policy_set([], name="a"), policy_set([rule], name="b")]
    sets = loaded(documents)
    (mutant,) = [one for one in mutants_of(sets) if one.kind == "default changed"]
    assert len(mutant.edits) == 2
    assert bench(documents, tuple(inline_cases(sets))).tried(mutant).state == "survived"


# -- equivalent ones are, and small engines decide as whole ones


@given(policy_sets(), requests())
def test_equivalent_mutants_decide_every_request_alike(documents, request):
    sets = loaded(documents)
    engine = AxonFlow.open(documents).policies
    for mutant in mutants_of(sets):
        if mutant.equivalent:
            changed = _whole(sets, mutant)
            assert _said(changed.decide(request, "", NOW_S)) == _said(engine.decide(request, "", NOW_S))


@given(policy_sets(), st.lists(requests(), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_bench_finds_what_the_whole_policies_and_all_tests_find(documents, asked_for, random):
    engine = AxonFlow.open(documents).policies
    cases = []
    for request in asked_for:
        decision = engine.decide(request, "", NOW_S)
        expected = Expectation(decision.effect, decision.policies, decision.redacted)
        cases.append(Case("s", "n", "at", request, expected, now_s=NOW_S))
    sets = loaded(documents)
    place = bench(documents, cases)
    mutants = list(mutants_of(sets))
    for mutant in random.sample(mutants, min(len(mutants), 6)):
        state = place.tried(mutant).state
        if state in {"killed", "survived"}:
            changed = _whole(sets, mutant)
            decisions = [changed.decide(case.request, "", NOW_S) for case in cases]
            same = [
                (one.effect, set(one.policies), one.redacted)
                == (case.expected.effect, set(case.expected.policies), case.expected.redacted)
                for one, case in zip(decisions, cases, strict=True)
            ]
            assert (state == "survived") is all(same), mutant


def _whole(sets, mutant):
    data = [one.source.data for one in sets]
    for edit in mutant.edits:
        data[edit.set_number] = edited(data[edit.set_number], edit.path, edit.value)
    return compiled_for_tests()([PolicySource("x", one, lambda *_: "x") for one in data])


def _said(decision):
    return decision.effect, set(decision.policies), decision.redacted, set(decision.reasons)
