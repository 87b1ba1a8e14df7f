"""Following what is published for many: the trouble of one tenant, or of a disk, is never another's permission."""

import asyncio

import pytest

from axonflow.errors import PolicyError, PolicyStoreError
from tests.publishing import answering, key_pair
from tests.unit.flows.test_follow_policies import NOTHING, agent, keys, newsroom, refused

__all__ = ["agent", "keys", "newsroom"]


def test_follower_policies_that_do_not_load_together_stop_those_of_no_other_tenant(newsroom, agent):
    """Whatever loads by itself should load beside any others; a fault in that is one tenant's."""

    async def main():
        await newsroom.activated("*", answering("warn", "*", number=1))
        await newsroom.activated("acme", answering("allow", number=2))
        async with agent() as one:
            compiled = one.follower._compile

            def unfit(scopes):
                if [scope.name for scope in scopes] == ["*", "acme"]:
                    raise PolicyError("they do not suit each other")
                return compiled(scopes)

            one.follower._compile = unfit
            await newsroom.activated("acme", answering("allow", number=3))
            for number in (4, 5):
                await newsroom.activated("other", answering("allow", number=number))
                await one.until(lambda number=number: one.says("other") == (f"allow-{number}", "warn-1"))
            assert one.says().startswith(NOTHING)
            (refusal,) = one.follower.status.refused
            assert (refusal.scope, refusal.versions, one.follower.refusals) == ("acme", {"main": 2}, 1)
            assert one.follower.status.degraded_since_us is None
            assert sum("do not suit" in line for line in one.said) == 1
            state = (await newsroom.publisher.sets("acme"))[0]
            with pytest.raises(PolicyStoreError, match="do not suit each other"):
                await one.follower.serve_now("acme", state)
            one.follower._compile = compiled
            await newsroom.activated("acme", answering("allow", number=6))
            await one.until(lambda: one.says() == ("allow-6", "warn-1"))
            assert one.follower.status.refused == ()

    asyncio.run(main())


def test_follower_keeps_what_is_good_beside_a_scope_of_which_nothing_is(newsroom, agent, tmp_path):
    """One tenant's bad bundle would else have all others decided on nothing when the store is away at a start."""

    async def main():
        await newsroom.activated("acme", answering("allow", number=1), key=key_pair(tmp_path / "other")[0])
        await newsroom.activated("other", answering("deny", number=2))
        async with agent(answering("allow", number=9)) as one:
            assert (await refused(one)).scope == "acme"
        one = agent(answering("allow", number=9))
        one.feed.error = PolicyStoreError("away")
        async with one:
            assert one.says("other") == ("deny-2", "allow-9")
            assert one.says("another") == ("allow-9",)
            assert one.says().startswith(NOTHING)

    asyncio.run(main())


def test_follower_index_that_cannot_be_read_allows_nothing_until_the_store_answers(newsroom, agent, tmp_path):
    """Files alone would allow what published policies forbid."""

    async def main():
        await newsroom.activated("acme", answering("deny", number=1))
        async with agent():
            pass
        index = tmp_path / "kept" / "index.json"
        index.write_bytes(index.read_bytes()[:-1])
        one = agent(answering("allow", number=9))
        one.feed.error = PolicyStoreError("away")
        async with one:
            assert one.says().startswith(NOTHING)
            assert one.says("other").startswith(NOTHING)
            one.feed.error = None
            await one.until(lambda: one.says("other") == ("allow-9",))
            assert not one.decision("acme").allowed  # nor before its own is made
            await one.until(lambda: one.says() == ("deny-1", "allow-9"))
            assert one.follower.status.refused == ()

    asyncio.run(main())
