"""`axonflow plan check`."""

from __future__ import annotations

from collections.abc import Iterator

import click
from msgspec import Struct

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.plan_loading import load_plan
from axonflow.cli.tables import coloured, fields, printable
from axonflow.errors import PlanError

__all__ = ["command"]


class Problem(Struct, frozen=True):
    """One fault of a plan."""

    at: str | None
    message: str
    expected: str | None
    found: str | None
    hint: str | None


class CheckedPlan(Struct, frozen=True):
    """What a check found out about the plan in `place`. Without `ok` there is nothing but `problems`.

    `steps` counts those of plans within it as well; `unbound` names what has to be bound, as kind:target, and
    `missing` the inputs that have to be given before it runs.
    """

    place: str
    ok: bool
    problems: tuple[Problem, ...] = ()
    name: str = ""
    steps: int = 0
    unbound: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Report(Struct, frozen=True):
    """`ok` is the exit code's word: all plans are."""

    ok: bool
    plans: tuple[CheckedPlan, ...]


@click.command("check")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def command(ctx: click.Context, /, *, targets: tuple[str, ...], as_json: bool) -> None:
    """Check plans without running them: find every fault, and tell what they need to run.

    TARGET is a YAML or JSON document, package.module:attribute or path/to/file.py:attribute.

    \b
    Found are:
      - unknown steps, cycles, missing inputs, values that are none
      - references to parts that no step gives, types that do not fit
      - expressions of conditions that do not compile
      - steps that no choice of a condition reaches
      - compensations of what may not have run, budgets too small for the plan

    \b
    Examples:
      axonflow plan check trip.yaml
      axonflow plan check plans/*.yaml --json

    Exit codes: 0 valid, 1 a fault, 2 no plan to check.
    """
    import msgspec

    plans = tuple(_checked(target) for target in targets)
    report = Report(all(plan.ok for plan in plans), plans)
    click.echo(msgspec.json.encode(report) if as_json else "\n\n".join(_shown(plan) for plan in plans))
    if not report.ok:
        ctx.exit(EXIT_NO)


def _checked(target: str) -> CheckedPlan:
    from axonflow.app.plans import check_plan
    from axonflow.plan.graph import unbound_calls

    try:
        plan = load_plan(target)
        check_plan(plan)
    except PlanError as error:
        problems = tuple(Problem(one.at, one.message, one.expected, one.found, one.hint) for one in error.problems)
        return CheckedPlan(target, ok=False, problems=problems)
    graph = plan.check()
    return CheckedPlan(
        target, ok=True, name=graph.plan, steps=graph.steps_count, unbound=unbound_calls(graph), missing=graph.missing
    )


def _shown(plan: CheckedPlan) -> str:
    return "\n".join(_lines(plan))


def _lines(plan: CheckedPlan) -> Iterator[str]:
    if plan.ok:
        count = f"{plan.steps} {'step' if plan.steps == 1 else 'steps'}"
        yield f"{coloured('valid')} {printable(plan.place)}: {printable(plan.name)}, {count}"
        told = fields([("to bind", "\n".join(plan.unbound)), ("to give", "\n".join(plan.missing))])
        yield from (f"  {line}" for line in told.splitlines())
        return
    count = f"{len(plan.problems)} {'problem' if len(plan.problems) == 1 else 'problems'}"
    yield f"{coloured('failed')} {printable(plan.place)}: {count}"
    for problem in plan.problems:
        at = problem.at.removeprefix(f"{plan.place}:") if problem.at else ""
        yield f"  {printable(f'{at}: {problem.message}' if at else problem.message)}"
        told = fields([("expected", problem.expected or ""), ("found", problem.found or ""), ("", problem.hint or "")])
        yield from (f"    {line}" for line in told.splitlines())
