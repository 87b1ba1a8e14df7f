"""Reserve what a plan takes at worst before it starts, settle it attempt by attempt, and give back the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from axonflow.errors import LedgerError, PlanError
from axonflow.plan import Graph, SoFar
from axonflow.plan.running.budget import (
    UNITS,
    Unit,
    attempts_at_most,
    done_within,
    left_out,
    taken_by_attempt,
    worst_case,
)
from axonflow.ports import Ledger, Quota, Reservation

__all__ = ["NOTHING_RESERVED", "Reserved", "reserve_plan"]


class Reserved:
    """What is reserved for one run: for each step, for each attempt that it may make. `without` are the numbers of the
    steps that the plan does without: optional ones that did not fit, and what needs them."""

    __slots__ = ("_attempts", "_ledger", "without")

    def __init__(self, ledger: Ledger | None, without: tuple[int, ...]) -> None:
        self._ledger = ledger
        self._attempts: dict[int, list[list[Reservation]]] = {}
        self.without = without

    async def add(self, step: int, quota: Quota, amounts: Sequence[int], time_us: int) -> bool:
        """Reserve so much for each attempt of a step, the first one last, and whether there was that much."""
        of_step = self._attempts.setdefault(step, [[] for _ in amounts])
        for one, amount in zip(of_step, amounts, strict=True):
            if not amount:
                continue
            assert self._ledger
            reservation = await self._ledger.reserve(quota, amount, time_us)
            if reservation is None:
                return False
            one.append(reservation)
        return True

    def joined(self, other: Reserved) -> Reserved:
        """What is reserved here and there, for other steps."""
        if other is NOTHING_RESERVED:
            return self
        if self is not NOTHING_RESERVED:
            other._attempts |= self._attempts
            other.without += self.without
        return other

    async def settle(self, step: int, used: Mapping[str, int]) -> None:
        """An attempt of the step was made: it took what it has `used` by unit, or, where that is not known, what it may
        take."""
        of_step = self._attempts.get(step)
        for reservation in of_step.pop() if of_step else ():
            with suppress(Exception, asyncio.CancelledError):  # it then stays taken as it was reserved
                assert self._ledger
                await self._ledger.settle(reservation, used.get(reservation.quota.unit, reservation.amount))

    def keep(self, step: int) -> None:
        """An attempt of the step was let go of, and may still be at work: it stays taken as it was reserved."""
        of_step = self._attempts.get(step)
        if of_step:
            of_step.pop()

    async def give_back(self) -> None:
        """Give back what was not needed."""
        attempts, self._attempts = self._attempts, {}
        for reservation in [one for of_step in attempts.values() for of_attempt in of_step for one in of_attempt]:
            with suppress(Exception):  # it then counts until its window has passed: too strict, never too loose
                assert self._ledger
                await self._ledger.release(reservation)


NOTHING_RESERVED: Final = Reserved(None, ())


async def reserve_plan(
    graph: Graph,
    ledger: Ledger | None,
    quotas: Sequence[Quota],
    time_us: int,
    known: Mapping[int, bool] = {},
    within: Mapping[str, SoFar] = {},
) -> Reserved:
    """What `graph` takes at worst, reserved of every quota whose unit is one of plans, without the optional steps that
    do not fit. For steps that are `known`, to have ended or to be reserved for, nothing is reserved; they count for the
    plan's own budget, if they took part in the run: that is what is said of each. Those that go on `within` from where
    their bodies are take what is left of these, and for the plan's own budget all of it.

    Raises PlanError when it does not fit its own budget or what is left of a quota, and when the ledger cannot say.
    Nothing is reserved then.
    """
    if graph.budget is None and not quotas:
        return NOTHING_RESERVED
    of_plans = [quota for quota in quotas if quota.unit in UNITS] if ledger is not None else []
    try:
        without = left_out(graph, await _most(graph, ledger, of_plans, time_us, known, within), known, within)
        reserved = Reserved(ledger, without)
        try:
            await _fill(reserved, graph, of_plans, time_us, known, within)
        except BaseException:  # cancellation too: what does not run must not count
            await reserved.give_back()
            raise
    except LedgerError as error:
        raise PlanError("the plan's budget cannot be reserved", found=str(error), at=f"plan {graph.plan!r}") from error
    return reserved


async def _most(
    graph: Graph,
    ledger: Ledger | None,
    quotas: Sequence[Quota],
    time_us: int,
    known: Mapping[int, bool],
    within: Mapping[str, SoFar],
) -> dict[Unit, int]:
    """By unit, the least of what is left of the plan's budget and of the quotas."""
    most: dict[Unit, int] = {}
    if graph.budget is not None:
        taking = [step for number, step in enumerate(graph.steps.values()) if known.get(number)]
        budget = {unit: amount for unit in UNITS if (amount := getattr(graph.budget, unit))}
        begun = [(graph.steps[name], so_far) for name, so_far in within.items() if name in graph.steps]
        taken = {
            unit: sum(worst_case(one, unit) for one in taking)
            + sum(done_within(one, unit, so_far) for one, so_far in begun)
            for unit in budget
        }
        most = {unit: max(0, amount - taken[unit]) for unit, amount in budget.items()}
    for quota in quotas:
        assert ledger
        left = max(0, quota.maximum - await ledger.usage(quota, time_us))
        unit: Unit = "tokens" if quota.unit == "tokens" else "usd_micros"
        most[unit] = min(most.get(unit, left), left)
    return most


async def _fill(
    reserved: Reserved,
    graph: Graph,
    quotas: Sequence[Quota],
    time_us: int,
    known: Mapping[int, bool],
    within: Mapping[str, SoFar],
) -> None:
    for number, step in enumerate(graph.steps.values()):
        if number in reserved.without or number in known:
            continue
        for quota in quotas:
            unit: Unit = "tokens" if quota.unit == "tokens" else "usd_micros"
            amount = taken_by_attempt(step, unit)
            first = amount - done_within(step, unit, within.get(step.name))
            amounts = [*[amount] * (attempts_at_most(step) - 1), first]
            if amount and not await reserved.add(number, quota, amounts, time_us):
                raise PlanError(
                    "somebody else took the rest of a quota meanwhile", expected=f"{amount} {quota.unit}",
                    found="less", at=f"plan {graph.plan!r}, step {step.name!r}", hint="Try again.",
                )  # fmt: skip
