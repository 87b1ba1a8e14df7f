"""Following what is published: whole or not at all, for whom it is meant, and the last good when the store is away."""

import asyncio

import pytest

from axonflow import AxonFlow, Request
from axonflow.adapters.memory import MemoryPolicyFeed, MemoryPolicyStore
from axonflow.app import following as module
from axonflow.app.following import following
from axonflow.errors import PolicyStoreError
from tests.publishing import Newsroom, answering, key_pair


class Feed(MemoryPolicyFeed):
    """As it is, until it is told to fail or to hang."""

    error = None
    hangs = False

    async def in_force(self):
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return await super().in_force()


class Agent:
    """A control plane that follows a store."""

    def __init__(self, newsroom, folder, public_key, policies=None, *, stand_in=False, **options):
        self.flow = AxonFlow.open(trusted_keys=[public_key], **options)
        self.feed = Feed(newsroom.store)
        self.said = []
        self.parts = {"folder": folder, "policies": policies, "stand_in": stand_in, "report": self.said.append}

    async def __aenter__(self):
        self._following = following(self.flow, self.feed, **self.parts)
        self.follower = await self._following.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self._following.__aexit__(*error)

    def says(self, tenant="acme"):
        """The rules that decide for `tenant`, or the refusal."""
        decision = self.decision(tenant)
        return decision.policies if decision.allowed or decision.policies else decision.reasons[0]

    def decision(self, tenant):
        return self.flow.decide(Request({"id": "ann", "tenant": tenant}, "tool.call", "tool:search"))

    async def until(self, condition):
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.to_thread(lambda: None)


NOTHING = "No policy is loaded"


@pytest.fixture(autouse=True)
def _no_stagger(monkeypatch):
    monkeypatch.setattr(module, "STAGGER_S", 0)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return key_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def newsroom(keys):
    return Newsroom(MemoryPolicyStore({"branch": "@bank"}), keys[0])


@pytest.fixture
def agent(newsroom, keys, tmp_path):
    def agent(policies=None, folder="kept", **options):
        return Agent(newsroom, tmp_path / folder, keys[1], policies, **options)

    return agent


def test_follower_serves_what_is_activated_to_those_it_is_for(newsroom, agent):
    async def main():
        await newsroom.activated("acme", answering("allow", number=1))
        async with agent() as one:
            assert one.says() == ("allow-1",)
            assert one.says("other").startswith(NOTHING)
            await newsroom.activated("*", answering("warn", "*", number=2))
            await one.until(lambda: one.says() == ("allow-1", "warn-2"))
            await newsroom.activated("@bank", answering("allow", "@bank", number=3))
            await one.until(lambda: one.says("branch") == ("allow-3", "warn-2"))
            assert one.says("other") == ("warn-2",)
            assert set(one.follower.status.tenants) == {"acme", "branch"}
            assert one.follower.status.tenants["acme"] == one.decision("acme").policy_digest
            assert one.follower.status.digest == one.flow.policy_digest
            assert one.decision("acme").policy_digest != one.flow.policy_digest

    asyncio.run(main())


def test_follower_serves_an_older_version_again_after_a_rollback_and_none_after_all(newsroom, agent):
    async def main():
        await newsroom.activated("acme", answering("allow", number=1))
        await newsroom.activated("acme", answering("deny", number=2))
        async with agent() as one:
            assert one.says() == ("deny-2",)
            await newsroom.publisher.rollback(newsroom.change("acme"))
            await one.until(lambda: one.says() == ("allow-1",))
            await newsroom.publisher.rollback(newsroom.change("acme"))
            await one.until(lambda: str(one.says()).startswith(NOTHING))
            assert one.follower.status.tenants == {}

    asyncio.run(main())


def test_follower_files_are_in_force_beside_what_is_published(newsroom, agent):
    async def main():
        await newsroom.activated("acme", answering("allow", number=1))
        async with agent(answering("allow", number=0), folder="a") as one:
            assert one.says() == ("allow-0", "allow-1")
            assert one.says("other") == ("allow-0",)
        async with agent(answering("deny", number=0), folder="b") as one:
            assert not one.decision("acme").allowed

    asyncio.run(main())


