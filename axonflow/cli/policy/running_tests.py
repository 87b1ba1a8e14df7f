"""The run behind `axonflow policy test`: read, decide, count."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns, time
from typing import Final, NamedTuple

import click
from msgspec import Struct

from axonflow.app.policy_tests import (
    Compile,
    PolicyTests,
    compiled_for_tests,
    distinct,
    pattern_of,
    read_policy_tests,
)
from axonflow.cli.decisions.replay.replaying import opened_traffic
from axonflow.cli.decisions.traffic import decode_line, numbered_lines
from axonflow.cli.policy.junit import TimedOutcome
from axonflow.cli.progress import Progress
from axonflow.cli.settings import read_settings
from axonflow.errors import ConfigurationError, RequestError
from axonflow.policy.testing.cases import Case, CaseOutcome, run_case
from axonflow.policy.testing.coverage import Coverage, CoverageReport
from axonflow.policy.testing.mutants import Mutant, mutants_of, sampled
from axonflow.policy.testing.mutation import Bench, MutationReport, report_of

__all__ = ["Group", "Options", "TestReport", "run"]

_TRAFFIC: Final = (".jsonl", ".jsonl.gz")
MAX_TRAFFIC_TESTS: Final = 1_000_000


class Options(NamedTuple):
    """What was asked for on the command line."""

    pattern: str | None = None
    fail_fast: bool = False
    coverage: bool = True
    mutate: bool = False
    sample: int | None = None
    seed: int = 0
    min_coverage: float | None = None
    min_score: float | None = None

    def check(self) -> None:
        """Raise UsageError for options that need others."""
        if not self.mutate and (self.sample is not None or self.min_score is not None):
            raise click.UsageError("--sample and --min-score are for --mutate.")
        if not self.coverage and (self.mutate or self.min_coverage is not None):
            raise click.UsageError("--mutate and --min-coverage need what --no-coverage leaves out.")


class Group(Struct, frozen=True):
    """Policies that are in force together, what their tests cover and what they notice."""

    places: tuple[str, ...]
    policy_digest: str
    coverage: CoverageReport | None = None
    mutation: MutationReport | None = None


class TestReport(Struct, frozen=True):
    """What came of it. `ok` is the exit code's word; `complaints` say why it is not, beside the tests that failed."""

    __test__ = False  # not one of pytest's

    ok: bool
    passed: int
    failed: int
    tests: tuple[CaseOutcome, ...]
    groups: tuple[Group, ...]
    complaints: tuple[str, ...] = ()


def run(
    places: Sequence[str],
    scenarios: Sequence[str],
    options: Options,
    trusted_keys: Sequence[str],
    redaction_key: bytes | None,
) -> tuple[TestReport, list[TimedOutcome]]:
    """Run all tests in `places` and `scenarios`. Raises PolicyError and ConfigurationError."""
    compiled = compiled_for_tests(trusted_keys, redaction_key)
    outcomes: list[TimedOutcome] = []
    groups: list[Group] = []
    for tests in _chosen(_read(places, scenarios), options.pattern):
        if not tests.sources:
            raise ConfigurationError(
                "no policies to test", expected="a place with policies, or `policies:` in the scenarios",
                found="none", at=", ".join(tests.places),
            )  # fmt: skip
        groups.append(_Run(tests, compiled, options, outcomes).group())
    told = tuple([CaseOutcome(one.suite, one.name, one.at, one.problems, one.explanation) for one in outcomes])
    failed = sum(not one.passed for one in told)
    complaints = tuple(_complaints(groups, options, len(told)))
    report = TestReport(not (failed or complaints), len(told) - failed, failed, told, tuple(groups), complaints)
    return report, outcomes


def _complaints(groups: Sequence[Group], options: Options, count: int) -> list[str]:
    if not count:
        return ["there is no test"]
    found: list[str] = []
    coverages = [group.coverage for group in groups if group.coverage is not None]
    if options.min_coverage is not None:
        found += [
            "there is nothing to cover: rules of bundles are not counted" for one in coverages if not one.possible
        ]
        found += [
            f"coverage is {one.percent:.1f} %, less than {options.min_coverage:g} %"
            for one in coverages
            if one.percent < options.min_coverage
        ]
    if options.min_score is not None:
        found += [_of_score(group.mutation, options.min_score) for group in groups]
    return [complaint for complaint in found if complaint]


