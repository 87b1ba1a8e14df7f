"""What is decided on a text before it comes, and what has to wait for it."""

import pytest

from axonflow import AxonFlow, Effect, Request
from axonflow.flows.decide import decide_stream
from tests.strategies import policy_set

ALLOW = {"id": "yes", "effect": "allow"}
REPLY = Request({"id": "ann", "roles": ["analyst"]}, "llm.response", "model:m", content="")


def decide(*rules, request=REPLY, **parts):
    return decide_stream(AxonFlow.open(policy_set([ALLOW, *rules], **parts)).policies, request)


def masks(when, **parts):
    return {"id": "mask", "effect": "redact", "when": when, "obligations": [{"detectors": ["pii"]}]} | parts


@pytest.mark.parametrize(
    "when",
    [
        "true",
        'detected("pii")',
        'detected("pii.email") || detected("pii.phone")',
        '!("reader" in principal.roles) && detected("pii")',
        'detected("pii") && context.?env != optional.of("test")',
    ],
)
def test_rule_that_masks_what_is_detected_is_obeyed_beforehand(when):
    decision = decide(masks(when))
    assert (decision.effect, decision.allowed, decision.policies) == (Effect.REDACT, True, ("mask", "yes"))
    assert decision.redacted is None


@pytest.mark.parametrize("when", ['"reader" in principal.roles && detected("pii")', "false", 'action == "x"'])
def test_rule_that_cannot_match_whatever_is_detected_is_left_out(when):
    assert decide(masks(when)).effect is Effect.ALLOW
    assert decide(masks(when, effect="deny", obligations=[])).effect is Effect.ALLOW


@pytest.mark.parametrize(
    "when",
    [
        '!detected("pii")',
        "chars(content) > 10",
        "size(findings) > 1",
        'findings.exists(f, f.severity == "high")',
        'detected("pii") ? true : false',
        '[detected("pii")][0]',
    ],
)
def test_rule_that_asks_for_more_of_the_content_waits(when):
    assert decide(masks(when)) is None


@pytest.mark.parametrize("effect", ["deny", "require_approval", "allow", "limit"])
def test_rule_that_does_more_than_mask_by_what_is_detected_waits(effect):
    obligations = [{"unit": "requests", "maximum": 1, "window_s": 1}] if effect == "limit" else []
    assert decide({"id": "r", "effect": effect, "when": 'detected("pii")', "obligations": obligations}) is None


@pytest.mark.parametrize("when", ['detected("pii")', "chars(content) > 10"])
def test_rule_that_warns_by_the_content_is_left_out(when):
    assert decide({"id": "w", "effect": "warn", "when": when}).policies == ("yes",)


def test_rule_that_asks_nothing_of_the_content_decides():
    assert decide({"id": "no", "effect": "deny", "when": '"analyst" in principal.roles'}).effect is Effect.DENY


def test_exception_that_asks_for_the_content_waits():
    waiver = {
        "id": "waiver", "rules": ["mask"], "reason": "A test.", "expires": "2100-01-01T00:00:00Z",
    }  # fmt: skip
    assert decide(masks('detected("pii")'), exceptions=[waiver | {"when": 'detected("secret")'}]) is None
    assert decide(masks('detected("pii")'), exceptions=[waiver]).effect is Effect.ALLOW


def test_requirement_of_a_content_is_met_by_one_that_will_come():
    assert decide(requires={"llm.response": ["content"]}).allowed
    refused = decide(requires={"llm.response": ["context.env"]})
    assert not refused.allowed
    assert "must carry context.env" in refused.reasons[0]


def test_unknown_action_is_denied_beforehand():
    refused = decide(request=Request("user:ann", "llm.respond", "model:m"))
    assert not refused.allowed
    assert "Unknown action" in refused.reasons[0]


def test_condition_that_fails_is_reported_and_fails_closed():
    decision = decide(masks("context.absent == 1"))
    assert decision.effect is Effect.REDACT
    assert [error.policy for error in decision.errors] == ["mask"]
