"""The cookbook's policies: each passes the checker without a word, and shows by tests what it allows and what not."""

from copy import deepcopy
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from axonflow import AxonFlow
from axonflow.adapters.yaml_text import parse_yaml
from axonflow.app import policy_sources
from axonflow.cli.policy.check import command
from axonflow.policy.compiling.compiling import load_sets
from axonflow.policy.documents.checking import run_rule_tests
from tests.e2e.test_docs import ROOT, blocks

INDEX = ROOT / "docs/how-to/cookbook.md"
PAGES = sorted((ROOT / "docs/how-to/cookbook").glob("*.md"))
RECIPES = [
    pytest.param(body, id=f"{page.stem}:{parse_yaml(body, page.name)[0]['metadata']['name']}")
    for page in PAGES
    for body in blocks(page, "yaml")
]
MIN_RECIPES = 25
MIN_TESTS = 3


def effects(tests):
    return {test["expect"]["effect"] if isinstance(test["expect"], dict) else test["expect"] for test in tests}


@pytest.mark.parametrize("recipe", RECIPES)
def test_cookbook_recipe_checked_has_no_problems_and_no_warnings(recipe, tmp_path):
    Path(tmp_path, "recipe.yaml").write_text(recipe, "utf-8")
    result = CliRunner().invoke(command, [str(tmp_path), "--json"])
    report = msgspec.json.decode(result.stdout)
    assert (result.exit_code, report["problems"], report["warnings"]) == (0, [], [])
    assert [test for test in report["tests"] if test["problems"]] == []


@pytest.mark.parametrize("recipe", RECIPES)
def test_cookbook_recipe_has_tests_of_more_than_one_outcome(recipe):
    tests = [test for one in parse_yaml(recipe, "recipe") for rule in one["rules"] for test in rule.get("tests", ())]
    assert len(tests) >= MIN_TESTS
    assert len(effects(tests)) > 1


@pytest.mark.parametrize("recipe", RECIPES)
def test_cookbook_recipe_without_one_of_its_rules_fails_its_tests(recipe):
    sets = parse_yaml(recipe, "recipe")
    loaded, problems = load_sets(policy_sources(sets))
    assert not problems
    for position, one in enumerate(sets):
        for number, rule in enumerate(one["rules"]):
            without = deepcopy(sets)
            del without[position]["rules"][number]
            exceptions = one.get("exceptions", ())
            without[position]["exceptions"] = [each for each in exceptions if rule["id"] not in each["rules"]]
            outcomes = run_rule_tests(loaded, AxonFlow.open(without).decide)
            assert not all(outcome.passed for outcome in outcomes), f"no test needs {rule['id']}"


def test_cookbook_has_at_least_as_many_recipes_as_it_promises():
    headings = [line for page in PAGES for line in page.read_text("utf-8").splitlines() if line.startswith("## ")]
    assert len(RECIPES) == len(headings) >= MIN_RECIPES
    assert f"{len(RECIPES)} policies" in INDEX.read_text("utf-8")


def test_cookbook_recipes_load_together():
    AxonFlow.open([one for page in PAGES for body in blocks(page, "yaml") for one in parse_yaml(body, page.name)])
