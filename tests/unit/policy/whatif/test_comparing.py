"""What becomes of decisions one by one and in groups: the same is told of each, however they are held."""

import pytest

from axonflow import Request
from axonflow.policy.whatif import Comparison
from tests.unit.policy.whatif.test_evidence import DECODE, event, opened, recorded, tallied


def ask(resource="tool:x", principal="user:ann", content=None, **context):
    return Request(principal, "tool.call", resource, context, content)


def test_comparison_of_a_sealed_event_is_undecidable_whatever_the_rules_say():
    allowing, _ = opened()
    tally = tallied([DECODE(event(sealed={"principal": "x"}, effect="deny", policies=["r0"]))], allowing)
    assert (tally.missing, tally.effects) == ({"sealed": 1}, {})
    ((shown, outcome),) = tally.shown_undecidable
    assert (shown, outcome.before, outcome.before_rule) == ("d", "deny", "r0")


@pytest.mark.parametrize("value", [{"a": 1}, [{"a": 1}], [["prod"]]])
def test_comparison_of_an_object_where_rules_are_looked_up_by_a_text_finds_none_of_them(value):
    reads, log = opened({"effect": "log", "when": "has(context.env) && context.env == 'dev'"})
    after, _ = opened({"effect": "deny", "match": {"context.env": "prod"}}, {"effect": "warn", "when": "context.n > 1"})
    events = recorded(reads, log, ask(env=value), ask(env=value), ask(env="prod"))
    assert tallied(events, after, reads).effects == {("allow", "allow"): 2, ("allow", "deny"): 1}


@pytest.mark.parametrize(
    ("n", "expected", "effects", "flips"),
    [(1, "allow", {("allow", "deny"): 1}, {"r0": 1}), (2, "allow", {("allow", "allow"): 1}, {}),
     (1, None, {}, {})],
)  # fmt: skip
def test_comparison_of_a_whole_request_goes_by_the_effect_that_is_expected(n, expected, effects, flips):
    after, _ = opened({"effect": "deny", "when": "context.n == 1"}, {"effect": "warn", "when": "context.n == 1"})
    comparison = Comparison(after.policies)
    comparison.take_request("case 7", ask(n=n), expected, 1_780_000_000)
    tally = comparison.finish()
    assert (tally.effects, tally.by_rule, tally.incomparable) == (effects, flips, expected is None)
    assert [(place, one.before_rule) for place, one in tally.shown] == [("case 7", "(default)")] * len(flips)


def test_comparison_of_a_whole_request_with_the_engine_before_names_the_rules_of_both():
    before, _ = opened({"effect": "deny", "when": "context.n == 1"}, {"effect": "allow"}, default="deny")
    after, _ = opened({"effect": "log"}, default="allow")
    comparison = Comparison(after.policies, before.policies)
    for n in (1, 2, 1):
        comparison.take_request(f"case {n}", ask(n=n), "what it expects is not asked for", 1_780_000_000)
    tally = comparison.finish()
    assert tally.effects == {("deny", "allow"): 2, ("allow", "allow"): 1}
    assert (tally.no_longer, tally.by_rule, tally.loosened) == ({"r0": 2}, {"(default)": 2}, 2)


SUMMED = {"effect": "deny", "when": "context.n + 1 > 4"}
"""Takes each number for itself: none is in one group with another."""


def test_comparison_with_more_groups_than_it_holds_adds_up_what_they_counted(monkeypatch):
    flow, log = opened(SUMMED)
    events = recorded(flow, log, *[ask(n=number % 7) for number in range(21)])
    expected = {("allow", "allow"): 12, ("deny", "deny"): 9}
    assert tallied(events, flow).effects == expected
    monkeypatch.setattr("axonflow.policy.whatif.comparing._MOST_GROUPS", 3)
    comparison = Comparison(flow.policies)
    comparison.take(events)
    assert comparison._held <= 3
    assert comparison.finish().effects == expected
    assert comparison.judged > 7, "what was let go of was judged anew"


