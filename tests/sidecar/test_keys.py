"""API keys: which are refused as keys, and what a ring gives away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.errors import ConfigurationError
from axonflow_sidecar.http.keys import ApiKey, KeyRing, new_key

GOOD = "k" * 32


@pytest.mark.parametrize(
    "keys",
    [[], ["short"], ["x" * 513], [ApiKey(GOOD, "")], [ApiKey(GOOD, "a:b")], [ApiKey(GOOD, "c", "")],
     [ApiKey(GOOD, "c", "t\n")]],
)  # fmt: skip
def test_key_ring_with_keys_that_protect_nothing_is_refused(keys):
    with pytest.raises(ConfigurationError) as raised:
        KeyRing(keys)
    assert GOOD not in str(raised.value)


def test_key_ring_and_its_keys_never_show_a_key():
    key = new_key()
    ring = KeyRing([ApiKey(key, "c", "t")])
    assert key not in repr(ring) + repr(vars(ring)) + repr(ApiKey(key, "c", "t"))


@given(st.text(max_size=200))
def test_key_ring_takes_no_other_authorization(text):
    ring = KeyRing([ApiKey(GOOD, "c")])
    assert (ring.client(text) is not None) is (text.lower().startswith("bearer ") and text[7:].strip() == GOOD)