def test_follower_files_that_stand_in_go_when_anything_is_in_force(newsroom, agent):
    async def main():
        async with agent(answering("allow", number=0), stand_in=True) as one:
            assert one.says() == ("allow-0",)
            await newsroom.activated("acme", answering("deny", number=1))
            await one.until(lambda: one.says() == ("deny-1",))
            assert one.says("other") == ("allow-0",)
            await newsroom.activated("*", answering("warn", "*", number=2))
            await one.until(lambda: one.says("other") == ("warn-2",))

    asyncio.run(main())


def test_follower_files_that_stand_in_stay_beside_sets_that_leave_the_default_to_others(newsroom, agent):
    async def main():
        async with agent(answering("allow", number=0), stand_in=True) as one:
            await newsroom.activated("acme", answering("warn", number=1, default="inherit"))
            await one.until(lambda: one.says() == ("allow-0", "warn-1"))

    asyncio.run(main())


async def refused(one):
    await one.until(lambda: one.follower.status.refused)
    (refusal,) = one.follower.status.refused
    return refusal


@pytest.mark.parametrize("fault", ["another key", "another scope", "changed", "does not load"])
def test_follower_bad_bundle_is_refused_whole_with_every_error_and_the_good_one_stays(newsroom, agent, tmp_path, fault):
    async def main():
        await newsroom.activated("acme", answering("allow", number=1))
        async with agent() as one:
            if fault == "another key":
                await newsroom.activated("acme", answering("allow", number=2), key=key_pair(tmp_path / "other")[0])
                expected = "not signed by a key that is trusted"
            elif fault == "does not load":
                style = {"id": "r", "effect": "redact", "obligations": [{"detectors": ["pii"], "style": "pseudonym"}]}
                document = answering("allow", number=2)
                document["rules"] += [style, style | {"id": "r2"}]
                await newsroom.activated("acme", document)
                expected = "the style pseudonym needs a key"
            else:
                await newsroom.published("acme", answering("allow", number=2))
                await meddle(newsroom.store, fault)
                expected = "was signed for another scope" if fault == "another scope" else "has been changed"
            refusal = await refused(one)
            assert (refusal.scope, refusal.versions) == ("acme", {"main": 2})
            assert expected in refusal.errors[0]
            assert len(refusal.errors) == (2 if fault == "does not load" else 1)
            assert all(error in "".join(one.said) for error in refusal.errors)
            assert one.says() == ("allow-1",)
            await newsroom.activated("acme", answering("allow", number=3))
            await one.until(lambda: one.says() == ("allow-3",))
            assert not one.follower.status.refused

    async def meddle(store, fault):
        """What somebody may do who can write to the store, but has no key."""
        versions = store._versions["acme", "main"]
        data = versions[1].bundle
        if fault == "another scope":
            data = (await newsroom.published("other", answering("allow", number=2))).bundle
        else:
            data = data[:-1] + bytes([data[-1] ^ 1])
        versions[1] = type(versions[1])(**{name: getattr(versions[1], name) for name in versions[1].__struct_fields__}
                                        | {"bundle": data})  # fmt: skip
        newsroom.publisher._check = lambda scope, bundles: None
        await newsroom.publisher.activate(newsroom.change("acme"), 2)

    asyncio.run(main())


def test_follower_bundle_of_other_policies_than_were_activated_is_refused(newsroom, agent):
    async def main():
        await newsroom.activated("acme", answering("allow", number=1))
        await newsroom.published("acme", answering("allow", number=2))
        versions = newsroom.store._versions["acme", "main"]
        fields = {name: getattr(versions[1], name) for name in versions[1].__struct_fields__}
        async with agent() as one:
            versions[1] = type(versions[1])(**fields | {"bundle": versions[0].bundle})
            await newsroom.publisher.activate(newsroom.change("acme"), 2)
            assert "not the one that was activated" in (await refused(one)).errors[0]

    asyncio.run(main())


