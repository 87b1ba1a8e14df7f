"""The pytest plugin, in pytests of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from axonflow.installation import __file__ as installed
from tests.strategies import policy_set
from tests.unit.cli.policy.test_test import RULES, ask, document_of, write

pytest_plugins = ["pytester"]
ROOT = Path(installed).parents[1]
TEST = """
import pytest
from axonflow import Request

def ask(tool, **context):
    return Request("user:ann", "tool.call", f"tool:{tool}", context)

def test_fixture_asked_answers(axonflow_policy):
    assert axonflow_policy.assert_allowed(ask("search")).policies == ("tools",)
    axonflow_policy.assert_denied(ask("pay", amount=6), by="big")
    axonflow_policy.assert_denied("user:ann", "llm.request", "model:m")
    assert axonflow_policy.decide("user:ann", "tool.call", "tool:pay", context={"amount": 5}).allowed

def test_fixture_disagreeing_fails(axonflow_policy):
    axonflow_policy.assert_allowed(ask("pay", amount=6))

@pytest.mark.axonflow_policies("@baseline")
def test_fixture_marked_decides_otherwise(axonflow_policy):
    context = {"env": "prod", "amount_usd": 501}
    axonflow_policy.assert_held({"id": "f", "roles": ["finance"]}, "tool.call", "tool:refund", context)
    axonflow_policy.assert_held(ask("search", env="prod"))
"""


@pytest.fixture
def project(pytester):
    """A project with policies, scenarios beside them, and the setting."""
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\naxonflow_policies = ["policies"]\n')
    write(pytester.path / "policies" / "p.yaml", policy_set(RULES))
    scenarios = [{"name": "small", **ask("allow", amount=5)}, {"name": "too large", **ask("allow", amount=9)}]
    write(pytester.path / "policies" / "p.policytests.yaml", document_of(*scenarios))
    return pytester


def run(pytester, *args):
    """As where AxonFlow is installed and its entry point found, and nothing else."""
    pytester.plugins = []
    return pytester.run(
        sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); import os; os.environ["
        "'PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'; import pytest; sys.exit(pytest.main(sys.argv[1:]))",
        "-p", "axonflow.pytest_plugin", "-p", "no:cacheprovider", *args,
    )  # fmt: skip


def test_scenarios_are_collected_and_the_fixture_decides_by_the_setting_or_the_marker(project):
    project.makepyfile(TEST)
    result = run(project)
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines([
        "*_ too large _*", "*p.policytests.yaml:14:3", "  effect: expected allow, got deny", "    deny by big, tools",
    ])  # fmt: skip
    result.stdout.fnmatch_lines(["*Failed: expected allowed, got deny by big, tools", "*Big."])
    result.stdout.fnmatch_lines(["*Failed: expected require_approval, got allow by allow-everyday-tools"])


def test_faults_of_scenarios_and_missing_policies_are_errors_of_collection(project):
    write(project.path / "a.policytests.yaml", document_of({"name": "x", "request": {}, "expect": "deny"}))
    write(project.path / "b.policytests.yml", document_of({"name": "x", **ask("deny")}, policies=["nowhere"]))
    (project.path / "pyproject.toml").unlink()
    project.makepyfile("def test_fixture_unset_is_refused(axonflow_policy): pass")
    result = run(project, "--continue-on-collection-errors")
    result.stdout.fnmatch_lines(["*a.policytests.yaml:7:12: the request is not one: *"])
    result.stdout.fnmatch_lines(["*there is no such file or folder*"])
    result.stdout.fnmatch_lines(["*p.policytests.yaml: no policies: name them under `policies`, or set *"])
    result.stdout.fnmatch_lines(["*no policies: set axonflow_policies = *"])
    result.assert_outcomes(errors=4)


def test_plugin_that_nobody_uses_imports_itself_and_what_the_package_looks_names_up_with():
    script = (
        "import sys, axonflow.pytest_plugin;"
        "print(sorted(name for name in sys.modules if name.startswith(('axonflow.', 'msgspec', 'pydantic', 'yaml'))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "['axonflow.lazy_names', 'axonflow.pytest_plugin']"


def test_plugin_is_an_entry_point_of_the_distribution():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert '[project.entry-points.pytest11]\naxonflow = "axonflow.pytest_plugin"\n' in text
