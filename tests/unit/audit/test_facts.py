"""What an event keeps of a decision's grounds: nothing that no store keeps, no secret, no part of the content."""

import hashlib

import msgspec
import pytest
from msgspec import UNSET

from axonflow import AxonFlow
from axonflow.audit import Detected
from axonflow.audit.facts import MAX_COMPOSED_BYTES, MAX_FINDINGS, attributes_kept, findings_kept
from axonflow.detect import Finding
from axonflow.detect.secrecy import Secrecy

AWS = "AKIA" + "Z7Q2MX4LKP6RW3TB"


@pytest.fixture(scope="module")
def scanner():
    return AxonFlow.open("@baseline").scanner


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("prod", "prod"),
        ("a\0b", "a\\u0000b"),
        ("\ud800", "\\ud800"),
        (True, True),
        (None, None),
        (5, 5),
        (2**60, str(2**60)),
        (1.5, 1.5),
        (("clerk", "boss"), ["clerk", "boss"]),
        ({"a": [1]}, {"a": [1]}),
        ("x" * 500, f"sha256:{hashlib.sha256(b'x' * 500).hexdigest()}:500"),
        (f"key {AWS}", "key [REDACTED:secret.aws_access_key]"),
        ([f"key {AWS}"], ["key [REDACTED:secret.aws_access_key]"]),
    ],
)
def test_attributes_kept_are_storable_and_without_secrets(scanner, value, kept):
    assert attributes_kept([("context.x", value)], Secrecy(scanner)) == {"context.x": kept}


def test_attributes_that_are_large_together_are_told_by_digests_and_those_beside_them_kept(scanner):
    large = [["x" * 250] * 50] * 2
    read = [*((f"context.a{number}", large) for number in range(9)), ("context.small", ["x"]), ("context.b", 1)]
    kept = attributes_kept(read, Secrecy(scanner))
    written = msgspec.json.encode(large)
    digest = f"sha256:{hashlib.sha256(written).hexdigest()}:{len(written)}"
    assert [kept[path] for path, _ in read] == [large, large, *[digest] * 7, ["x"], 1]
    assert len(msgspec.json.encode(kept)) < MAX_COMPOSED_BYTES + 1_000


@pytest.mark.parametrize("value", [UNSET, ()])
def test_attributes_that_a_request_has_not_are_not_kept(scanner, value):
    assert attributes_kept([("context.x", value)], Secrecy(scanner)) == {}


def found(path="$", detector="pii.email", *, validated=True, in_key=False):
    return Finding(detector, "pii", "low", path, 2, 7, 0.9, validated, in_key)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("$", "$"),
        ("$[3]", "$[3]"),
        ("$.args.to[0]", "$.args.to[0]"),
        ("$.ann2.x", "$.*.x"),
        (f"$.{'x' * 33}", "$.*"),
        ("$['ann@example.com'][0].note", "$.*[0].note"),
        (r"$['it\'s [0].x \\'].y", "$.*.y"),
        ("$['a\nb'].y", "$.*.y"),
        ("$['12'][12]", "$.*[12]"),
    ],
)
def test_findings_kept_show_no_name_that_may_be_a_value(scanner, path, shown):
    assert findings_kept([found(path)], scanner)[0].path == shown


def test_findings_kept_hide_names_in_which_something_was_found_and_keep_what_is_below(scanner):
    kept = findings_kept([found("$.secret", in_key=True), found("$.secret.note"), found("$.secrets")], scanner)
    assert [one.path for one in kept] == ["$.*", "$.*.note", "$.secrets"]


def test_findings_kept_name_the_check_that_confirmed_them(scanner):
    detectors = ["pii.email", "pii.phone", "pii.crypto_address", "secret.azure_storage_key"]
    kept = findings_kept([found(detector=one) for one in detectors], scanner)
    assert [one.validator for one in kept] == [
        "email_address", "context",
        "base58_address|bech32_address|checksummed_ethereum_address|ethereum_address", "check",
    ]  # fmt: skip
    assert findings_kept([found(validated=False)], scanner) == (Detected("pii.email", "$", 2, 7),)


def test_findings_kept_are_the_first_of_many(scanner):
    kept = findings_kept([found(f"$[{number}]") for number in range(500)], scanner)
    assert (len(kept), kept[-1].path) == (MAX_FINDINGS, "$[63]")
