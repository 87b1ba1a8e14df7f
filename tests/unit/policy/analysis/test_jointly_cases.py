"""Rules of which several others leave nothing together: single cases, and where the search ends."""

from itertools import pairwise

import pytest

from axonflow import AxonFlow, Request
from axonflow.policy.analysis.analysing import analyse
from axonflow.policy.analysis.jointly import _only
from axonflow.policy.analysis.rivals import Rivals
from axonflow.policy.analysis.subjects import Subject
from axonflow.policy.analysis.theory import Theory
from tests.strategies import LIMIT, policy_set
from tests.unit.policy.analysis.small_world import analysed, engine_of
from tests.unit.policy.analysis.test_jointly import NOW_S, REDACTION, TOOL, check, covers, rule

COVERED = {
    "numbers": [
        rule("r", "allow", when="context.amount <= 500"),
        rule("low", when="context.amount < 100"),
        rule("high", when="context.amount >= 100"),
    ],
    "values": [
        rule("r", "allow", {**TOOL, "context.env": ["dev", "prod"]}),
        rule("low", match={"context.env": "dev"}),
        rule("high", match={"context.env": "prod"}),
    ],
    "presence": [rule("r", "allow"), rule("low", when="has(context.x)"), rule("high", when="!has(context.x)")],
    "what fails closed": [rule("r", "allow"), rule("low", when="context.x < 5"), rule("high", when="context.x >= 5")],
    "an exception of its own": [
        rule("r", match={"action": "tool.call", "resource.id": ["a", "b"]}),
        rule("low", match={"resource.id": "a"}),
        rule("high", match={"resource.id": "b"}),
    ],
    "stronger and same": [
        rule("r", "redact", obligations=[REDACTION]),
        rule("low", when="has(context.x)"),
        rule("high", "redact", when="!has(context.x)", obligations=[{"detectors": ["pii.email", "pii.phone"]}]),
    ],
    "a limit by denials": [
        rule("r", "limit", obligations=[LIMIT]),
        rule("low", when="has(context.x)"),
        rule("high", when="!has(context.x)"),
    ],
}  # fmt: skip
WAIVER = {"id": "w", "match": {"principal.id": "ann"}, "reason": "Drill.", "expires": "2030-01-01T00:00:00Z"}


@pytest.mark.parametrize("case", COVERED)
def test_rule_whose_parts_others_match_is_shadowed_by_them_together(case):
    met = rule("met", when="context.z == 1")  # where z is absent, this matches too, but it is not needed
    rules = [*COVERED[case], rule("beside", match={"resource.id": "zzz"}), met]
    waived = {"exceptions": [{**WAIVER, "rules": ["r"]}]} if "exception" in case else {}
    engine = AxonFlow.open({**policy_set(rules), **waived}).policies
    analysis = analyse(engine)
    assert covers(analysis, "r") == [{"low", "high"}]
    (one,) = [one for one in analysis.findings if one.rules[0].rule == "r"]
    assert "together match wherever it does" in one.message
    check(engine, one)


