"""`axonflow policy check`."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.policies import (
    DEFAULT_FOLDER,
    chosen_place,
    redaction_key,
    redaction_key_option,
    trust_option,
    trusted_keys,
)
from axonflow.cli.tables import coloured, fields, printable, table
from axonflow.errors import PolicyError

if TYPE_CHECKING:
    from axonflow.policy.checking import PolicyWarning, RuleTestOutcome
    from axonflow.policy.reading import LoadedSet

__all__ = ["checked", "command", "shown"]


class Problem(Struct, frozen=True):
    """One fault of a document."""

    at: str | None
    message: str
    expected: str | None
    found: str | None
    hint: str | None


class Report(Struct, frozen=True):
    """What a check found out. Without `valid` there is nothing but `problems`; `ok` is the exit code's word."""

    ok: bool
    valid: bool
    problems: tuple[Problem, ...] = ()
    warnings: tuple[PolicyWarning, ...] = ()
    tests: tuple[RuleTestOutcome, ...] = ()
    sets: int = 0
    rules: dict[str, dict[str, int]] = {}
    policy_digest: str | None = None


@click.command("check")
@click.argument("places", metavar="[PLACE]...", nargs=-1)
@trust_option
@redaction_key_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def command(ctx: click.Context, /, *, places: tuple[str, ...], as_json: bool) -> None:
    """Check policy documents: find every fault, warn of what is risky, run the rules' own tests.

    PLACE is a folder, a file or @baseline; several are checked together, as they would be loaded together. The default
    is ./policies. Only tests that expect a certain pseudonym, hash or token need the redaction key.

    \b
    Warned of is:
      - a rule other than allow that filters in `match` on an attribute that
        no set requires: who leaves the attribute out slips past the rule
      - an action that no enforcement point asks about, such as a misspelt one
      - more rules than can be looked up quickly
      - no policies at all

    \b
    Examples:
      axonflow policy check policies/
      axonflow policy check @baseline policies/ --json

    Exit codes: 0 valid (warnings are no fault), 1 a fault or a failing test, 2 no place to check.
    """
    import msgspec

    report = checked(places or (chosen_place(None),))
    click.echo(msgspec.json.encode(report) if as_json else shown(report))
    if not report.ok:
        ctx.exit(EXIT_NO)


def checked(places: Sequence[str]) -> Report:
    """What is to be said of the policies in `places` together."""
    from axonflow import AxonFlow
    from axonflow.policy.checking import find_warnings, run_rule_tests

    try:
        loaded = _loaded(places)
        key = redaction_key() or secrets.token_bytes(32)  # who checks policies need not have what they run with
        flow = AxonFlow.open(policies=places, trusted_keys=trusted_keys(), redaction_key=key, vault="memory")
    except PolicyError as error:
        problems = tuple(Problem(one.at, one.message, one.expected, one.found, one.hint) for one in error.problems)
        return Report(ok=False, valid=False, problems=problems)
    tests = tuple(run_rule_tests(loaded, flow.decide))
    return Report(
        ok=all(test.passed for test in tests),
        valid=True,
        warnings=find_warnings(loaded, flow.policies.rules),
        tests=tests,
        sets=len(loaded),
        rules=_counts(loaded),
        policy_digest=flow.policy_digest,
    )


def _loaded(places: Sequence[str]) -> list[LoadedSet]:
    """The documents of all places. Raises PolicyError with the faults of all of them, not only of the first."""
    from axonflow.app import policy_sources
    from axonflow.policy import PolicySource
    from axonflow.policy.compiling import load_sets

    sources: list[PolicySource] = []
    problems: list[PolicyError] = []
    for place in places:
        try:
            found = policy_sources(place)
            # A bundle was checked when it was built; its rules have no tests any more.
            sources.extend(source for source in found if isinstance(source, PolicySource))
        except PolicyError as error:
            problems.extend(error.problems)
    loaded, more = load_sets(sources)
    if problems or more:
        raise PolicyError.joined([*problems, *more])
    return loaded


def _counts(loaded: Sequence[LoadedSet]) -> dict[str, dict[str, int]]:
    """Rules by layer and effect; those of shadow sets stand apart."""
    counts: dict[str, Counter[str]] = {}
    for one in loaded:
        layer = f"{one.document.layer}{' (shadow)' if one.document.shadow else ''}"
        counts.setdefault(layer, Counter()).update(rule.effect.value for rule in one.document.rules)
    return {layer: dict(counter) for layer, counter in counts.items()}


def shown(report: Report) -> str:
    """`report` for people."""
    return "\n\n".join(_sections(report))


def _sections(report: Report) -> Iterator[str]:
    if not report.valid:
        yield "\n".join([f"{len(report.problems)} {_plural('problem', len(report.problems))}", *_problems(report)])
        return
    yield _overview(report)
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


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
