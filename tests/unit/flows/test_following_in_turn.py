"""Agents that follow one store: each takes what is published in its turn."""

import asyncio

from axonflow import AxonFlow, Request
from axonflow.adapters.memory import MemoryPolicyFeed, MemoryPolicyStore
from axonflow.app import following as module
from axonflow.app.following import following
from tests.publishing import Newsroom, answering, key_pair

ASKED = Request({"id": "ann", "tenant": "acme"}, "tool.call", "tool:search")


def test_follower_told_of_a_change_waits_its_turn_but_serves_at_once_whoever_published(tmp_path, monkeypatch):
    turns = []

    def long_s():
        turns.append(3600)
        return turns[-1]

    async def main():
        key, public = key_pair(tmp_path / "keys")
        newsroom = Newsroom(MemoryPolicyStore({}), key)
        await newsroom.activated("acme", answering("allow", number=1))
        flow = AxonFlow.open(trusted_keys=[public])
        feed = MemoryPolicyFeed(newsroom.store)
        parts = {"folder": tmp_path / "kept", "policies": None, "stand_in": False, "report": [].append}
        async with following(flow, feed, **parts) as follower, asyncio.timeout(60):
            await newsroom.activated("acme", answering("deny", number=2))
            while not turns:
                await asyncio.to_thread(lambda: None)
            assert flow.decide(ASKED).policies == ("allow-1",)
            (state,) = await newsroom.store.sets("acme")
            await follower.serve_now("acme", state)
            assert flow.decide(ASKED).policies == ("deny-2",)

    monkeypatch.setattr(module, "_stagger_s", long_s)
    asyncio.run(main())


def test_follower_agents_take_their_turns_within_the_time_that_there_is(monkeypatch):
    monkeypatch.setattr(module, "STAGGER_S", 0.5)
    turns = [module._stagger_s() for _ in range(1_000)]
    assert 0 <= min(turns) < 0.05
    assert 0.45 < max(turns) <= 0.5
