"""One condition after another, on recorded requests that have what it asks for, have not, or of which nobody knows."""

import asyncio
import random

import msgspec
import pytest

from axonflow import AxonFlow, Request
from axonflow.adapters.memory.audit_log import MemoryAuditLog
from axonflow.policy.whatif import Comparison, Recorded
from tests.strategies import policy_set

DECODE = msgspec.json.Decoder(Recorded).decode
CONDITIONS = [
    "context.extra.deep == 1", "has(context.extra.deep)", "context.extra == null", "has(context.extra)",
    "context.?extra.deep.orValue(1) == 1", "type(context.extra) == map", "size(context) > 2", "context == {}",
    'context[resource.id] == "prod"', '"extra" in context', 'context["env"] == "prod"', 'context.env in ["dev", "x"]',
    'has(context.env) && context.env.startsWith("pr")', "context.extra.exists(k, k == 'deep')",
    'principal.roles.exists(r, r == "ops")', '"ops" in principal.roles', "principal.roles == ['ops']",
    "size(principal.roles) == 0", 'has(principal.on_behalf_of) && principal.on_behalf_of.id == "ann"',
    'principal.on_behalf_of.tenant == "acme"', "size(principal.on_behalf_of.roles) == 0", "context.long == 'x'",
    "context.large > 5", "context.large == '9007199254740993'", 'context.long.startsWith("sha256")',
    "size(principal.attributes) > 0", "principal.attributes.level == 3", "principal.level >= 3", "size(findings) == 0",
    'findings.exists(f, f.detector == "pii.email")', 'content == "hello"', "content == null", "size(content) > 3",
    'detected("pii")', '!detected("pii.email")', 'detected("pii") || context.flag',
    'detected("secret") && context.flag',
    'context.flag && detected("pii.email")', "context.flag || context.risk > 5", "context.risk > 5 || context.flag",
    'context.flag ? context.env == "dev" : context.risk > 3', "time.getFullYear() > 2000",
    "time.getMilliseconds() > 500",
    'context.api_key == "k"', "has(context.api_key)", 'resource.owner == "bob"', "context.risk == 1.0",
    "context.flag == true && context.risk != 1",
]  # fmt: skip
MATCHES = [
    {"context.extra": "prod"}, {"context.extra.deep": [1, 2]}, {"principal.on_behalf_of.id": "ann"},
    {"principal.on_behalf_of.tenant": "acme"}, {"principal.attributes.level": 3}, {"principal.groups": "red"},
    {"principal.roles": ["ops", "clerk"]}, {"context.flag": True}, {"context.risk": [1, 2, 3]}, {"context.env": "prod"},
    {"context.env": ["prod", "dev"], "resource.id": "env"}, {"principal.type": "agent"}, {"resource.owner": "bob"},
]  # fmt: skip
NOT_AS_IT_WAS = [
    "content", "findings", "detected", "time", "size(context)", "{}", "principal.attributes)", "context[resource",
    "extra",
    "long", "large", "api_key", "tenant",
]  # fmt: skip
"""What is not recorded, as it was or at all; and what may stand in something that was not an object."""


PARTS = [{"id": "p", "effect": "warn", "when": "context.extra.deep == 1 || context.env == 'prod'"}]
"""Read parts of what others take as a whole."""


def drawn(count=18):
    """Requests that have each attribute half of the time, and null among its values."""
    chosen = random.Random(5)

    def some(**values):
        return {name: chosen.choice(each) for name, each in values.items() if chosen.random() < 0.6}

    for _ in range(count):
        principal = {"id": "eve", "type": chosen.choice(["user", "agent"])} | some(
            roles=[[], ["ops"], ["clerk", "ops"]], groups=[["red"], ["blue"]],
            attributes=[{"level": 3}, {"level": "x"}],
            on_behalf_of=["user:ann", {"id": "ann", "tenant": "acme", "roles": ["ops"]}],
        )  # fmt: skip
        resource = {"type": "tool", "id": chosen.choice(["env", "shell"])} | some(attributes=[{"owner": "bob"}, {}])
        context = some(
            env=["prod", "dev", None, ["prod", "x"]], extra=[{"deep": 1}, {"deep": None}, {}, "prod", None],
            flag=[True, False, None, 1], risk=[1, 7, 1.0, True, "1"], long=["x" * 300, "x"], large=[2**53 + 1, 7],
            api_key=["k", None],
        )  # fmt: skip
        content = chosen.choice([None, "", "hello", "write to ann@example.com", {"to": ["ann@example.com"]}, [], {}])
        yield Request(principal, "tool.call", resource, context, content)


async def recorded(flow, log, requests):
    for request in requests:
        await flow.enforce(request)
    return [DECODE(record.canonical) for record in await log.records("default")]


def outcomes(event, after, before):
    """The effect before and after, None for what cannot be told."""
    comparison = Comparison(after.policies, before and before.policies)
    comparison.take([event])
    tally = comparison.finish()
    if tally.undecidable:
        assert tally.missing
        return None
    ((pair, _),) = tally.effects.items()
    return pair


def decided(flow, request, event):
    """What the policies come to on the whole request, at any moment at which it may have been decided: the second may
    turn between the question and the event, and then the id of the decision tells which side it was on."""
    return {flow.policies.decide(request, "", moment / 1_000_000).effect.value for moment in event.moments}


