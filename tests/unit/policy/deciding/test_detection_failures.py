"""Detectors are anybody's code. Where one fails, conditions fail closed, unless the rest decides without it."""

import pytest

from axonflow import Effect, Request
from axonflow.policy import PolicySource, compile_policies
from tests.strategies import policy_set
from tests.unit.policy.cel.expressions import SCANNER, Host

REQUEST = Request("user:ann", "llm.request", "model:m", {"ok": True}, content="ann@example.com")
SECRET = "what the content says"


class Broken:
    """A scanner whose detectors are all broken."""

    detectors = SCANNER.detectors
    resolve = SCANNER.resolve

    def inspect(self, content):
        raise RuntimeError(SECRET)


def decide(*rules, default="allow"):
    document = policy_set([{"id": f"r{n}", **rule} for n, rule in enumerate(rules)], default=default)
    engine = compile_policies([PolicySource("p", document, lambda path, offset: "p")], Broken(), Host().pattern)
    return engine.decide(REQUEST, "id", 0)


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ('detected("pii") || context.ok', True),
        ('context.ok || detected("pii")', True),
        ('detected("pii") && !context.ok', False),
        ('!context.ok && findings.exists(f, f.category == "pii")', False),
    ],
)
def test_detector_that_fails_does_not_matter_where_the_rest_decides(condition, matches):
    decision = decide({"effect": "deny", "when": condition})
    assert (decision.effect is Effect.DENY) == matches
    assert decision.errors == ()


@pytest.mark.parametrize(
    "condition", ['detected("pii")', '!detected("pii")', "size(findings) > 0", 'detected("pii") && context.ok']
)
@pytest.mark.parametrize(
    ("effect", "result"), [("deny", "deny"), ("require_approval", "require_approval"), ("allow", "deny")]
)
def test_detector_that_fails_fails_the_condition_closed_and_is_reported_by_its_type(effect, result, condition):
    decision = decide({"effect": effect, "when": condition}, default="allow" if effect != "allow" else "deny")
    assert decision.effect == result
    assert [error.message for error in decision.errors] == ["the condition could not be evaluated (RuntimeError)"]


def test_detector_that_fails_while_masking_denies_and_its_message_stays_inside():
    decision = decide({"effect": "redact"})
    assert (decision.effect, decision.allowed, decision.redacted) == (Effect.DENY, False, None)
    assert decision.errors[0].policy == "redaction"
    assert SECRET not in decision.to_json().decode()