@pytest.mark.parametrize("scope", ["*", "@bank", "branch"])
def test_follower_scope_of_which_no_good_version_is_known_allows_nothing(newsroom, agent, tmp_path, scope):
    async def main():
        other = key_pair(tmp_path / "other")[0]
        await newsroom.activated(
            "branch" if scope == "@bank" else "@bank", answering("allow", "x" if scope == "@bank" else "@bank")
        )
        await newsroom.activated(scope, answering("deny", scope), key=other)
        for _ in range(2):  # a restart finds no other state
            async with agent(answering("allow", number=9)) as one:
                assert one.says("branch").startswith(NOTHING)
                assert one.says("other") == (one.says("branch") if scope == "*" else ("allow-9",))
                assert (await refused(one)).scope == scope
        async with agent(answering("allow", number=9)) as one:
            await newsroom.activated(scope, answering("warn", scope, number=4))
            await one.until(lambda: "warn-4" in one.says("branch"))

    asyncio.run(main())


def test_follower_goes_on_with_the_last_good_when_the_store_is_away_and_says_since_when(newsroom, agent):
    async def main():
        await newsroom.activated("acme", answering("allow", number=1))
        async with agent() as one:
            assert one.follower.status.degraded_since_us is None
            one.feed.error = PolicyStoreError("away")
            await newsroom.activated("acme", answering("deny", number=2))
            await one.until(lambda: one.follower.status.degraded_since_us)
            since_us = one.follower.status.degraded_since_us
            assert (one.says(), one.follower.status.reason) == (("allow-1",), "away")
            await one.follower._look()
            assert one.follower.status.degraded_since_us == since_us
            one.feed.error = None
            await one.until(lambda: one.says() == ("deny-2",))
            await one.until(lambda: one.follower.status.degraded_since_us is None)
            assert [line.partition(":")[0] for line in one.said] == [
                "deciding on the last policies that are known", "the store of policies answers again",
            ]  # fmt: skip

    asyncio.run(main())


@pytest.mark.parametrize("fault", ["fails", "hangs", "breaks its contract"])
def test_follower_started_without_the_store_decides_on_what_was_kept(newsroom, agent, monkeypatch, fault):
    async def main():
        await newsroom.activated("*", answering("warn", "*", number=1))
        await newsroom.activated("branch", answering("allow", number=2))
        await newsroom.activated("@bank", answering("log", "@bank", number=3))
        async with agent() as one:
            expected = one.says("branch")
        monkeypatch.setattr("axonflow.app.following.START_TIMEOUT_S", 0.2)
        again = agent()
        again.feed.hangs = fault == "hangs"
        again.feed.error = {"fails": PolicyStoreError("away"), "breaks its contract": KeyError("x")}.get(fault)
        async with again:
            assert again.says("branch") == expected == ("allow-2", "warn-1", "log-3")
            assert again.follower.status.degraded_since_us
            assert again.follower.status.seen_us is None

    asyncio.run(main())


def test_follower_with_nothing_kept_and_no_store_allows_nothing_but_what_files_allow(newsroom, agent):
    async def main():
        for files, stand_in, expected in (
            (None, False, NOTHING), (answering("allow"), True, NOTHING), (answering("allow"), False, ("allow-0",)),
        ):  # fmt: skip
            one = agent(files, stand_in=stand_in)
            one.feed.error = PolicyStoreError("away")
            async with one:
                assert one.says()[: len(expected)] == expected

    asyncio.run(main())


