"""Styles of redaction in policies: which one holds, what loading refuses, and what a decision says was done."""

import pytest

from axonflow import AxonFlow, Effect, PolicyError, Request
from axonflow.app import bundles
from axonflow.errors import ConfigurationError
from axonflow.policy import Decision, Redact, Replaced
from tests.strategies import policy_set

KEY = b"k" * 32
CONTENT = "ann@example.com paid with 4111 1111 1111 1111"
MEANS = {"redaction_key": KEY, "vault": "memory"}


def redacting(*obligations, rule_id="r"):
    return {"id": rule_id, "effect": "redact", "obligations": list(obligations)}


def opened(*rules, default="allow", **means):
    return AxonFlow.open(policy_set(list(rules), default=default), **(means or MEANS))


def asked(content=CONTENT, tenant="acme"):
    return Request({"id": "ann", "tenant": tenant}, "llm.request", "model:m", content=content)


def test_decision_says_who_redacts_and_what_was_done():
    flow = opened(
        redacting({"detectors": ["pii.credit_card"], "style": "partial"}, {"detectors": ["pii.email"]}),
        {"id": "secrets", "effect": "redact", "obligations": [{"detectors": ["secret.jwt"], "style": "drop"}]},
    )
    decision = flow.decide(asked())
    assert decision.redacted == "[REDACTED:pii.email] paid with **** **** **** 1111"
    assert decision.obligations == (
        Redact("r", ("pii.credit_card",), "partial", "axonflow", (Replaced("pii.credit_card", "partial", 1),)),
        Redact("r", ("pii.email",), "mask", "axonflow", (Replaced("pii.email", "mask", 1),)),
        Redact("secrets", ("secret.jwt",), "drop", "axonflow"),
    )
    assert Decision.from_json(decision.to_json()) == decision
    assert b'"fulfilled_by":"axonflow"' in decision.to_json()
    assert b'{"detector":"pii.credit_card","style":"partial","findings":1}' in decision.to_json()


def test_decision_without_content_leaves_the_redaction_to_the_caller():
    decision = opened(redacting({"detectors": ["pii"]})).decide(asked(None))
    assert decision.redacted is None
    assert [(due.fulfilled_by, due.done) for due in decision.obligations] == [("caller", ())]


def test_denied_decision_says_that_nobody_redacts():
    decision = opened(redacting({"detectors": ["pii"]}), {"id": "no", "effect": "deny"}).decide(asked())
    assert [(due.fulfilled_by, due.done) for due in decision.obligations] == [(None, ())]
    assert b"fulfilled_by" not in decision.to_json()


def test_held_decision_says_what_would_be_sent():
    decision = opened(redacting({"detectors": ["pii"]}), {"id": "ask", "effect": "require_approval"}).decide(asked())
    assert not decision.allowed
    assert decision.obligations[1].fulfilled_by == "axonflow"


def test_style_for_a_detector_by_its_name_goes_before_that_for_its_category():
    flow = opened(redacting({"detectors": ["pii"]}, {"detectors": ["pii.credit_card"], "style": "partial"}))
    assert flow.decide(asked()).redacted == "[REDACTED:pii.email] paid with **** **** **** 1111"


def test_style_of_another_rule_holds_only_when_it_is_stricter():
    partial = redacting({"detectors": ["pii"], "style": "partial"})
    for other, left in (("mask", "[REDACTED:pii.email] paid with [REDACTED:pii.credit_card]"), ("drop", "")):
        decision = opened(partial, redacting({"detectors": ["pii"], "style": other}, rule_id="s")).decide(asked())
        assert decision.redacted == left
        assert {one.style for due in decision.obligations for one in due.done} == {other}


def test_style_that_a_value_cannot_have_shows_as_the_mask_it_became():
    flow = opened(redacting({"detectors": ["pii.credit_card"], "style": "format"}, {"detectors": ["pii.email"]}))
    decision = flow.decide(asked("4111111111111111ann@example.com"))
    styles = {one.style for due in decision.obligations for one in due.done}
    assert styles <= {"mask", "format"}
    assert "4111111111111111" not in decision.redacted


