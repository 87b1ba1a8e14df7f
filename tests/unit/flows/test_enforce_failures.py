"""enforce where the ledger, the log or the caller fails half-way: never too loose, and what was taken is given back."""

import asyncio

import pytest

from axonflow import AxonFlow, Effect, Request
from axonflow.adapters.memory import MemoryAuditLog, MemoryLedger
from axonflow.errors import AuditError, LedgerError
from tests.strategies import policy_set

ALLOW = {"id": "yes", "effect": "allow"}


def capped(*maxima, key=("principal.id",), **more):
    rules = [
        {
            "id": f"cap{number}",
            "effect": "limit",
            "obligations": [{"unit": "requests", "maximum": maximum, "window_s": 60, "key": list(key)}],
        }
        for number, maximum in enumerate(maxima)
    ]
    return policy_set([ALLOW, *rules, *more.get("rules", [])])


def request(**changes):
    return Request(**({"principal": "user:ann", "action": "tool.call", "resource": "tool:x"} | changes))


def taken(ledger):
    return {quota.key: sum(counter.slices.values()) for quota, counter in ledger._counters.items()}


class CannotGiveBack(MemoryLedger):
    async def release(self, reservation):
        raise LedgerError("the ledger went away")


class CannotSettle(MemoryLedger):
    async def settle(self, reservation, actual):
        raise LedgerError("the ledger went away")


class HangsOn(MemoryLedger):
    """Never answers for one rule; `reached` is set when it is asked."""

    def __init__(self, rule):
        super().__init__()
        self.rule, self.reached = rule, asyncio.Event()

    async def reserve(self, quota, amount, time_us):
        if quota.key.startswith(self.rule):
            self.reached.set()
            await asyncio.Event().wait()
        return await super().reserve(quota, amount, time_us)


class HangingAudit(MemoryAuditLog):
    def __init__(self):
        super().__init__()
        self.reached = asyncio.Event()

    async def append(self, event):
        self.reached.set()
        await asyncio.Event().wait()


class BrokenAudit(MemoryAuditLog):
    async def append(self, event):
        raise AuditError("the disk is full")


def test_enforce_with_a_ledger_that_cannot_take_back_still_denies_with_the_reason():
    ledger = CannotGiveBack()
    flow = AxonFlow.open(capped(5, 0), ledger=ledger)
    decision = asyncio.run(flow.enforce(request()))
    assert decision.effect is Effect.DENY
    assert decision.reasons[0] == "The limit of cap1 is used up: 0 requests within 60 s."
    assert taken(ledger)['cap0|principal.id="ann"'] == 1  # counted for nothing, which is too strict, not too loose


def test_enforce_that_can_neither_record_nor_give_back_raises_the_audit_error():
    flow = AxonFlow.open(capped(5), ledger=CannotGiveBack(), audit=BrokenAudit())
    with pytest.raises(AuditError, match="disk is full"):
        asyncio.run(flow.enforce(request()))


def test_enforce_that_cannot_settle_has_decided_and_recorded_all_the_same():
    ledger = CannotSettle()
    flow = AxonFlow.open(capped(1), ledger=ledger)

    async def run():
        return [(await flow.enforce(request())).allowed for _ in range(2)]

    assert asyncio.run(run()) == [True, False]
    records = asyncio.run(flow.audit.records("default"))
    assert [record.event.allowed for record in records] == [True, False]


