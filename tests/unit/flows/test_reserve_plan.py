import asyncio
from contextlib import suppress
from typing import Any

import pytest

from axonflow.adapters.memory import MemoryLedger
from axonflow.errors import LedgerError, PlanError
from axonflow.flows.plan_means import Means
from axonflow.plan import Plan, PlanResult, Retry, Step, Takes
from axonflow.ports import Quota, Reservation
from tests.unit.flows.plan_runs import Policy, broken, echo, in_time, ran, started, states

TOKENS = Quota("acme", "plans", "tokens", 100, 3_600)
MONEY = Quota("acme", "plans", "usd_micros", 1_000, 3_600)
CALLS = Quota("acme", "plans", "requests", 1, 3_600)


def used(ledger: MemoryLedger, quota: Quota) -> int:
    return asyncio.run(ledger.usage(quota, 1_000_000))


def spending(tokens: int, **options: Any) -> Plan:
    return Plan("p").step("a", echo, takes=Takes(tokens=tokens, usd_micros=tokens), **options)


def test_run_plan_reserves_the_worst_case_and_keeps_what_was_used() -> None:
    ledger = MemoryLedger()
    seen: list[int] = []

    async def looks() -> None:
        seen.append(await ledger.usage(TOKENS, 1_000_000))

    plan = Plan("p").step("a", looks, takes=Takes(tokens=20, usd_micros=7), retry=Retry(attempts=3))
    means = Means(ledger=ledger, quotas=[TOKENS, MONEY, CALLS])
    assert ran(plan, means=means).status == "completed"
    assert seen == [60]
    assert (used(ledger, TOKENS), used(ledger, MONEY), used(ledger, CALLS)) == (20, 7, 0)


def test_run_plan_that_does_not_fit_is_refused_and_reserves_nothing() -> None:
    ledger = MemoryLedger()
    with pytest.raises(PlanError, match="the plan does not fit its budget: expected at most 100 tokens, found 101"):
        ran(spending(101), means=Means(ledger=ledger, quotas=[TOKENS]))
    assert used(ledger, TOKENS) == 0


def test_run_plan_budget_of_its_own_needs_no_ledger_and_leaves_out_what_is_optional() -> None:
    plan = Plan("p", budget=Takes(tokens=10)).step("a", echo, takes=Takes(tokens=10))
    plan.step("extra", echo, takes=Takes(tokens=1), optional=True).step("behind", echo, needs=["extra"])
    result = ran(plan)
    assert result.status == "completed"
    assert states(result) == {"a": "succeeded", "extra": "skipped", "behind": "skipped"}
    assert result.steps["extra"].reasons == ("it is optional, and did not fit the budget",)


def test_run_plan_steps_that_were_never_tried_give_back_what_was_reserved() -> None:
    ledger = MemoryLedger()
    plan = Plan("p").step("bad", broken, takes=Takes(tokens=1)).step("b", echo, needs=["bad"], takes=Takes(tokens=50))
    assert ran(plan, means=Means(ledger=ledger, quotas=[TOKENS])).status == "failed"
    assert used(ledger, TOKENS) == 1


class Contested(MemoryLedger):
    """Somebody else is always faster."""

    def __init__(self, error: LedgerError | None = None) -> None:
        super().__init__()
        self.error = error
        self.calls = 0

    async def reserve(self, quota: Quota, amount: int, time_us: int) -> Reservation | None:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return await super().reserve(quota, amount, time_us) if self.calls == 1 else None


def test_run_plan_quota_that_somebody_else_takes_meanwhile_is_refused() -> None:
    ledger = Contested()
    plan = spending(10).step("b", echo, takes=Takes(tokens=10))
    with pytest.raises(PlanError, match="step 'b': somebody else took the rest of a quota meanwhile"):
        ran(plan, means=Means(ledger=ledger, quotas=[TOKENS]))
    assert used(ledger, TOKENS) == 0