@pytest.mark.parametrize(
    "fault", ["bundle changed", "bundle gone", "index changed", "index of nonsense", "another format"]
)
def test_follower_what_was_kept_and_does_not_verify_allows_nothing(newsroom, agent, tmp_path, fault):
    async def main():
        await newsroom.activated("acme", answering("allow", number=1))
        async with agent():
            pass
        (bundle,) = (tmp_path / "kept").glob("*.axb")
        index = tmp_path / "kept" / "index.json"
        if fault == "bundle changed":
            bundle.write_bytes(bundle.read_bytes()[:-1] + b"\0")
        elif fault == "bundle gone":
            bundle.unlink()
        else:
            text = {"index changed": index.read_text().replace('"acme"', '"other"'), "index of nonsense": "{",
                    "another format": index.read_text().replace("in-force/1", "in-force/2")}[fault]  # fmt: skip
            index.write_text(text)
        one = agent()
        one.feed.error = PolicyStoreError("away")
        async with one:
            assert one.says().startswith(NOTHING)
            assert one.says("other").startswith(NOTHING)
            one.feed.error = None
            await one.until(lambda: one.says() == ("allow-1",))

    asyncio.run(main())


def test_follower_that_cannot_keep_what_is_in_force_serves_it_and_says_so(newsroom, agent, tmp_path):
    async def main():
        (tmp_path / "kept").touch()
        await newsroom.activated("acme", answering("allow", number=1))
        async with agent() as one:
            assert one.says() == ("allow-1",)
            assert "cannot be kept on disk" in one.follower.status.unkept
            (tmp_path / "kept").unlink()
            await newsroom.activated("acme", answering("allow", number=2))
            await one.until(lambda: one.says() == ("allow-2",) and one.follower.status.unkept is None)
        assert sum("cannot be kept" in line for line in one.said) == 1
        assert len(list((tmp_path / "kept").glob("*.axb"))) == 1

    asyncio.run(main())


def test_follower_sees_a_change_of_which_it_is_not_told(newsroom, agent, monkeypatch):
    monkeypatch.setattr("axonflow.flows.follow_policies.POLL_S", 0.05)

    async def main():
        async with agent() as one:
            newsroom.store._watchers.clear()
            await newsroom.activated("acme", answering("allow", number=1))
            await one.until(lambda: one.says() == ("allow-1",))

    asyncio.run(main())


def test_follower_gives_many_tenants_theirs_step_by_step_and_each_is_whole(newsroom, agent, monkeypatch):
    monkeypatch.setattr("axonflow.flows.follow_policies._ENGINES_A_STEP", 2)

    async def main():
        for number in range(5):
            await newsroom.activated(f"t{number}", answering("allow", number=number))
        async with agent() as one:
            served = []
            one.follower._serve = lambda engines: (served.append(engines), one.flow.serve(engines))
            await newsroom.activated("*", answering("warn", "*", number=9))
            await one.until(lambda: one.says("t4") == ("allow-4", "warn-9"))
        assert len(served) == 4
        for engines in served:
            for number, engine in enumerate(engines.tenants.values()):
                asked = Request({"id": "ann", "tenant": f"t{number}"}, "tool.call", "tool:search")
                assert engine.decide(asked, "id", 0).policies in {(f"allow-{number}",), (f"allow-{number}", "warn-9")}

    asyncio.run(main())


def test_follower_failure_while_building_is_tried_again_and_never_taken_for_done(newsroom, agent):
    async def main():
        await newsroom.activated("*", answering("warn", "*", number=1))
        async with agent() as one:
            compiled, one.follower._compile = one.follower._compile, broken
            await newsroom.activated("acme", answering("allow", number=2))
            await one.until(lambda: one.follower.status.degraded_since_us)
            assert one.says() == ("warn-1",)
            one.follower._compile = compiled
            await one.until(lambda: one.says() == ("allow-2", "warn-1"))

    def broken(scopes):
        raise MemoryError

    asyncio.run(main())


def test_follower_that_waits_for_the_store_holds_up_no_decision(newsroom, agent):
    async def main():
        await newsroom.activated("acme", answering("allow", number=1))
        async with agent() as one:
            one.feed.hangs = True
            request = Request({"id": "ann", "tenant": "acme"}, "tool.call", "tool:search")
            assert (await one.flow.enforce(request)).allowed

    asyncio.run(main())
