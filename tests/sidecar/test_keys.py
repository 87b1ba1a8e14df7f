"""API keys: which are refused as keys, and what a ring gives away."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.errors import ConfigurationError
from axonflow.tenancy import INSTALLATION, PERMISSIONS
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.keys import ApiKey, KeyRing, new_key

GOOD = "k" * 32


@pytest.mark.parametrize(
    "keys",
    [[], ["short"], ["x" * 513], [ApiKey(GOOD, "")], [ApiKey(GOOD, "a:b")], [ApiKey(GOOD, "c", "")],
     [ApiKey(GOOD, "c", "t\n")], [ApiKey(GOOD, roles=("nobody",))], [ApiKey(GOOD, scopes=("audit.dream",))]],
)  # fmt: skip
def test_key_ring_with_keys_that_protect_nothing_is_refused(keys):
    with pytest.raises(ConfigurationError) as raised:
        KeyRing(keys)
    assert GOOD not in str(raised.value)


def test_key_ring_and_its_keys_never_show_a_key():
    key = new_key()
    ring = KeyRing([ApiKey(key, "c", "t")])
    assert key not in repr(ring) + repr(vars(ring)) + repr(ApiKey(key, "c", "t"))


def client(authorization, *keys):
    return asyncio.run(Identities(KeyRing(keys or [ApiKey(GOOD, "c")])).client(authorization))


@given(st.text(max_size=200))
def test_identities_take_no_other_authorization(text):
    assert (client(text) is not None) is (text.lower().startswith("bearer ") and text[7:].strip() == GOOD)


def test_key_ring_without_roles_is_the_operators_or_the_tenants_owner():
    assert client(f"Bearer {GOOD}").permissions == PERMISSIONS
    assert client(f"Bearer {GOOD}", ApiKey(GOOD, "c", "acme")).permissions == PERMISSIONS - INSTALLATION


def test_key_ring_with_roles_and_scopes_opens_no_more_than_they_say():
    narrow = ApiKey(GOOD, "c", "acme", roles=("operator",), scopes=("tenants.*", "audit.*"))
    assert client(f"Bearer {GOOD}", narrow).permissions == {"audit.read"}
