"""Values to be shown: secrets in them are masked, what cannot be looked at is withheld, the harmless is remembered."""

import pytest

from axonflow import AxonFlow
from axonflow.detect.secrecy import WITHHELD, Secrecy

AWS = "AKIA" + "Z7Q2MX4LKP6RW3TB"
LONG = "a name of more than sixteen characters"


class Counting:
    """A scanner that counts how often it is asked."""

    def __init__(self, scanner):
        self.detectors = scanner.detectors
        self.scanner = scanner
        self.asked = 0

    def inspect(self, content):
        self.asked += 1
        return self.scanner.inspect(content)


class Failing(Counting):
    def inspect(self, content):
        raise RuntimeError("somebody's validator")


@pytest.fixture(scope="module")
def scanner():
    return AxonFlow.open("@baseline").scanner


@pytest.mark.parametrize(
    ("name", "value"),
    [("x", LONG), ("x", "short"), ("x", None), ("x", True), ("x", 5), ("x", 1.5), ("x", ["a", 1]), ("x", [LONG]),
     ("x", {"a": {"b": "c"}})],
)  # fmt: skip
def test_secrecy_of_a_harmless_value_is_the_value(scanner, name, value):
    assert Secrecy(scanner).masked(name, value) == value


@pytest.mark.parametrize("wrap", [lambda text: text, lambda text: [text], lambda text: {"a": [text]}])
def test_secrecy_of_a_secret_is_a_mask_wherever_it_is(scanner, wrap):
    masked = Secrecy(scanner).masked("note", wrap(f"the key is {AWS} today"))
    assert masked == wrap("the key is [REDACTED:secret.aws_access_key] today")


def test_secrecy_takes_the_name_for_context(scanner):
    assert Secrecy(scanner).masked("db_password", "correct-horse-battery-9") != "correct-horse-battery-9"


def test_secrecy_remembers_what_is_harmless_under_its_name_and_nothing_else(scanner, monkeypatch):
    monkeypatch.setattr("axonflow.detect.secrecy._MOST_KNOWN", 2)
    counting = Counting(scanner)
    secrecy = Secrecy(counting)
    for name, value in [
        ("x", LONG),
        ("x", LONG),
        ("y", LONG),
        ("y", LONG),
        ("x", f"{AWS} {AWS}"),
        ("x", f"{AWS} {AWS}"),
    ]:
        secrecy.masked(name, value)
    assert counting.asked == 4, "one with a secret is looked at again"
    secrecy.masked("z", LONG)
    secrecy.masked("x", LONG)
    assert counting.asked == 6


def test_secrecy_of_a_value_that_cannot_be_looked_at_withholds_it(scanner):
    assert Secrecy(Failing(scanner)).masked("x", LONG) == WITHHELD == "[REDACTED]"
