"""Stored policies of the wire contract as rules of ours: what is accepted is enforced, what cannot be is refused."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow import AxonFlow, Effect, Request
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.errors import PolicyError
from axonflow.policy.api.policy import (
    ACTION_STRENGTH,
    MAX_PAGE,
    ApiPolicyQuery,
    Condition,
    ConditionAction,
    Conditions,
    tier_of,
)
from axonflow.policy.api.rules import document_alone, document_of, is_rule_of, may_override, policy_of_rule, strength_of
from tests.api_policies import api_policies, api_policy, conditions, override, pattern
from tests.strategies import policy_set, requests

ALLOW_ALL = policy_set([], "files", default="allow")
SCOPES = ("*", "@group", "default", "acme")
EXPIRES_US = 1_900_000_000_000_000


def flow(*policies, overrides=(), files=ALLOW_ALL):
    """As for a tenant of its own scope and the system's, which sync puts together."""
    made = [document_of(scope, policies, overrides, compile_pattern) for scope in SCOPES]
    return AxonFlow.open([files, *named_apart(made)])


def named_apart(documents):
    found = [document for document in documents if document]
    return [one | {"metadata": {"name": f"api-{number}"}} for number, one in enumerate(found)]


def request(content=None, **parts):
    usual = {"principal": "user:ann", "action": "llm.request", "resource": "model:m", "time": 1_800_000_000_000_000}
    return Request(**usual | {"content": content} | parts)


def effect(policy, asked, **parts):
    return flow(policy, **parts).decide(asked).effect


@pytest.mark.parametrize(
    ("action", "expected"),
    [("block", "deny"), ("require_approval", "require_approval"), ("redact", "redact"), ("warn", "allow"),
     ("log", "allow"), ("allow", "allow")],
)  # fmt: skip
def test_pattern_policy_does_its_action_where_the_pattern_is_found(action, expected):
    policy = api_policy(pattern(action=action))
    found = flow(policy).decide(request("it is secret-1234"))
    assert (found.effect, found.policies) == (expected, (f"api:{policy.id}",))
    assert flow(policy).decide(request("nothing here")).effect is Effect.ALLOW
    assert flow(policy).decide(request({"deep": ["secret-1234"]})).policies == (f"api:{policy.id}",)


def test_pattern_of_known_length_sees_through_disguises_and_redacts():
    policy = api_policy(pattern(action="redact"))
    found = flow(policy).decide(request("s\u200becret-1234, please"))
    assert found.redacted.endswith(", please")
    assert "1234" not in found.redacted


@pytest.mark.parametrize("text", [r"union\s+select", "^drop", "日本", "a*"])
def test_pattern_without_a_longest_match_is_found_in_texts_as_they_are(text):
    policy = api_policy(pattern(text))
    assert effect(policy, request("union \n select 日本")) is (Effect.ALLOW if text == "^drop" else Effect.DENY)
    assert effect(policy, request("drop it")) is (Effect.DENY if text in {"^drop", "a*"} else Effect.ALLOW)


def test_pattern_without_a_longest_match_cannot_be_redacted():
    with pytest.raises(PolicyError, match="cannot be redacted"):
        flow(api_policy(pattern(r"card\s+\d+", "redact")))


@pytest.mark.parametrize("text", ["[a", "(?=x)", r"(\w)\1", "a{5000}"])
def test_pattern_that_re2_does_not_take_is_refused(text):
    with pytest.raises(PolicyError, match="RE2"):
        flow(api_policy(pattern(text)))


def test_pattern_grants_nothing_whatever_its_action_is_called():
    policy = api_policy(pattern(action="allow"))
    assert effect(policy, request("secret-1234"), files=policy_set([], "files")) is Effect.DENY
    alone = AxonFlow.open(document_alone(policy, compile_pattern))
    assert alone.decide(request("hello")).effect is Effect.DENY


def test_policy_that_is_not_enabled_says_nothing():
    off = api_policy(enabled=False)
    assert document_of("default", [off], [override(off, "block")], compile_pattern) is None


def test_policies_of_each_scope_are_a_set_of_its_layer():
    policies = [api_policy(tenant_id=one) for one in ("acme", "*", "@group")]
    made = {scope: document_of(scope, policies, (), compile_pattern) for scope in ("*", "@group", "acme")}
    assert [(document["layer"], len(document["rules"])) for document in made.values()] == [
        ("system", 1), ("organization", 1), ("tenant", 1),
    ]  # fmt: skip
    assert [tier_of(scope) for scope in made] == ["system", "organization", "tenant"]
    assert not AxonFlow.open([ALLOW_ALL, *named_apart(made.values())]).decide(request("secret-1234")).allowed


def test_rule_is_told_from_those_of_other_policies():
    policy = api_policy()
    assert is_rule_of(f"api:{policy.id}", policy.id)
    assert is_rule_of(f"api:{policy.id}:block", policy.id)
    assert not is_rule_of(f"api:{policy.id}0", policy.id)


