"""The sentences on decide and enforce of docs/reference/policies.md: one is pure, the other fails closed."""

import asyncio
import copy

from hypothesis import given
from hypothesis import strategies as st

from axonflow import AxonFlow, Effect
from axonflow.errors import LedgerError
from tests.strategies import KNOWN_ACTIONS, TIMES, policy_sets, requests

TIMED = requests((*KNOWN_ACTIONS, "custom.action"), TIMES)
FIELDS = (
    "effect", "allowed", "reasons", "obligations", "policies", "policy_digest", "redacted", "errors", "shadow",
)  # fmt: skip


def said(decision):
    return {name: getattr(decision, name) for name in FIELDS}


class Untouchable:
    """A ledger, or a log, that nobody may ask anything."""

    def __getattr__(self, name):
        raise AssertionError(f"decide asked for {name}")


class Unavailable:
    """A ledger that cannot answer."""

    async def reserve(self, quota, amount, time_us):
        raise LedgerError("the ledger went away")

    async def settle(self, reservation, actual):
        raise LedgerError("the ledger went away")

    async def release(self, reservation):
        raise LedgerError("the ledger went away")

    async def usage(self, quota, time_us):
        raise LedgerError("the ledger went away")


@given(policy_sets(), TIMED)
def test_same_request_at_the_same_time_gets_an_equal_decision_of_its_own(documents, request_):
    flow = AxonFlow.open(documents)
    first, second = flow.decide(request_), flow.decide(request_)
    assert said(first) == said(second) == said(AxonFlow.open(documents).decide(request_))
    assert first.decision_id != second.decision_id


@given(policy_sets(), st.lists(TIMED, min_size=1, max_size=4))
def test_decisions_taken_before_change_none_taken_after(documents, requests_):
    flow = AxonFlow.open(documents)
    for other in requests_[1:]:
        flow.decide(other)
    assert said(flow.decide(requests_[0])) == said(AxonFlow.open(documents).decide(requests_[0]))


@given(policy_sets(), TIMED)
def test_deciding_writes_nothing_counts_nothing_and_leaves_its_inputs_alone(documents, request_):
    flow = AxonFlow.open(documents, audit=Untouchable(), ledger=Untouchable())
    digest, given_, asked = flow.policy_digest, copy.deepcopy(documents), request_.to_json()
    flow.decide(request_)
    assert (flow.policy_digest, documents, request_.to_json()) == (digest, given_, asked)


@given(policy_sets(), TIMED)
def test_redaction_that_a_caller_cannot_carry_out_denies(documents, request_):
    flow = AxonFlow.open(documents)
    decided = flow.decide(request_)
    enforced = flow.wait(flow.enforce(request_, redacts=False))
    if decided.redacted is not None and decided.redacted != request_.content:
        assert enforced.effect is Effect.DENY


@given(policy_sets(), TIMED)
def test_limit_that_cannot_be_reserved_denies(documents, request_):
    flow = AxonFlow.open(documents, ledger=Unavailable())
    decided = flow.decide(request_)
    enforced = asyncio.run(flow.enforce(request_))
    limits = [one for one in decided.obligations if type(one).__name__ == "Limit"]
    if decided.effect is Effect.DENY or (limits and decided.allowed):
        assert enforced.effect is Effect.DENY
    if not limits:
        assert enforced.effect is decided.effect