@pytest.mark.parametrize("style", ["pseudonym", "vault", "format"])
def test_keyed_style_is_the_same_in_a_tenant_and_another_elsewhere(style):
    flow = opened(redacting({"detectors": ["pii.credit_card"], "style": style}))
    first, again, other = (flow.decide(asked(tenant=tenant)).redacted for tenant in ("acme", "acme", "beta"))
    assert first == again != other
    assert "4111" not in first + other


@pytest.mark.parametrize(
    ("style", "means", "says"),
    [
        ("pseudonym", {}, "the style pseudonym needs a key"),
        ("hash", {}, "the style hash needs a key"),
        ("format", {}, "the style format needs a key"),
        ("vault", {}, "the style vault needs a key"),
        ("vault", {"redaction_key": KEY}, "the style vault needs a vault"),
        ("blur", MEANS, "drop"),
    ],
)
def test_style_without_what_it_needs_is_refused_when_the_policy_loads(style, means, says):
    document = policy_set([redacting({"detectors": ["pii.credit_card"], "style": style})])
    with pytest.raises(PolicyError, match=says) as raised:
        AxonFlow.open(document, **means)
    assert "rules[0].obligations[0]" in str(raised.value)


def test_format_of_what_has_no_check_is_refused_when_the_policy_loads_with_its_name():
    with pytest.raises(PolicyError, match=r"pii\.email") as raised:
        opened(redacting({"detectors": ["pii"], "style": "format"}))
    assert "pii.credit_card" not in str(raised.value)


def test_reload_to_a_style_without_a_key_is_refused_and_changes_nothing():
    flow = AxonFlow.open(policy_set([redacting({"detectors": ["pii"]})], default="allow"))
    digest = flow.policy_digest
    with pytest.raises(PolicyError, match="needs a key"):
        flow.reload(policy_set([redacting({"detectors": ["pii"], "style": "hash"})]))
    assert flow.policy_digest == digest


@pytest.mark.parametrize("key", [b"", b"too short", "k" * 64])
def test_redaction_key_that_is_none_is_refused_when_opening(key):
    with pytest.raises(ConfigurationError, match="not a redaction key"):
        AxonFlow.open(redaction_key=key)


def test_style_is_part_of_the_digest_and_mask_is_what_nothing_says():
    def digest(**style):
        return opened(redacting({"detectors": ["pii.email"], **style})).policy_digest

    assert digest() == digest(style="mask") != digest(style="partial")


def test_bundle_holds_styles_and_is_built_without_a_key_and_not_loaded_without_one(tmp_path):
    bundles.make_key_pair(tmp_path / "b.key", tmp_path / "b.pub")
    document = policy_set([redacting({"detectors": ["pii"], "style": "vault"})], default="allow")
    (tmp_path / "p.axb").write_bytes(bundles.build_bundle(document, tmp_path / "b.key"))
    trusted = [tmp_path / "b.pub"]
    flow = AxonFlow.open(tmp_path / "p.axb", trusted_keys=trusted, **MEANS)
    by_document = AxonFlow.open(document, **MEANS)
    assert flow.policy_digest == by_document.policy_digest
    assert flow.decide(asked()).redacted == by_document.decide(asked()).redacted
    with pytest.raises(PolicyError, match="needs a key"):
        AxonFlow.open(tmp_path / "p.axb", trusted_keys=trusted)


def test_redaction_that_fails_denies_and_says_that_nobody_redacts():
    decision = opened(redacting({"detectors": ["pii"], "style": "pseudonym"})).decide(asked({"ann@example.com": 1}))
    assert (decision.effect, decision.redacted) == (Effect.DENY, None)
    assert decision.obligations[0].fulfilled_by is None