# -- actions of conditions


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("block", "deny"), ("require_approval", "require_approval"), ("alert", "allow"), ("warn", "allow"),
        ("log", "allow"), ("allow", "allow"),
    ],
)  # fmt: skip
def test_condition_policy_does_its_action_where_the_condition_holds(action, expected):
    policy = api_policy(conditions(actions=[action]))
    found = flow(policy).decide(request(context={"risk": 81}))
    assert (found.effect, found.policies) == (expected, (f"api:{policy.id}:{action}",))
    assert effect(policy, request(context={"risk": 80})) is Effect.ALLOW


def test_condition_policy_does_all_its_actions_and_says_their_messages():
    actions = [
        ConditionAction("redact", {"detectors": ["pii.email"], "style": "partial", "message": "No addresses."}),
        ConditionAction("require_approval", {"approvers": ["ops"], "reason": "Ask first."}),
    ]
    policy = api_policy(conditions(actions=actions), description="Risky.")
    decision = flow(policy).decide(request("ann@example.com", context={"risk": 99}))
    assert decision.effect is Effect.REQUIRE_APPROVAL
    assert decision.reasons == ("Ask first.", "No addresses.")
    assert decision.obligations[0].approvers == ("ops",)
    assert decision.obligations[1].detectors == ("pii.email",)
    silent = flow(api_policy(conditions(), description="Risky.")).decide(request(context={"risk": 99}))
    assert silent.reasons == ("Risky.",)
    assert flow(api_policy(conditions())).decide(request(context={"risk": 99})).reasons == ("A policy",)


@pytest.mark.parametrize(
    ("action", "message"),
    [("route", "cannot be enforced"), ("modify_risk", "cannot be enforced"), ("explode", "no such action")],
)
def test_action_that_the_engine_cannot_do_is_refused(action, message):
    with pytest.raises(PolicyError, match=message) as caught:
        flow(api_policy(conditions(actions=[action])))
    assert caught.value.at == "$.actions[0].type"
    assert "block" in caught.value.expected


def test_config_that_nothing_is_done_with_is_refused():
    for action, name in (("block", "url"), ("redact", "url"), ("require_approval", "style"), ("alert", "channel")):
        with pytest.raises(PolicyError, match="nothing is done"):
            flow(api_policy(conditions(actions=[ConditionAction(action, {name: "x"})])))


def test_config_that_does_not_load_is_refused():
    for config in ({"detectors": ["nonsense"]}, {"detectors": "pii"}, {"detectors": ["pii"], "style": "loud"}):
        with pytest.raises(PolicyError):
            flow(api_policy(conditions(actions=[ConditionAction("redact", config)])))


def test_action_that_is_there_twice_is_refused():
    with pytest.raises(PolicyError, match="twice"):
        flow(api_policy(conditions(actions=["log", "log"])))


def test_message_that_is_no_text_is_shown_as_text():
    policy = api_policy(conditions(actions=[ConditionAction("block", {"message": 7})]))
    assert flow(policy).decide(request(context={"risk": 99})).reasons == ("7",)


# -- overrides


def test_override_changes_the_effect_until_it_expires():
    policy = api_policy()
    loosened = flow(policy, overrides=[override(policy, "warn", expires_us=EXPIRES_US)])
    before, after = EXPIRES_US - 1, EXPIRES_US
    assert loosened.decide(request("secret-1234", time=before)).policies == (f"api:{policy.id}:override",)
    assert loosened.decide(request("secret-1234", time=before)).effect is Effect.ALLOW
    assert loosened.decide(request("secret-1234", time=after)).effect is Effect.DENY
    assert loosened.decide(request("hello", time=before)).policies == ()


def test_override_redacts_what_a_pattern_found():
    policy = api_policy()
    decision = flow(policy, overrides=[override(policy, "redact")]).decide(request("secret-1234"))
    assert (decision.effect, "1234" in decision.redacted) == (Effect.REDACT, False)


def test_override_disables_all_actions_of_a_condition_policy():
    policy = api_policy(conditions(actions=["block", "log"]))
    decision = flow(policy, overrides=[override(policy, "disable")]).decide(request(context={"risk": 99}))
    assert (decision.effect, decision.policies) == (Effect.ALLOW, ())
    redacted = flow(policy, overrides=[override(policy, "redact")]).decide(request("a@b.example", context={"risk": 99}))
    assert (redacted.effect, redacted.redacted) == (Effect.REDACT, "[REDACTED:pii.email]")


def test_override_that_was_revoked_or_does_not_fit_any_more_leaves_the_policy_as_it_is():
    policy = api_policy(pattern(r"secret-\d+"))
    assert effect(policy, request("secret-1"), overrides=[override(policy, revoked_us=7)]) is Effect.DENY
    assert effect(policy, request("secret-1"), overrides=[override(policy, "redact")]) is Effect.DENY


