"""What a recorded decision is evidence of, and what only looks so."""

import asyncio

import msgspec
import pytest

from axonflow import AxonFlow, Request
from axonflow.adapters.memory.audit_log import MemoryAuditLog
from axonflow.flows.what_if import compare_export
from axonflow.policy.whatif import Comparison, Recorded
from tests.strategies import policy_set

DECODE = msgspec.json.Decoder(Recorded).decode
MAIL = 'detected("pii.email")'


def opened(*rules, default="allow", **parts):
    named = [{"id": f"r{number}", **rule} for number, rule in enumerate(rules)]
    log = MemoryAuditLog()
    return AxonFlow.open(policy_set(named, default=default, **parts), audit=log), log


def recorded(flow, log, *requests):
    async def enforce():
        for request in requests:
            await flow.enforce(request)
        return [DECODE(record.canonical) for record in await log.records("default")]

    return asyncio.run(enforce())


def tallied(events, after, before=None):
    comparison = Comparison(after.policies, before and before.policies)
    comparison.take(events)
    return comparison.finish()


def ask(context=None, content=None):
    return Request("user:ann", "tool.call", "tool:x", context or {}, content)


def event(**fields):
    known = {
        "tenant_id": "default", "time_us": 1_780_000_000_000_000, "kind": "decision", "decision_id": "d",
        "policy_digest": "x", "principal": "user:ann", "action": "tool.call", "resource": "tool:x", "effect": "allow",
        "policies": [],
    }  # fmt: skip
    return msgspec.json.encode(known | fields)


def test_comparison_of_a_stream_does_not_take_the_policies_in_force_for_having_seen_its_text():
    flow, log = opened({"effect": "redact", "when": MAIL})

    async def streamed():
        guard = await flow.guard_stream(Request("user:ann", "llm.response", "model:m"))
        guard.feed("mail ann@example.com")
        await guard.finish()
        return [DECODE(record.canonical) for record in await log.records("default")]

    refusing, _ = opened({"effect": "deny", "when": MAIL})
    tally = tallied(asyncio.run(streamed()), refusing, before=flow)
    assert (tally.undecidable, tally.missing) == (1, {"detector pii.email": 1})
    assert [outcome.before for _, outcome in tally.shown_undecidable] == ["redact"]


@pytest.mark.parametrize("is_known", [True, False])
def test_comparison_of_what_differs_only_within_something_judges_neither_by_the_other(is_known):
    flow, log = opened({"effect": "warn", "when": "context.?extra.?deep.orValue(0) == 1"})
    requests = [ask({"extra": {"deep": 1}}), ask({"extra": "prod"})]
    refusing, _ = opened({"effect": "deny", "match": {"context.extra": "prod"}})
    for events in (recorded(flow, log, *requests), recorded(*opened(), *reversed(requests))):
        tally = tallied(events, refusing, before=flow if is_known else None)
        told = sum(tally.effects.values())
        assert tally.effects.get(("allow", "deny"), 0) == max(told - 1, 0), "one of them only, if any is told"


def test_comparison_where_a_rule_was_perhaps_no_candidate_does_not_take_its_detectors_for_asked():
    flow, log = opened({"effect": "warn", "match": {"context.token": "abc"}, "when": MAIL})
    events = recorded(flow, log, ask({"token": "zzz"}, "mail ann@example.com"), ask({"token": "abc"}, "hello"))
    refusing, _ = opened({"effect": "deny", "when": MAIL})
    assert tallied(events, refusing, before=flow).missing == {"detector pii.email": 2}


@pytest.mark.parametrize(
    "fields",
    [
        {"attributes": {"principal.roles": 7}}, {"attributes": {"principal.roles": None}},
        {"attributes": {"principal.roles": [1, ["ops"]]}}, {"attributes": {"principal.groups": {"a": 1}}},
        {"attributes": {"": 1, "x": 1, "foo.bar": 1, "principal": 1, "context..": 2, "principal..a": 3}},
        {"on_behalf_of": ["user:a"] * 5_000}, {"attributes": {"context." + ".".join("a" * 10_000): 1}},
        {"principal": "", "resource": "", "on_behalf_of": [":"]},
    ],
    ids=lambda fields: str(fields)[:40],
)  # fmt: skip
def test_comparison_of_events_that_no_request_is_like_counts_them_as_undecidable(fields):
    rules = (
        {"effect": "deny", "when": "context.extra == 1"},
        {"effect": "deny", "when": 'principal.roles == ["x"] && principal.groups == ["y"] && principal.level > 3'},
        {"effect": "warn", "match": {"principal.roles": "ops"}},
    )
    for chosen in (rules, rules[1:2]):
        flow, _ = opened(*chosen)
        one = DECODE(event(**fields))
        assert tallied([one, one], flow).undecidable == 2
        known = msgspec.structs.replace(one, policy_digest=flow.policies.digest)
        tally = tallied([known, known], flow, before=flow)
        assert tally.decided + tally.undecidable == 2


def test_comparison_of_values_as_deep_as_none_is_kept_takes_them_for_unknown():
    flow, _ = opened({"effect": "deny", "when": "context.extra == 1"})
    whole = event(attributes={"context.extra": "@"}).replace(b'"@"', b"[" * 900 + b"]" * 900)
    assert tallied([DECODE(whole)], flow).undecidable == 1


def test_comparison_of_what_was_recorded_as_no_effect_has_nothing_to_compare_with():
    flow, _ = opened()
    events = [DECODE(event(effect=f"made up {number}")) for number in range(5)]
    tally = tallied(events, flow)
    assert (tally.incomparable, tally.effects, tally.flips) == (5, {}, 0)


