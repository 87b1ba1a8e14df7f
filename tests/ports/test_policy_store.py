"""What every store of published policies must do: number versions, append activations, and let nobody overwrite."""

import asyncio
import contextlib

import pytest
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryPolicyFeed, MemoryPolicyStore
from axonflow.adapters.postgres import PostgresPolicyFeed, PostgresPolicyStore
from axonflow.errors import PolicyConflict, PolicyStoreError
from axonflow.ids import new_id
from axonflow.policy.publication import Activation, PolicyVersion, SetState
from tests.postgres import execute
from tests.postgres_stores import opened


class Stored:
    """A store, feeds of it, scopes that are there, and what runs coroutines."""

    def __init__(self, run, store, new_feed, add_scope):
        self.run = run
        self.store = store
        self.new_feed = new_feed
        self.add_scope = add_scope

    def publish(self, scope, digest="sha256:1", name="main", **parts):
        usual = {"key_id": "k", "rules": 1, "author": "user:ann", "reason": "because\n", "created_us": 5,
                 "bundle": b"\0bundle " + digest.encode(), "source": {"a.yaml": "default: deny\0"}}  # fmt: skip
        version = PolicyVersion(tenant_id=scope, set_name=name, version=0, digest=digest, **usual | parts)
        return self.run(self.store.publish(version))

    def activation(self, scope, version, name="main", sequence=None, **parts):
        known = self.run(self.store.sets(scope))
        last = next((one.sequence for one in known if one.set_name == name), 0)
        usual = {"kind": "activate", "author": "user:bob", "reason": "now", "created_us": 6}
        sequence = last + 1 if sequence is None else sequence
        own = Activation(tenant_id=scope, set_name=name, sequence=sequence, version=version, **usual | parts)
        return own, known

    def activate(self, scope, version, **parts):
        return self.run(self.store.activate(*self.activation(scope, version, **parts)))


def in_memory():
    organizations = {}
    store = MemoryPolicyStore(organizations)

    def add_scope(scope, organization=None):
        if organization is not None:
            store._organizations[scope] = organization

    return store, lambda: MemoryPolicyFeed(store), add_scope


@pytest.fixture(scope="module", params=["memory", "postgres"])
def stored(request):
    if request.param == "memory":
        with asyncio.Runner() as runner:
            yield Stored(runner.run, *in_memory())
        return
    dsn = request.getfixturevalue("migrated_dsn")
    with opened(dsn) as (run, database), contextlib.ExitStack() as stack:

        def new_feed():
            feed = PostgresPolicyFeed(database)
            stack.callback(feed.close)
            return feed

        def add_scope(scope, organization=None):
            given = f"'{organization}'" if organization else "NULL"
            execute(
                dsn,
                "INSERT INTO axonflow.tenant (tenant_id, name, organization_id, tier, created_us, created_by,"
                f" updated_us) VALUES ('{scope}', 'T', {given}, 'enterprise', 1, 'user:ann', 1)",
            )

        yield Stored(run, PostgresPolicyStore(database), new_feed, add_scope)


@pytest.fixture
def scope(stored):
    name = new_id(1)
    stored.add_scope(name)
    return name


def test_policy_store_versions_of_a_set_are_numbered_and_kept_as_they_are(stored, scope):
    first, second = stored.publish(scope), stored.publish(scope, "sha256:2", source={})
    assert [first.version, second.version] == [1, 2]
    assert stored.run(stored.store.version(scope, "main", 1)) == first
    assert first.bundle == b"\0bundle sha256:1"
    assert stored.run(stored.store.version(scope, "main", 2)) == second
    assert stored.publish(scope, "sha256:1", name="other").version == 1


def test_policy_store_same_digest_under_the_same_key_is_the_same_version(stored, scope):
    first = stored.publish(scope)
    assert stored.publish(scope, author="user:eve", reason="again", bundle=b"x") == first
    assert stored.publish(scope, key_id="k2").version == 2
    assert len(stored.run(stored.store.history(scope, "main", 10)).versions) == 2


def test_policy_store_published_by_many_at_once_gives_each_digest_a_number_of_its_own(stored, scope):
    version = stored.publish(scope, "sha256:0")

    async def all_at_once():
        each = (replace(version, digest=f"sha256:{number % 5}") for number in range(15))
        return await asyncio.gather(*(stored.store.publish(one) for one in each))

    numbers = {(one.digest, one.version) for one in stored.run(all_at_once())}
    assert len(numbers) == 5
    assert sorted(number for _, number in numbers) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("place", [("main", 7), ("main", 0), ("main", 2**40), ("none", 1), ("ma\0in", 1)])
