"""enforce: limits are reserved, decisions recorded, and what cannot be done denies."""

import asyncio

import pytest

from axonflow import AxonFlow, Effect, Request
from axonflow.adapters.memory import MemoryAuditLog, MemoryLedger
from axonflow.audit import Origin, verify_chain
from axonflow.errors import AuditError, LedgerError
from axonflow.ports import Quota
from tests.strategies import policy_set

ALLOW = {"id": "yes", "effect": "allow"}


def limited(unit="requests", maximum=10, key=("principal.tenant",)):
    obligation = {"unit": unit, "maximum": maximum, "window_s": 60, "key": list(key)}
    return policy_set([ALLOW, {"id": "cap", "effect": "limit", "obligations": [obligation]}])


def request(**changes):
    return Request(**({"principal": "user:ann", "action": "tool.call", "resource": "tool:x"} | changes))


class BrokenLedger(MemoryLedger):
    async def reserve(self, quota, amount, time_us):
        raise LedgerError("the ledger is down")


class BrokenAudit(MemoryAuditLog):
    async def append(self, event):
        raise AuditError("the disk is full")


def test_enforce_of_many_at_once_allows_exactly_the_limit():
    flow = AxonFlow.open(limited())

    async def run():
        return await asyncio.gather(*(flow.enforce(request()) for _ in range(100)))

    decisions = asyncio.run(run())
    assert sum(decision.allowed for decision in decisions) == 10
    refused = next(decision for decision in decisions if not decision.allowed)
    assert refused.effect is Effect.DENY
    assert refused.reasons[0] == "The limit of cap is used up: 10 requests within 60 s."
    records = asyncio.run(flow.audit.records("default"))
    assert verify_chain(records) == 100
    assert sum(record.event.allowed for record in records) == 10


def test_enforce_counts_under_the_key_of_the_limit():
    flow = AxonFlow.open(limited(maximum=1, key=["principal.id"]))

    async def run():
        asked = [request(), request(), request(principal="user:bob"), request(principal={"id": "ann", "tenant": "b"})]
        return [(await flow.enforce(one)).allowed for one in asked]

    assert asyncio.run(run()) == [True, False, True, True]


@pytest.mark.parametrize(
    ("unit", "context", "allowed"),
    [
        ("tokens", {"estimated_tokens": 10}, True),
        ("tokens", {"estimated_tokens": 11}, False),
        ("tokens", {}, False),
        ("tokens", {"estimated_tokens": "3"}, False),
        ("tokens", {"estimated_tokens": True}, False),
        ("tokens", {"estimated_tokens": -1}, False),
        ("usd_micros", {"estimated_usd_micros": 0}, True),
        ("usd_micros", {"estimated_tokens": 1}, False),
    ],
)
def test_enforce_of_tokens_and_money_needs_an_estimate(unit, context, allowed):
    decision = asyncio.run(AxonFlow.open(limited(unit)).enforce(request(context=context)))
    assert decision.allowed == allowed
    if not allowed:
        assert "cap" in decision.reasons[0]


def test_enforce_with_a_ledger_that_is_down_denies_and_says_so():
    flow = AxonFlow.open(limited(), ledger=BrokenLedger())
    decision = asyncio.run(flow.enforce(request()))
    assert not decision.allowed
    assert "could not be checked: the ledger is down" in decision.reasons[0]


def test_enforce_that_cannot_record_raises_and_gives_back_what_it_took():
    ledger = MemoryLedger()
    flow = AxonFlow.open(limited(), audit=BrokenAudit(), ledger=ledger)
    with pytest.raises(AuditError, match="disk is full"):
        asyncio.run(flow.enforce(request()))
    quota = Quota("default", 'cap|principal.tenant="default"', "requests", 10, 60)
    assert quota in ledger._counters
    assert asyncio.run(ledger.usage(quota, 0)) == 0


def test_enforce_with_two_limits_takes_both_or_none():
    obligations = [
        {"unit": "requests", "maximum": maximum, "window_s": 60, "key": ["principal.id"]} for maximum in (5, 1)
    ]
    rules = [{"id": f"cap{n}", "effect": "limit", "obligations": [one]} for n, one in enumerate(obligations)]
    ledger = MemoryLedger()
    flow = AxonFlow.open(policy_set([ALLOW, *rules]), ledger=ledger)

    async def run():
        return [(await flow.enforce(request())).allowed for _ in range(4)]

    assert asyncio.run(run()) == [True, False, False, False]
    assert sorted(sum(counter.slices.values()) for counter in ledger._counters.values()) == [1, 1]


