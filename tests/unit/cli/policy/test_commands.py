"""`axonflow policy init` and `axonflow policy check`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from axonflow import AxonFlow
from axonflow.adapters.policy_files import read_policies
from tests.strategies import policy_set

ROOT = Path(__file__).parents[4]


def report(result):
    return json.loads(result.stdout)


def write(folder, *sets):
    (folder / "policies").mkdir(exist_ok=True)
    for number, document in enumerate(sets):
        (folder / "policies" / f"{number}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def test_init_into_a_new_folder_writes_the_baseline(run, folder):
    result = run("policy", "init", "deep/policies")
    assert result.exit_code == 0
    assert {path.name: path.read_text("utf-8") for path in (folder / "deep/policies").iterdir()} == AxonFlow.baseline()
    assert "axonflow policy check deep/policies" in result.stdout
    assert "--policies deep/policies" in result.stdout
    assert AxonFlow.open("deep/policies").policy_digest == AxonFlow.open("@baseline").policy_digest


def test_init_over_files_that_are_there_writes_nothing(run, folder):
    (folder / "policies").mkdir()
    mine = folder / "policies" / min(AxonFlow.baseline())
    mine.write_text("mine")
    result = run("policy", "init", "policies")
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert [path.name for path in mine.parent.iterdir()] == [mine.name]
    assert mine.read_text() == "mine"
    assert run("policy", "init", "policies", "--force").exit_code == 0
    assert mine.read_text() != "mine"


def test_init_where_nothing_can_be_written_is_bad_input(run, folder):
    (folder / "file").write_text("")
    result = run("policy", "init", "file/policies")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_check_of_the_baseline_is_valid(run, folder):
    result = run("policy", "check", "@baseline", "--json")
    found = report(result)
    assert result.exit_code == 0
    assert (found["ok"], found["valid"], found["problems"]) == (True, True, [])
    assert found["policy_digest"] == AxonFlow.open("@baseline").policy_digest
    assert sum(count for row in found["rules"].values() for count in row.values()) >= 25


def test_check_of_the_default_folder_shows_rules_by_layer_and_effect(run, policies):
    result = run("policy", "check")
    assert result.exit_code == 0
    assert "valid: 1 set, 4 rules" in result.stdout
    assert "tests: the rules have none" in result.stdout
    assert "tenant  require_approval      1" in result.stdout


def test_check_of_wrong_documents_prints_every_problem_with_its_place(run, folder):
    write(folder, {"kind": "PolicySet"}, policy_set([{"id": "a", "effect": "alow"}]))
    result = run("policy", "check")
    assert result.exit_code == 1
    assert "policies/1.yaml:9:" in result.stdout
    assert "expected" in result.stdout
    assert "'alow'" in result.stdout
    assert "apiVersion is missing" in result.stdout
    found = report(run("policy", "check", "--json"))
    assert (found["ok"], found["valid"]) == (False, False)
    assert len(found["problems"]) >= 2


def test_check_of_several_places_reports_the_faults_of_all(run, folder):
    (folder / "a.yaml").write_text("{")
    (folder / "b.yaml").write_text("[]")
    result = run("policy", "check", "a.yaml", "b.yaml", "nowhere")
    assert result.exit_code == 1
    for place in ("a.yaml:", "b.yaml:", "nowhere:"):
        assert place in result.stdout


def test_check_of_two_sets_together_finds_what_each_alone_does_not_show(run, folder):
    write(folder, policy_set([{"id": "a", "effect": "deny"}]), policy_set([{"id": "a", "effect": "deny"}], name="two"))
    assert run("policy", "check", "policies/0.yaml").exit_code == 0
    result = run("policy", "check")
    assert result.exit_code == 1
    assert "same id" in result.stdout


def test_check_without_any_place_offers_the_baseline(run, folder):
    result = run("policy", "check")
    assert result.exit_code == 2
    assert "axonflow policy init policies/" in result.stderr


def test_check_of_an_empty_folder_warns_that_all_is_denied(run, folder):
    (folder / "policies").mkdir()
    result = run("policy", "check")
    assert result.exit_code == 0
    assert "every request is denied" in result.stdout
    assert "axonflow policy init policies/" in result.stdout


def test_check_with_warnings_succeeds_and_places_them(run, folder):
    write(folder, policy_set([{"id": "a", "effect": "deny", "match": {"action": "tool.cal", "context.env": "prod"}}]))
    result = run("policy", "check")
    assert result.exit_code == 0
    assert "2 warnings" in result.stdout
    assert "policies/0.yaml:11:" in result.stdout
    assert "did you mean tool.call?" in result.stdout
    assert {one["kind"] for one in report(run("policy", "check", "--json"))["warnings"]} == {
        "optional-filter",
        "unknown-action",
    }


@pytest.mark.parametrize(("expect", "exit_code"), [("deny", 0), ("allow", 1)])
def test_check_runs_the_tests_of_the_rules(run, folder, expect, exit_code):
    request = {"principal": "user:ann", "action": "tool.call", "resource": "tool:x"}
    write(folder, policy_set([{"id": "a", "effect": "deny", "tests": [{"request": request, "expect": expect}]}]))
    result = run("policy", "check")
    assert result.exit_code == exit_code
    if exit_code:
        assert "failed test" in result.stdout
        assert "rule a, test 1: effect: expected allow, got deny" in result.stdout
        assert "tests: 0 of 1 passed" in result.stdout
    else:
        assert "tests: 1 of 1 passed" in result.stdout
    assert report(run("policy", "check", "--json"))["ok"] is (exit_code == 0)


def test_check_of_scenarios_beside_policies_tells_their_faults_though_it_runs_none(run, folder):
    asked = {"principal": "user:ann", "action": "Tool", "resource": "tool:x"}
    head = {"apiVersion": "axonflow.dev/v1", "kind": "PolicyTests", "metadata": {"name": "more"}}
    scenarios = {**head, "scenarios": [{"name": "one", "request": asked, "expect": "deny"}]}
    write(folder, policy_set([]), scenarios)
    result = run("policy", "check", "--json")
    assert result.exit_code == 1
    [problem] = report(result)["problems"]
    assert "1.yaml" in problem["at"]
    assert "$.action" in problem["message"]
    right = {"name": "one", "request": {**asked, "action": "tool.call"}, "expect": "deny"}
    write(folder, policy_set([]), {**head, "scenarios": [right]})
    assert run("policy", "check").exit_code == 0


def test_check_of_a_place_reads_its_documents_once(run, policies, monkeypatch):
    read = []
    monkeypatch.setattr(
        "axonflow.app.policies.read_policies", lambda place, pause: read.append(place) or read_policies(place, pause)
    )
    assert run("policy", "check").exit_code == 0
    assert read == ["policies"]


def test_check_of_policies_waits_for_no_module_of_plans_or_stores(tmp_path):
    command = [sys.executable, "-X", "importtime", "-m", "axonflow.cli", "policy", "check", "@baseline"]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "axonflow.policy.compiling" in imported
    others = ("axonflow.plan", "axonflow.flows", "axonflow.adapters.memory", "axonflow.adapters.sqlite", "asyncio")
    assert [name for name in sorted(imported) if name.startswith(others)] == []
