"""What every ledger must do: never give more than the maximum, and give back what was not used."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.adapters.memory import MemoryLedger
from axonflow.errors import LedgerError
from axonflow.ports import Quota

LEDGERS = [pytest.param(MemoryLedger, id="memory")]
QUOTA = Quota("t", "k", "requests", 3, 60)
SECOND_US = 1_000_000


@pytest.mark.parametrize("make", LEDGERS)
def test_ledger_never_gives_more_than_the_maximum(make):
    async def run():
        ledger = make()
        taken = await asyncio.gather(*(ledger.reserve(QUOTA, 1, 0) for _ in range(10)))
        return sum(one is not None for one in taken), await ledger.usage(QUOTA, 0)

    assert asyncio.run(run()) == (3, 3)


@pytest.mark.parametrize("make", LEDGERS)
def test_ledger_counts_each_quota_on_its_own(make):
    async def run():
        ledger = make()
        others = [QUOTA, Quota("u", "k", "requests", 3, 60), Quota("t", "l", "requests", 3, 60)]
        return [await ledger.reserve(quota, 3, 0) is not None for quota in others]

    assert asyncio.run(run()) == [True] * 3


@pytest.mark.parametrize("make", LEDGERS)
def test_ledger_gives_back_what_is_released_and_settles_to_what_was_used(make):
    async def run():
        ledger = make()
        first, second = await ledger.reserve(QUOTA, 2, 0), await ledger.reserve(QUOTA, 1, 0)
        await ledger.release(second)
        await ledger.release(second)
        await ledger.settle(first, 1)
        await ledger.settle(first, 0)
        return await ledger.usage(QUOTA, 0)

    assert asyncio.run(run()) == 1


@pytest.mark.parametrize("make", LEDGERS)
def test_ledger_frees_what_has_left_the_window(make):
    async def run():
        ledger = make()
        await ledger.reserve(QUOTA, 3, 0)
        return [await ledger.usage(QUOTA, at * SECOND_US) for at in (0, 59, 60, 62)]

    assert asyncio.run(run()) == [3, 3, 3, 0]


@pytest.mark.parametrize("make", LEDGERS)
@given(steps=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), max_size=60))
def test_ledger_in_any_window_stays_within_the_maximum(make, steps):
    async def run():
        ledger, now_s, granted = make(), 0, []
        for wait_s, amount in steps:
            now_s += wait_s
            if await ledger.reserve(QUOTA, amount, now_s * SECOND_US):
                granted.append((now_s, amount))
        return granted

    granted = asyncio.run(run())
    for start, _ in granted:
        assert sum(amount for at, amount in granted if start <= at < start + QUOTA.window_s) <= QUOTA.maximum


@pytest.mark.parametrize("make", LEDGERS)
def test_ledger_refuses_a_negative_amount(make):
    with pytest.raises(LedgerError, match="0 or more"):
        asyncio.run(make().reserve(QUOTA, -1, 0))


def test_memory_ledger_that_is_full_forgets_idle_counters_first():
    async def run():
        ledger = MemoryLedger(max_counters=2)
        for key, at in (("a", 0), ("b", 0), ("c", 200), ("d", 200)):
            assert await ledger.reserve(Quota("t", key, "requests", 3, 60), 1, at * SECOND_US)
        with pytest.raises(LedgerError, match="full"):
            await ledger.reserve(Quota("t", "e", "requests", 3, 60), 1, 200 * SECOND_US)

    asyncio.run(run())
