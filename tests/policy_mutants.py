"""The policies that are shipped, each with its tests: the baseline, and the cookbook's recipes with the scenarios
beside its pages. For the tests that run a part of their mutants, and the session that runs all."""

import re
import sys
from functools import cache
from pathlib import Path

from axonflow.adapters.policy_files import sources_of_text
from axonflow.app.policy_tests import PolicyTests, compiled_for_tests, pattern_of, read_policy_tests
from axonflow.policy.compiling.compiling import load_sets
from axonflow.policy.testing.cases import inline_cases, read_scenarios
from axonflow.policy.testing.coverage import Coverage
from axonflow.policy.testing.mutants import mutants_of
from axonflow.policy.testing.mutation import Bench, report_of

COOKBOOK = Path(__file__).parents[1] / "docs/how-to/cookbook"
RECIPES = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
SURVIVORS = Path(__file__).parent / "unit/policy/testing/survivors.yaml"
NOW_S = 1_800_000_000.0


@cache
def shipped():
    """By name: the policies that are in force together, and their tests."""
    (baseline,) = read_policy_tests(["@baseline"])
    return {"baseline": baseline, **dict(_recipes())}


def _recipes():
    for page in sorted(COOKBOOK.glob("*.md")):
        scenarios = scenarios_of(page)
        for body in RECIPES.findall(page.read_text("utf-8")):
            sources = tuple(sources_of_text(body, page.name))
            loaded, problems = load_sets(sources)
            assert not problems
            name = loaded[0].document.metadata.name
            cases = (*inline_cases(loaded), *scenarios.pop(name, ()))
            yield name, PolicyTests((page.name,), sources, tuple(loaded), cases)
        assert not scenarios, f"{page.name} has no recipe of these names: {', '.join(scenarios)}"


def scenarios_of(page):
    """The scenarios beside a page of the cookbook, by the name of the recipe that they test."""
    file = page.with_suffix(".policytests.yaml")
    if not file.exists():
        return {}
    read = [read_scenarios(source) for source in sources_of_text(file.read_text("utf-8"), file.name)]
    return {tests.document.metadata.name.removesuffix("-tests"): tests.cases for tests in read}


@cache
def bench_of(name):
    """Where mutants of the policies called `name` are tried."""
    tests = shipped()[name]
    compiled = compiled_for_tests()
    coverage = Coverage(tests.loaded, compiled(tests.sources), pattern_of)
    for case in tests.cases:
        coverage.add(case, NOW_S)
    return Bench(tests.sources, tests.loaded, tests.cases, coverage, compiled, NOW_S)


@cache
def changes():
    """Every mutant of what is shipped, with the name of its policies."""
    return [(name, mutant) for name, tests in shipped().items() for mutant in mutants_of(tests.loaded)]


def known_survivors():
    """The changes that no test notices, each with the reason why it stays so: (policies, rule, kind, change)."""
    (data,) = (source.data for source in sources_of_text(SURVIVORS.read_text("utf-8"), SURVIVORS.name))
    found = {}
    for entry in data["survivors"]:
        assert entry["reason"], entry
        found[entry["policies"], entry["rule"], entry["kind"], entry["change"]] = entry["reason"]
    return found


def key_of(name, result):
    return name, result.rule, result.kind, result.change


def main():
    """All mutants of what is shipped. Exits with 1 when too few are noticed, or the list of survivors is not right."""
    results = [(name, bench_of(name).tried(mutant)) for name, mutant in changes()]
    for name in shipped():
        report = report_of([result for owner, result in results if owner == name])
        print(f"{name}: {report.score:.1f} %, {report.killed} killed, {report.survived} survived,"
              f" {report.equivalent} equivalent, {report.invalid} do not load")  # fmt: skip
    report = report_of([result for _, result in results])
    survived = {key_of(name, result) for name, result in results if result.state == "survived"}
    listed = known_survivors().keys()
    for key in sorted(survived - listed):
        print("not listed:", key)
    for key in sorted(listed - survived):
        print("listed, and noticed or gone:", key)
    print(f"all: {report.score:.1f} %, {report.killed} killed, {report.survived} survived,"
          f" {report.equivalent} equivalent, {report.invalid} do not load")  # fmt: skip
    sys.exit(report.score < 95 or survived != listed)


if __name__ == "__main__":
    main()