def test_run_plan_ledger_that_cannot_answer_refuses_the_plan() -> None:
    ledger = Contested(LedgerError("away"))
    with pytest.raises(PlanError, match="the plan's budget cannot be reserved: found away"):
        ran(spending(10), means=Means(ledger=ledger, quotas=[TOKENS]))


class Forgetful(MemoryLedger):
    async def settle(self, reservation: Reservation, actual: int) -> None:
        raise LedgerError("away")


def test_run_plan_ledger_that_goes_away_while_it_runs_stops_nothing() -> None:
    plan = spending(10).step("bad", broken).step("b", echo, needs=["bad"], takes=Takes(tokens=1))
    ledger = Forgetful()
    result = ran(plan, means=Means(ledger=ledger, quotas=[TOKENS]))
    assert states(result) == {"a": "succeeded", "bad": "failed", "b": "skipped"}
    assert used(ledger, TOKENS) == 11


def test_run_plan_attempt_that_is_let_go_of_stays_taken() -> None:
    ledger = MemoryLedger()

    async def scenario() -> PlanResult:
        over = asyncio.Event()

        async def ignores() -> None:
            while not over.is_set():
                with suppress(asyncio.CancelledError):
                    await over.wait()

        plan = Plan("p").step("a", ignores, takes=Takes(tokens=10), retry=Retry(attempts=2), timeout_ms=1)
        result = await started(plan, Policy(), means=Means(ledger=ledger, quotas=[TOKENS], grace_ms=1))
        over.set()
        return result

    assert states(in_time(scenario())) == {"a": "failed"}
    assert used(ledger, TOKENS) == 10


def test_run_plan_map_reserves_for_each_element_as_it_begins() -> None:
    body = spending(30)
    plan = Plan("p").step("list", lambda: [1, 2, 3]).map("each", "list", body, max_parallel=1)
    ledger = MemoryLedger()
    assert ran(plan, means=Means(ledger=ledger, quotas=[TOKENS])).status == "completed"
    assert used(ledger, TOKENS) == 90
    again = ran(plan, means=Means(ledger=ledger, quotas=[TOKENS]))
    assert "does not fit its budget: expected at most 10 tokens" in again.errors["each"]


def test_run_plan_plan_within_is_reserved_with_its_step_and_keeps_to_its_own_budget() -> None:
    ledger = MemoryLedger()
    body = Plan("b", budget=Takes(tokens=10)).step("x", echo, takes=Takes(tokens=10))
    body.step("extra", echo, takes=Takes(tokens=5), optional=True)
    result = ran(Plan("p").plan("within", body), means=Means(ledger=ledger, quotas=[TOKENS]))
    assert result.result == {"within": {"x": {}}}
    assert used(ledger, TOKENS) == 10


# -- conditions -------------------------------------------------------------------------------------------------------


def branching(when: str) -> Plan:
    branches = {"true": ["dear"], "false": ["cheap"]}
    plan = Plan("p").step("price", lambda: 120)
    plan.add(Step(name="pick", kind="condition", when=when, branches=branches, needs=["price"]))
    plan.step("dear", echo).step("cheap", echo)
    return plan.add(Step(name="end", kind="join", needs=["dear", "cheap"], wait_for="any"))


def run(plan: Plan) -> PlanResult:
    return ran(plan, Policy())


def test_condition_runs_the_branch_of_its_result_and_skips_the_others() -> None:
    result = run(branching("price > 100"))
    assert result.status == "completed"
    assert result.result == {"end": {"dear": {}}}
    assert result.steps["cheap"].reasons == ("'pick' did not choose it",)
    assert states(run(branching("price > 200")))["dear"] == "skipped"


def test_condition_without_a_branch_for_its_result_fails() -> None:
    result = run(branching("'other'"))
    assert "the condition has no branch: expected true or false, found 'other'" in result.errors["pick"]
    assert states(result)["end"] == "skipped"


def test_condition_with_a_pattern_fails_where_there_is_nothing_to_compile_it() -> None:
    assert "no patterns here" in run(branching("'a'.matches('a+')")).errors["pick"]