@pytest.mark.parametrize("where", ["ledger", "audit"])
def test_enforce_that_is_cancelled_gives_back_what_it_took(where):
    async def run():
        ledger = HangsOn("cap1" if where == "ledger" else "none")
        audit = MemoryAuditLog() if where == "ledger" else HangingAudit()
        flow = AxonFlow.open(capped(5, 5), ledger=ledger, audit=audit)
        task = asyncio.ensure_future(flow.enforce(request()))
        await (ledger if where == "ledger" else audit).reached.wait()
        assert sum(taken(ledger).values()) == (1 if where == "ledger" else 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return taken(ledger), await audit.records("default")

    counters, records = asyncio.run(run())
    assert not any(counters.values())
    assert records == []


def test_enforce_of_what_needs_approval_reserves_nothing_yet():
    ledger = MemoryLedger()
    flow = AxonFlow.open(capped(5, rules=[{"id": "hold", "effect": "require_approval"}]), ledger=ledger)
    assert asyncio.run(flow.enforce(request())).effect is Effect.REQUIRE_APPROVAL
    assert taken(ledger) == {}


def test_enforce_that_is_refused_by_a_limit_sends_no_content_on():
    mask = {"id": "mask", "effect": "redact"}
    flow = AxonFlow.open(capped(0, rules=[mask]))
    decision = asyncio.run(flow.enforce(request(content="ann@example.com")))
    assert (decision.effect, decision.allowed, decision.redacted) == (Effect.DENY, False, None)
    (record,) = asyncio.run(flow.audit.records("default"))
    assert (record.event.effect, record.event.reasons) == ("deny", decision.reasons)


def test_enforce_counts_values_that_only_look_alike_apart():
    ledger = MemoryLedger()
    flow = AxonFlow.open(capped(1, key=["context.a", "context.b"]), ledger=ledger)
    alike = [
        {"a": 1},
        {"a": "1"},
        {"a": True},
        {"a": None},
        {"a": "None"},
        {"a": "1'|context.b='2"},
        {"a": "1", "b": "2"},
    ]

    async def run():
        return [(await flow.enforce(request(context=context))).allowed for context in (*alike, *alike)]

    assert asyncio.run(run()) == [True] * 7 + [False] * 7


def test_enforce_under_a_key_of_megabytes_counts_by_its_digest():
    ledger = MemoryLedger()
    flow = AxonFlow.open(capped(1, key=["content"]), ledger=ledger)
    contents = ["ü" * 1_000_000, "ü" * 1_000_001, "ü" * 1_000_000]

    async def run():
        return [(await flow.enforce(request(content=content))).allowed for content in contents]

    assert asyncio.run(run()) == [True, True, False]
    assert max(map(len, taken(ledger))) < 100


class Foreign(MemoryLedger):
    """Raises what no port speaks of, at one of its methods."""

    def __init__(self, method):
        super().__init__()

        async def broken(*_):
            raise ConnectionError("password=hunter2")

        setattr(self, method, broken)


def test_enforce_with_a_ledger_that_raises_what_it_should_not_denies():
    decision = asyncio.run(AxonFlow.open(capped(5), ledger=Foreign("reserve")).enforce(request()))
    assert decision.effect is Effect.DENY
    assert decision.reasons[0] == "The limit of cap0 could not be checked: ConnectionError."


@pytest.mark.parametrize(("method", "effect"), [("settle", Effect.LIMIT), ("release", Effect.DENY)])
def test_enforce_with_a_ledger_that_cannot_settle_as_it_should_keeps_its_verdict(method, effect):
    flow = AxonFlow.open(capped(5, 5 if method == "settle" else 0), ledger=Foreign(method))
    assert asyncio.run(flow.enforce(request())).effect is effect


def test_enforce_and_record_with_a_log_that_raises_what_it_should_not_raise_audit_errors():
    class ForeignAudit(MemoryAuditLog):
        async def append(self, event):
            raise OSError("no space left on device")

    ledger = MemoryLedger()
    flow = AxonFlow.open(capped(5), audit=ForeignAudit(), ledger=ledger)
    with pytest.raises(AuditError, match="OSError: no space left") as raised:
        asyncio.run(flow.enforce(request()))
    assert isinstance(raised.value.__cause__, OSError)
    assert set(taken(ledger).values()) == {0}
    with pytest.raises(AuditError, match="OSError"):
        asyncio.run(flow.record("model_call", request(), decision_id="d", details={}))
