"""`axonflow policy check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from time import time
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.json_output import json_text
from axonflow.cli.policies import (
    DEFAULT_FOLDER,
    chosen_place,
    redaction_key,
    redaction_key_option,
    trust_option,
    trusted_keys,
)
from axonflow.cli.policy.analysis import BundledSet, analysed, origins_in, origins_of, sets_in
from axonflow.cli.policy.findings import findings_shown, index_shown, undecided_shown
from axonflow.cli.tables import coloured, fields, printable, table
from axonflow.errors import PolicyError

if TYPE_CHECKING:
    from axonflow.policy import BundleSource
    from axonflow.policy.analysis.costing import IndexReport
    from axonflow.policy.analysis.findings import Analysis
    from axonflow.policy.compiling.scopes import Source
    from axonflow.policy.documents.checking import PolicyWarning, RuleTestOutcome
    from axonflow.policy.documents.reading import LoadedSet

__all__ = ["checked", "command", "shown"]


class Problem(Struct, frozen=True):
    """One fault of a document."""

    at: str | None
    message: str
    expected: str | None
    found: str | None
    hint: str | None


class Report(Struct, frozen=True):
    """What a check found out. Without `valid` there is nothing but `problems`; `ok` is the exit code's word.

    `analysis` is None where none was made.
    """

    ok: bool
    valid: bool
    problems: tuple[Problem, ...] = ()
    warnings: tuple[PolicyWarning, ...] = ()
    tests: tuple[RuleTestOutcome, ...] = ()
    sets: int = 0
    rules: dict[str, dict[str, int]] = {}
    policy_digest: str | None = None
    index: IndexReport | None = None
    analysis: Analysis | None = None


@click.command("check")
@click.argument("places", metavar="[PLACE]...", nargs=-1)
@click.option(
    "--strict",
    is_flag=True,
    help="Fail for warnings and findings too, as a gate in CI. Notes and what is undecided are no fault.",
)
@click.option("--analyse/--no-analysis", default=True, help="Whether to look for what rules say to each other.")
@click.option(
    "--compare",
    metavar="N",
    type=click.IntRange(0, 100_000),
    default=64,
    show_default=True,
    help="Other rules that each rule is compared with at most.",
)
@trust_option
@redaction_key_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context, /, *, places: tuple[str, ...], strict: bool, analyse: bool, compare: int, as_json: bool
) -> None:
    """Check policies: find every fault, warn of what is risky, analyse the rules, run their own tests.

    PLACE is a folder, a file, a bundle or @baseline; several are checked together, as they would be loaded together.
    The default is ./policies. Only tests that expect a certain pseudonym, hash or token need the redaction key.

    \b
    Warned of is:
      - a rule other than allow that filters in `match` on an attribute that
        no set requires: who leaves the attribute out slips past the rule
      - an action that no enforcement point asks about, such as a misspelt one
      - more rules than can be looked up quickly
      - no policies at all

    \b
    Found is, each with a request on which the engine confirmed it:
      - unreachable  a rule that can never match
      - shadowed     a rule that makes no difference beside another one, or
                     beside several together
      - duplicate    a rule that is there twice
      - conflict     an allow rule and one that denies a part of what it
                     allows, neither of which is an exception to the other
      - redundant    a part of a condition that makes no difference
    and as a note, for mostly that is meant:
      - held         an allow rule, a part of which is held for approval
    What cannot be decided is listed as that, and never guessed. Shadow sets are
    analysed by themselves, as they are evaluated.

    \b
    Examples:
      axonflow policy check policies/
      axonflow policy check @baseline policies/ --json
      axonflow policy check --strict policies/

    Exit codes: 0 valid (warnings and findings are no fault without --strict), 1 a fault (a place that
    is not there is one) or a failing test, 2 an option that cannot be, or no place given and no ./policies.
    """
    report = checked(places or (chosen_place(None),), compare=compare if analyse else None, strict=strict)
    click.echo(json_text(report) if as_json else shown(report))
    if not report.ok:
        ctx.exit(EXIT_NO)


def checked(places: Sequence[str], compare: int | None = None, *, strict: bool = False) -> Report:
    """What is to be said of the policies in `places` together.

    Each rule is compared with at most `compare` others; with None there is no analysis. `strict`: warnings and findings
    are faults.
    """
    from axonflow.app.policy_tests import compiled_for_tests
    from axonflow.policy.analysis.costing import index_report
    from axonflow.policy.documents.checking import find_warnings, run_rule_tests

    try:
        loaded, bundles, sources = _read(places)
        engine = compiled_for_tests(trusted_keys(), redaction_key())(sources)
        bundled = sets_in(bundles)
    except PolicyError as error:
        problems = tuple(Problem(one.at, one.message, one.expected, one.found, one.hint) for one in error.problems)
        return Report(ok=False, valid=False, problems=problems)
    tests = tuple(run_rule_tests(loaded, lambda request: engine.decide(request, "", time())))
    warnings = find_warnings(loaded, engine.rules) if loaded or not bundles else ()
    origins, of_shadow = [
        {**origins_of(loaded, shadow=shadow), **origins_in(bundled, shadow=shadow)} for shadow in (False, True)
    ]
    analysis = None if compare is None else analysed(engine, origins, of_shadow, compare)
    return Report(
        ok=all(test.passed for test in tests) and not (strict and (warnings or _warns(analysis))),
        valid=True,
        warnings=warnings,
        tests=tests,
        sets=len(loaded) + len(bundled),
        rules=_counts(loaded, bundled),
        policy_digest=engine.digest,
        index=index_report(engine.rules),
        analysis=analysis,
    )


def _warns(analysis: Analysis | None) -> bool:
    """Whether there is a finding that is more than a note."""
    if analysis is None:
        return False
    return any(one.level == "warning" for one in analysis.findings) or _warns(analysis.shadow)


def _read(places: Sequence[str]) -> tuple[list[LoadedSet], list[BundleSource], list[Source]]:
    """The documents and the bundles of all places, and both as they were read. Raises PolicyError with the faults of
    all places, not only of the first."""
    from axonflow.app.policies import policy_sources
    from axonflow.policy import BundleSource, PolicySource
    from axonflow.policy.compiling.compiling import load_sets

    sources: list[Source] = []
    problems: list[PolicyError] = []
    for place in places:
        try:
            sources.extend(policy_sources(place))
        except PolicyError as error:
            problems.extend(error.problems)
    problems.extend(_faults_of_tests(sources))
    loaded, more = load_sets([source for source in sources if isinstance(source, PolicySource)])
    if problems or more:
        raise PolicyError.joined([*problems, *more])
    return loaded, [source for source in sources if isinstance(source, BundleSource)], sources


def _faults_of_tests(sources: Sequence[Source]) -> Iterator[PolicyError]:
    """Those of scenarios that stand beside the policies. `policy test` runs them."""
    from axonflow.policy import PolicySource
    from axonflow.policy.documents.reading import is_tests

    for source in sources:
        if isinstance(source, PolicySource) and is_tests(source):
            from axonflow.policy.testing.cases import read_scenarios

            try:
                read_scenarios(source)
            except PolicyError as error:
                yield from error.problems


def _counts(loaded: Sequence[LoadedSet], bundled: Sequence[BundledSet]) -> dict[str, dict[str, int]]:
    """Rules by layer and effect; those of shadow sets stand apart."""
    counts: dict[str, Counter[str]] = {}
    for layer, shadow, effects in [
        *((one.document.layer, one.document.shadow, [rule.effect for rule in one.document.rules]) for one in loaded),
        *((one.head.layer, one.head.shadow, [row.effect for row in one.rows]) for one in bundled),
    ]:
        named = f"{layer}{' (shadow)' if shadow else ''}"
        counts.setdefault(named, Counter()).update(effect.value for effect in effects)
    return {layer: dict(counter) for layer, counter in counts.items()}


def shown(report: Report) -> str:
    """`report` for people."""
    return "\n\n".join(_sections(report))


def _sections(report: Report) -> Iterator[str]:
    if not report.valid:
        yield "\n".join([f"{len(report.problems)} {_plural('problem', len(report.problems))}", *_problems(report)])
        return
    yield _overview(report)
    if report.index is not None:
        yield from index_shown(report.index)
    if report.warnings:
        count = len(report.warnings)
        lines = [f"  {one.at + ': ' if one.at else ''}{one.message}" for one in report.warnings]
        if any(one.kind == "no-policies" for one in report.warnings):
            lines.append(f"  to start from the baseline: axonflow policy init {DEFAULT_FOLDER}/")
        yield "\n".join([click.style(f"{count} {_plural('warning', count)}", fg="yellow"), *map(printable, lines)])
    failed = [test for test in report.tests if not test.passed]
    if failed:
        lines = [
            f"  {printable(f'{test.at}: rule {test.rule}, test {test.number}: {problem}')}"
            for test in failed
            for problem in test.problems
        ]
        yield "\n".join([f"{coloured('failed')} {_plural('test', len(failed))}", *lines])
    for analysis, where in _analyses(report.analysis):
        yield from findings_shown(analysis, where)
        yield from undecided_shown(analysis, where)
        yield _analysed(analysis, where)


def _analyses(analysis: Analysis | None) -> Iterator[tuple[Analysis, str]]:
    """Those of a report, each with where its rules are."""
    if analysis is not None:
        yield analysis, ""
        if analysis.shadow is not None:
            yield analysis.shadow, " in shadow sets"


def _problems(report: Report) -> Iterator[str]:
    for problem in report.problems:
        yield f"  {printable(f'{problem.at}: {problem.message}' if problem.at else problem.message)}"
        shown = fields([("expected", problem.expected or ""), ("found", problem.found or ""), ("", problem.hint or "")])
        yield from (f"    {line}" for line in shown.splitlines())


def _overview(report: Report) -> str:
    total = sum(count for row in report.rules.values() for count in row.values())
    passed = sum(test.passed for test in report.tests)
    text = f"valid: {report.sets} {_plural('set', report.sets)}, {total} {_plural('rule', total)}"
    text += f"\ntests: {passed} of {len(report.tests)} passed" if report.tests else "\ntests: the rules have none"
    text += f"\ndigest: {report.policy_digest}"
    rows = [(layer, effect, count) for layer, row in report.rules.items() for effect, count in sorted(row.items())]
    return f"{text}\n\n{table(rows, ('layer', 'effect', 'rules'), right=frozenset({2}))}" if rows else text


def _analysed(analysis: Analysis, where: str) -> str:
    notes = sum(one.level == "note" for one in analysis.findings)
    counts = [(len(analysis.findings) - notes, "finding"), (notes, "note")]
    what = ", ".join(f"{count} {_plural(word, count)}" for count, word in counts if count) or "nothing found"
    rules, pairs = analysis.rules, analysis.pairs
    return f"analysed{where}: {rules} {_plural('rule', rules)}, {pairs} {_plural('pair', pairs)} compared; {what}"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
