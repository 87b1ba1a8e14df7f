"""The shipped sample against the shipped baseline, and everything in ../shared/data through the same engine."""

import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from axonflow import AxonFlow, Request
from axonflow.cli import commands

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "axonflow" / "samples" / "traffic.jsonl"
SHARED = ROOT.parent / "shared" / "data"


def lines():
    return [json.loads(line) for line in SAMPLE.read_text("utf-8").strip().split("\n")]


def test_sample_every_label_is_met():
    result = CliRunner().invoke(commands, ["replay", str(SAMPLE), "--policies", "@baseline", "--expect", "--json"])
    summary = json.loads(result.stdout)
    assert summary["expect"]["mismatched"] == 0, summary["expect"]
    assert summary["malformed"]["count"] == 0
    assert result.exit_code == 0


def test_sample_is_large_and_touches_every_rule_and_effect():
    rows = lines()
    assert len(rows) >= 300
    named = {policy for row in rows for policy in row["expect"].get("policies", ())}
    rules = {rule.id for rule in AxonFlow.open("@baseline").policies.rules}
    assert named <= rules
    assert len(rules) >= 25
    assert rules - named <= {"deny-writes-declared-as-reads"}  # its line names the effect only
    assert set(Counter(row["expect"]["effect"] for row in rows)) == {
        *("allow", "deny", "redact", "require_approval", "limit"),
    }


def test_baseline_own_tests_pass():
    result = CliRunner().invoke(commands, ["policy", "check", "@baseline", "--json"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("content", [["x" * 30] * 667, list(range(10**15, 10**15 + 1_300)), [0.123456789] * 1_900])
def test_baseline_prompt_over_the_limit_is_denied_whatever_it_is_made_of(content):
    decision = AxonFlow.open("@baseline").decide(
        Request("user:ann", "llm.request", "model:gpt-5-mini", content=content)
    )
    assert (decision.effect.value, decision.policies[0]) == ("deny", "deny-oversized-prompts")


@pytest.mark.skipif(not SHARED.exists(), reason="../shared/data is not beside this checkout")
@pytest.mark.parametrize("name", ["pii_spans.jsonl", "prompt_injection.jsonl", "sqli.jsonl", "cel_conformance.jsonl"])
def test_shared_texts_are_all_decided(name):
    flow = AxonFlow.open("@baseline")
    effects = Counter()
    for line in (SHARED / name).read_text("utf-8").strip().split("\n"):
        row = json.loads(line)
        request = Request("user:ann", "llm.request", "model:gpt-5-mini", content=row.get("text", row.get("expr")))
        decision = flow.decide(request)
        assert decision.errors == ()
        effects[decision.effect.value] += 1
    assert sum(effects.values()) > 300
    assert len(effects) > 1 or name == "cel_conformance.jsonl"