def test_policy_store_asked_for_a_version_that_is_not_there_finds_none(stored, scope, place):
    stored.publish(scope)
    assert stored.run(stored.store.version(scope, *place)) is None
    assert stored.run(stored.store.version("another", "main", 1)) is None


def test_policy_store_activation_is_in_force_and_in_the_history_newest_first(stored, scope):
    stored.publish(scope)
    stored.publish(scope, "sha256:2")
    assert stored.run(stored.store.sets(scope)) == [SetState("main")]
    assert stored.activate(scope, 1) == SetState("main", 1, 1, "sha256:1")
    assert stored.activate(scope, 2) == SetState("main", 2, 2, "sha256:2")
    assert stored.activate(scope, 1, kind="rollback") == SetState("main", 3, 1, "sha256:1")
    assert stored.activate(scope, None, kind="deactivate") == SetState("main", 4, None, None)
    assert stored.run(stored.store.sets(scope)) == [SetState("main", 4)]
    history = stored.run(stored.store.history(scope, "main", 3))
    assert [(one.sequence, one.kind, one.version) for one in history.activations] == [
        (4, "deactivate", None), (3, "rollback", 1), (2, "activate", 2),
    ]  # fmt: skip
    assert [one.version for one in history.versions] == [2, 1]
    assert history.versions[0].reason == "because\n"
    assert not stored.run(stored.store.history(scope, "none", 3)).versions


def test_policy_store_activation_of_a_version_that_is_not_there_is_refused(stored, scope):
    stored.publish(scope)
    with pytest.raises(PolicyStoreError, match="no such version"):
        stored.activate(scope, 2)
    assert stored.run(stored.store.sets(scope)) == [SetState("main")]


def test_policy_store_activated_by_many_at_once_tells_all_but_one_of_a_conflict(stored, scope):
    for number in range(6):
        stored.publish(scope, f"sha256:{number}")
    attempts = [stored.activation(scope, number + 1) for number in range(6)]

    async def all_at_once():
        return await asyncio.gather(*(stored.store.activate(*one) for one in attempts), return_exceptions=True)

    results = stored.run(all_at_once())
    (won,) = [one for one in results if isinstance(one, SetState)]
    assert sum(type(one) is PolicyConflict for one in results) == 5
    assert stored.run(stored.store.sets(scope)) == [won]
    assert len(stored.run(stored.store.history(scope, "main", 9)).activations) == 1


@pytest.mark.parametrize("change", ["the set", "another set", "a new set"])
def test_policy_store_activation_decided_on_something_older_is_a_conflict(stored, scope, change):
    stored.publish(scope)
    stored.publish(scope, name="other")
    attempt = stored.activation(scope, 1)
    if change == "a new set":
        stored.publish(scope, name="third")
    else:
        stored.activate(scope, 1, name="main" if change == "the set" else "other")
    with pytest.raises(PolicyConflict, match="somebody else changed what is in force"):
        stored.run(stored.store.activate(*attempt))
    wrong, known = stored.activation(scope, 1, sequence=9)
    with pytest.raises(PolicyConflict):
        stored.run(stored.store.activate(wrong, known))


def test_policy_feed_says_what_is_in_force_in_every_scope(stored, scope):
    member, organization = f"{scope}-2", f"@{scope}"
    stored.add_scope(organization)
    stored.add_scope(member, organization)
    for name in ("b", "a"):
        stored.publish(scope, name=name)
        stored.activate(scope, 1, name=name)
    stored.publish(organization)
    feed = stored.new_feed()
    found = stored.run(feed.in_force())
    assert found.sets[scope] == (SetState("a", 1, 1, "sha256:1"), SetState("b", 1, 1, "sha256:1"))
    assert organization not in found.sets
    assert found.organizations[member] == organization
    assert stored.run(feed.bundle(scope, "a", 1)) == b"\0bundle sha256:1"
    with pytest.raises(PolicyStoreError, match="no such version"):
        stored.run(feed.bundle(scope, "a", 2))
    stored.activate(scope, None, name="a", kind="deactivate")
    assert stored.run(feed.in_force()).sets[scope] == (SetState("b", 1, 1, "sha256:1"),)


def test_policy_feed_is_woken_by_an_activation_and_not_by_the_time(stored, scope):
    stored.publish(scope)
    feed = stored.new_feed()
    stored.run(feed.in_force())
    assert stored.run(feed.changed(0.01)) is False

    async def woken():
        waiting = asyncio.create_task(feed.changed(60))
        await asyncio.to_thread(lambda: None)
        await stored.store.activate(*attempt)
        return await waiting

    attempt = stored.activation(scope, 1)
    assert stored.run(woken()) is True
    stored.run(feed.in_force())
    assert stored.run(feed.changed(0.01)) is False
