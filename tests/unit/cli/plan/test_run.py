"""`axonflow plan run`: where the plan comes from, and how its run is told."""

import json
import sys

import pytest

PLAN = """
from axonflow import Plan

async def ok(**_):
    return "fine"

async def strange():
    return {1: object()}

async def bad(a):
    raise ValueError("no luck")

plan = Plan("p").step("a", ok)
odd = Plan("p").step("a", strange)
def made():
    return Plan("made").step("a", ok)
def raises():
    raise SystemExit("stop")
failing = Plan("p").step("a", ok).step("b", bad, needs=["a"]).step("c", ok, needs=["b"])
shell = Plan("p").tool("a", "shell", ok)
number = 3
"""
ALLOW_PLANS = {
    "apiVersion": "axonflow.dev/v1",
    "kind": "PolicySet",
    "metadata": {"name": "plans"},
    "default": "deny",
    "rules": [
        {"id": "plans", "effect": "allow", "match": {"action": ["plan.start", "plan.step", "tool.call"]}},
        {"id": "no-shell", "effect": "deny", "match": {"resource.id": "shell"}, "reason": "No shell."},
        {"id": "no-eve", "effect": "deny", "match": {"principal.id": "eve"}, "reason": "Not Eve."},
    ],
}


@pytest.fixture
def plans(folder, monkeypatch):
    (folder / "policies").mkdir()
    (folder / "policies" / "p.json").write_text(json.dumps(ALLOW_PLANS))
    (folder / "axonflow_test_plans.py").write_text(PLAN)
    (folder / "broken_plans.py").write_text("1 / 0")
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.endswith("_plans"):
            del sys.modules[name]


@pytest.mark.parametrize(
    "target", ["axonflow_test_plans:plan", "axonflow_test_plans.py:plan", "./axonflow_test_plans.py:made"]
)
def test_plan_run_of_any_kind_of_target_completes(run, plans, target):
    result = run("plan", "run", target)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("completed\n")
    assert "succeeded" in result.stdout
    assert '"fine"' in result.stdout


def test_plan_run_as_json_is_the_result(run, plans):
    found = json.loads(run("plan", "run", "axonflow_test_plans:plan", "--json", "--principal", "user:ann").stdout)
    assert (found["status"], found["result"]) == ("completed", {"a": "fine"})
    assert found["steps"]["a"]["state"] == "succeeded"


@pytest.mark.parametrize("args", [(), ("--json",)])
def test_plan_run_with_a_result_that_is_not_json_says_so(run, plans, args):
    result = run("plan", "run", "axonflow_test_plans:odd", *args)
    assert result.exit_code == 1, result.output
    assert "the result is not JSON" in result.stdout


def test_plan_run_with_a_failing_step_says_what_came_of_each(run, plans):
    result = run("plan", "run", "axonflow_test_plans:failing")
    assert result.exit_code == 1
    assert result.stdout.startswith("failed\n")
    assert "ValueError: no luck" in result.stdout
    assert "it needs 'b': failed" in result.stdout


def test_plan_run_that_is_denied_gives_the_reason(run, plans):
    result = run("plan", "run", "axonflow_test_plans:shell")
    assert result.exit_code == 1
    assert "denied: No shell." in result.stdout
    result = run("plan", "run", "axonflow_test_plans:plan", "--principal", "user:eve")
    assert result.exit_code == 1
    assert "Not Eve." in result.stdout


def test_plan_run_of_the_shipped_sample_is_allowed_by_the_baseline(run, folder):
    result = run("plan", "run", "axonflow.samples.trip_plan:plan", "--policies", "@baseline", "--principal", "user:ann")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("axonflow_test_plans", "not the name of a plan"),
        ("axonflow_test_plans:", "not the name of a plan"),
        ("axonflow_test_plans:no-name", "not the name of a plan"),
        ("axonflow_test_plans:missing", "There is: failing, odd, plan, shell."),
        ("axonflow_test_plans:number", "found int"),
        ("axonflow_test_plans:raises", "SystemExit: stop"),
        ("nowhere_plans:plan", "ModuleNotFoundError"),
        ("nowhere_plans.py:plan", "no such file"),
        ("broken_plans:plan", "ZeroDivisionError"),
        ("broken_plans.py:plan", "broken_plans.py:1"),
        ("axonflow_test_plans:plan --principal ann", "short form"),
    ],
)
def test_plan_run_of_a_bad_target_is_bad_input(run, plans, target, message):
    result = run("plan", "run", *target.split())
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
