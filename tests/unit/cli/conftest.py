"""A folder to run in, and the command line in it."""

import json

import pytest
from click.testing import CliRunner

from axonflow.cli import commands
from tests.strategies import policy_set

RULES = [
    {"id": "yes", "effect": "allow", "match": {"action": ["tool.call", "llm.request"]}},
    {"id": "no-shell", "effect": "deny", "match": {"resource.id": "shell"}, "reason": "No shell."},
    {
        "id": "mask",
        "effect": "redact",
        "match": {"action": "llm.request"},
        "when": 'detected("pii.email")',
        "obligations": [{"detectors": ["pii.email"]}],
    },
    {
        "id": "big-payment",
        "effect": "require_approval",
        "match": {"resource.id": "transfer"},
        "when": "context.amount > 500",
        "obligations": [{"approvers": ["lead"]}],
    },
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, empty."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AXONFLOW_COMMAND_KEYS", str(tmp_path / "command-keys"))
    return tmp_path


@pytest.fixture
def policies(folder):
    """A folder of small policies, in the place where they are looked for."""
    (folder / "policies").mkdir()
    (folder / "policies" / "small.json").write_text(json.dumps(policy_set(RULES)))
    return folder / "policies"


@pytest.fixture
def run(folder):
    """The command line: `run("decide", ..., input=...)` gives exit_code, stdout and stderr."""

    def invoke(*args, **options):
        return CliRunner().invoke(commands, args, prog_name="axonflow", **options)

    return invoke
