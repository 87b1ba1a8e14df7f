"""What is decided on a request for certain, before there is any content."""

from time import time

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from axonflow import AxonFlow, Effect, Request
from tests.strategies import policy_set, policy_sets, requests

ALLOW = {"id": "yes", "effect": "allow"}
CALL = Request({"id": "ann", "roles": ["analyst"]}, "tool.call", "tool:mail", context={"labels": ["pii:email"]})


def foreseen(*rules, request=CALL, now_s=0.0, **parts):
    return AxonFlow.open(policy_set(list(rules), **parts)).policies.foresee(request, now_s)


def deny(when=None, **parts):
    return {"id": "no", "effect": "deny", "reason": "Not you."} | ({} if when is None else {"when": when}) | parts


def exception(when=None, expires="2100-01-01T00:00:00Z"):
    one = {"id": "but", "rules": ["no"], "reason": "A drill.", "expires": expires}
    return [one | ({} if when is None else {"when": when})]


@pytest.mark.parametrize("when", [None, '"pii:email" in context.labels', "context.missing == 1", '!("x" in context)'])
def test_rule_that_takes_no_content_to_judge_is_foreseen_to_deny(when):
    found = foreseen(ALLOW, deny(when))
    assert (found.denied, found.reasons, found.policies) == (True, ("Not you.",), ("no",))


@pytest.mark.parametrize(
    "when",
    ["content == 1", 'detected("pii")', "size(findings) > 0", "time > timestamp('2020-01-01T00:00:00Z')", "1 == 2"],
)
def test_rule_that_takes_the_content_or_the_time_to_judge_is_left_to_the_run(when):
    assert foreseen(ALLOW, deny(when)) == (False, ("Rule yes says allow.",), (), frozenset())


def test_permission_that_depends_on_the_content_may_be_given_and_none_that_does_not_may_not():
    assert not foreseen({"id": "yes", "effect": "allow", "when": "content == 1"}).denied
    nothing = foreseen({"id": "yes", "effect": "allow", "when": "1 == 2"})
    assert (nothing.denied, nothing.policies) == (True, ())
    assert nothing.reasons == ("No rule of the tenant layer allows this, and its default is deny.",)


def test_request_that_will_lack_what_it_must_carry_is_denied_but_for_its_content():
    assert foreseen(ALLOW, requires={"tool.call": ["context.env"]}).reasons[0].startswith("tool.call must carry")
    assert not foreseen(ALLOW, requires={"tool.call": ["content", "context.labels"]}).denied


def test_action_that_no_policy_knows_is_denied():
    unknown = foreseen(ALLOW, request=replace(CALL, action="label.declassify"))
    assert unknown.denied
    assert unknown.reasons[0].startswith("Unknown action label.declassify")
    assert not foreseen(ALLOW, request=replace(CALL, action="label.declassify"), actions=["label.declassify"]).denied


def test_exception_that_may_hold_leaves_its_rule_to_the_run():
    assert not foreseen(ALLOW, deny(), exceptions=exception()).denied
    assert not foreseen(ALLOW, deny(), exceptions=exception("content == 1")).denied
    assert foreseen(ALLOW, deny(), exceptions=exception("1 == 2")).denied
    assert foreseen(ALLOW, deny(), exceptions=exception(), now_s=2e10).denied


def test_redaction_that_is_due_or_may_be_is_told_by_its_detectors():
    rule = {"id": "mask", "effect": "redact", "obligations": [{"detectors": ["pii.email"]}]}
    assert (
        foreseen(ALLOW, rule).redacts == foreseen(ALLOW, {**rule, "when": 'detected("pii")'}).redacts == {"pii.email"}
    )
    assert foreseen(ALLOW, {**rule, "when": "1 == 2"}).redacts == frozenset()


def test_what_is_learnt_of_a_condition_holds_for_the_next_request():
    policies = AxonFlow.open(policy_set([ALLOW, deny("content == 1"), deny("1 == 1", id="other")])).policies
    assert policies.foresee(CALL, 0.0) == policies.foresee(CALL, 0.0)


@settings(max_examples=60)
@given(policy_sets(), requests())
def test_what_is_foreseen_to_be_denied_is_denied_whatever_the_content_and_the_time(documents, request):
    policies = AxonFlow.open(documents).policies
    found = policies.foresee(replace(request, content=None, time=None), time())
    decision = policies.decide(request, "", time())
    assert not (found.denied and decision.effect is not Effect.DENY)
    assert set(found.policies) <= set(decision.policies)
