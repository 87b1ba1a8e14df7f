"""The engine's semantics, one sentence a test, on policies small enough to read."""

from types import SimpleNamespace

import pytest

from axonflow import AxonFlow, Effect, PolicyError, Request, RequestError
from axonflow.policy import Approval, Limit, Redact, Replaced
from tests.strategies import policy_set

NOON = 1_800_000_000_000_000  # 2027-01-15T08:00:00Z, microseconds


def request(**changes):
    parts = {
        "principal": {"id": "ann", "roles": ["analyst"]},
        "action": "tool.call",
        "resource": "tool:shell",
        "context": {"env": "prod", "risk": 95},
        "time": NOON,
    }
    return Request(**(parts | changes))


def decide(rules, req=None, **parts):
    return AxonFlow.open(policy_set(rules, **parts)).decide(req or request())


ALLOW = {"id": "yes", "effect": "allow"}
DENY = {"id": "no", "effect": "deny"}


def test_rule_about_nobody_never_matches():
    nobody = {"id": "nobody", "effect": "deny", "when": "principal.id in []"}
    assert decide([ALLOW, nobody]).policies == ("yes",)


def test_deny_beats_allow():
    decision = decide([ALLOW, DENY])
    assert (decision.effect, decision.allowed, decision.policies) == (Effect.DENY, False, ("no", "yes"))


@pytest.mark.parametrize("effect", ["redact", "limit", "require_approval", "warn", "log"])
def test_nothing_but_allow_grants(effect):
    rule = {"id": "r", "effect": effect}
    if effect == "limit":
        rule["obligations"] = [{"unit": "tokens", "maximum": 1, "window_s": 1}]
    assert decide([rule]).effect is Effect.DENY
    assert decide([rule, ALLOW]).effect.value == ("allow" if effect in {"warn", "log"} else effect)


def test_obligations_of_all_matching_rules_accumulate():
    rules = [
        ALLOW,
        {"id": "a", "effect": "require_approval", "obligations": [{"approvers": ["lead"]}]},
        {"id": "b", "effect": "redact", "obligations": [{"detectors": ["pii.email"]}]},
        {
            "id": "c",
            "effect": "limit",
            "obligations": [{"unit": "requests", "maximum": 3, "window_s": 60, "key": ["principal.id"]}],
        },
    ]
    decision = decide(rules, request(content="ann@example.com"))
    assert decision.effect is Effect.REQUIRE_APPROVAL
    assert not decision.allowed
    assert decision.obligations == (
        Approval("a", ("lead",)),
        Redact("b", ("pii.email",), fulfilled_by="axonflow", done=(Replaced("pii.email", "mask", 1),)),
        Limit("c", "requests", 3, 60, ("principal.id",)),
    )
    assert decision.redacted == "[REDACTED:pii.email]"  # what goes on once somebody has agreed


def test_redact_keeps_the_shape_of_the_content():
    content = {"to": ["ann@example.com", 3], "note": None}
    decision = decide([ALLOW, {"id": "r", "effect": "redact"}], request(content=content))
    assert decision.redacted == {"to": ["[REDACTED:pii.email]", 3], "note": None}
    assert content["to"][0] == "ann@example.com"


def test_redact_that_cannot_keep_the_shape_denies():
    decision = decide([ALLOW, {"id": "r", "effect": "redact"}], request(content={"ann@example.com": 1}))
    assert (decision.effect, decision.redacted) == (Effect.DENY, None)
    assert decision.errors[0].policy == "redaction"
    assert "could not be redacted" in decision.reasons[0]


def test_match_with_absent_attribute_is_no_match():
    rule = DENY | {"match": {"context.tier": "gold"}}
    assert decide([ALLOW, rule]).effect is Effect.ALLOW


def test_when_with_absent_attribute_counts_as_match_for_deny():
    rule = DENY | {"when": 'context.tier == "gold"'}
    decision = decide([ALLOW, rule])
    assert decision.effect is Effect.DENY
    assert decision.errors[0].message == "context.tier is missing"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('context.tier == "gold" && context.env == "dev"', False),  # error && false
        ('context.env == "dev" && context.tier == "gold"', False),
        ('context.tier == "gold" || context.env == "prod"', True),  # error || true
        ('context.env == "prod" || context.tier == "gold"', True),
        ('!(context.tier == "gold") && false', False),
    ],
)
def test_logic_absorbs_errors_that_do_not_matter(condition, holds):
    decision = decide([ALLOW, DENY | {"when": condition}])
    assert (decision.effect is Effect.DENY) == holds
    assert decision.errors == ()


