"""What every StepCache does."""

import asyncio

import pytest

from axonflow.adapters.memory import MemoryStepCache
from axonflow.ports import StepCache


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> StepCache:
    return MemoryStepCache(max_bytes=10_000, clock_s=clock)


def put(cache: StepCache, key: str, value: bytes, ttl_ms: int = 1_000) -> None:
    asyncio.run(cache.put(key, value, ttl_ms))


def got(cache: StepCache, key: str) -> bytes | None:
    return asyncio.run(cache.get(key))


def test_cache_gives_what_was_put_last_under_a_key(cache: StepCache) -> None:
    assert got(cache, "a") is None
    put(cache, "a", b"1")
    put(cache, "a", b"2")
    put(cache, "b", b"")
    assert (got(cache, "a"), got(cache, "b"), got(cache, "c")) == (b"2", b"", None)


def test_cache_forgets_a_value_when_its_time_is_over(cache: StepCache, clock: Clock) -> None:
    put(cache, "a", b"1", 1_000)
    put(cache, "b", b"2", 9_000)
    clock.now_s += 1
    assert (got(cache, "a"), got(cache, "b")) == (None, b"2")
    put(cache, "b", b"3", 500)
    clock.now_s += 0.5
    assert got(cache, "b") is None


def test_cache_that_is_full_forgets_what_was_not_asked_for_longest(cache: StepCache) -> None:
    for key in "abc":
        put(cache, key, b"x" * 2_500)
    assert got(cache, "a") is not None
    put(cache, "d", b"x" * 2_500)
    assert [key for key in "abcd" if got(cache, key) is None] == ["b"]


def test_cache_keeps_nothing_that_is_larger_than_all_of_it_nor_what_that_replaces(cache: StepCache) -> None:
    put(cache, "a", b"1")
    put(cache, "a", b"x" * 10_000)
    assert got(cache, "a") is None
