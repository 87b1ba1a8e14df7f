"""Keys: how they are written and recognised, and what a stored one opens."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from axonflow.errors import TenancyError
from axonflow.tenancy import Pepper, StoredKey, holder_of, key_hmac, key_text, pepper_of
from tests.tenancy import OTHER_PEPPER, PEPPER, record

KEY = key_text(bytes(32), PEPPER)


def stored(**parts):
    usual = {
        "tenant_id": "acme", "key_id": "k", "client_id": "crm", "scopes": (), "roles": ("agent",), "expires_us": None,
        "revoked_us": None, "status": "active",
    }  # fmt: skip
    return StoredKey(**usual | parts)


@given(st.binary(min_size=32, max_size=32))
def test_key_is_recognised_by_its_pepper_and_by_no_other(random):
    key = key_text(random, PEPPER)
    assert (len(key), key[:4]) == (58, "axf_")
    assert pepper_of(key, [OTHER_PEPPER, PEPPER]) is PEPPER
    assert pepper_of(key, [OTHER_PEPPER]) is None
    assert key_hmac(key, PEPPER) != key_hmac(key, OTHER_PEPPER)


@given(st.text(max_size=80) | st.from_regex(r"axf_[A-Za-z0-9_-]{54}", fullmatch=True))
@example("axf_" + "\ud800" * 54)
@example("axf_" + "A" * 54)
@example("")
def test_key_that_was_made_up_is_nobodys(text):
    assert pepper_of(text, [PEPPER, OTHER_PEPPER]) is None


@given(st.integers(4, 57), st.sampled_from("ABab01_-"))
def test_key_with_another_character_is_nobodys(place, char):
    changed = KEY[:place] + char + KEY[place + 1 :]
    assert (pepper_of(changed, [PEPPER]) is PEPPER) is (changed == KEY)


def test_key_in_another_spelling_is_nobodys():
    other = KEY[:-1] + chr(ord(KEY[-1]) + 1)
    assert base64.urlsafe_b64decode(other[4:] + "==") == base64.urlsafe_b64decode(KEY[4:] + "==")
    assert pepper_of(other, [PEPPER]) is None


def test_key_takes_32_random_bytes():
    with pytest.raises(ValueError, match="32 random bytes"):
        key_text(b"short", PEPPER)


@pytest.mark.parametrize(("name", "secret"), [("", b"p" * 32), ("a b", b"p" * 32), ("one", b"p" * 31)])
def test_pepper_that_protects_nothing_is_refused(name, secret):
    with pytest.raises(TenancyError) as raised:
        Pepper(name, secret)
    assert "ppp" not in str(raised.value)


def test_pepper_never_shows_its_secret():
    assert repr(PEPPER) == "Pepper(pepper_id='one')"


@pytest.mark.parametrize(
    "parts",
    [{"client_id": ""}, {"client_id": "a:b"}, {"name": "a\n"}, {"name": "x" * 257}, {"scopes": ("audit.dream",)},
     {"scopes": ("audit.read",) * 65}, {"roles": ("a",) * 65}],
)  # fmt: skip
def test_key_record_that_cannot_be_is_refused(parts):
    with pytest.raises(TenancyError):
        record("acme", **parts)


@pytest.mark.parametrize(
    ("parts", "state"),
    [({}, "active"), ({"expires_us": 11}, "active"), ({"expires_us": 10}, "expired"),
     ({"expires_us": 10, "revoked_us": 5, "revoked_by": "x"}, "revoked")],
)  # fmt: skip
def test_key_record_says_its_state(parts, state):
    assert record("acme", **parts).state(10) == state


@pytest.mark.parametrize("parts", [{"revoked_us": 1}, {"expires_us": 10}, {"expires_us": 9}])
def test_holder_of_a_key_that_has_ended_is_nobody(parts):
    assert holder_of(stored(**parts), 10) is None


def test_holder_may_do_what_roles_and_grants_give_within_the_scopes():
    key = stored(
        roles=("agent", "clerk", "gone"), granted={"viewer": None, "auditor": 10, "editor": 50}, expires_us=90,
        own_roles={"clerk": ("keys.*", "tenants.read"), "editor": ("policies.write",)},
    )  # fmt: skip
    holder = holder_of(key, 10)
    assert {"decisions.make", "keys.read", "keys.write", "policies.read", "policies.write"} <= holder.permissions
    assert not {"audit.read", "tenants.read", "vault.reveal"} & holder.permissions
    assert holder.until_us == 50
    narrow = holder_of(stored(roles=("owner",), scopes=("audit.*", "tenants.*", "keys.read")), 10)
    assert (narrow.permissions, narrow.until_us) == ({"audit.read", "keys.read"}, None)


def test_holder_of_a_role_that_takes_a_built_in_name_has_the_built_in_one():
    holder = holder_of(stored(roles=("viewer",), own_roles={"viewer": ("*",)}), 10)
    assert "keys.write" not in holder.permissions
