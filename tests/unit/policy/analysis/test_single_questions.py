"""Questions of every form, each by itself: none makes a rule unreachable that a request matches, or proves too much."""

import pytest
from msgspec.structs import replace

from axonflow import AxonFlow, Request
from axonflow.policy.analysis.analysing import analyse
from axonflow.policy.analysis.formulas import YES, Hint
from axonflow.policy.analysis.sampling import samples
from axonflow.policy.analysis.solving import Impossible, Witness
from axonflow.policy.analysis.subjects import Subject
from axonflow.policy.analysis.texts import moments
from axonflow.policy.analysis.theory import Theory
from axonflow.policy.analysis.together import can_contradict
from axonflow.policy.analysis.worlds import ABSENT, NOW_US, value_in
from tests.strategies import policy_set
from tests.unit.policy.analysis.small_world import analysed, engine_of, found

NOW_S = 1_767_607_200.0
ASK = {"principal": "user:ann", "action": "tool.call", "resource": "tool:a"}


@pytest.mark.parametrize("effect", ["allow", "deny"])
@pytest.mark.parametrize(
    ("when", "fields"),
    [
        ("context.a.startsWith(context.b)", {"context": {"a": "ab", "b": "a"}}),
        ("isIP(context.a)", {"context": {"a": "10.0.0.1"}}),
        ("context[context.a] == 1", {"context": {"a": "b", "b": 1}}),
        ("type(context.a) == type(null)", {"context": {"a": None}}),
        ("type(context.a) == int", {"context": {"a": 1}}),
        ('detected("pii.email") == context.flag', {"context": {"flag": True}, "content": "ann@example.com"}),
        ('("env" in context) == context.flag', {"context": {"env": 1, "flag": True}}),
        ("context.flag ? context.b : context.c", {"context": {"flag": True, "b": True}}),
        ("7 in context.m.k && has(context.m.c)", {"context": {"m": {"k": [7], "c": 1}}}),
        ('7 in context.m && "x" in context.m', {"context": {"m": [7, "x"]}}),
        ("principal.roles == context.b", {"principal": {"id": "a", "roles": ["x"]}, "context": {"b": ["x"]}}),
        ("context.a < context.c && !has(context.b)", {"context": {"a": 1, "c": 2}}),
        ("context.a == true && context.a == context.b", {"context": {"a": True, "b": True}}),
        ("(context.a == context.b || context.c > context.d) && !has(context.a)", {"context": {"c": 2, "d": 1}}),
        ("(context.a > context.b || context.c > context.d) && !has(context.c)", {"context": {"a": 2, "b": 1, "d": 1}}),
        ("context.a == context.b && context.b == context.c && (context.c == true || context.c == false)",
         {"context": {"a": True, "b": True, "c": True}}),
        ("context[context.a + 'x'] == context.b && context.b != 1", {"context": {"a": "b", "bx": 2, "b": 2}}),
        ("!(7 in context.m) && context.m.c == 1", {"context": {"m": {"c": 1, "d": 2}}}),
        ('context.a < context.b && context.c.startsWith("x")', {"context": {"a": 1, "b": 2, "c": "xy"}}),
    ],
)  # fmt: skip
def test_question_of_any_form_makes_no_rule_unreachable_that_a_request_matches(effect, when, fields):
    engine, analysis = analysed({"id": "r", "effect": effect, "when": when})
    request = Request(**ASK | fields)
    decision = engine.decide(request, "", NOW_S)
    assert (decision.policies, decision.errors) == (("r",), ())
    assert not found(analysis, "unreachable")
    theory = Theory(engine)
    assert theory.world.holds(theory.condition(engine.rules[0], YES), request)
    outcome = theory.solve(theory.condition(engine.rules[0], YES))
    assert not isinstance(outcome, Impossible)
    if isinstance(outcome, Witness):
        assert theory.decide(outcome.request).policies == ("r",)


@pytest.mark.parametrize(
    "when",
    ['principal.on_behalf_of.type == "robot"', 'principal.on_behalf_of.id == ""', "principal.on_behalf_of.roles == 7"],
)
def test_one_who_acts_for_what_no_request_can_name_is_nobody(when):
    assert found(analysed({"id": "r", "effect": "allow", "when": when})[1], "unreachable") == {("r",)}


@pytest.mark.parametrize(
    ("rules", "kind"),
    [
        ([("r", "allow", "context.a > 5 && context.a < 3 && has(context.a)")], "unreachable"),
        ([("r", "allow", "context.a > 5 && (context.a > 3 || context.b == 1)")], "redundant"),
        ([("r", "allow", "context.b == 1 && (context.a > 3 || context.a > 7)")], "redundant"),
        ([("narrow", "deny", "context.a == 1 && context.b == 1"), ("wide", "deny", "context.a == 1")], "shadowed"),
        ([("one", "deny", "context.a == 1"), ("two", "deny", "context.a == 1")], "duplicate"),
        ([("yes", "allow", "context.a < 5"), ("no", "deny", "context.a > 3 && context.a < 9")], "conflict"),
    ],
)
def test_what_the_engine_does_not_confirm_is_never_a_finding(monkeypatch, rules, kind):
    document = [{"id": name, "effect": effect, "when": when} for name, effect, when in rules]
    assert kind in {one.kind for one in analysed(*document)[1].findings}
    decided = Theory.decide

    def otherwise(theory, request):
        """As if the engine had rules match where they do not, and none where they do."""
        decision = decided(theory, request)
        every = {rule.id for rule in theory.engine.rules}
        return replace(decision, policies=tuple(every - set(decision.policies)))

    monkeypatch.setattr(Theory, "decide", otherwise)
    analysis = analysed(*document)[1]
    assert kind not in {one.kind for one in analysis.findings}
    assert kind == "duplicate" or (kind, "engine") in {(one.kind, one.why) for one in analysis.undecided}