@pytest.mark.parametrize(
    ("key", "value", "matches"),
    [
        ("principal.roles", "analyst", True),
        ("principal.roles", ["admin", "analyst"], True),
        ("principal.roles", "admin", False),
        ("principal.groups", ["x", "y"], False),
        ("resource.id", ["shell", "sql"], True),
        ("resource.type", "tool", True),
        ("principal.type", "agent", False),
        ("principal.tenant", "default", True),
        ("context.env", ["prod", "staging"], True),
        ("context.risk", 95, True),
        ("context.risk", 95.0, True),
        ("context.risk", [1, 95], True),
        ("context.flag", True, True),
        ("context.flag", 1, False),
        ("context.one", True, False),
        ("context.tags", "b", True),
        ("context.deep.er", "x", True),
        ("context.deep.est", "x", False),
        ("context.env.er", "x", False),
        ("principal.level", 3, True),
        ("principal.attributes.level", 3, True),
        ("resource.owner", "bob", True),
        ("principal.on_behalf_of.id", "cleo", True),
        ("principal.on_behalf_of.level", 3, False),
        ("context.deep", "x", False),
    ],
)
def test_match_key_reaches_what_it_names(key, value, matches):
    asked = request(
        principal={"id": "ann", "roles": ["analyst"], "attributes": {"level": 3}, "on_behalf_of": "user:cleo"},
        resource={"type": "tool", "id": "shell", "attributes": {"owner": "bob"}},
        context={"env": "prod", "risk": 95, "flag": True, "one": 1, "tags": ["a", "b"], "deep": {"er": "x"}},
    )
    assert (decide([ALLOW, DENY | {"match": {key: value}}], asked).effect is Effect.DENY) == matches


def test_every_key_of_match_must_hold():
    rule = DENY | {"match": {"action": "tool.call", "resource.id": "shell", "context.env": "dev"}}
    assert decide([ALLOW, rule]).effect is Effect.ALLOW


def test_requires_denies_a_request_without_what_it_must_carry():
    decision = decide([ALLOW], requires={"tool.call": ["context.ticket", "content"]})
    assert decision.effect is Effect.DENY
    assert "context.ticket" in decision.reasons[0]
    assert decision.policies == ("yes",)
    carried = request(context={"ticket": "X-1"}, content="c")
    assert decide([ALLOW], carried, requires={"tool.call": ["context.ticket", "content"]}).allowed


def test_unknown_action_is_denied_even_where_the_default_is_allow():
    decision = decide([], request(action="tool.cal"), default="allow")
    assert decision.effect is Effect.DENY
    assert "Did you mean tool.call?" in decision.reasons[0]
    assert "Known are" in decide([], request(action="zzz"), default="allow").reasons[0]


def test_action_that_a_policy_names_is_known():
    rule = ALLOW | {"match": {"action": "deploy.approve"}}
    assert decide([rule], request(action="deploy.approve")).allowed


def test_default_decides_where_no_rule_matches():
    assert decide([], default="allow").effect is Effect.ALLOW
    assert decide([], default="deny").effect is Effect.DENY
    abstained = decide([], default="abstain")
    assert abstained.effect is Effect.DENY
    assert "abstain" in abstained.reasons[0]


def test_layer_that_abstains_leaves_it_to_the_others():
    sets = [policy_set([], "a", "system", "abstain"), policy_set([ALLOW], "b", "tenant", "deny")]
    assert AxonFlow.open(sets).decide(request()).allowed
    sets[0]["default"] = "deny"
    refused = AxonFlow.open(sets).decide(request())
    assert not refused.allowed
    assert "system layer" in refused.reasons[0]


def test_set_that_inherits_leaves_the_default_to_the_other_sets_of_its_layer():
    more = policy_set([DENY | {"match": {"resource.id": "shell"}}], "more", "tenant", "inherit")
    for default, effect in (("allow", Effect.ALLOW), ("deny", Effect.DENY)):
        sets = [more, policy_set([], "b", "tenant", default)]
        assert AxonFlow.open(sets).decide(request(resource="tool:other")).effect is effect
    alone = AxonFlow.open([more]).decide(request(resource="tool:other"))
    assert (alone.effect, "abstain" in alone.reasons[0]) == (Effect.DENY, True)


