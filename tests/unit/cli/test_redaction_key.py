"""`--redaction-key`: read from a file, never shown, and asked for by the policies that need it."""

import json

import pytest

from axonflow.app.redaction_key import read_redaction_key
from axonflow.errors import ConfigurationError
from tests.strategies import policy_set

SECRET = "0123456789abcdef" * 4
RULES = [
    {"id": "yes", "effect": "allow"},
    {
        "id": "names",
        "effect": "redact",
        "obligations": [{"detectors": ["pii.email"], "style": "pseudonym"}],
        "tests": [
            {"request": {"principal": "user:a", "action": "llm.request", "resource": "model:m"}, "expect": "redact"}
        ],
    },
]
ASK = (
    "decide",
    "--principal",
    "user:a",
    "--action",
    "llm.request",
    "--resource",
    "model:m",
    "--content",
    "a@b.example",
)


@pytest.fixture
def needing(folder):
    (folder / "policies").mkdir()
    (folder / "policies" / "p.json").write_text(json.dumps(policy_set(RULES)))
    (folder / "redaction.key").write_text(SECRET + "\n")
    return folder


def test_decide_with_the_key_file_shows_the_style_and_what_was_done(run, needing):
    result = run(*ASK, "--redaction-key", "redaction.key")
    assert result.exit_code == 0
    assert "[REDACTED:pii.email:pseudonym:" in result.stdout
    assert "redact pii.email as pseudonym (names), fulfilled by axonflow: 1 pii.email as pseudonym" in result.stdout
    shown = json.loads(run(*ASK, "--redaction-key", "redaction.key", "--json").stdout)
    assert shown["obligations"] == [
        {
            "type": "redact",
            "policy": "names",
            "detectors": ["pii.email"],
            "style": "pseudonym",
            "fulfilled_by": "axonflow",
            "done": [{"detector": "pii.email", "style": "pseudonym", "findings": 1}],
        }
    ]


def test_decide_takes_the_key_file_from_the_environment(run, needing, monkeypatch):
    monkeypatch.setenv("AXONFLOW_REDACTION_KEY_FILE", "redaction.key")
    assert run(*ASK).exit_code == 0


def test_decide_without_the_key_is_refused_and_says_how_to_make_one(run, needing):
    result = run(*ASK)
    assert result.exit_code == 2
    assert "openssl rand -hex 32" in result.stderr


def test_decide_that_finds_nothing_says_so(run, needing):
    result = run(*ASK[:-1], "hello", "--redaction-key", "redaction.key")
    assert "fulfilled by axonflow: nothing found" in result.stdout


def test_policy_check_needs_no_key(run, needing):
    assert run("policy", "check").exit_code == 0
    assert run("policy", "check", "--redaction-key", "redaction.key").exit_code == 0


@pytest.mark.parametrize("text", ["", "abc", "0" * 62, SECRET[:-1] + "g", SECRET + "\u00e9"])
def test_file_that_holds_no_key_is_refused_without_showing_it(tmp_path, text):
    (tmp_path / "k").write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match="64 hexadecimal digits") as raised:
        read_redaction_key(tmp_path / "k")
    assert "0123" not in str(raised.value)


def test_key_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_redaction_key(tmp_path / "absent")
    (tmp_path / "k").write_text(SECRET)
    assert read_redaction_key(tmp_path / "k") == bytes.fromhex(SECRET)