def test_rules_for_different_actions_do_not_contradict_each_other():
    rules = [
        {"id": "yes", "effect": "allow", "match": {"action": "tool.call"}, "when": "context.a < 5"},
        {"id": "no", "effect": "deny", "match": {"action": "llm.request"}, "when": "context.a > 3 && context.a < 9"},
    ]
    assert not found(analysed(*rules)[1], "conflict")
    same = [rules[0], rules[1] | {"match": rules[0]["match"]}]
    assert found(analysed(*same)[1], "conflict") == {("yes", "no")}


def test_denials_of_other_actions_layers_and_questions_contradict_no_permission():
    rules = [
        {"id": "yes", "effect": "allow", "match": {"action": "tool.call"}, "when": "context.a < 5"},
        {"id": "same", "effect": "deny", "match": {"action": ["tool.call", "tool.result"]}, "when": "context.a > 3"},
        {"id": "any", "effect": "deny", "when": "context.a > 3"},
        {"id": "other", "effect": "deny", "match": {"action": "llm.request"}, "when": "context.a > 3"},
        {"id": "more", "effect": "deny", "match": {"action": "tool.call"}, "when": "context.a > 3 && context.b == 1"},
        {"id": "warns", "effect": "warn", "match": {"action": "tool.call"}, "when": "context.a > 3"},
    ]
    theory = Theory(engine_of(policy_set(rules)))
    subjects = {rule.id: Subject(theory, rule, None) for rule in theory.engine.rules}
    assert {name for name, other in subjects.items() if can_contradict(other, subjects["yes"])} == {"same", "any"}


@pytest.mark.parametrize(
    ("allowing", "denying", "conflicts"),
    [
        ({"when": 'resource.id.contains("ab")'}, {"when": 'resource.id.startsWith("b")'}, True),
        (
            {"when": 'resource.id.startsWith("ab") || resource.id == "x"'},
            {"when": 'resource.id.startsWith("abc")'},
            False,
        ),
        ({"match": {"context.job.env": ["a", "b"]}}, {"match": {"context.job.env": ["b", "c"]}}, True),
        ({"when": 'context.job.env in ["b", "a"]'}, {"match": {"context.job.env": ["b", "c"]}}, True),
    ],
)
def test_permission_is_compared_with_each_denial_that_asks_about_the_same(allowing, denying, conflicts):
    analysis = analysed({"id": "yes", "effect": "allow"} | allowing, {"id": "no", "effect": "deny"} | denying)[1]
    assert found(analysis, "conflict") == ({("yes", "no")} if conflicts else set())
    assert not analysis.undecided


def test_exception_for_some_actions_leaves_the_rule_to_the_others():
    one = {"id": "e", "rules": ["r"], "match": {"action": "tool.call"}, "reason": "A drill.",
           "expires": "2999-01-01T00:00:00Z"}  # fmt: skip
    theory = Theory(AxonFlow.open(policy_set([{"id": "r", "effect": "deny"}], exceptions=[one])).policies)
    outcome = theory.solve(theory.matches(theory.engine.rules[0]))
    assert theory.decide(outcome.request).policies == ("r",)
    assert outcome.request.action != "tool.call" or outcome.request.time >= 32_472_144_000_000_000


def test_world_that_keeps_no_requests_gives_the_same_answers(monkeypatch):
    document = policy_set([{"id": "r", "effect": "deny", "when": 'context.a == "x" && context.b > 3'}])
    whole = analyse(engine_of(document))
    monkeypatch.setattr("axonflow.policy.analysis.worlds._MAX_KEPT", 0)
    theory = Theory(engine_of(document))
    outcome = theory.solve(theory.matches(theory.engine.rules[0]))
    assert theory.decide(outcome.request).policies == ("r",)
    assert analyse(engine_of(document)).findings == whole.findings


def test_value_of_a_variable_is_what_the_request_has_there():
    request = Request(
        {"id": "ann", "attributes": {"level": 3}, "on_behalf_of": "user:bob"}, "tool.call", "tool:x", {"env": "prod"}
    )
    variables = ("action", "principal.id", "principal.level", "resource.owner", "context.env", "context.no", "content")
    values = ["tool.call", "ann", 3, ABSENT, "prod", ABSENT, ABSENT]
    assert [value_in(request, variable) for variable in variables] == values
    assert value_in(request, "principal.on_behalf_of")["id"] == "bob"


@pytest.mark.parametrize(
    ("hint", "count"),
    [
        (Hint("equal", "time", (), ("x",)), 0),
        (Hint("moment", "time", (), ("soon",)), 0),
        (Hint("moment", "time", (), ("2026-01-01T00:00:00",)), 0),
        (Hint("moment", "time", (), ("2026-01-01T00:00:00Z",)), 3),
        (Hint("window", "time", (), ("Mon 09:00-10:00", "Mars")), 0),
        (Hint("instant", "time", (), (NOW_US + 9,)), 3),
    ],
)
def test_moments_of_a_question_are_those_at_which_its_answer_may_change(hint, count):
    told = list(moments([hint]))
    assert (told[0], len(told) - 1) == (NOW_US, count)


@pytest.mark.parametrize("pattern", ["a)b", "(ab", "a(b|c", "(?:ab", "(?i", "[ab"])
def test_samples_of_what_is_no_whole_pattern_are_none(pattern):
    assert list(samples(pattern)) == []