@pytest.mark.parametrize("action", sorted(ACTION_STRENGTH))
def test_override_of_a_layer_above_may_only_be_stricter(action):
    above = api_policy(pattern(action="redact"), tenant_id="*")
    stricter = ACTION_STRENGTH[action] >= ACTION_STRENGTH["redact"]
    changed = override(above, action, tenant_id="acme", expires_us=EXPIRES_US)
    assert may_override(above, changed) is stricter
    assert may_override(replace(above, tenant_id="acme"), changed)
    opened = flow(above, overrides=[changed])
    expected = {"block": "deny", "require_approval": "require_approval"}.get(action, "redact")
    assert opened.decide(request("secret-1234")).effect == expected
    assert opened.decide(request("secret-1234", time=EXPIRES_US)).effect is Effect.REDACT
    assert (document_of("acme", [above], [changed], compile_pattern) is not None) is stricter


def test_override_of_a_layer_above_that_does_not_fit_any_more_leaves_it_as_it_is():
    above = api_policy(pattern(r"secret-\d+", "warn"), tenant_id="*")
    changed = override(above, "redact", tenant_id="acme")
    assert document_of("acme", [above], [changed], compile_pattern) is None


def test_strength_of_conditions_is_that_of_their_strictest_action():
    assert strength_of(api_policy(conditions(actions=["alert", "log"]))) == ACTION_STRENGTH["warn"]
    assert strength_of(api_policy(conditions(actions=["log", "block"]))) == ACTION_STRENGTH["block"]


# -- properties


def accepted(policy):
    """The flow that enforces `policy`, or None when it is refused; nothing else may come of it."""
    try:
        document = document_alone(policy, compile_pattern, "allow")
        return AxonFlow.open(document)
    except PolicyError:
        return None


@settings(max_examples=75)
@given(policy=api_policies(), asked=requests())
def test_any_policy_is_either_refused_or_decides_every_request(policy, asked):
    opened = accepted(policy)
    if opened is not None:
        decision = opened.decide(asked)
        assert all(is_rule_of(rule, policy.id) for rule in decision.policies)


@settings(max_examples=60)
@given(text=st.sampled_from(["a+b", "x{2,5}", "(?i)drop", "[0-9]{3}-[0-9]{2}", "é", "."]), content=st.text(max_size=20))
@example(text="a+b", content="xaab")
@example(text="(?i)drop", content="DROP")
def test_any_text_that_a_blocking_pattern_matches_is_denied(text, content):
    if compile_pattern(text).search(content):
        assert accepted(api_policy(pattern(text))).decide(request(content)).effect is Effect.DENY


@settings(max_examples=60)
@given(policy=api_policies(), asked=requests(), action=st.sampled_from(sorted(ACTION_STRENGTH)))
def test_any_override_of_a_layer_above_never_loosens_what_that_denies(policy, asked, action):
    opened = accepted(policy)
    if opened is None or policy.tenant_id == "default":
        return
    changed = override(policy, action, tenant_id="default")
    if opened.decide(asked).effect is Effect.DENY:
        assert flow(policy, overrides=[changed]).decide(asked).effect is Effect.DENY


# -- queries


@pytest.mark.parametrize(
    "parts", [{"limit": 0}, {"limit": MAX_PAGE + 1}, {"offset": -1}, {"sort_by": "definition"}], ids=str
)
def test_query_that_is_out_of_range_is_refused(parts):
    with pytest.raises(PolicyError) as caught:
        ApiPolicyQuery(tenant_id="t", kind="static", **parts)
    assert caught.value.at == next(iter(parts))


def test_query_that_says_nothing_asks_for_the_newest_of_a_kind():
    asked = ApiPolicyQuery(tenant_id="t", kind=api_policy(conditions()).kind)
    assert (asked.kind, asked.sort_by, asked.descending, asked.limit) == ("dynamic", "created_at", True, 100)


def test_condition_policy_of_several_conditions_needs_all_of_them():
    both = Conditions(
        (Condition("context.risk", "greater_than", 80), Condition("query", "contains", "Wire")),
        (ConditionAction("block"),),
    )
    assert effect(api_policy(both), request("a WIRE transfer", context={"risk": 99})) is Effect.DENY
    assert effect(api_policy(both), request("a wire transfer", context={"risk": 9})) is Effect.ALLOW
    assert effect(api_policy(both), request("a letter", context={"risk": 99})) is Effect.ALLOW


@pytest.mark.parametrize(
    ("rule_id", "policy_id"),
    [("api:p1", "p1"), ("api:p1:override", "p1"), ("api:p1:redact", "p1"), ("no-shell", None), ("", None)],
)
def test_policy_of_a_rule_is_told_by_its_name(rule_id, policy_id):
    assert policy_of_rule(rule_id) == policy_id
