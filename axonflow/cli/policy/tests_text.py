"""What `axonflow policy test` found, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

import click

from axonflow.cli.tables import coloured, printable

if TYPE_CHECKING:
    from axonflow.cli.policy.running_tests import Group, TestReport
    from axonflow.policy.testing.coverage import CoverageReport, Untested
    from axonflow.policy.testing.mutation import MutantResult, MutationReport

__all__ = ["shown"]

MAX_SHOWN: Final = 40
"""Of each list; --json has all of it."""


def shown(report: TestReport) -> str:
    """`report` for people."""
    return "\n\n".join(_sections(report))


def _sections(report: TestReport) -> Iterator[str]:
    failed = [test for test in report.tests if not test.passed]
    for test in failed[:MAX_SHOWN]:
        lines = [f"{coloured('failed')} {printable(f'{test.suite}: {test.name}')}", f"  {printable(test.at)}"]
        lines += [f"  {printable(problem)}" for problem in test.problems]
        lines += [f"    {printable(line)}" for line in test.explanation]
        yield "\n".join(lines)
    if len(failed) > MAX_SHOWN:
        yield _more(len(failed))
    for group in report.groups:
        yield from _of_group(group, several=len(report.groups) > 1)
    total = report.passed + report.failed
    lines = [f"tests: {report.passed} of {total} passed" if total else "tests: none"]
    lines += [click.style(complaint, fg="red") for complaint in report.complaints]
    yield "\n".join(lines)


def _of_group(group: Group, *, several: bool) -> Iterator[str]:
    if several:
        yield f"policies in {printable(', '.join(group.places))}"
    if group.coverage is not None:
        yield "\n".join(_coverage(group.coverage))
    if group.mutation is not None:
        yield "\n".join(_mutation(group.mutation))


def _coverage(coverage: CoverageReport) -> Iterator[str]:
    never = sum(not rule.matched for rule in coverage.rules)
    text = f"coverage: {coverage.percent:.1f} %, {coverage.tried} of {coverage.possible}"
    text += f"; {len(coverage.rules) - never} of {len(coverage.rules)} rules matched"
    if coverage.uncounted:
        text += f"; {coverage.uncounted} of bundles not counted"
    yield click.style(text, bold=True)
    grouped = groupby(coverage.untested, key=lambda one: one.rule)
    lines = [line for rule, gaps in grouped for line in _gaps(rule, list(gaps))]
    yield from lines[:MAX_SHOWN]
    if len(lines) > MAX_SHOWN:
        yield _more(len(lines))


def _gaps(rule: str, gaps: Sequence[Untested]) -> Iterator[str]:
    yield f"  {printable(rule)}"
    for gap in gaps:
        yield printable(f"    {gap.at}: {gap.what}: never {gap.missing}")


def _mutation(mutation: MutationReport) -> Iterator[str]:
    judged = mutation.killed + mutation.survived
    text = f"score: {mutation.score:.1f} %, {mutation.killed} of {judged} changes noticed"
    text += f"; {mutation.equivalent} change nothing, {mutation.invalid} do not load"
    yield click.style(text, bold=True)
    for one in mutation.survivors[:MAX_SHOWN]:
        yield from _survivor(one)
    if len(mutation.survivors) > MAX_SHOWN:
        yield _more(len(mutation.survivors))


def _survivor(one: MutantResult) -> Iterator[str]:
    yield f"  {printable(f'{one.at}: {one.rule}: {one.kind}')}"
    yield f"    {printable(one.change)}"
    yield f"    {printable(f'nearest test: {one.by}' if one.by else 'no test gets there')}"


def _more(count: int) -> str:
    return f"  and {count - MAX_SHOWN} more: see --json"
