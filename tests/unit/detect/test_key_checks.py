"""What tells keys, passwords and inner addresses from what looks like them."""

import pytest

from axonflow.detect.packs.address_checks import (
    is_internal_host,
    is_internal_url,
    is_metadata_host,
    is_odd_internal_host,
)
from axonflow.detect.packs.key_checks import (
    discord_token,
    ends_its_base64,
    is_aws_id,
    is_basic_credentials,
    is_key,
    is_named_otherwise,
    is_public_name,
    is_random,
)
from axonflow.detect.packs.value_checks import is_command_password, is_password, is_plain_value, member_key, trimmed


@pytest.mark.parametrize(
    "text", ["hunter2", "Tr0ub4dor&3", "p@ssw0rd", "123456", "$ecret-1", "Sommer2026!", "12-34!", "Pa55w.rd", "S3!cret"]
)
def test_is_password_of_a_password_is_true(text):
    assert is_password(text)


@pytest.mark.parametrize(
    "text",
    [
        "abc1",
        "string",
        "required",
        "changeme",
        "your-password1",
        "111111",
        "********",
        "$DB_PASS",
        "%DB_PASS1%",
        "%(password1)s",
        "@password",
        "$2b$12$KIXQ4mU1vZ8rT0yH3nB6eO",
        "{SSHA}q7Zr2Kd9Xw4T",
        "config.password2",
        "this->password2",
        "/run/secrets/db1",
        "C:\\keys\\1",
        "https://x.example/1",
        "sha256",
        "base64",
        "password2",
        "12-34-56",
        "user_name",
        "......",
    ],
)
def test_is_password_of_code_and_place_holders_is_false(text):
    assert not is_password(text)


@pytest.mark.parametrize(
    "text", ["q7Zr2Kd9Xw4Tn6Vb1Lm8", "7f3ac91e5b8d20646e1fa7c3", "1234567890abcdef1234", "XK7Q2M9V4TB6NR3P"]
)
def test_is_key_of_letters_and_digits_without_order_is_true(text):
    assert is_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "abcdefghijklmnop",
        "1234567890123456",
        "aaaaaaaa11111111",
        "./path/to/file.v2",
        "sha512-q7Zr2Kd9Xw4Tn6",
        "my-secret-key-2024-production",
        "getTokenFromHeader2",
        "your-key-q7Zr2Kd9Xw4T",
    ],
)
def test_is_key_of_words_paths_and_hashes_is_false(text):
    assert not is_key(text)


def test_is_random_of_one_character_is_false():
    assert not is_random("a")
    assert not is_random("")


def test_is_aws_id_of_the_documentation_s_example_is_false():
    assert not is_aws_id("AKIAIOSFODNN7" + "EXAMPLE")
    assert not is_aws_id("AKIA" + "A" * 16)
    assert is_aws_id("AKIA" + "Q3ZR2KD7XW4TN6VB")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("YW5uOnMzY3JldA==", True),
        ("YW5uOnMzY3JldA", True),
        ("YW5u", False),
        ("OnMzY3JldA==", False),
        ("YW5uOg==", False),
        ("YW5uOgAB", False),
        ("/////w==", False),
        ("A", False),
    ],
)
def test_is_basic_credentials_of_a_text_tells_user_and_password(text, is_one):
    assert is_basic_credentials(text) is is_one


def test_discord_token_of_another_first_part_is_false():
    rest = "." + "q7Zr2K" + "." + "q7Zr2Kd9Xw4Tn6Vb1Lm8Hs3Pf5Gj0Yc2Ru7B"
    assert discord_token("MTk4NjIyNDgzNDcxOTI1MjQ4" + rest)
    assert not discord_token("TWl4ZWQgdGV4dCBoZXJlLCBvaw" + rest)
    assert not discord_token("M" + rest)


def test_ends_its_base64_of_a_part_of_a_longer_one_is_false():
    assert ends_its_base64("=", "x", ";")
    assert not ends_its_base64("/", "x", ";")
    assert not ends_its_base64("=", "x", "=")
    assert not ends_its_base64("+", "x", ";")


def test_name_before_a_value_decides_whose_it_is():
    assert is_public_name("next_page_token = '")
    assert is_public_name('"secret_id": "')
    assert not is_public_name("access_token = '")
    assert is_named_otherwise("aws commit: ", {"aws", "key"})
    assert is_named_otherwise("csrf_token: ", {"token"})
    assert not is_named_otherwise("aws_key: ", {"key"})
    assert not is_named_otherwise("my aws one is ", {"key"})


def test_member_key_of_a_part_of_a_leaf_is_false():
    assert member_key("apiKey: ", "x", "")
    assert not member_key("apiKey: ", "x", "y")
    assert not member_key("apiKey\n", "x", "")
    assert not member_key("secret_id: ", "x", "")


def test_plain_value_of_a_call_an_element_or_a_variable_is_false():
    assert is_plain_value("=", "x", ";")
    assert not is_plain_value("=", "x", "(")
    assert not is_plain_value("=", "x", "[")
    assert not is_plain_value("$", "x", "")
    assert is_command_password("curl -u ann:", "x", "")
    assert not is_command_password("docker -u ann:", "x", "")


def test_trimmed_of_nothing_but_punctuation_is_nothing():
    assert list(trimmed("hunter2.")) == [(0, 7)]
    assert list(trimmed("...")) == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "0",
        "10.1.2.3",
        "192.168.0.1.",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[fd00::1]",
        "LOCALHOST",
        "app.localhost",
        "db.internal",
        "10-0-0-1.nip.io",
        "x.127.0.0.1.sslip.io",
        "169.254.169.254",
        "metadata.google.internal",
        "instance-data",
    ],
)
def test_is_internal_host_of_an_inner_address_is_true(host):
    assert is_internal_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "8.8.8.8",
        "134744072",
        "example.com",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.999",
        "1.16777216",
        "4294967296",
        "08.1.1.1",
        "0xzz",
        "[::ffff:8.8.8.8]",
        "[2606:4700::1111]",
        "[:::1]",
        "[12]",
        "10.example.com",
        "224.0.0.1",
        "nip.io",
        "x.nip.io",
    ],
)
def test_is_internal_host_of_an_outer_or_no_address_is_false(host):
    assert not is_internal_host(host)


@pytest.mark.parametrize(
    "host", ["2852039166", "0xA9FEA9FE", "[::ffff:a9fe:a9fe]", "metadata.goog.", "[fd00:ec2::254]"]
)
def test_is_metadata_host_of_any_spelling_is_true(host):
    assert is_metadata_host(host)


def test_is_metadata_host_of_another_address_is_false():
    assert not is_metadata_host("169.254.1.1")
    assert not is_metadata_host("example.com")


def test_is_odd_internal_host_of_a_plain_address_is_false():
    assert is_odd_internal_host("127.1")
    assert is_odd_internal_host("[::ffff:127.0.0.1]")
    assert not is_odd_internal_host("127.0.0.1")
    assert not is_odd_internal_host("[::1]")
    assert not is_odd_internal_host("0x8.8.8.8")
    assert not is_odd_internal_host("localhost")


@pytest.mark.parametrize("url", ["http://10.0.0.1:80/x", "http://[::1]", "http://[::1]:80/", "ftp://a:b@127.1?x#y"])
def test_is_internal_url_of_an_inner_host_is_true(url):
    assert is_internal_url(url)
    assert not is_internal_url("https://example.com:443/10.0.0.1")