UNCOVERED = {
    "a gap": [
        rule("r", "allow"),
        rule("low", when="context.x < 5"),
        rule("high", when="has(context.x) && context.x > 5"),
    ],
    "an exception of one of them": [
        rule("r", "allow"),
        rule("waived", when="has(context.x)"),
        rule("b", when="!has(context.x)"),
    ],
    "two limits": [
        rule("r", "limit", obligations=[LIMIT]),
        rule("low", "limit", when="has(context.x)", obligations=[LIMIT]),
        rule("high", "limit", when="!has(context.x)", obligations=[LIMIT]),
    ],
    "other obligations": [
        rule("r", "redact", obligations=[REDACTION]),
        rule("low", when="has(context.x)"),
        rule("high", "redact", when="!has(context.x)", obligations=[{"detectors": ["pii.phone"]}]),
    ],
    "a warning": [rule("r", "warn"), rule("low", when="has(context.x)"), rule("high", when="!has(context.x)")],
    "lists of both": [
        rule("r", "allow", {"context.env": ["dev", "prod"]}),
        rule("low", "allow", {"context.env": "dev"}),
        rule("high", "allow", {"context.env": "prod"}),
    ],
    "an action that it alone makes known": [
        rule("r", "allow", {"action": "crm.export"}, "has(context.y)"),
        rule("low", when="has(context.x)", match={"action": "crm.export"}),
        rule("high", when="!has(context.x) && has(context.y)", match={"action": "crm.export"}),
        rule("any", "allow", {"resource.id": "a"}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", UNCOVERED)
def test_rule_of_which_something_is_left_is_not_shadowed(case):
    waived = {"exceptions": [{**WAIVER, "rules": ["waived"]}]} if case == "an exception of one of them" else {}
    analysis = analyse(AxonFlow.open({**policy_set(UNCOVERED[case]), **waived}).policies)
    assert covers(analysis, "r") == []
    assert not analysis.undecided


def test_action_that_nothing_else_may_allow_does_not_keep_a_rule():
    rules = UNCOVERED["an action that it alone makes known"][:3]
    assert covers(analysed(*rules)[1], "r") == [{"low", "high"}]
    assert covers(analysed(*rules, default="allow")[1], "r") == []
    also = rule("also", "allow", {"action": "crm.export", "resource.id": "a"})
    assert covers(analysed(*rules, also, default="allow")[1], "r") == [{"low", "high"}]


def test_cover_holds_nothing_that_is_not_needed():
    parts = [rule(f"p{number}", when=f"context.n >= {number} && context.n < {number + 2}") for number in range(8)]
    analysis = analysed(rule("r", "allow", when="context.n >= 0 && context.n < 9"), *parts)[1]
    (found,) = covers(analysis, "r")
    assert {"p0", "p7"} < found
    for one in pairwise(range(1, 7)):
        assert {f"p{number}" for number in one} & found
    assert len(found) < 8


def test_many_values_of_an_attribute_are_covered_one_by_one():
    names = [f"env{number}" for number in range(7)]
    parts = [rule(f"p{number}", match={"context.env": name}) for number, name in enumerate(names)]
    analysis = analysed(rule("r", "allow", {**TOOL, "context.env": names}), *parts)[1]
    assert covers(analysis, "r") == [{one["id"] for one in parts}]
    assert covers(analysed(rule("r", "allow", {**TOOL, "context.env": names}), *parts[1:])[1], "r") == []


def test_wide_rule_is_kept_and_the_narrow_ones_are_told():
    wide = rule("a-wide", when="has(context.x)")
    parts = [rule("b", when="has(context.x) && context.x == 1"), rule("c", when="has(context.x) && context.x != 1")]
    analysis = analysed(wide, *parts)[1]
    assert covers(analysis, "a-wide") == []
    assert (covers(analysis, "b"), covers(analysis, "c")) == ([{"a-wide"}], [{"a-wide"}])


def test_three_rules_that_say_the_same_leave_one():
    same = ['resource.id in ["a", "b"]', 'resource.id == "a" || resource.id == "b"', 'resource.id in ["b", "a", "b"]']
    analysis = analysed(*[rule(f"r{number}", when=when) for number, when in enumerate(same)])[1]
    assert len({one.rules[0].rule for one in analysis.findings if one.kind == "duplicate"}) == 2


def test_conflict_with_a_rule_that_shadows_it_with_others_is_not_told_again():
    analysis = analysed(*COVERED["numbers"])[1]
    assert {one.kind for one in analysis.findings} == {"shadowed"}


PARTS = [rule(f"p{number}", when=f"context.n{number} > 1") for number in range(6)]  # each fails where it is absent


def test_more_rules_together_than_are_compared_are_undecided(monkeypatch):
    monkeypatch.setattr("axonflow.policy.analysis.jointly._MAX_QUIET", 0)
    assert not analysed(rule("r", "allow"), *PARTS)[1].undecided
    undecided = analyse(engine_of(policy_set([rule("r", "allow"), *PARTS])), compared=4).undecided
    assert "r" in {one.rules[0].rule for one in undecided}
    assert {(one.kind, one.why) for one in undecided} == {("shadowed", "limit")}


def test_rule_amid_a_crowd_makes_a_difference_where_none_of_it_matches():
    found = analyse(engine_of(policy_set([rule("r", "allow"), *PARTS])), compared=4)
    assert (found.findings, found.undecided) == ((), ())


def test_rule_amid_a_crowd_that_does_not_match_where_none_of_it_does_is_undecided():
    """No more than one attribute for the one, six for the others not to match: together they cover it, in truth."""
    few = rule("r", "allow", when="size(context) < 2")
    found = analyse(engine_of(policy_set([few, *PARTS])), compared=4)
    assert ("r", "shadowed", "limit") in {(one.rules[0].rule, one.kind, one.why) for one in found.undecided}
    assert not covers(found, "r")


def test_rule_that_some_of_a_crowd_cover_is_not_said_to_make_a_difference():
    halves = [rule("a", when="context.n1 == 1 && context.n2 > 5"), rule("b", when="context.n1 == 1 && context.n2 <= 5")]
    found = analyse(engine_of(policy_set([rule("r", "allow", when="context.n1 == 1"), *PARTS, *halves])), compared=4)
    assert "r" in {one.rules[0].rule for one in found.undecided} or covers(found, "r")


def test_search_that_took_too_much_is_undecided(monkeypatch):
    monkeypatch.setattr("axonflow.policy.analysis.jointly._MAX_EFFORT", 0)
    assert {one.why for one in analysed(*COVERED["numbers"])[1].undecided} == {"limit"}


def test_rules_that_the_engine_would_try_are_looked_at_up_to_a_bound(monkeypatch):
    monkeypatch.setattr("axonflow.policy.analysis.rivals._MAX_LOOKED_AT", 1)
    analysis = analysed(*COVERED["numbers"])[1]
    assert not covers(analysis, "r")
    assert analysis.left_out


def test_patterns_that_may_cover_a_rule_together_are_undecided():
    analysis = analysed(
        rule("r", "allow", when='resource.id.matches("^a[0-9]+$")'),
        rule("low", when='resource.id.matches("^a[0-4]") || resource.id.contains("x")'),
        rule("high", when='resource.id.matches("^a[5-9]")'),
    )[1]
    assert not covers(analysis, "r")
    assert ("shadowed", "theory") in {(one.kind, one.why) for one in analysis.undecided}


def test_what_the_engine_does_not_confirm_is_undecided(monkeypatch):
    for name, answer in [("makes_no_difference", False), ("_only", None)]:
        with monkeypatch.context() as patched:
            patched.setattr(f"axonflow.policy.analysis.jointly.{name}", lambda *_arguments, answer=answer: answer)
            analysis = analysed(*COVERED["numbers"])[1]
        assert not covers(analysis, "r")
        assert ("shadowed", "engine") in {(one.kind, one.why) for one in analysis.undecided}


def test_rule_that_matches_where_its_formula_does_not_is_undecided(monkeypatch):
    at = Rivals.at
    first = {}
    monkeypatch.setattr(Rivals, "at", lambda self, one, request: first.setdefault(one.rule.id, at(self, one, request)))
    analysis = analysed(*UNCOVERED["a gap"])[1]
    assert ("r", "engine") in {(one.rules[0].rule, one.why) for one in analysis.undecided}


def test_request_of_rules_that_never_meet_is_none():
    theory = Theory(engine_of(policy_set([rule("a", when="context.x == 1"), rule("b", "allow", when="1 == 2")])))
    one, other = [Subject(theory, each, None) for each in theory.engine.rules]
    space = theory.space([one.formula, other.formula])
    assert _only(one, other, [other], space) is None


def test_searches_beyond_what_all_rules_may_take_are_counted(monkeypatch):
    monkeypatch.setattr("axonflow.policy.analysis.pairing._MAX_CROWDED", 0)
    analysis = analysed(*COVERED["numbers"])[1]
    assert (analysis.pairs, analysis.undecided) == (0, ())
    assert analysis.left_out


@pytest.mark.parametrize("value", [{"a": 1, "b": 1}, ["a", "b"]])
def test_map_with_two_of_many_names_is_not_overlooked(value):
    when = '"a" in context.m && "b" in context.m && !("c" in context.m) && !("d" in context.m)'
    parts = [rule("low", match={"context.m": "a"}), rule("high", when='"c" in context.m || "d" in context.m')]
    engine, analysis = analysed(rule("r", "allow", when=when), *parts)
    decision = engine.decide(Request("user:ann", "tool.call", "tool:a", {"m": value}), "", NOW_S)
    assert decision.allowed is isinstance(value, dict)
    assert covers(analysis, "r") == []
