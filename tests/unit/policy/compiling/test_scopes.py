"""Policies of several scopes in force together: what loads by itself loads beside others, and loosens none of them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow, PolicyError, Request
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.policies import policy_sources
from axonflow.app.scanning import builtin_scanner
from axonflow.detect import RedactionKey, RedactionMeans
from axonflow.policy.compiling.compiling import compile_policies, compile_scopes
from axonflow.policy.compiling.scopes import FILES, Scope, layer_of
from tests.strategies import policy_set, policy_sets, requests
from tests.unit.policy.deciding.verdict_model import STRONGEST_FIRST

SCANNER = builtin_scanner()
ASK = Request("user:ann", "tool.call", "tool:shell", context={"env": "prod"})
SCOPES = (FILES, "*", "@bank", "acme")


def scope_of(name, *documents):
    return Scope(name, None if name == FILES else layer_of(name), policy_sources(list(documents)))


def engine_of(*scopes):
    return compile_scopes(scopes, SCANNER, compile_pattern)


def decided(engine, request=ASK):
    return engine.decide(request, "id", 1.0)


def published(name, rules=(), default="abstain", **parts):
    return scope_of(name, policy_set(list(rules), default=default, layer=layer_of(name), **parts))


def rule(effect="allow", rule_id="one", **parts):
    return {"id": rule_id, "effect": effect, "match": {"action": "tool.call"}, **parts}


def in_layer(documents, name):
    """What any documents are when they are published for `name`: all of its layer, with one default."""
    return [dict(one, layer=layer_of(name), default=documents[0]["default"]) for one in documents]


@settings(max_examples=30)
@given(st.lists(policy_sets(), min_size=2, max_size=3), requests())
def test_scopes_that_load_alone_load_together_and_the_strictest_of_them_wins(drawn, request_):
    scopes = [scope_of(name, *in_layer(documents, name)) for name, documents in zip(SCOPES[1:], drawn, strict=False)]
    together = decided(engine_of(*scopes), request_)
    for scope in scopes:
        alone = decided(engine_of(scope), request_)
        by_default_or_rule = alone.policies or alone.allowed
        if by_default_or_rule and "abstain" not in alone.reasons[0]:
            assert STRONGEST_FIRST.index(together.effect) <= STRONGEST_FIRST.index(alone.effect)


@settings(max_examples=20)
@given(policy_sets(), requests())
def test_scope_of_files_alone_decides_as_the_files_do(documents, request_):
    sources = policy_sources(documents)
    plain = compile_policies(sources, SCANNER, compile_pattern)
    scoped = engine_of(scope_of(FILES, *documents), scope_of("*"), scope_of("acme"))
    assert decided(scoped, request_) == decided(plain, request_)


def test_scope_with_the_rule_ids_of_an_outer_one_loads_and_each_rule_has_its_own_name():
    outer, inner = published("*", [rule("warn")]), published("acme", [rule()])
    decision = decided(engine_of(outer, inner))
    assert decision.allowed
    assert set(decision.policies) == {"one", "tenant:one"}


def test_scope_whose_rule_has_the_new_name_already_is_told_apart_from_it_too():
    own = published("acme", [rule(), rule(rule_id="tenant:one")])
    decision = decided(engine_of(published("*", [rule("warn")]), own))
    assert set(decision.policies) == {"one", "tenant:one", "tenant:tenant:one"}


def test_scopes_with_a_limit_under_one_id_count_apart():
    limit = {"unit": "requests", "maximum": 5, "window_s": 60}
    rules = [rule("limit", obligations=[limit]), rule(rule_id="yes")]
    outer, inner = (published(name, rules) for name in ("*", "acme"))
    decision = decided(engine_of(outer, inner))
    assert {one.policy for one in decision.obligations} == {"one", "tenant:one"}


def test_shadow_set_of_an_inner_scope_may_use_the_ids_of_an_outer_one():
    shadow = scope_of("acme", policy_set([rule("deny")], default="abstain", shadow=True))
    decision = decided(engine_of(published("*", [rule()]), shadow))
    assert decision.allowed
    assert decision.shadow.effect == "deny"
    assert decision.shadow.policies == ("one",)


def test_exception_of_a_scope_reaches_its_own_rule_and_not_the_outer_one_of_that_id():
    exception = {"id": "e", "rules": ["one"], "reason": "A drill.", "expires": "2100-01-01T00:00:00Z"}
    own = published("acme", [rule("deny"), rule(rule_id="yes")], exceptions=[exception])
    assert decided(engine_of(published("*", [rule("warn")]), own)).allowed
    denied = decided(engine_of(published("*", [rule("deny")]), own))
    assert (denied.allowed, denied.policies[0]) == (False, "one")


@pytest.mark.parametrize(("excepting", "named"), [("acme", "theirs"), ("*", "mine")])
def test_exception_that_names_a_rule_of_another_scope_names_none(excepting, named):
    exception = {"id": "e", "rules": [named], "reason": "A drill.", "expires": "2100-01-01T00:00:00Z"}
    parts = {name: {"exceptions": [exception]} if name == excepting else {} for name in ("*", "acme")}
    outer = published("*", [rule("deny", "theirs")], **parts["*"])
    inner = published("acme", [rule("deny", "mine")], **parts["acme"])
    with pytest.raises(PolicyError, match="an exception names no rule"):
        engine_of(outer, inner)


@pytest.mark.parametrize(
    ("name", "layer"), [("acme", "system"), ("acme", "organization"), ("*", "tenant"), ("@b", "system")]
)
def test_set_of_another_layer_than_its_scope_is_refused(name, layer):
    with pytest.raises(PolicyError, match="of another layer than where it is published"):
        engine_of(scope_of(name, policy_set([], layer=layer)))


def test_scopes_with_differing_defaults_are_evaluated_each_by_itself():
    outer, inner = published("@bank", [], "allow"), published("acme", [], "deny")
    assert not decided(engine_of(outer, inner)).allowed
    assert decided(engine_of(outer)).allowed
    files = scope_of(FILES, policy_set([], default="deny"))
    decision = decided(engine_of(files, published("acme", [rule()])))
    assert not decision.allowed


DETECTOR = {"id": "custom.badge", "description": "A badge.", "patterns": [r"BDG-\d{4}"], "examples": ["BDG-1234"]}


def test_detector_that_two_scopes_declare_differently_is_the_outer_one():
    other = DETECTOR | {"patterns": [r"OUT-\d{4}"], "examples": ["OUT-1234"]}
    look = rule("deny", "look", when='detected("custom.badge")')
    outer = published("*", [rule()], detectors=[other])
    inner = published("acme", [look], detectors=[DETECTOR])
    engine = engine_of(outer, inner)
    asked = {text: decided(engine, Request("user:ann", "tool.call", "tool:x", content=text)).allowed
             for text in ("OUT-1234", "BDG-1234")}  # fmt: skip
    assert asked == {"OUT-1234": False, "BDG-1234": True}


def test_redaction_by_category_leaves_out_the_detectors_of_inner_scopes():
    mask = rule("redact", "mask", obligations=[{"detectors": ["custom"]}])
    outer = published("*", [rule(), mask], detectors=[DETECTOR])
    second = DETECTOR | {"id": "custom.second", "patterns": [r"X\d{4}"], "examples": ["X1234"]}
    own = rule("redact", "own", obligations=[{"detectors": ["custom"]}])
    inner = published("acme", [own], detectors=[second])
    decision = decided(engine_of(outer, inner))
    assert {one.policy: one.detectors for one in decision.obligations} == {
        "mask": ("custom.badge",), "own": ("custom.badge", "custom.second"),
    }  # fmt: skip


@pytest.mark.parametrize("detectors", [["custom.card"], ["custom.card", "pii.iban"]])
def test_style_that_the_outer_detector_of_an_id_does_not_suit_is_a_mask_and_both_scopes_load(detectors):
    """Else whoever declares an id further out, or further in, stops the other's policies."""
    any_16 = DETECTOR | {"id": "custom.card", "patterns": [r"\b\d{16}\b"], "examples": ["4111111111111111"]}
    redact = rule("redact", "own", obligations=[{"detectors": detectors, "style": "format"}])
    inner = published("acme", [rule(), redact], detectors=[any_16 | {"validators": ["luhn"]}])
    outer = published("*", [rule("log", "look")], detectors=[any_16])
    means = RedactionMeans(RedactionKey(bytes(32)), has_vault=False)
    alone, both = [
        compile_scopes(scopes, SCANNER, compile_pattern, redaction=means) for scopes in ([inner], [outer, inner])
    ]
    asked = Request("user:ann", "tool.call", "tool:x", content="4242424242424242")
    assert {one.style for one in decided(alone, asked).obligations} == {"format"}
    assert "mask" in {one.style for one in decided(both, asked).obligations if "custom.card" in one.detectors}
    assert "4242" not in decided(both, asked).redacted


