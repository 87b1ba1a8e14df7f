"""What a change does is found and confirmed; what is called without effect has none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow
from axonflow.app.comparing import compare
from tests.strategies import policy_set
from tests.unit.policy.analysis.small_world import REQUESTS, RULES, engine_of, sets

SHELL = {"id": "shell", "effect": "deny", "match": {"action": "tool.call", "resource.id": "shell"}}
YES = {"id": "yes", "effect": "allow", "match": {"action": "tool.call"}}


def kinds(before, after):
    found = compare(before, after)
    confirm(before, after, found)
    return found.verdict, {one.kind for one in found.differences}


def confirm(before, after, found):
    """Each witness is really answered so by both."""
    old, new = AxonFlow.open(before), AxonFlow.open(after)
    for one in found.differences:
        for flow, told in ((old, one.before), (new, one.after)):
            decision = flow.decide(one.request)
            assert (decision.effect, decision.allowed, decision.policies) == (told.effect, told.allowed, told.policies)
        first, then = old.decide(one.request), new.decide(one.request)
        parts = [(each.effect, each.obligations, each.policies, each.reasons) for each in (first, then)]
        assert parts[0] != parts[1]


@st.composite
def changed(draw):
    """A set, and one in which a rule or two of it are others, gone or new."""
    before = draw(sets())
    rules = [dict(rule) for rule in before["rules"]]
    for _ in range(draw(st.integers(1, 2))):
        position = draw(st.integers(0, len(rules)))
        rule = draw(st.none() | RULES)
        if position == len(rules):
            rules += [] if rule is None else [rule | {"id": f"n{len(rules)}"}]
        elif rule is None:
            del rules[position]
        else:
            rules[position] = rule | {"id": rules[position]["id"]}
    return before, before | {"rules": rules, "default": draw(st.sampled_from([before["default"], "deny"]))}


def kind_of(before, after):
    if after.allowed and not before.allowed:
        return "newly-allowed"
    if before.effect is not after.effect:
        return "newly-denied" if after.effect == "deny" else "another-effect"
    if set(before.obligations) != set(after.obligations):
        return "obligations"
    return None


@given(changed())
@settings(max_examples=50, deadline=None)
def test_every_difference_in_a_small_world_is_found_and_each_told_is_one(documents):
    before, after = documents
    found = compare(before, after)
    confirm(before, after, found)
    told = {one.kind for one in found.differences} | {kind for one in found.undecided for kind in one.kinds}
    old, new = engine_of(before), engine_of(after)
    for request in REQUESTS:
        kind = kind_of(old.decide(request, "", 0), new.decide(request, "", 0))
        assert kind is None or kind in told, request
    if found.verdict == "same":
        assert not told - {"reasons"}


@given(sets(most=8), st.randoms())
@settings(max_examples=15, deadline=None)
def test_sets_that_say_the_same_in_another_order_have_the_same_verdicts_for_certain(document, shuffle):
    rules = list(document["rules"])
    shuffle.shuffle(rules)
    found = compare(document, document | {"rules": rules})
    assert (found.verdict, found.changes) == ("same", 0)


def test_rule_removed_that_denied_newly_allows_and_is_told_first():
    found = compare(policy_set([YES, SHELL]), policy_set([YES]))
    first = found.differences[0]
    assert (first.kind, first.cause, first.change) == ("newly-allowed", "shell", "rule removed")
    assert (first.request.action, first.request.resource.id) == ("tool.call", "shell")
    assert (first.before.policies, first.after.policies) == (("shell", "yes"), ("yes",))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (SHELL, SHELL | {"effect": "require_approval"}, {"another-effect"}),
        (SHELL, SHELL | {"reason": "Because."}, {"reasons"}),
        (SHELL, SHELL | {"match": {"action": "tool.call", "resource.id": ["shell", "sql"]}}, {"newly-denied"}),
        (SHELL, SHELL | {"when": "context.risk > 5"}, {"newly-allowed"}),
        (SHELL | {"when": "context.risk > 5"}, SHELL | {"when": "context.risk >= 6"}, {"newly-allowed"}),
        (SHELL | {"when": "has(context.a)"}, SHELL | {"when": "has(context.a) && true"}, set()),
        (
            SHELL | {"when": "!has(context.a) || !has(context.b)"},
            SHELL | {"when": "!(has(context.a) && has(context.b))"},
            set(),
        ),
    ],
)
def test_rule_changed_is_told_by_what_it_does(old, new, expected):
    verdict, found = kinds(policy_set([YES, old]), policy_set([YES, new]))
    assert found == expected
    assert verdict == ("different" if expected - {"reasons"} else "same")


@pytest.mark.parametrize(
    "granting",
    [
        {"match": {}},
        {"match": {"action": ["tool.call", "llm.request"]}},
        {"match": {"resource.id": ["search", "shell"]}},
        {"match": {"principal.roles": "ops"}},
        {"when": 'resource.id in ["shell", "search"] && has(context.env)'},
    ],
)
def test_rule_removed_is_felt_where_a_rule_that_is_looked_up_otherwise_grants(granting):
    allow = {"id": "granting", "effect": "allow"} | granting
    found = compare(policy_set([allow, SHELL]), policy_set([allow]))
    assert found.differences[0].kind == "newly-allowed"
    assert found.differences[0].after.policies == ("granting",)


def test_rule_that_another_covers_is_proven_to_change_no_verdict():
    wider = {"id": "wider", "effect": "deny", "match": {"action": "tool.call", "resource.id": ["shell", "sql"]}}
    found = compare(policy_set([YES, wider, SHELL]), policy_set([YES, wider]))
    assert found.verdict == "same"
    assert [(one.cause, one.change) for one in found.unfelt] == [("shell", "rule removed")]


@pytest.mark.parametrize(
    ("change", "cause", "kind"),
    [
        ({"default": "allow"}, "layers", "newly-allowed"),
        ({"requires": {"tool.call": ["context.env"]}}, "requires", "newly-denied"),
        ({"layer": "system"}, None, None),
    ],
)
def test_set_changed_is_told_by_what_it_does(change, cause, kind):
    before, after = policy_set([YES]), policy_set([YES]) | change
    found = compare(before, after)
    confirm(before, after, found)
    assert (cause is None and not [one for one in found.differences if one.kind != "reasons"]) or (kind, cause) in {
        (one.kind, one.cause) for one in found.differences
    }


def test_action_that_becomes_known_is_told():
    export = {"id": "export", "effect": "allow", "match": {"action": "crm.export"}}
    found = compare(policy_set([YES], default="allow"), policy_set([YES, export], default="allow"))
    assert {one.kind for one in found.differences} == {"newly-allowed"}
    assert found.differences[0].request.action == "crm.export"


def test_condition_beyond_the_theory_is_undecided_and_not_guessed():
    when = 'resource.id.matches("^a") && resource.id.matches("^[^a]")'
    found = compare(policy_set([YES]), policy_set([YES, {"id": "never", "effect": "deny", "when": when}]))
    assert found.verdict == "undecided"
    assert found.undecided[0].why == "a condition is beyond what can be proven"
    assert found.differences == ()


def test_obligation_changed_is_told_where_the_effect_stays():
    limit = {"unit": "requests", "maximum": 5, "window_s": 60}
    rule = {"id": "few", "effect": "limit", "match": {"action": "tool.call"}, "obligations": [limit]}
    more = rule | {"obligations": [limit | {"maximum": 6}]}
    assert kinds(policy_set([YES, rule]), policy_set([YES, more])) == ("different", {"obligations"})


def test_exception_added_is_told_by_what_it_lets_through_while_it_lasts():
    waiver = {
        "id": "drill",
        "rules": ["shell"],
        "match": {"principal.id": "ann"},
        "reason": "A drill.",
        "expires": "2099-01-01T00:00:00Z",
    }
    found = compare(policy_set([YES, SHELL]), policy_set([YES, SHELL], exceptions=[waiver]))
    first = found.differences[0]
    assert (first.kind, first.cause, first.change) == ("newly-allowed", "shell", "rule changed: exceptions")
    assert first.request.principal.id == "ann"


def test_detectors_declared_anew_are_undecided():
    rule = {"id": "asks", "effect": "deny", "match": {"action": "tool.call"}, "when": 'detected("custom")'}
    own = {"id": "custom.a", "description": "An a.", "patterns": ["aaaaa"], "examples": ["aaaaa"]}
    before = policy_set([YES, rule], detectors=[own])
    after = policy_set([YES, rule], detectors=[own | {"patterns": ["aaaaab?"]}])
    found = compare(before, after)
    assert found.verdict == "undecided"
    assert [one.cause for one in found.undecided] == ["detectors and allowlists"]


def test_change_that_takes_more_searches_than_there_may_be_is_undecided(monkeypatch):
    monkeypatch.setattr("axonflow.policy.comparing.searching.MAX_SEARCHES", 1)
    found = compare(policy_set([YES, SHELL]), policy_set([YES, SHELL | {"match": {"resource.id": "x"}}]))
    assert found.verdict == "different"
    assert {one.why for one in found.undecided} == {"too many combinations to try"}


@pytest.mark.parametrize("condition", ["context.risk == 5.0", "context.risk > 4.5", "context.risk != 5.0"])
def test_attribute_declared_as_int_is_given_ints_where_doubles_are_asked_for(condition):
    grants = {"id": "grants", "effect": "allow", "match": {"action": "tool.call"}, "when": condition}
    before = policy_set([grants], attributes={"context.risk": "int"})
    found = compare(before, before | {"rules": [grants, {"id": "masks", "effect": "redact"}]})
    assert ("another-effect", "masks") in {(one.kind, one.cause) for one in found.differences}


def test_member_of_a_list_that_a_filter_lets_through_is_looked_at_where_the_condition_fails():
    denies = {"id": "denies", "effect": "deny", "match": {"context.risk": 1}, "when": "context.risk == 5.0"}
    before = policy_set([denies], default="allow")
    found = compare(before, before | {"attributes": {"context.risk": "double"}})
    assert {(one.kind, one.cause) for one in found.differences} == {("newly-denied", "denies")}