def test_comparison_where_a_redaction_failed_then_does_not_say_that_it_succeeds():
    flow, _ = opened({"effect": "redact", "when": MAIL, "obligations": [{"detectors": ["pii.email"]}]})
    failed = event(effect="deny", errors=["redaction: DetectionError"], findings=[{"detector": "pii.email"}])
    assert tallied([DECODE(failed)], flow).missing == {"redaction": 1}
    fine = event(effect="redact", findings=[{"detector": "pii.email"}])
    assert tallied([DECODE(fine), DECODE(failed)], flow).effects == {("redact", "redact"): 1}


def test_comparison_where_a_finding_may_be_a_name_does_not_say_that_it_can_be_redacted():
    flow, log = opened({"effect": "log", "when": MAIL})
    masking, _ = opened({"effect": "redact", "when": MAIL, "obligations": [{"detectors": ["pii.email"]}]})
    in_name, in_value = {"ann@example.com": 1}, {"to": "ann@example.com"}
    assert [masking.decide(ask({}, content)).effect for content in (in_name, in_value)] == ["deny", "redact"]
    events = recorded(flow, log, ask({}, in_name), ask({}, in_value))
    for tally in (tallied(events, masking), tallied(events, masking, before=flow)):
        assert (tally.missing, tally.effects) == ({"redaction": 1}, {("allow", "redact"): 1})
    masked = recorded(*opened({"effect": "redact", "obligations": [{"detectors": ["pii.email"]}]}),
                      ask({}, {"to 1": "ann@example.com"}))  # fmt: skip
    assert tallied(masked, masking).effects == {("redact", "redact"): 1}


def test_comparison_with_a_rule_on_the_time_takes_the_moment_from_the_id_of_the_decision():
    """An event may be written long after its decision: it waited for a vault. The id says when that was."""
    flow, log = opened({"effect": "deny", "when": "time.getMilliseconds() < 0"})
    late = [
        msgspec.structs.replace(one, time_us=one.time_us + 3_000_000, duration_us=one.duration_us + 3_000_000)
        for one in recorded(flow, log, ask())
    ]
    assert tallied(late, flow).effects == {("allow", "allow"): 1}
    unsure = [msgspec.structs.replace(one, decision_id="some other id") for one in late]
    assert tallied(unsure, flow).missing == {"time": 1}


def test_comparison_where_two_exceptions_end_in_between_looks_at_each_moment():
    """Nothing is allowed before, all is in between, and nothing after."""
    ends = {"r0": "2026-09-21T14:13:22Z", "r1": "2026-09-21T14:13:21Z"}
    start_us = 1_790_000_000_000_000
    flow, _ = opened(
        {"effect": "deny"}, {"effect": "allow"}, default="deny",
        exceptions=[
            {"id": f"e-{rule}", "rules": [rule], "reason": "A test.", "expires": end} for rule, end in ends.items()
        ],
    )  # fmt: skip
    one = DECODE(event(time_us=start_us + 3_000_000, duration_us=3_000_000))
    assert tallied([one], flow).missing == {"time": 1}
    sure = msgspec.structs.replace(one, duration_us=50_000)
    assert tallied([sure], flow).effects == {("allow", "deny"): 1}


def test_comparing_an_export_holds_so_many_bytes_of_its_lines_at_a_time(monkeypatch):
    monkeypatch.setattr("axonflow.flows.what_if._MOST_BYTES", 1_000)
    flow, _ = opened()
    line = b'{"sequence":1,"event":' + event() + b"}\n"
    comparison, held = Comparison(flow.policies), []
    take = comparison.take
    comparison.take = lambda events: held.append(len(taken := list(events))) or take(taken)
    compare_export([line] * 10, comparison, refused=lambda at, why: pytest.fail(f"{at}: {why}"))
    assert comparison.finish().decided == 10
    assert max(held) <= 1_000 // len(line) + 1


def warned(count):
    return [{"effect": "warn", "when": "context.x == 1", "reason": "x" * 500}] * count


def test_comparison_of_more_policies_than_are_named_names_the_rule_that_decided_or_says_that_it_is_not_recorded():
    flow, log = opened({"effect": "deny", "when": "context.x == 1"}, *warned(100))
    events = recorded(flow, log, ask({"x": 1}))
    assert events[0].left_out
    allowing, _ = opened()
    assert tallied(events, allowing, before=flow).no_longer == {"r0": 1}
    assert tallied(events, allowing).no_longer == {"r0": 1}
    flow, log = opened(*warned(100), default="deny")
    events = recorded(flow, log, ask({"x": 1}))
    assert tallied(events, allowing, before=flow).no_longer == {"(not recorded)": 1}


def test_comparison_of_policies_of_which_none_is_named_knows_no_rule():
    cut = DECODE(event(effect="deny", policies=["... 9 sha256:0:1"]))
    allowing, _ = opened()
    assert tallied([cut], allowing).no_longer == {"(not recorded)": 1}
    whole = DECODE(event(effect="deny"))
    assert tallied([whole], allowing).no_longer == {"(default)": 1}


@pytest.mark.parametrize(("errors", "undecidable"), [([], 0), (["r0: x"], 0), (["redaction: x"], 1), (["... 9 x"], 1)])
def test_comparison_where_a_redaction_may_have_failed_unnamed_is_undecidable(errors, undecidable):
    redacting, _ = opened({"effect": "redact", "obligations": [{"detectors": ["pii.email"]}]})
    cut = DECODE(event(content_chars=20, errors=errors, findings=[]))
    assert tallied([cut], redacting).undecidable == undecidable
