"""Signed statements: nobody else can make one, and none outlives its time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from axonflow_sidecar.http.signing import Signer

KEY = bytes(range(32))


class Statement(Struct):
    text: str
    expires_us: int = 100


@given(st.text(max_size=40), st.integers(0, 200))
def test_signer_statement_holds_until_it_expires(text, now_us):
    signer = Signer(KEY)
    token = signer.sign("p", Statement(text))
    assert (signer.check("p", token, Statement, now_us) == Statement(text)) is (now_us < 100)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_signer_token_with_a_changed_character_is_refused(place, change):
    token = Signer(KEY).sign("p", Statement("x"))
    place %= len(token)
    other = token[:place] + chr((ord(token[place]) + change) % 256) + token[place + 1 :]
    # The last character of base64 has bits that mean nothing: then it is the same statement, never another one.
    assert Signer(KEY).check("p", other, Statement, 0) in (None, Statement("x"))


@pytest.mark.parametrize("token", ["", ".", "a.b", "é.é", "a" * 20_000, "eyJ9.AAAA", "..."])
def test_signer_text_that_is_no_token_is_refused(token):
    assert Signer(KEY).check("p", token, Statement, 0) is None


def test_signer_of_another_key_or_purpose_is_refused():
    token = Signer(KEY).sign("p", Statement("x"))
    assert Signer(bytes(32)).check("p", token, Statement, 0) is None
    assert Signer(KEY).check("q", token, Statement, 0) is None


def test_signer_pseudonym_is_stable_and_tells_nothing():
    assert Signer(KEY).pseudonym("ann") == Signer(KEY).pseudonym("ann") != Signer(bytes(32)).pseudonym("ann")
    assert "ann" not in Signer(KEY).pseudonym("ann")
