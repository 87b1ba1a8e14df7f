"""What holds for every request and every set of policies. The sentences are those of docs/reference/policies.md."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow, Effect
from tests.strategies import EFFECTS, policy_set, policy_sets, requests, rules

ORDER = [Effect(effect) for effect in EFFECTS[:5]]
ALLOWED = {Effect.ALLOW, Effect.REDACT, Effect.LIMIT}
PURE = ("effect", "allowed", "reasons", "obligations", "policies", "redacted", "errors")


def verdict(flow, request):
    decision = flow.decide(request)
    return {name: getattr(decision, name) for name in PURE}


@given(requests())
def test_no_policies_loaded_never_allows(request_):
    decision = AxonFlow.open().decide(request_)
    assert decision.effect is Effect.DENY
    assert not decision.allowed
    assert "No policy is loaded" in decision.reasons[0] or "Unknown action" in decision.reasons[0]


@given(policy_sets(), requests(), st.randoms())
@settings(max_examples=50)
def test_order_of_rules_and_sets_never_changes_a_verdict(documents, request_, shuffle: random.Random):
    before = verdict(AxonFlow.open(documents), request_)
    shuffle.shuffle(documents)
    for document in documents:
        shuffle.shuffle(document["rules"])
    assert verdict(AxonFlow.open(documents), request_) == before


@given(policy_sets(), requests(), rules([effect for effect in EFFECTS if effect != "allow"]), st.integers(0, 2))
@settings(max_examples=50)
def test_adding_a_rule_that_is_no_allow_never_turns_a_denial_into_anything_else(documents, request_, rule, which):
    before = AxonFlow.open(documents).decide(request_)
    documents[which % len(documents)]["rules"].append(dict(rule, id="added"))
    after = AxonFlow.open(documents).decide(request_)
    if before.effect is Effect.DENY:
        assert after.effect is Effect.DENY
    assert ORDER.index(after.effect) <= ORDER.index(before.effect) or before.effect is Effect.DENY


@given(policy_sets(), requests())
@settings(max_examples=50)
def test_decision_parts_agree_with_each_other(documents, request_):
    flow = AxonFlow.open(documents)
    decision = flow.decide(request_)
    assert decision.allowed == (decision.effect in ALLOWED)
    assert decision.effect in ORDER
    assert decision.reasons
    assert len(set(decision.policies)) == len(decision.policies)
    assert {obligation.policy for obligation in decision.obligations} <= set(decision.policies)
    assert decision.policy_digest == flow.policy_digest
    if decision.effect is Effect.DENY:
        assert decision.redacted is None


@given(policy_sets(), requests())
@settings(max_examples=50)
def test_strictest_layer_wins(documents, request_):
    """Permission of all layers together is never more than of each one that does not abstain."""
    together = AxonFlow.open(documents).decide(request_)
    for document in documents:
        alone = AxonFlow.open(document).decide(request_)
        if document["default"] != "abstain" and alone.effect is Effect.DENY:
            assert together.effect is Effect.DENY


@given(st.sampled_from(["deny", "require_approval", "redact", "limit"]), requests())
def test_rule_whose_condition_fails_counts_as_match(effect, request_):
    rule = {"id": "broken", "effect": effect, "when": "context.absent.further > 3"}
    if effect == "limit":
        rule["obligations"] = [{"unit": "requests", "maximum": 1, "window_s": 1}]
    decision = AxonFlow.open(policy_set([rule], default="allow")).decide(request_)
    assert decision.effect.value == effect
    assert decision.policies == ("broken",)
    assert decision.errors[0].policy == "broken"
    assert "context.absent is missing" in decision.errors[0].message


@given(
    st.sampled_from(
        ["1 / 0 == 1", "context.absent", "context.absent == 1", "principal.absent > 2", '"a" in resource.absent']
    ),
    requests(),
)
def test_allow_rule_whose_condition_fails_does_not_allow(condition, request_):
    decision = AxonFlow.open(policy_set([{"id": "broken", "effect": "allow", "when": condition}])).decide(request_)
    assert decision.effect is Effect.DENY
    assert decision.policies == ()
    assert decision.errors[0].policy == "broken"


@given(policy_sets(), requests())
@settings(max_examples=50)
def test_shadow_sets_are_reported_and_change_nothing(documents, request_):
    plain = AxonFlow.open(documents)
    shadows = [dict(document, shadow=True, metadata={"name": f"shadow-{n}"}) for n, document in enumerate(documents)]
    shadowed = AxonFlow.open([*documents, *shadows])
    assert verdict(shadowed, request_) == verdict(plain, request_)
    decision = shadowed.decide(request_)
    assert (decision.shadow.effect, decision.shadow.policies) == (decision.effect, decision.policies) or decision.errors


@given(policy_sets(), requests())
@settings(max_examples=50)
def test_index_never_changes_which_rules_match(documents, request_):
    """Each rule alone, behind a condition that keeps it out of every index, says the same as inside the set."""
    expected = set()
    for document in documents:
        for rule in document["rules"]:
            unindexed = dict(rule, match={})
            conditions = [_as_condition(path, value) for path, value in rule["match"].items()]
            unindexed["when"] = " && ".join([*conditions, f"({rule.get('when') or 'true'})"])
            decision = AxonFlow.open(policy_set([unindexed], default="allow")).decide(request_)
            expected |= set(decision.policies)
    assert set(AxonFlow.open(documents).decide(request_).policies) == expected


def _as_condition(path, value):
    values = value if isinstance(value, list) else [value]
    literals = ", ".join(repr(item).lower() if isinstance(item, bool) else repr(item) for item in values)
    if path == "principal.roles":
        return f"principal.roles.exists(r, r in [{literals}])"
    if path in {"context.env", "principal.level"}:
        return f"(has({path}) && {path} in [{literals}])"
    return f"dyn({path}) in [{literals}]"
