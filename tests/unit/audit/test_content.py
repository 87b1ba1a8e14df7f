"""What is kept of contents: a keyed digest, a text with everything masked, or nothing; never more."""

import hmac

import pytest

from axonflow import AxonFlow
from axonflow.audit.content import MAX_REDACTED_CHARS, ContentKept
from axonflow.detect import RedactionKey
from axonflow.errors import ConfigurationError

KEY = RedactionKey(b"k" * 32)
TEXT = "write to ann@example.com"


@pytest.fixture(scope="module")
def scanner():
    return AxonFlow.open("@baseline").scanner


def digest_of(data):
    return f"hmac-sha256:{hmac.digest(KEY.derived('audit-content'), data, 'sha256').hex()}"


@pytest.mark.parametrize(
    ("content", "data"),
    [(TEXT, TEXT.encode()), ("", b""), ("\ud800", b"\xed\xa0\x80"), ({"b": [1], "a": None}, b'{"a":null,"b":[1]}')],
)
def test_content_digest_is_keyed_and_the_same_for_the_same_content(scanner, content, data):
    kept = ContentKept("digest", KEY)
    assert kept.digest(content) == digest_of(data)
    assert kept.redacted(content, scanner) == ""


@pytest.mark.parametrize(("mode", "key"), [("digest", None), ("none", KEY), ("redacted", KEY)])
def test_content_has_no_digest_without_a_key_or_in_another_mode(mode, key):
    assert ContentKept(mode, key).digest(TEXT) == ""


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (TEXT, "write to [REDACTED:pii.email]"),
        ({"to": "ann@example.com", "n": 1}, '{"n":1,"to":"[REDACTED:pii.email]"}'),
        ("a\0b \ud800", "a\\u0000b \\ud800"),
        ("word " * 10_000, ("word " * 10_000)[:MAX_REDACTED_CHARS]),
        ({"n": 1 << 20_000}, ""),
    ],
)
def test_content_redacted_is_a_text_with_everything_masked(scanner, content, kept):
    assert ContentKept("redacted", KEY).redacted(content, scanner) == kept


@pytest.mark.parametrize("mode", ["digest", "redacted", "none"])
def test_content_that_is_not_there_is_not_kept(scanner, mode):
    kept = ContentKept(mode, KEY)
    assert (kept.digest(None), kept.redacted(None, scanner)) == ("", "")


def test_content_kept_in_another_way_is_refused():
    with pytest.raises(ConfigurationError, match="digest or redacted or none"):
        ContentKept("plain", KEY)
