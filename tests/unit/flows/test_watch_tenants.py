"""Watching tenants: what is passed on, and what happens while nothing is heard."""

import asyncio

import pytest

from axonflow.adapters.memory import MemoryKeys, MemoryTenants
from axonflow.adapters.memory.tenant_feed import MemoryTenantFeed
from axonflow.errors import TenancyUnavailable
from axonflow.flows import watch_tenants
from axonflow.flows.watch_tenants import TenantWatch
from axonflow.ports import Standing
from tests.tenancy import an_hmac, record, tenant

LONG_S = 30


class Watched:
    """A watch over memory, and what it said."""

    def __init__(self, feed=None, known=None):
        self.tenants = MemoryTenants()
        self.keys = MemoryKeys(self.tenants)
        self.changes, self.reports = [], []
        self.feed = feed or MemoryTenantFeed(self.tenants)
        self.modes = []
        self.destroyed = []
        self.watch = TenantWatch(
            self.feed, self.changes.append, self.reports.append, known, self.modes.append, self.destroyed.append
        )

    async def until(self, condition):
        async with asyncio.timeout(LONG_S):
            while not condition():  # noqa: ASYNC110  what is watched tells nobody but the test
                await asyncio.sleep(0)

    def run(self, test):
        async def both():
            task = asyncio.create_task(self.watch.run())
            try:
                await test(self)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(both())
        assert not self.watch.hears


def test_watch_passes_on_the_audit_modes_that_tenants_have_of_their_own():
    watched = Watched()

    async def test(watched):
        await watched.until(lambda: watched.modes == [{}])
        await watched.tenants.add(tenant("acme", audit_mode="async"))
        await watched.until(lambda: watched.modes[-1] == {"acme": "async"})
        await watched.tenants.replace(tenant("acme", version=2))
        await watched.until(lambda: watched.modes[-1] == {})

    watched.run(test)


def test_watch_passes_on_which_keys_of_persons_were_destroyed_and_that_any_may_have_been_before_it_heard():
    async def test(watched):
        await watched.until(lambda: watched.watch.hears)
        assert watched.destroyed == [None]
        watched.tenants.announce("audit_person_key/k1", "acme")
        await watched.until(lambda: watched.destroyed == [None, "k1"])
        assert watched.changes == [None]

    Watched().run(test)


def test_watch_passes_on_whose_keys_changed_and_keeps_who_is_inactive():
    async def test(watched):
        await watched.until(lambda: watched.watch.hears)
        assert watched.changes == [None]
        await watched.tenants.add(tenant("acme"))
        await watched.tenants.add(tenant("beta", status="suspended"))
        await watched.until(lambda: watched.watch.inactive)
        assert watched.watch.inactive == {"beta": "suspended"}
        watched.changes.clear()
        await watched.keys.add(record("acme"), an_hmac())
        await watched.until(lambda: watched.changes == ["acme"])
        await watched.tenants.replace(tenant("beta", version=2))
        await watched.until(lambda: not watched.watch.inactive)

    Watched().run(test)


def test_watch_asks_by_itself_when_nothing_is_announced(monkeypatch):
    monkeypatch.setattr(watch_tenants, "PERIOD_S", 0.001)

    async def test(watched):
        await watched.until(lambda: watched.watch.hears)
        watched.tenants.listeners.clear()
        await watched.tenants.add(tenant("beta", status="suspended"))
        await watched.until(lambda: watched.watch.inactive)

    Watched().run(test)


@pytest.mark.parametrize(
    ("trouble", "said"), [(TenancyUnavailable("away"), "away"), (RuntimeError("dsn://secret"), "RuntimeError")]
)
def test_watch_that_fails_keeps_what_it_knew_and_tries_again(monkeypatch, trouble, said):
    monkeypatch.setattr(watch_tenants, "PAUSE_S", 0)

    class Failing:
        fails = True
        asked = 0

        async def standing(self):
            self.asked += 1
            if self.fails:
                raise trouble
            return Standing({}, {})

        async def heard(self, timeout_s):
            await asyncio.Event().wait()

        def close(self):
            self.is_closed = True

    feed = Failing()
    watched = Watched(feed, {"acme": "suspended"})

    async def test(watched):
        await watched.until(lambda: feed.asked > 3)
        assert (watched.watch.inactive, watched.watch.hears) == ({"acme": "suspended"}, False)
        assert (watched.reports, watched.changes) == ([said], [])
        assert watched.watch.unheard_since_us > 0
        feed.fails = False
        await watched.until(lambda: watched.watch.hears)
        assert (watched.watch.inactive, watched.reports, watched.changes) == ({}, [said, None], [None])
        assert watched.watch.unheard_since_us is None

    watched.run(test)
    assert feed.is_closed
