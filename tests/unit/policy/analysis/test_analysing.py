"""Everything found is true: the engine confirms each witness, and no request of a small world refutes a finding."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import Request
from axonflow.policy.analysis.analysing import analyse
from axonflow.policy.analysis.subjects import Origin
from tests.strategies import LIMIT, policy_set
from tests.unit.policy.analysis.small_world import (
    CONDITIONS,
    MATCHES,
    REQUESTS,
    analysed,
    engine_of,
    found,
    origins,
    sets,
)

NOW_S = 1_767_607_200.0


def asked(decision):
    """What is to be done; a denial leaves nothing else to do."""
    if decision.effect == "deny":
        return decision.effect
    return decision.effect, {type(one) for one in decision.obligations}


def check_witness(engine, one):
    """Decided by the engine, the witness shows what the finding says."""
    decision = engine.decide(one.witness, "", NOW_S)
    ids = [place.rule for place in one.rules]
    if one.kind == "unreachable":
        assert ids[0] not in decision.policies
        return
    assert set(ids[:2]) <= set(decision.policies)
    if one.kind in {"shadowed", "duplicate"}:
        assert asked(engine.decide_without(one.witness, {ids[0]}, NOW_S)) == asked(decision)
    if one.kind in {"conflict", "held"}:
        assert not decision.allowed


def check_everywhere(engine, one, document):
    """No request refutes the finding."""
    ids = [place.rule for place in one.rules]
    rules = {rule["id"]: rule for rule in document["rules"]}
    if one.kind == "unreachable":
        assert not [request for request in REQUESTS if ids[0] in engine.decide(request, "", NOW_S).policies]
    elif one.kind in {"shadowed", "duplicate"}:
        for request in REQUESTS:
            decision = engine.decide(request, "", NOW_S)
            if ids[0] in decision.policies:
                assert set(ids[1:]) & set(decision.policies)
                assert asked(engine.decide_without(request, {ids[0]}, NOW_S)) == asked(decision)
    elif one.kind == "redundant":
        less = engine_of(policy_set([without(rules[ids[0]], one.parts)], default="allow"))
        whole = engine_of(policy_set([rules[ids[0]]], default="allow"))
        for request in REQUESTS:
            assert seen(less, request) == seen(whole, request)


def without(rule, parts):
    """The rule without the redundant part: written anew from what is left, so this says nothing of how it was found."""
    shorter = rule["when"].replace(" ", "").replace("(", "").replace(")", "")
    assert parts[0].replace(" ", "").replace("(", "").replace(")", "") in shorter
    return {**rule, "when": one_less(rule["when"], parts)}


def one_less(when, parts):
    """`when` where the part is what it would be if it were not there: true in a conjunction, false in a disjunction."""
    neutral = "true" if len(parts) == 1 else "false"
    if when.count(parts[0]) != 1:
        return when  # it stands there twice: which of them is meant, its text does not tell
    return when.replace(parts[0], neutral)


def seen(engine, request):
    decision = engine.decide(request, "", NOW_S)
    return decision.policies, bool(decision.errors)


@given(sets())
@settings(max_examples=20, deadline=None)
def test_analysis_of_any_set_is_confirmed_and_never_refuted(document):
    engine = engine_of(document)
    analysis = analyse(engine, origins(document))
    assert analysis.rules == len(document["rules"])
    for one in analysis.findings:
        check_witness(engine, one)
        check_everywhere(engine, one, document)


PLAIN = [
    {"id": "allow-a", "effect": "allow", "match": {"resource.id": ["a", "b"]}},
    {"id": "deny-risk", "effect": "deny", "when": "has(context.risk) && context.risk > 8"},
]
NEVER = [
    "context.risk > 5 && context.risk < 3 && has(context.risk)",
    'resource.id == "a" && resource.id == "b"',
    'resource.id.startsWith("a") && !(resource.id.contains("a"))',
    '!("x" in principal.roles) && "x" in principal.roles',
    "size(principal.roles) > 2 && size(principal.roles) < 2",
    '(resource.id == "a" || resource.id == "b") && resource.id == "c"',
    "false",
]


@given(st.sampled_from(["allow", "warn", "log"]), MATCHES, st.sampled_from(NEVER), CONDITIONS)
@settings(max_examples=12, deadline=None)
def test_planted_unreachable_rule_is_found(effect, match, never, beside):
    _, analysis = analysed(*PLAIN, {"id": "never", "effect": effect, "match": match, "when": f"({beside}) && {never}"})
    assert ("never",) in found(analysis, "unreachable")


@given(MATCHES, CONDITIONS, st.sampled_from(["allow", "deny", "require_approval", "limit"]))
@settings(max_examples=12, deadline=None)
def test_planted_shadowed_rule_is_found(match, when, effect):
    obligations = [LIMIT] if effect == "limit" else []
    narrow = {"id": "narrow", "effect": effect, "match": {**match, "context.team": "t"}, "when": f"({when})"}
    _, analysis = analysed(
        {**narrow, "obligations": obligations}, {"id": "wide", "effect": "deny", "match": {"context.team": ["t", "u"]}}
    )
    if ("narrow",) not in found(analysis, "unreachable"):
        assert ("narrow", "wide") in found(analysis, "shadowed")


@given(MATCHES, CONDITIONS)
@settings(max_examples=12, deadline=None)
def test_planted_duplicate_is_found_whatever_its_order(match, when):
    one = {"id": "one", "effect": "deny", "match": match, "when": f'({when}) && resource.type == "tool"'}
    two = {**one, "id": "two", "match": dict(reversed(match.items())), "when": f'resource.type == "tool" && ({when})'}
    _, analysis = analysed(one, two)
    if ("one",) not in found(analysis, "unreachable"):
        assert ("two", "one") in found(analysis, "duplicate")


CONFLICTS = [
    ({"resource.id": ["a", "b"]}, None, {"resource.id": ["b", "c"]}, None),
    ({"resource.id": "a"}, "context.risk < 7", {"resource.id": "a"}, "context.risk > 3"),
    ({"context.env": ["dev", "test"], "resource.id": "a"}, None, {"context.env": ["test", "prod"]}, None),
    ({"resource.id": "abc"}, None, {}, 'resource.id.startsWith("ab")'),
    ({"principal.roles": ["x", "y"]}, None, {"principal.roles": ["y", "z"]}, None),
]


@pytest.mark.parametrize("effect", ["deny", "require_approval"])
@pytest.mark.parametrize(("allowed", "if_allowed", "denied", "if_denied"), CONFLICTS)
def test_planted_conflict_is_found_with_a_request_that_is_refused(effect, allowed, if_allowed, denied, if_denied):
    rules = [
        {"id": "yes", "effect": "allow", "match": {"action": "tool.call", **allowed}, "when": if_allowed},
        {"id": "no", "effect": effect, "match": {"action": ["tool.call", "llm.request"], **denied}, "when": if_denied},
    ]
    rules = [{name: value for name, value in rule.items() if value is not None} for rule in rules]
    engine, analysis = analysed(*rules)
    if allowed == {"resource.id": "abc"}:  # all of it is denied: that is more than a conflict
        assert ("yes", "no") in (found(analysis, "shadowed") if effect == "deny" else {("yes", "no")})
        return
    assert found(analysis, "conflict" if effect == "deny" else "held") == {("yes", "no")}
    for one in analysis.findings:
        check_witness(engine, one)
        assert one.level == ("warning" if effect == "deny" else "note")


def test_ladder_of_amounts_is_no_conflict_but_a_note():
    _, analysis = analysed(
        {"id": "small", "effect": "allow", "when": "context.amount <= 500"},
        {"id": "larger", "effect": "require_approval", "when": "context.amount > 100"},
        {"id": "large", "effect": "deny", "when": "context.amount > 500"},
    )
    assert {(one.kind, one.level) for one in analysis.findings} == {("held", "note")}
    assert found(analysis, "held") == {("small", "larger")}


REDUNDANT = [
    ("context.risk > 5 && context.risk > 3", "context.risk > 3"),
    ('resource.id == "a" && resource.id in ["a", "b"]', 'resource.id in ["a", "b"]'),
    ('resource.id.startsWith("abc") && resource.id.startsWith("ab")', 'resource.id.startsWith("ab")'),
    ('resource.id == "a" || resource.id in ["a", "b"]', 'resource.id == "a"'),
    ("context.risk > 5 || context.risk > 3", "context.risk > 5"),
    ('(resource.id == "a" || resource.id == "c") && resource.id != "c"', 'resource.id == "c"'),
    ('"x" in principal.roles && size(principal.roles) > 0 && size(principal.roles) >= 1', "size(principal.roles) > 0"),
]


@pytest.mark.parametrize("effect", ["deny", "allow"])
@pytest.mark.parametrize(("when", "part"), REDUNDANT)
def test_planted_redundant_part_is_found(effect, when, part):
    engine, analysis = analysed({"id": "r", "effect": effect, "when": when})
    assert part in {one.parts[0] for one in analysis.findings if one.kind == "redundant"}
    for one in analysis.findings:
        check_witness(engine, one)


NECESSARY = [
    "has(context.risk) && context.risk > 3",
    "!has(context.risk) || context.risk > 3",
    '!("x" in principal.roles) && detected("pii")',
    'context.env == "prod" || context.env == "live"',
    'has(context.ticket) && context.ticket.matches("^[A-Z]+$")',
    "content.amount_usd > 10000 || content.amount_usd <= 0",
    "has(context.deep.n) && context.deep.n > 1",
    'has(principal.on_behalf_of) && principal.on_behalf_of.id == "bob"',
]


@pytest.mark.parametrize("effect", ["deny", "allow"])
@pytest.mark.parametrize("when", NECESSARY)
def test_analysis_of_a_guarded_condition_finds_nothing(effect, when):
    _, analysis = analysed({"id": "r", "effect": effect, "when": when})
    assert not analysis.findings


def test_analysis_of_default_deny_with_broad_denials_finds_nothing():
    _, analysis = analysed(
        {"id": "tools", "effect": "allow", "match": {"action": "tool.call", "resource.id": ["search", "sql", "mail"]}},
        {
            "id": "ops",
            "effect": "allow",
            "match": {"action": "tool.call", "principal.roles": "ops", "resource.id": "sh"},
        },
        {"id": "models", "effect": "allow", "match": {"action": "llm.request", "resource.id": ["m1", "m2"]}},
        {"id": "suspended", "effect": "deny", "match": {"principal.roles": "suspended"}},
        {"id": "no-prod", "effect": "deny", "match": {"context.env": "prod", "resource.id": ["sh", "mail"]}},
        {"id": "injected", "effect": "deny", "when": 'detected("injection.prompt")'},
        {"id": "risk", "effect": "require_approval", "when": "has(context.risk) && context.risk > 80"},
        {"id": "no-mail-of-agents", "effect": "deny", "match": {"resource.id": "mail", "principal.type": "agent"}},
        {"id": "note", "effect": "log", "match": {"action": "tool.call"}},
    )
    assert not analysis.findings
    assert not analysis.undecided


def test_rule_that_an_exception_loosens_shadows_nothing():
    waived = {
        "id": "w",
        "rules": ["wide"],
        "match": {"principal.id": "ann"},
        "reason": "Drill.",
        "expires": "2030-01-01T00:00:00Z",
    }
    rules = [{"id": "wide", "effect": "deny"}, {"id": "narrow", "effect": "deny", "match": {"resource.id": "a"}}]
    document = {**policy_set(rules), "exceptions": [waived]}
    assert not analyse(engine_of(document)).findings


def test_rules_beyond_what_one_is_compared_with_are_counted():
    denials = [{"id": f"no{n}", "effect": "deny", "match": {"resource.id": ["a", f"x{n}"]}} for n in range(4)]
    rules = [{"id": "yes", "effect": "allow", "match": {"resource.id": ["a", "b"]}}, *denials]
    analysis = analyse(engine_of(policy_set(rules)), compared=1)
    assert analysis.left_out > 0
    assert analyse(engine_of(policy_set(rules))).left_out == 0


APPROVAL = {"approvers": ["lead"]}
COVERED = [
    ("allow", [], "allow", []),
    ("require_approval", [APPROVAL], "require_approval", [APPROVAL]),
    ("redact", [{"detectors": ["pii.email"]}], "redact", [{"detectors": ["pii.email", "pii.phone"]}]),
    ("limit", [LIMIT], "limit", [{**LIMIT, "maximum": 3}]),
    ("redact", [{"detectors": ["pii.email"]}], "deny", []),
]
UNCOVERED = [
    ("require_approval", [APPROVAL], "require_approval", [{"approvers": ["other"]}]),
    ("redact", [{"detectors": ["pii.email"]}], "redact", [{"detectors": ["pii.phone"]}]),
    ("redact", [{"detectors": ["pii.email"]}], "require_approval", [APPROVAL]),
    ("limit", [{**LIMIT, "maximum": 3}], "limit", [LIMIT]),
    ("warn", [], "deny", []),
    ("warn", [], "warn", []),
    ("deny", [], "allow", []),
]


def narrow_and_wide(effect, obligations, other, others):
    rules = [
        {"id": "narrow", "effect": effect, "match": {"resource.id": "a"}, "obligations": obligations},
        {"id": "wide", "effect": other, "match": {"resource.id": ["a", "b"]}, "obligations": others},
    ]
    return analysed(*rules, default="allow")[1]


@pytest.mark.parametrize(("effect", "obligations", "other", "others"), COVERED)
def test_rule_whose_effect_another_has_too_makes_no_difference(effect, obligations, other, others):
    assert found(narrow_and_wide(effect, obligations, other, others), "shadowed") == {("narrow", "wide")}


@pytest.mark.parametrize(("effect", "obligations", "other", "others"), UNCOVERED)
def test_rule_that_asks_for_something_of_its_own_is_not_shadowed(effect, obligations, other, others):
    assert not found(narrow_and_wide(effect, obligations, other, others), "shadowed")


def test_allow_rule_that_makes_an_action_known_is_not_shadowed():
    named = {"id": "named", "effect": "allow", "match": {"action": "crm.export", "resource.id": "a"}}
    assert not analysed(named, {"id": "any", "effect": "allow"})[1].findings
    also = {"id": "any", "effect": "allow", "match": {"action": ["crm.export", "tool.call"]}}
    assert found(analysed(named, also)[1], "shadowed") == {("named", "any")}


def test_rules_that_say_the_same_in_other_words_are_duplicates_once():
    one = {"id": "one", "effect": "deny", "match": {"resource.id": ["a", "b"]}}
    two = {"id": "two", "effect": "deny", "when": 'resource.id == "a" || resource.id == "b"'}
    three = {"id": "three", "effect": "deny", "match": {"resource.id": ["a", "b"]}, "when": "1 == 1"}
    analysis = analysed(one, two)[1]
    assert len(found(analysis, "duplicate")) == 1
    assert {one.kind for one in analysis.findings} == {"duplicate"}
    assert len(found(analysed(one, three)[1], "duplicate")) == 1


def test_conflict_is_found_where_the_allow_rule_names_no_value():
    rules = [
        {"id": "yes", "effect": "allow", "when": 'resource.id.startsWith("prod-")'},
        {"id": "no", "effect": "deny", "match": {"resource.id": ["prod-x", "dev-x"]}},
    ]
    assert found(analysed(*rules)[1], "conflict") == {("yes", "no")}


def test_rules_about_patterns_are_undecided_and_listed():
    rules = [
        {"id": "one", "effect": "deny", "when": 'resource.id.matches("^ab*$")'},
        {"id": "two", "effect": "deny", "when": 'resource.id.matches("^ab{0,9}$") && resource.id.matches("^abb?")'},
        {"id": "yes", "effect": "allow", "when": 'resource.id.matches("^[a-c]+$")'},
    ]
    analysis = analysed(*rules)[1]
    assert analysis.undecided
    assert {one.why for one in analysis.undecided} == {"theory"}
    assert not found(analysis, "shadowed")


def test_condition_that_is_never_true_is_named_as_such():
    (one,) = analysed({"id": "r", "effect": "allow", "when": "1 == 2"})[1].findings
    assert (one.kind, one.parts) == ("unreachable", ("1 == 2",))


def test_tests_of_a_rule_are_examples_where_no_value_is_known():
    test = {
        "request": {
            "principal": {"id": "ann", "on_behalf_of": "user:bob"},
            "action": "tool.call",
            "resource": {"type": "tool", "id": "a", "attributes": {"zone": "k9"}},
            "context": {"code": "x7y"},
        },
        "expect": "deny",
    }
    when = (
        'context.code.matches("(?=never)|^x7y$") && resource.zone.lowerAscii() == "k9" && has(principal.on_behalf_of)'
    )
    when = when.replace("(?=never)|", "\\\\pN|")
    document = policy_set([{"id": "r", "effect": "deny", "when": when, "tests": [test]}])
    engine = engine_of(document)
    request = Request(**test["request"])
    known = {"r": Origin(lambda: "", frozenset(), lambda: (request,))}
    assert not analyse(engine, known).undecided
    assert not analyse(engine, known).findings