def test_obligation_of_one_layer_binds_what_another_allows():
    sets = [
        policy_set([{"id": "hold", "effect": "require_approval"}], "a", "system", "abstain"),
        policy_set([ALLOW], "b", "tenant"),
    ]
    assert AxonFlow.open(sets).decide(request()).effect is Effect.REQUIRE_APPROVAL


def exception(**changes):
    return {"id": "x", "rules": ["no"], "reason": "Migration night.", "expires": "2027-01-16T00:00:00Z"} | changes


def test_exception_suspends_the_rules_it_names_until_it_expires():
    assert decide([ALLOW, DENY], exceptions=[exception()]).allowed
    assert not decide([ALLOW, DENY], exceptions=[exception(expires="2027-01-15T08:00:00Z")]).allowed
    assert decide([ALLOW, DENY], exceptions=[exception(expires="2027-01-15T08:00:00.000001Z")]).allowed


def test_exception_applies_only_where_it_holds():
    assert not decide([ALLOW, DENY], exceptions=[exception(match={"principal.id": "bob"})]).allowed
    assert not decide([ALLOW, DENY], exceptions=[exception(match={"action": "llm.request"})]).allowed
    assert not decide([ALLOW, DENY], exceptions=[exception(when="context.absent == 1")]).allowed
    assert decide(
        [ALLOW, DENY], exceptions=[exception(match={"action": "tool.call"}, when="context.risk > 90")]
    ).allowed


def test_shadow_set_is_evaluated_and_not_enforced():
    sets = [policy_set([ALLOW], "live"), policy_set([ALLOW, DENY], "next", shadow=True)]
    decision = AxonFlow.open(sets).decide(request())
    assert decision.allowed
    assert (decision.shadow.effect, decision.shadow.policies) == (Effect.DENY, ("no", "yes"))


def test_decision_ids_are_unique_and_ordered():
    flow = AxonFlow.open(policy_set([ALLOW]))
    ids = [flow.decide(request()).decision_id for _ in range(2_000)]
    assert len(set(ids)) == 2_000
    assert ids == sorted(ids)
    assert all(len(one) == 36 and one[14] == "7" for one in ids)


def test_decide_on_anything_else_is_refused():
    with pytest.raises(RequestError, match="expected a Request, found dict"):
        AxonFlow.open(policy_set([ALLOW])).decide({"principal": "user:ann"})


def test_policy_digest_depends_on_content_not_on_order():
    one, two = policy_set([ALLOW, DENY], "a"), policy_set([], "b")
    digest = AxonFlow.open([one, two]).policy_digest
    assert digest == AxonFlow.open([two, one]).policy_digest
    assert digest.startswith("sha256:")
    assert digest != AxonFlow.open([one]).policy_digest


def test_time_of_the_request_decides_what_time_conditions_see():
    rule = DENY | {"when": 'time.getHours("+01:00") == 9'}
    assert decide([ALLOW, rule]).effect is Effect.DENY
    assert decide([ALLOW, rule], request(time=NOON + 3_600_000_000)).effect is Effect.ALLOW


def test_loops_over_huge_content_end_in_an_error_and_fail_closed():
    items = list(range(40_000))
    nested = "context.items.all(a, context.items.all(b, a >= 0 && b >= 0))"
    decision = decide([ALLOW, DENY | {"when": f"!({nested})"}], request(context={"items": items}))
    assert decision.effect is Effect.DENY
    assert "loop steps" in decision.errors[0].message


def test_condition_on_a_value_that_is_no_bool_fails_closed():
    decision = decide([ALLOW, DENY | {"when": "context.env"}])
    assert decision.effect is Effect.DENY
    assert decision.errors[0].message == "expected bool, found string"


def test_condition_that_fails_in_an_unforeseen_way_fails_closed_and_says_how():
    flow = AxonFlow.open(policy_set([ALLOW, DENY | {"when": "context.risk > 100"}]))
    rule = next(rule for rule in flow.policies.rules if rule.id == "no")

    def broken(request_, evaluation):
        raise MemoryError

    rule.test, rule.quick, rule.condition = broken, broken, SimpleNamespace(careful=broken)
    decision = flow.decide(request())
    assert decision.effect is Effect.DENY
    assert decision.errors[0].message == "the condition could not be evaluated (MemoryError)"


def test_redaction_that_fails_in_an_unforeseen_way_denies(monkeypatch):
    def broken(self, detector_ids, replacing):
        raise ZeroDivisionError

    monkeypatch.setattr("axonflow.policy.deciding.evaluation.Evaluation.redact", broken)
    decision = decide([ALLOW, {"id": "r", "effect": "redact"}], request(content="x"))
    assert decision.effect is Effect.DENY
    assert decision.errors[0].message == "ZeroDivisionError"


