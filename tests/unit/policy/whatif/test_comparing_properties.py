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
from tests.strategies import policy_set, policy_sets, requests, rules

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


@given(policy_sets(), policy_sets(), requests(["tool.call", "llm.request"]), st.booleans())
@settings(max_examples=60, deadline=None)
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
@settings(max_examples=60, deadline=None)
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
