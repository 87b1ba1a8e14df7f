"""The sentences on effects and errors of docs/reference/policies.md, on any sets and any request."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow, Effect
from axonflow.policy.deciding.redacting import unfulfilled
from tests.strategies import EFFECTS, KNOWN_ACTIONS, LIMIT, policy_set, policy_sets, requests, rules
from tests.unit.policy.deciding.verdict_model import STRONGEST_FIRST, expected, matches

ALLOWED = {Effect.ALLOW, Effect.REDACT, Effect.LIMIT}
ANY_REQUEST = requests((*KNOWN_ACTIONS, "custom.action"))
FAILS_CLOSED = ["deny", "require_approval", "redact", "limit"]
FAILS = ["1 / 0 == 1", "context.absent", "context.absent.further > 3", "principal.absent > 2", '"a" in resource.absent']


def all_rules(documents):
    return [rule for document in documents for rule in document["rules"]]


def with_rule(documents, which, rule):
    """`documents` with `rule` in one of them."""
    which %= len(documents)
    return [
        dict(document, rules=[*document["rules"], rule]) if number == which else document
        for number, document in enumerate(documents)
    ]


def verdict(documents, request):
    decision = AxonFlow.open(documents).decide(request)
    return decision.effect, set(decision.policies), set(unfulfilled(decision.obligations))


@given(policy_sets(), ANY_REQUEST)
@settings(max_examples=50)
def test_verdict_is_what_the_sentences_say(documents, request_):
    assert verdict(documents, request_) == expected(documents, request_)


@given(policy_sets(), ANY_REQUEST, st.integers(0, 2), st.none() | st.sampled_from(FAILS))
def test_matching_or_erring_deny_wins_over_everything(documents, request_, which, condition):
    rule = {"id": "added", "effect": "deny", "match": {}} | ({} if condition is None else {"when": condition})
    decision = AxonFlow.open(with_rule(documents, which, rule)).decide(request_)
    assert decision.effect is Effect.DENY
    assert "added" in decision.policies


@given(policy_sets(), ANY_REQUEST)
def test_permission_comes_only_from_an_allow_or_from_a_default(documents, request_):
    decision = AxonFlow.open(documents).decide(request_)
    granting = {rule["id"] for rule in all_rules(documents) if rule["effect"] == "allow"} & set(decision.policies)
    if decision.effect is not Effect.DENY:
        assert granting or any(document["default"] == "allow" for document in documents)


@given(policy_sets(), ANY_REQUEST)
def test_sets_without_an_allow_deny_whatever_else_matches(documents, request_):
    for document in documents:
        document["default"] = "deny" if document["default"] == "allow" else document["default"]
        document["rules"] = [rule for rule in document["rules"] if rule["effect"] != "allow"]
    assert AxonFlow.open(documents).decide(request_).effect is Effect.DENY


@given(policy_sets(), ANY_REQUEST)
def test_effect_names_the_strongest_of_what_matches(documents, request_):
    decision = AxonFlow.open(documents).decide(request_)
    asked = [rule["effect"] for rule in all_rules(documents) if rule["id"] in decision.policies]
    strengths = [STRONGEST_FIRST.index(effect) for effect in asked if effect in STRONGEST_FIRST]
    if decision.effect is not Effect.DENY:
        assert STRONGEST_FIRST.index(decision.effect) == min([*strengths, STRONGEST_FIRST.index("allow")])


@given(policy_sets(), ANY_REQUEST)
def test_obligations_of_all_matching_rules_accumulate(documents, request_):
    decision = AxonFlow.open(documents).decide(request_)
    owing = {
        rule["id"]
        for rule in all_rules(documents)
        if rule["effect"] in {"require_approval", "redact", "limit"} and matches(rule, request_)
    }
    assert {obligation.policy for obligation in decision.obligations} == owing
    assert len(decision.obligations) == len(owing)


@given(policy_sets(), ANY_REQUEST, st.integers(0, 2), st.sampled_from(["warn", "log"]))
def test_annotating_rule_changes_nothing_but_the_names_of_what_matched(documents, request_, which, effect):
    rule = {"id": "added", "effect": effect, "match": {}}
    before, ids, obligations = verdict(documents, request_)
    assert verdict(with_rule(documents, which, rule), request_) == (before, ids | {"added"}, obligations)


@given(policy_sets(), ANY_REQUEST)
def test_allowed_is_true_for_allow_redact_and_limit_only(documents, request_):
    decision = AxonFlow.open(documents).decide(request_)
    assert decision.allowed is (decision.effect in ALLOWED)


@given(policy_sets(), ANY_REQUEST, st.integers(0, 2), rules(FAILS_CLOSED), st.sampled_from(FAILS))
def test_restricting_rule_that_errs_is_a_rule_that_matches(documents, request_, which, rule, condition):
    rule = dict(rule, id="added")
    erring = with_rule(documents, which, dict(rule, when=condition))
    matching = with_rule(documents, which, dict(rule, when="true"))
    assert verdict(erring, request_) == verdict(matching, request_)


@given(policy_sets(), ANY_REQUEST, st.integers(0, 2), rules(["allow", "warn", "log"]), st.sampled_from(FAILS))
def test_other_rule_that_errs_is_a_rule_that_does_not_match(documents, request_, which, rule, condition):
    rule = dict(rule, id="added")
    erring = AxonFlow.open(with_rule(documents, which, dict(rule, when=condition))).decide(request_)
    assert "added" not in erring.policies
    sleeping = verdict(with_rule(documents, which, dict(rule, when="false")), request_)
    assert (erring.effect, set(erring.policies), set(unfulfilled(erring.obligations))) == sleeping
    tried = matches(dict(rule, when="true"), request_)
    assert ("added" in {error.policy for error in erring.errors}) is tried


@pytest.mark.parametrize("effect", [effect for effect in EFFECTS if effect != "allow"])
@given(documents=policy_sets(), request_=ANY_REQUEST, which=st.integers(0, 2), names_it=st.booleans())
@settings(max_examples=30)
def test_added_rule_that_is_no_allow_leaves_a_denial_a_denial(effect, documents, request_, which, names_it):
    rule = {"id": "added", "effect": effect, "match": {"action": request_.action} if names_it else {}}
    rule |= {"obligations": [LIMIT]} if effect == "limit" else {}
    if AxonFlow.open(documents).decide(request_).effect is Effect.DENY:
        assert AxonFlow.open(with_rule(documents, which, rule)).decide(request_).effect is Effect.DENY


@given(rules(FAILS_CLOSED), ANY_REQUEST, st.sampled_from(FAILS))
def test_allow_that_errs_never_grants_in_any_layer(rule, request_, condition):
    erring = {"id": "broken", "effect": "allow", "when": condition}
    for layer in ("system", "organization", "tenant"):
        documents = [policy_set([erring, dict(rule, id="other")], layer=layer, default="abstain")]
        assert AxonFlow.open(documents).decide(request_).effect is Effect.DENY
