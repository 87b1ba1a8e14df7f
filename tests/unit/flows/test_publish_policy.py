"""Publishing, activating and going back, in a store in memory."""

import asyncio

import pytest

from axonflow.adapters.ed25519 import Signer, TrustedKeys
from axonflow.adapters.memory import MemoryPolicyStore
from axonflow.errors import ConfigurationError, PolicyConflict, PolicyError, PolicyStoreError
from tests.publishing import Newsroom, answering, key_pair


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return key_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def newsroom(keys):
    return Newsroom(MemoryPolicyStore(), keys[0])


def active(newsroom, scope="acme"):
    return {one.set_name: one.version for one in asyncio.run(newsroom.publisher.sets(scope))}


def rolled_back(newsroom, times):
    for _ in range(times):
        asyncio.run(newsroom.publisher.rollback(newsroom.change("acme")))
    return active(newsroom)["main"]


def test_rollback_again_and_again_goes_back_step_by_step_to_nothing(newsroom):
    for number in (1, 2, 3):
        asyncio.run(newsroom.activated("acme", answering("allow", number=number)))
    assert [rolled_back(newsroom, 1) for _ in range(3)] == [2, 1, None]
    assert rolled_back(newsroom, 1) == 1


def test_rollback_after_a_new_version_goes_to_the_one_before_it(newsroom):
    for number in (1, 2):
        asyncio.run(newsroom.activated("acme", answering("allow", number=number)))
    rolled_back(newsroom, 1)
    asyncio.run(newsroom.activated("acme", answering("allow", number=3)))
    assert rolled_back(newsroom, 1) == 1


def test_rollback_with_nothing_in_force_is_refused(newsroom):
    with pytest.raises(PolicyStoreError, match="nothing to roll back"):
        rolled_back(newsroom, 1)
    asyncio.run(newsroom.published("acme", answering("allow")))
    with pytest.raises(PolicyStoreError, match="nothing to roll back"):
        rolled_back(newsroom, 1)


def test_rollback_expected_after_another_activation_is_a_conflict(newsroom):
    for number in (1, 2):
        asyncio.run(newsroom.activated("acme", answering("allow", number=number)))
    with pytest.raises(PolicyConflict):
        asyncio.run(newsroom.publisher.rollback(newsroom.change("acme", expected_sequence=1)))
    assert active(newsroom) == {"main": 2}


def test_activate_of_what_does_not_go_with_the_scopes_other_sets_is_refused_with_every_error(newsroom):
    asyncio.run(newsroom.activated("acme", answering("allow", name="a"), name="first"))
    other = answering("allow", name="a", default="deny")
    asyncio.run(newsroom.published("acme", other, name="second"))
    with pytest.raises(PolicyError) as caught:
        asyncio.run(newsroom.publisher.activate(newsroom.change("acme", "second"), 1))
    told = [problem.message for problem in caught.value.problems]
    assert told == [
        "two policy sets have the same id", "sets of the tenant layer differ in their default",
        "two rules have the same id",
    ]  # fmt: skip
    assert active(newsroom) == {"first": 1, "second": None}


def test_activate_is_told_of_another_set_that_somebody_activated_while_it_was_checked(newsroom, keys):
    asyncio.run(newsroom.published("acme", answering("allow", number=1, name="a"), name="first"))
    asyncio.run(newsroom.published("acme", answering("allow", number=2, name="b"), name="second"))

    class Slow(Newsroom):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.publisher._check = lambda *_: asyncio.run(
                newsroom.publisher.activate(newsroom.change("acme", "first"), 1)
            )

    slow = Slow(newsroom.store, keys[0])
    with pytest.raises(PolicyConflict):
        asyncio.run(slow.publisher.activate(slow.change("acme", "second"), 1))
    assert active(newsroom) == {"first": 1, "second": None}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"author": ""}, "has its author"),
        ({"reason": " \n"}, "has its reason"),
        ({"reason": "x" * 4_001}, "has its reason"),
        ({"name": ""}, "not a name for a set"),
        ({"name": "x" * 129}, "not a name for a set"),
    ],
)
def test_publish_without_who_why_or_a_name_is_refused(newsroom, parts, words):
    change = newsroom.change("acme", **parts)
    with pytest.raises(PolicyStoreError, match=words):
        asyncio.run(newsroom.publisher.publish(change, answering("allow"), newsroom.key))
    assert active(newsroom) == {}


def test_publish_of_documents_keeps_them_as_they_were_written(newsroom, tmp_path):
    (tmp_path / "a").mkdir()
    text = "# why\n" + "apiVersion: axonflow.dev/v1\nkind: PolicySet\nmetadata: {name: a}\ndefault: deny\nrules: []\n"
    (tmp_path / "a" / "p.yaml").write_text(text)
    (tmp_path / "p.yaml").write_text(text.replace("name: a", "name: b"))
    version = asyncio.run(newsroom.published("acme", tmp_path / "a", tmp_path / "p.yaml"))
    assert version.source == {"0/p.yaml": text, "1/p.yaml": text.replace("name: a", "name: b")}
    one = asyncio.run(newsroom.published("acme", tmp_path / "a" / "p.yaml", "@baseline"))
    assert {"p.yaml", "access.yaml"} < set(one.source)
    assert asyncio.run(newsroom.published("acme", None, answering("allow"))).source.keys() == {"policies.json"}


def test_publish_without_a_key_takes_one_bundle_and_nothing_else(newsroom, tmp_path):
    for policies in ([], [answering("allow")]):
        with pytest.raises(PolicyError, match="documents are signed when they are published"):
            asyncio.run(newsroom.publisher.publish(newsroom.change("acme"), policies, None))


def test_publisher_with_trusted_keys_activates_what_they_signed_alone(newsroom, keys, tmp_path):
    asyncio.run(newsroom.published("acme", answering("allow")))
    other = key_pair(tmp_path)[1]
    for trusted, refuses in ((keys[1], False), (other, True)):
        publisher = Newsroom(newsroom.store, keys[0], trusted_keys=[trusted]).publisher
        activating = publisher.activate(newsroom.change("acme"), 1)
        if refuses:
            with pytest.raises(PolicyError, match="not signed by a key that is trusted"):
                asyncio.run(activating)
        else:
            asyncio.run(activating)


def test_key_pair_that_is_kept_is_made_once_and_mended(tmp_path):
    from axonflow.app.bundles import keep_key_pair

    private, public = tmp_path / "k.key", tmp_path / "k.pub"
    keep_key_pair(private, public)
    made = (private.read_text(), public.read_text())
    public.unlink()
    keep_key_pair(private, public)
    assert (private.read_text(), public.read_text()) == made
    private.write_text("nonsense")
    public.unlink()
    with pytest.raises(ConfigurationError, match="not a key"):
        keep_key_pair(private, public)


@pytest.mark.parametrize("written", [(), ("k.key",)])
def test_key_pair_of_a_process_that_was_killed_before_it_wrote_it_is_made_whole(tmp_path, written):
    from axonflow.app.bundles import keep_key_pair

    private, public = tmp_path / "k.key", tmp_path / "k.pub"
    keep_key_pair(private, public)
    made = private.read_text()
    for path in {private, public} - {tmp_path / name for name in written}:
        path.write_bytes(b"")
    keep_key_pair(private, public)
    assert (private.read_text() == made) == bool(written)
    signer = Signer.from_file(private)
    assert TrustedKeys.from_files([public]).verify(signer.key_id, b"message", signer.sign(b"message"))
