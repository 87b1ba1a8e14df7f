"""The sentences on layers, exceptions and shadow sets of docs/reference/policies.md, on any sets and any request."""

import copy
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from axonflow import AxonFlow, Effect, PolicyError, Request
from tests.strategies import KNOWN_ACTIONS, MATCHES, policy_set, policy_sets, requests
from tests.unit.policy.deciding.verdict_model import STRONGEST_FIRST, matches

ANY_REQUEST = requests((*KNOWN_ACTIONS, "custom.action"))
LAYERS = ("system", "organization", "tenant")
DEFAULTS = ("deny", "allow", "abstain")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VERDICT = ("effect", "allowed", "reasons", "obligations", "policies", "redacted")


def verdict(documents, request):
    decision = AxonFlow.open(documents).decide(request)
    return {name: getattr(decision, name) for name in VERDICT}


def excepting(documents, exception, layer):
    """`documents` and one more set of `layer`, of its default, that has nothing but `exception`."""
    default = next((document["default"] for document in documents if document["layer"] == layer), "abstain")
    return [*documents, policy_set([], name="drill", layer=layer, default=default, exceptions=[exception])]


def without(documents, ids):
    return [
        dict(document, rules=[rule for rule in document["rules"] if rule["id"] not in ids]) for document in documents
    ]


def exception_for(ids, expires_us=2**52, **parts):
    expires = (EPOCH + timedelta(microseconds=expires_us)).isoformat()
    return {"id": "drill", "rules": sorted(ids), "reason": "A drill.", "expires": expires, **parts}


def strength(decision):
    return STRONGEST_FIRST.index(decision.effect)


@given(policy_sets(), requests())
def test_layers_together_are_as_strict_as_the_strictest_that_does_not_abstain(documents, request_):
    together = AxonFlow.open(documents).decide(request_)
    for document in documents:
        by_itself = AxonFlow.open(document).decide(request_)
        silent = document["default"] == "abstain" and not any(
            matches(rule, request_) for rule in document["rules"] if rule["effect"] in {"allow", "deny"}
        )
        if not silent:
            assert strength(together) <= strength(by_itself)


@given(policy_sets(), requests())
def test_verdict_is_deny_when_every_layer_abstains(documents, request_):
    for document in documents:
        document["default"] = "abstain"
        document["rules"] = [rule for rule in document["rules"] if rule["effect"] != "allow"]
    assert AxonFlow.open(documents).decide(request_).effect is Effect.DENY


@given(st.sampled_from(LAYERS), st.sampled_from(DEFAULTS), requests())
def test_layer_without_a_matching_rule_takes_its_default(layer, default, request_):
    effect = AxonFlow.open(policy_set([], layer=layer, default=default)).decide(request_).effect
    assert effect == ("allow" if default == "allow" else "deny")


@given(policy_sets(), requests(), st.randoms())
def test_sets_of_one_layer_are_united_as_if_they_were_one(documents, request_, chance):
    parts = []
    for document in documents:
        names = [f"{document['metadata']['name']}-{number}" for number in range(3)]
        split = {name: dict(document, metadata={"name": name}, rules=[]) for name in names}
        for rule in document["rules"]:
            split[chance.choice(names)]["rules"].append(rule)
        parts.extend(split.values())
    assert verdict(parts, request_) == verdict(documents, request_)


@given(st.sampled_from(LAYERS), st.permutations(DEFAULTS))
def test_sets_of_one_layer_with_differing_defaults_are_refused(layer, defaults):
    documents = [policy_set([], name=f"s{n}", layer=layer, default=defaults[n]) for n in range(2)]
    with pytest.raises(PolicyError, match="differ in their default"):
        AxonFlow.open(documents)


@given(policy_sets(), ANY_REQUEST, MATCHES, st.data())
def test_exception_in_force_takes_away_the_rules_it_names_and_nothing_else(documents, request_, match, data):
    assume(request_.action in KNOWN_ACTIONS)
    ids = [rule["id"] for document in documents for rule in document["rules"]]
    assume(ids)
    named = data.draw(st.sets(st.sampled_from(ids), min_size=1))
    exception = exception_for(named, match=match)
    after = verdict(excepting(documents, exception, "system"), request_)
    holds = matches({"id": "x", "effect": "warn", "match": match}, request_)
    assert after == verdict(without(documents, named) if holds else documents, request_)


@given(policy_sets(), requests(), st.integers(0, 2**51), st.integers(-1, 1), st.data())
def test_exception_loosens_before_its_expiry_and_not_from_then_on(documents, request_, expires_us, offset, data):
    ids = [rule["id"] for document in documents for rule in document["rules"]]
    assume(ids)
    named = {data.draw(st.sampled_from(ids))}
    time_us = max(0, expires_us + offset)
    request_ = Request(
        request_.principal, request_.action, request_.resource, request_.context, request_.content, time_us
    )
    after = verdict(excepting(documents, exception_for(named, expires_us), "system"), request_)
    assert after == verdict(without(documents, named) if time_us < expires_us else documents, request_)


@given(policy_sets(), st.sampled_from(LAYERS), st.data())
def test_exception_below_the_layer_of_its_rule_is_refused(documents, layer, data):
    owners = {rule["id"]: document["layer"] for document in documents for rule in document["rules"]}
    assume(owners)
    rule = data.draw(st.sampled_from(sorted(owners)))
    excepted = excepting(documents, exception_for({rule}), layer)
    if LAYERS.index(layer) <= LAYERS.index(owners[rule]):
        AxonFlow.open(excepted)
    else:
        with pytest.raises(PolicyError, match="cannot loosen a layer above its own"):
            AxonFlow.open(excepted)


@given(policy_sets(), requests(), st.sampled_from(["1 / 0 == 1", "context.absent == 1", "principal.absent"]), st.data())
def test_exception_whose_condition_errs_loosens_nothing(documents, request_, condition, data):
    ids = [rule["id"] for document in documents for rule in document["rules"]]
    assume(ids)
    exception = exception_for({data.draw(st.sampled_from(ids))}, when=condition)
    assert verdict(excepting(documents, exception, "system"), request_) == verdict(documents, request_)


@given(policy_sets(), policy_sets(), ANY_REQUEST)
def test_any_shadow_sets_change_nothing_and_say_what_they_would_alone(documents, others, request_):
    shadows = copy.deepcopy(others)
    for number, document in enumerate(shadows):
        document |= {"shadow": True, "metadata": {"name": f"shadow-{number}"}}
    shadowed = AxonFlow.open([*documents, *shadows]).decide(request_)
    assert {name: getattr(shadowed, name) for name in VERDICT} == verdict(documents, request_)
    alone = AxonFlow.open(others).decide(request_)
    assert (shadowed.shadow.effect, shadowed.shadow.policies) == (alone.effect, alone.policies)


@given(policy_sets(), requests(), st.data())
def test_exception_in_a_shadow_set_loosens_nothing_that_is_enforced(documents, request_, data):
    ids = [rule["id"] for document in documents for rule in document["rules"]]
    assume(ids)
    named = {data.draw(st.sampled_from(ids))}
    shadows = [
        dict(document, shadow=True, metadata={"name": f"shadow-{number}"})
        for number, document in enumerate(excepting(documents, exception_for(named), "system"))
    ]
    assert verdict([*documents, *shadows], request_) == verdict(documents, request_)