def test_allowlist_of_an_inner_scope_has_no_effect_on_what_an_outer_one_looks_for():
    allowlist = {"detectors": ["pii.email", "pii.iban"], "values": ["ann@example.com"], "reason": "Ours."}
    inner = published("acme", [rule("deny", "mail", when='detected("pii.email")')], allowlists=[allowlist])
    content = Request("user:ann", "tool.call", "tool:x", content="to ann@example.com")
    assert decided(engine_of(published("*", [rule()]), inner), content).allowed
    looking = published("*", [rule(), rule("deny", "no-mail", when='detected("pii.email")')])
    assert decided(engine_of(looking, inner), content).policies == ("mail", "no-mail", "one")


def test_too_many_detectors_are_counted_scope_by_scope(monkeypatch):
    monkeypatch.setattr("axonflow.policy.compiling.custom_detectors.MAX_DETECTORS", 1)
    second = DETECTOR | {"id": "custom.second"}
    assert engine_of(published("*", [], detectors=[DETECTOR]), published("acme", [], detectors=[second]))
    with pytest.raises(PolicyError, match="too many detectors"):
        engine_of(published("*", [], detectors=[DETECTOR, second]))


def test_digest_of_scopes_is_that_of_their_sets_together():
    document = policy_set([rule()])
    assert engine_of(scope_of(FILES, document)).digest == AxonFlow.open(json.loads(json.dumps(document))).policy_digest
    assert engine_of(published("*", [rule()])).digest != engine_of(published("acme", [rule()])).digest
