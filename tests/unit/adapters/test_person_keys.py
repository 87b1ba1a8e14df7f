"""Keys of persons are wrapped for their place, found by who has the key of the installation, and held by a writer."""

import pytest

from axonflow.adapters.person_keys import InstallationKey, WriterKeys
from axonflow.errors import ConfigurationError

ONE, OTHER = InstallationKey(b"1" * 32), InstallationKey(b"2" * 32)


def test_installation_key_opens_what_it_wrapped_and_nobody_elses_nor_at_another_place():
    key = ONE.new_key("acme", "user:ann")
    kept = key.unkept
    text = key.seal(b"told", b"about")
    assert ONE.opens("acme", kept.key_id, kept.wrapped)(text, b"about") == b"told"
    assert ONE.opens("acme", kept.key_id, kept.wrapped)(text, b"something else") is None
    assert OTHER.opens("acme", kept.key_id, kept.wrapped) is None
    assert ONE.opens("other", kept.key_id, kept.wrapped) is None
    assert ONE.opens("acme", "another id", kept.wrapped) is None
    assert ONE.opens("acme", kept.key_id, b"") is None


def test_installation_key_tags_a_person_of_a_tenant_the_same_and_any_other_differently():
    tags = [ONE.tag("acme", "user:ann"), ONE.tag("acme", "user:bob"), ONE.tag("acmeuser", ":ann"),
            OTHER.tag("acme", "user:ann"), ONE.tag("acme", "user:\ud800")]  # fmt: skip
    assert len(set(tags)) == len(tags)
    assert ONE.new_key("acme", "user:ann").unkept.tag == tags[0]


def test_installation_key_that_is_too_short_is_refused_and_none_shows_itself():
    with pytest.raises(ConfigurationError, match="at least 32 random bytes"):
        InstallationKey(b"1" * 31)
    assert repr(ONE) == "InstallationKey(...)"


def test_writer_keys_give_a_person_the_same_key_until_it_is_forgotten():
    keys = WriterKeys(ONE)
    ann, bob = keys.key_of("acme", "user:ann"), keys.key_of("acme", "user:bob")
    assert keys.key_of("acme", "user:ann") is ann
    assert keys.key_of("other", "user:ann") is not ann
    keys.forget(ann.key_id)
    assert keys.key_of("acme", "user:ann").key_id != ann.key_id
    assert keys.key_of("acme", "user:bob") is bob
    keys.forget(None)
    assert keys.key_of("acme", "user:bob") is not bob


def test_writer_keys_beyond_the_limit_let_go_of_the_first_made():
    keys = WriterKeys(ONE, max_held=2)
    made = [keys.key_of("acme", f"user:{number}") for number in range(3)]
    assert keys.key_of("acme", "user:2") is made[2]
    assert keys.key_of("acme", "user:1") is made[1]
    assert keys.key_of("acme", "user:0") is not made[0]