@pytest.mark.slow
@pytest.mark.parametrize("rule", [{"when": one} for one in CONDITIONS] + [{"match": one} for one in MATCHES], ids=str)
def test_judging_a_condition_says_what_it_comes_to_or_nothing_whatever_was_recorded(rule):
    requests = list(drawn())
    told = {}
    for effect in ("deny", "allow"):
        default = "allow" if effect == "deny" else "deny"
        after = AxonFlow.open(policy_set([{"id": "r", "effect": effect} | rule], default=default))
        reader = AxonFlow.open(policy_set([{"id": "w", "effect": "warn"} | rule], default="allow"))
        for name, old in {"nothing": [], "parts": PARTS, "all": [{"id": "w", "effect": "warn"} | rule]}.items():
            log = MemoryAuditLog()
            before = AxonFlow.open(policy_set(old, default="allow"), audit=log)
            events = asyncio.run(recorded(before, log, requests))
            for request, event in zip(requests, events, strict=True):
                for known in (None, before, reader):
                    found = outcomes(event, after, known)
                    told.setdefault((name, known is before), []).append(found is not None)
                    if found is not None:
                        assert found[0] == event.effect
                        assert {found[1]} == decided(after, request, event), (request, event)
    if not any(word in str(rule) for word in NOT_AS_IT_WAS):
        assert all(told["all", True]), "all that is asked for was read then"
    if "detected" in str(rule) and not any(word in str(rule) for word in ("secret", "||")):
        assert sum(told["all", True]) > len(told["all", True]) * 0.9


def enforced(rules, *requests, default="allow"):
    """The flow, and what was recorded of the requests."""
    log = MemoryAuditLog()
    flow = AxonFlow.open(policy_set(rules, default=default), audit=log)
    return flow, asyncio.run(recorded(flow, log, requests))


def tallied(events, after, before=None):
    comparison = Comparison(after.policies, before and before.policies)
    comparison.take(events)
    return comparison.finish()


ASK = Request("user:ann", "tool.call", "tool:x", {"env": "prod"})


def test_comparison_with_a_limit_that_was_used_up_goes_by_what_policies_said():
    capped = [{"id": "cap", "effect": "limit", "obligations": [{"unit": "requests", "maximum": 1, "window_s": 3600}]}]
    flow, events = enforced(capped, ASK, ASK)
    assert [event.effect for event in events] == ["limit", "deny"]
    assert tallied(events, flow).effects == {("limit", "limit"): 2}


def test_comparison_of_a_stream_does_not_take_it_for_no_content():
    rules = [{"id": "mask", "effect": "redact", "when": 'detected("pii.email")'}]
    log = MemoryAuditLog()
    flow = AxonFlow.open(policy_set(rules, default="allow"), audit=log)

    async def streamed():
        guard = await flow.guard_stream(Request("user:ann", "llm.response", "model:m"))
        guard.feed("mail ann@example.com")
        await guard.finish()
        return [DECODE(record.canonical) for record in await log.records("default")]

    events = asyncio.run(streamed())
    refusing = AxonFlow.open(policy_set([{"id": "no", "effect": "deny", "when": 'detected("pii")'}], default="allow"))
    tally = tallied(events, refusing)
    assert (tally.undecidable, tally.others) == (1, 1)


def test_comparison_of_actions_that_no_policy_names_keeps_none_of_them_in_mind():
    flow, events = enforced([], *[Request("user:ann", f"crm.x{number}", "tool:x") for number in range(5)])
    comparison = Comparison(flow.policies)
    comparison.take(events)
    assert comparison.finish().effects == {("deny", "deny"): 5}
    assert not comparison._actions


def test_comparison_of_large_values_holds_no_more_of_them_than_a_hash():
    lists = [[f"{'x' * 200}{number}-{item}" for item in range(40)] for number in range(3)]
    note = {"id": "n", "effect": "log", "match": {"context.extra": "a"}}
    log = MemoryAuditLog()
    before = AxonFlow.open(policy_set([note], default="allow"), audit=log)
    requests = [Request("user:ann", "tool.call", "tool:x", {"extra": one}) for one in (*lists, [*lists[0], "a"])]
    events = asyncio.run(recorded(before, log, requests))
    refused = {"id": "d", "effect": "deny", "match": {"context.extra": ["a", "b"]}, "when": "size(context.extra) > 40"}
    comparison = Comparison(AxonFlow.open(policy_set([refused], default="allow")).policies, before.policies)
    comparison.take(events * 2)
    (action,) = comparison._actions.values()
    keys = [key for candidates in action.sets.values() for key in candidates.groups]
    assert keys
    assert all(len(key) <= 512 for key in keys)
    assert all(len(repr(key)) <= 2_048 for key in action.found)
    assert comparison.finish().effects == {("allow", "allow"): 6, ("allow", "deny"): 2}


def test_comparison_tells_apart_what_python_takes_for_equal():
    """1, 1.0 and true are three values to a policy; so are null and nothing at all."""
    values = [{"n": 1}, {"n": 1.0}, {"n": True}, {"n": None}, {}, {"n": "1"}]
    reading = [{"id": "w", "effect": "warn", "when": "context.n == 1"}]
    flow, events = enforced(reading, *[Request("user:ann", "tool.call", "tool:x", one) for one in values])
    after = AxonFlow.open(
        policy_set(
            [{"id": "no", "effect": "deny", "when": "type(context.n) == int || context.n == null"}], default="allow"
        )
    )
    tally = tallied(events, after, flow)
    assert tally.effects == {("allow", "deny"): 3, ("allow", "allow"): 3}, "a missing attribute denies as well"
    assert tally.undecidable == 0