def test_condition_on_findings_sees_where_they_are():
    rule = DENY | {"when": "findings.exists(f, f.detector == 'pii.email' && f.path == '$.to')"}
    assert decide([ALLOW, rule], request(content={"to": "ann@example.com"})).effect is Effect.DENY
    assert decide([ALLOW, rule], request(content={"cc": "ann@example.com"})).effect is Effect.ALLOW


@pytest.mark.parametrize(
    "condition",
    [
        '"shell" == resource.id && context.risk == 95',
        'resource.id in ["shell", "sql"]',
        'resource.id == principal.id || resource.type in ["tool"]',
        'resource.id in ["shell", 1]',
        'principal.id != "bob"',
        '[resource.id] == ["shell"]',
        'resource.owner == "x" || true',
    ],
)
def test_condition_that_an_index_may_use_still_decides(condition):
    assert decide([ALLOW, DENY | {"when": condition}]).effect is Effect.DENY


def test_rule_filed_under_a_list_is_found_once_however_often_it_matches():
    rules = [ALLOW, DENY | {"match": {"principal.roles": ["a", "b"]}}]
    decision = decide(rules, request(principal={"id": "x", "roles": ["a", "b"]}))
    assert decision.policies == ("no", "yes")
    tags = [ALLOW, DENY | {"match": {"context.tags": ["a", "b"]}}]
    assert decide(tags, request(context={"tags": ["b", 3, "a"]})).policies == ("no", "yes")
    assert decide(tags, request(context={"tags": 7})).policies == ("yes",)


def test_decision_as_json_holds_the_obligations_by_type():
    decision = decide([ALLOW, {"id": "r", "effect": "redact"}], request(content="ann@example.com"))
    assert b'"type":"redact"' in decision.to_json()
    assert b'"effect":"redact"' in decision.to_json()


def test_action_of_ones_own_is_known_where_a_set_declares_it_or_an_allow_rule_names_it():
    export = Request("user:ann", "crm.export", "tool:crm")
    warns = {"id": "w", "effect": "warn", "match": {"action": "crm.export"}}
    assert not AxonFlow.open(policy_set([], default="allow")).decide(export).allowed
    denied = AxonFlow.open(policy_set([warns], default="allow")).decide(export)
    assert (denied.allowed, denied.policies) == (False, ("w",))
    assert AxonFlow.open(policy_set([warns], default="allow", actions=["crm.export"])).decide(export).allowed
    assert AxonFlow.open(policy_set([dict(warns, effect="allow")])).decide(export).allowed


@pytest.mark.parametrize(("env", "allowed", "denied"), [
    ("dev", True, True), (["dev"], True, True), (["dev", "prod"], False, True),
    ([], False, False), (["prod"], False, False), ([["dev"]], False, False),
])  # fmt: skip
def test_list_in_a_request_meets_what_allows_with_all_of_its_members_and_what_denies_with_any(env, allowed, denied):
    request_ = Request("user:ann", "tool.call", "tool:x", context={"env": env})
    match = {"action": "tool.call", "context.env": "dev"}
    assert (
        AxonFlow.open(policy_set([{"id": "a", "effect": "allow", "match": match}])).decide(request_).allowed is allowed
    )
    flow = AxonFlow.open(policy_set([{"id": "d", "effect": "deny", "match": match}], default="allow"))
    assert flow.decide(request_).allowed is not denied


def test_declared_attribute_of_another_type_fails_the_rules_that_read_it():
    rules = [{"id": "d", "effect": "deny", "match": {"action": "tool.call"}, "when": "context.risk > 50"}]
    flow = AxonFlow.open(policy_set(rules, default="allow", attributes={"context.risk": "int"}))
    for risk, allowed in ((7, True), (99, False), ("7", False), (7.5, False)):
        assert flow.decide(Request("user:ann", "tool.call", "tool:x", context={"risk": risk})).allowed is allowed


@pytest.mark.parametrize(
    ("kind", "at"), [("string", "policies.rules[0].when (character 14)"), ("nonsense", "policies.attributes")]
)
def test_declared_attribute_that_a_condition_misuses_is_refused_when_the_policy_loads(kind, at):
    rules = [{"id": "d", "effect": "deny", "when": "context.risk > 50"}]
    with pytest.raises(PolicyError) as refused:
        AxonFlow.open(policy_set(rules, attributes={"context.risk": kind}))
    assert refused.value.at == at