@pytest.mark.parametrize("bound", ["_MOST_SETS", "_MOST_GROUPS"])
def test_comparison_with_more_sets_of_rules_than_it_holds_counts_all_decisions(monkeypatch, bound):
    monkeypatch.setattr(f"axonflow.policy.whatif.comparing.{bound}", 2)
    rules = [{"effect": "deny", "match": {"context.env": name}} for name in "abcd"]
    reads, log = opened({"effect": "log", "when": "context.env == 'a'"})
    after, _ = opened(*rules)
    events = recorded(reads, log, *[ask(env=name) for name in "abcdeabcde"])
    comparison = Comparison(after.policies, reads.policies)
    comparison.take(events)
    (action,) = comparison._actions.values()
    assert max(len(action.sets), len(action.found)) <= (2 if bound == "_MOST_SETS" else 6)
    tally = comparison.finish()
    assert tally.effects == {("allow", "deny"): 8, ("allow", "allow"): 2}
    assert tally.by_rule == {"r0": 2, "r1": 2, "r2": 2, "r3": 2}


TELLING = [
    ("principal.tenant == 'default'", {}), ("principal.id == 'ann'", {"principal": "user:bob"}),
    ("principal.type == 'user'", {"principal": "agent:ann"}), ("resource.id == 'x'", {"resource": "tool:y"}),
    ("resource.type == 'tool'", {"resource": "model:x"}),
    ("!has(principal.on_behalf_of)",
     {"principal": {"id": "ann", "on_behalf_of": "user:bob"}}),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "other"), TELLING, ids=[condition for condition, _ in TELLING])
def test_comparison_tells_decisions_apart_by_what_events_say_in_fields_of_their_own(condition, other):
    flow, log = opened()
    after, _ = opened({"effect": "deny", "when": condition})
    events = recorded(flow, log, ask(), ask(**other), ask())
    expected = {("allow", "deny"): 2, ("allow", "allow"): 1} if other else {("allow", "deny"): 3}
    assert tallied(events, after).effects == expected


def test_comparison_tells_tenants_apart_where_a_rule_reads_them():
    after, _ = opened({"effect": "deny", "when": "principal.tenant == 'acme'"})
    events = [DECODE(event(tenant_id=tenant)) for tenant in ("acme", "default", "acme")]
    assert tallied(events, after).effects == {("allow", "deny"): 2, ("allow", "allow"): 1}


@pytest.mark.parametrize("most", [4_096, 0])
def test_comparison_that_reads_attributes_of_a_resource_says_the_same_whatever_is_kept(monkeypatch, most):
    monkeypatch.setattr("axonflow.policy.whatif.short_way._MOST_KNOWN", most)
    flow, log = opened({"effect": "log", "when": "resource.owner == 'ann'"})
    owned = [
        Request("user:ann", "tool.call", {"type": "tool", "id": "x", "attributes": {"owner": owner}})
        for owner in ("bob", "ann", "bob")
    ]
    after, _ = opened({"effect": "deny", "when": "resource.owner == 'bob' && resource.type == 'tool'"})
    comparison = Comparison(after.policies, flow.policies)
    comparison.take(recorded(flow, log, *owned))
    tally = comparison.finish()
    assert (tally.effects, tally.by_rule) == ({("allow", "deny"): 2, ("allow", "allow"): 1}, {"r0": 2})
    assert comparison.judged == 2
    nobodys, _ = opened({"effect": "deny", "when": "!has(resource.owner)"})
    assert tallied(recorded(flow, log, *owned), nobodys, flow).effects == {("allow", "allow"): 6}


END_US = 1_780_000_000_000_000


def id_of(moment_us):
    digits = f"{moment_us // 1000:012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"


@pytest.mark.parametrize("decision_id", ["of no moment", id_of(END_US + 1_000), id_of(END_US - 1_002_000)])
def test_moments_of_a_decision_whose_id_tells_none_of_them_are_all_up_to_its_record(decision_id):
    one = DECODE(event(decision_id=decision_id, duration_us=1_000_000))
    assert one.moments == (END_US - 1_000_001, END_US)


def test_moments_of_a_decision_are_those_of_the_millisecond_in_its_id():
    one = DECODE(event(decision_id=id_of(END_US - 500_000), duration_us=1_000_000))
    assert one.moments == (END_US - 500_000, END_US - 500_000 + 999)