def test_enforce_records_who_what_and_why_but_never_content():
    flow = AxonFlow.open(policy_set([ALLOW, {"id": "bad", "effect": "redact", "when": "context.absent == 1"}]))
    principal = {
        "id": "bot",
        "type": "agent",
        "tenant": "acme",
        "on_behalf_of": {"id": "ann", "on_behalf_of": "user:cleo"},
    }
    content = {"to": "ann@example.com", "key": "hunter2-secret"}
    decision = asyncio.run(flow.enforce(request(principal=principal, content=content)))
    (record,) = asyncio.run(flow.audit.records("acme"))
    event = record.event
    assert (event.decision_id, event.policy_digest) == (decision.decision_id, flow.policy_digest)
    assert (event.principal, event.on_behalf_of) == ("agent:bot", ("user:ann", "user:cleo"))
    assert (event.action, event.resource, event.effect) == ("tool.call", "tool:x", "redact")
    assert event.errors == ("bad: context.absent is missing",)
    assert event.content_chars == len("to" + "ann@example.com" + "key" + "hunter2-secret")
    assert b"hunter2" not in record.canonical
    assert b"ann@example.com" not in record.canonical


def test_enforce_of_a_denial_reserves_nothing():
    ledger = MemoryLedger()
    rules = [{"id": "no", "effect": "deny"}, *limited()["rules"]]
    flow = AxonFlow.open(policy_set(rules), ledger=ledger)
    assert not asyncio.run(flow.enforce(request())).allowed
    assert not ledger._counters


def test_flow_opened_with_a_folder_records_on_disk_and_goes_on_there(tmp_path):
    for count in (1, 2):
        flow = AxonFlow.open("@baseline", audit=tmp_path / "spool")
        asyncio.run(flow.enforce(Request("user:ann", "tool.call", "tool:search", context={"env": "dev"})))
        records = asyncio.run(flow.audit.records("default"))
        flow.audit.close()
        assert verify_chain(records) == count


def test_enforce_for_a_point_that_cannot_redact_denies_where_that_is_due():
    rules = [{"id": "mask", "effect": "redact", "match": {}, "obligations": [{"detectors": ["pii.email"]}]}]
    flow = AxonFlow.open(policy_set(rules, default="allow"))
    asked = Request("user:ann", "llm.request", "model:m", content="to ann@example.com")
    assert asyncio.run(flow.enforce(asked)).redacted == "to [REDACTED:pii.email]"
    refused = asyncio.run(flow.enforce(asked, redacts=False))
    assert (refused.effect, refused.allowed, refused.redacted) == ("deny", False, None)
    assert asyncio.run(flow.audit.records("default"))[-1].event.effect == "deny"


def test_record_of_what_was_carried_out_stands_under_its_decision():
    flow = AxonFlow.open("@baseline")
    done = Request({"id": "bot", "type": "agent", "on_behalf_of": "user:ann"}, "llm.response", "model:m")
    origin = Origin("crm", "r1", "0" * 32)
    event = asyncio.run(flow.record("model_call", done, decision_id="d", details={"total_tokens": 7}, origin=origin))
    (kept,) = asyncio.run(flow.audit.records("default"))
    assert kept.event == event
    assert (event.kind, event.decision_id, event.on_behalf_of, event.origin) == (
        "model_call",
        "d",
        ("user:ann",),
        origin,
    )
    assert event.policy_digest == flow.policy_digest


def test_enforce_judges_now_whatever_time_the_request_names():
    expired = {"id": "e", "rules": ["no"], "reason": "An emergency.", "expires": "2020-01-01T00:00:00Z"}
    flow = AxonFlow.open(policy_set([ALLOW, {"id": "no", "effect": "deny"}], exceptions=[expired]))
    then = request(time=1_500_000_000_000_000)
    assert flow.decide(then).allowed
    decision = asyncio.run(flow.enforce(then))
    assert (decision.allowed, decision.policies[0]) == (False, "no")


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ({"a": 1, "b": [2.0]}, {"b": [2], "a": 1.0}, True),
        (1, 1.0, True),
        (1, True, False),
        (1, "1", False),
        (1e300, 1e300, True),
        (1.5, 1, False),
        (["a", "b"], ["b", "a"], False),
    ],
)
def test_enforce_counts_equal_values_under_one_key_however_they_are_written(first, second, is_one):
    flow = AxonFlow.open(limited(maximum=1, key=["context.project"]))
    assert asyncio.run(flow.enforce(request(context={"project": first}))).allowed
    assert asyncio.run(flow.enforce(request(context={"project": second}))).allowed is not is_one