def _of_score(mutation: MutationReport | None, least: float) -> str:
    """What is to be said against it, or nothing."""
    if mutation is None:
        return "there is no score: there have to be tests, and all have to pass"
    if not mutation.killed + mutation.survived:
        return "there is no score: nothing was changed, and rules of bundles are not"
    return f"score is {mutation.score:.1f} %, less than {least:g} %" if mutation.score < least else ""


def _read(places: Sequence[str], scenarios: Sequence[str]) -> list[PolicyTests]:
    """The groups of tests, those of traffic with the policies of `places`."""
    traffic = [place for place in scenarios if place.endswith(_TRAFFIC)]
    documents = [place for place in scenarios if not place.endswith(_TRAFFIC)]
    for place in documents:
        if Path(place).is_dir():
            traffic += [str(file) for end in _TRAFFIC for file in sorted(Path(place).rglob(f"*{end}"))]
    groups = read_policy_tests([*places, *distinct(documents)])
    cases = [case for place in traffic for case in _traffic_cases(place)]
    return [groups[0]._replace(cases=(*groups[0].cases, *cases)), *groups[1:]] if cases else groups


def _traffic_cases(place: str) -> list[Case]:
    """The lines of a traffic file that expect something. Raises RequestError with the line of one that is none."""
    cases: list[Case] = []
    with opened_traffic(place) as source:
        for number, line in numbered_lines(source.stream):
            at = f"{place}:{number}"
            try:
                decoded = decode_line(line)
            except RequestError as error:
                raise RequestError(
                    error.message, expected=error.expected, found=error.found, hint=error.hint,
                    at=f"{at} {error.at}" if error.at else at,
                ) from None  # fmt: skip
            if decoded.expect is not None:
                cases.append(Case(place, decoded.note or f"line {number}", at, decoded.request, decoded.expect))
            if len(cases) > MAX_TRAFFIC_TESTS:
                raise RequestError("too many lines", expected=f"at most {MAX_TRAFFIC_TESTS} tests", found="more", at=at)
    return cases


def _chosen(groups: Sequence[PolicyTests], pattern: str | None) -> list[PolicyTests]:
    if pattern is None:
        return list(groups)
    wanted = pattern.casefold()
    return [
        group._replace(cases=tuple([each for each in group.cases if wanted in f"{each.suite} {each.name}".casefold()]))
        for group in groups
    ]


class _Run:
    """The tests of one group."""

    def __init__(self, tests: PolicyTests, compiled: Compile, options: Options, outcomes: list[TimedOutcome]) -> None:
        self._tests = tests
        self._compiled = compiled
        self._options = options
        self._outcomes = outcomes
        self._now_s = time()
        self._done = 0

    def group(self) -> Group:
        engine = self._compiled(self._tests.sources)
        covered = Coverage(self._tests.loaded, engine, pattern_of) if self._options.coverage else None
        progress = self._progress(len(self._tests.cases), "tests")
        stopped = all_passed = False
        failed = 0
        for case in self._tests.cases:
            if self._options.fail_fast and failed:
                stopped = True
                break
            started_ns = perf_counter_ns()
            outcome = run_case(case, engine, self._now_s)
            taken_ns = perf_counter_ns() - started_ns
            self._outcomes.append(TimedOutcome(
                outcome.suite, outcome.name, outcome.at, outcome.problems, outcome.explanation, taken_ns
            ))  # fmt: skip
            failed += not outcome.passed
            if covered is not None:
                covered.add(case, self._now_s)
            self._done += 1
            progress.update(self._done)
        progress.clear()
        all_passed = not failed and bool(self._tests.cases)
        coverage = None if covered is None or stopped else covered.report()
        mutation = None
        if self._options.mutate and all_passed and covered is not None:
            mutation = self._mutated(covered)
        return Group(self._tests.places, engine.digest, coverage, mutation)

    def _mutated(self, covered: Coverage) -> MutationReport:
        mutants: Sequence[Mutant] = list(mutants_of(self._tests.loaded))
        if self._options.sample is not None:
            mutants = sampled(mutants, self._options.sample, self._options.seed)
        bench = Bench(self._tests.sources, self._tests.loaded, self._tests.cases, covered, self._compiled, self._now_s)
        progress = self._progress(len(mutants), "mutants")
        results = []
        for number, mutant in enumerate(mutants):
            self._done = number
            progress.update(number)
            results.append(bench.tried(mutant))
        progress.clear()
        return report_of(results)

    def _progress(self, count: int, unit: str) -> Progress:
        self._done = 0
        whole = max(count, 1)
        return Progress(
            sys.stderr, read_settings(), whole=whole, position=lambda: self._done, clock_ns=perf_counter_ns, unit=unit
        )
