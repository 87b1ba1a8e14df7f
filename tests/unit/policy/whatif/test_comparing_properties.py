"""What is said of recorded decisions under other policies is what these decide on the whole requests, or it is said
that it cannot be told; and that only where something was not recorded."""

import asyncio

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow
from axonflow.adapters.memory.audit_log import MemoryAuditLog
from axonflow.policy.whatif import Comparison, Recorded
from axonflow.policy.whatif.recorded import is_exact
from tests.strategies import EFFECTS, LIMIT, policy_set, policy_sets, requests, rules

DECODE = msgspec.json.Decoder(Recorded).decode


def recorded(flow, log, request):
    """The bytes of an audit event are all that is left of the request."""

    async def enforced():
        await flow.enforce(request)
        return await log.records(request.principal.tenant)

    return DECODE(asyncio.run(enforced())[-1].canonical)


def outcome_of(event, after, before=None):
    comparison = Comparison(after.policies, before and before.policies, limit_shown=1)
    comparison.take([event, event])  # the second one is not judged anew
    tally = comparison.finish()
    assert tally.decided + tally.undecidable + tally.incomparable == 2
    shown = [outcome for _, outcome in (*tally.shown, *tally.shown_undecidable)]
    if shown:
        return shown[0]
    ((pair, count),) = tally.effects.items()
    assert pair[0] == pair[1]
    assert count == 2
    return None


CONDITIONS = st.sampled_from([
    "context.extra.deep == 1", "has(context.extra.deep)", "context.extra == null",
    "context.?extra.deep.orValue(1) == 1",
    "type(context.extra) == map", "size(context) > 2", 'context[resource.id] == "prod"', '"extra" in context',
    'context["env"] == "prod"', "context.extra.exists(k, k == 'a')", 'principal.roles.exists(r, r == "ops")',
    'has(principal.on_behalf_of) && principal.on_behalf_of.id == "ann"', 'principal.on_behalf_of.tenant == "acme"',
    "size(principal.on_behalf_of.roles) == 0", "size(principal.attributes) > 0", "principal.attributes.level == 3",
    "size(findings) == 0", 'findings.exists(f, f.severity == "high")', 'content == "hello"',
    "time.getFullYear() > 2000",
    'detected("pii") || context.flag', 'detected("secret") && context.flag', "context.flag || context.risk > 5",
    'context.flag ? context.env == "dev" : context.risk > 3', "principal.roles == ['ops']", "context.ip == 7",
])  # fmt: skip
MATCHES = st.sampled_from([
    {}, {"context.extra": "prod"}, {"context.extra.deep": [1, 2]}, {"principal.on_behalf_of.id": "ann"},
    {"principal.attributes.level": 3}, {"principal.on_behalf_of.tenant": "acme"}, {"principal.groups": "ann"},
    {"context.flag": True}, {"context.risk": [1, 2, 3]},
])  # fmt: skip
PATHS = st.sampled_from(["context.env", "principal.roles", "context.extra.deep", "content", "principal.level"])


@st.composite
def richer_sets(draw, name):
    """All kinds of what may be asked for, with requirements and exceptions."""
    drawn = draw(st.lists(st.tuples(st.sampled_from(EFFECTS), MATCHES, CONDITIONS), min_size=1, max_size=5))
    made = [
        {"id": f"{name}-{number}", "effect": effect, "match": match, "when": when}
        | ({"obligations": [LIMIT]} if effect == "limit" else {})
        for number, (effect, match, when) in enumerate(drawn)
    ]
    parts = {}
    if draw(st.booleans()):
        parts["requires"] = {"tool.call": [draw(PATHS)]}
    if draw(st.booleans()):
        parts["exceptions"] = [
            {"id": f"{name}-e", "rules": [made[0]["id"]], "reason": "A test.", "when": draw(CONDITIONS),
             "expires": draw(st.sampled_from(["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]))}
        ]  # fmt: skip
    return policy_set(made, name=name, default=draw(st.sampled_from(["deny", "allow"])), **parts)


SETS = st.one_of(policy_sets(), st.builds(lambda one: [one], richer_sets("x")))


@given(SETS, SETS, requests(["tool.call", "llm.request"]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_comparison_of_recorded_decisions_says_what_the_whole_requests_come_to_or_nothing(old, new, request, known):
    log = MemoryAuditLog()
    before, after = AxonFlow.open(old, audit=log), AxonFlow.open(new)
    event = recorded(before, log, request)
    now_s = event.time_us / 1_000_000
    expected = after.policies.decide(msgspec.structs.replace(request, time=None), "", now_s).effect.value
    found = outcome_of(event, after, before if known else None)
    if found is None:
        assert expected == event.effect
    elif found.after.effect is None:
        assert found.after.missing
    else:
        assert (found.before, found.after.effect) == (event.effect, expected)


OF_CONTENT = ("detected", "content", "context.extra")
"""What is not recorded, or not as it was: an extra may hold anything."""


def on_attributes():
    return rules().filter(lambda rule: not any(word in rule.get("when", "") for word in OF_CONTENT))


@given(st.lists(on_attributes(), max_size=6), st.data(), requests(["tool.call"]))
@settings(max_examples=25, deadline=None)
def test_comparison_where_all_that_is_read_was_recorded_leaves_nothing_undecidable(drawn, data, request):
    """The same attributes, other effects: what the former policies read is all that these ask for."""
    effects = data.draw(st.lists(st.sampled_from(["deny", "require_approval", "redact", "allow"]), min_size=len(drawn)))
    old = [dict(rule, id=f"r{number}") for number, rule in enumerate(drawn)]
    new = [
        {name: rule[name] for name in rule if name != "obligations"} | {"effect": effect}
        for rule, effect in zip(old, effects, strict=False)
    ]
    log = MemoryAuditLog()
    before = AxonFlow.open(policy_set(old), audit=log)
    after = AxonFlow.open(policy_set(new, default=data.draw(st.sampled_from(["allow", "deny"]))))
    event = recorded(before, log, request)
    assume(all(map(is_exact, event.attributes.values())))
    found = outcome_of(event, after, before)
    assert found is None or found.after.effect is not None, found.after.missing
