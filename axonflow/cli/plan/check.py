"""`axonflow plan check`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.plan.loading import load_plan
from axonflow.cli.policies import open_flow, redaction_key_option, trust_option
from axonflow.cli.tables import coloured, fields, printable
from axonflow.errors import PlanError

if TYPE_CHECKING:
    from axonflow import AxonFlow

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
    `missing` the inputs that have to be given before it runs. With policies, `labels` are by step those of what goes to
    it, and `refused` says for which the plan would not start.
    """

    place: str
    ok: bool
    problems: tuple[Problem, ...] = ()
    name: str = ""
    steps: int = 0
    unbound: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    labels: dict[str, list[str]] = {}
    refused: tuple[str, ...] = ()


class Report(Struct, frozen=True):
    """`ok` is the exit code's word: all plans are."""

    ok: bool
    plans: tuple[CheckedPlan, ...]


@click.command("check")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option(
    "--policies",
    metavar="PLACE",
    help="A folder of policy documents and bundles, one such file, or @baseline: tell what labels come where, and"
    " whether these policies would refuse the plan for them. Default: neither.",
)
@trust_option
@redaction_key_option
@click.option(
    "--principal", metavar="WHO", help='With --policies, for whom: "user:ann". Default: the plan, as an agent.'
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context, /, *, targets: tuple[str, ...], policies: str | None, principal: str | None, as_json: bool
) -> None:
    """Check plans without running them: find every fault, and tell what they need to run.

    TARGET is a YAML or JSON document, package.module:attribute or path/to/file.py:attribute.

    \b
    Found are:
      - unknown steps, cycles, missing inputs, values that are none
      - references to parts that no step gives, types that do not fit
      - expressions of conditions that do not compile
      - steps that no choice of a condition reaches
      - compensations of what may not have run, budgets too small for the plan
      - with --policies, labels (where data comes from, what is in it) that would
        come to where these policies forbid them, and by which way

    \b
    Examples:
      axonflow plan check trip.yaml
      axonflow plan check plans/*.yaml --json
      axonflow plan check trip.yaml --policies policies/

    Exit codes: 0 valid, 1 a fault, 2 no plan to check or invalid policies.
    """
    import msgspec

    flow = None if policies is None else open_flow(policies)
    plans = tuple(_checked(target, flow, principal) for target in targets)
    report = Report(all(plan.ok for plan in plans), plans)
    click.echo(msgspec.json.encode(report) if as_json else "\n\n".join(_shown(plan) for plan in plans))
    if not report.ok:
        ctx.exit(EXIT_NO)


def _checked(target: str, flow: AxonFlow | None, principal: str | None) -> CheckedPlan:
    from axonflow.app.plans import ForeseenLabels, check_plan, foresee_plan
    from axonflow.plan.model.graph import unbound_calls

    try:
        plan = load_plan(target)
        check_plan(plan)
        foreseen = ForeseenLabels() if flow is None else foresee_plan(flow, plan, principal)
    except PlanError as error:
        problems = tuple(Problem(one.at, one.message, one.expected, one.found, one.hint) for one in error.problems)
        return CheckedPlan(target, ok=False, problems=problems)
    graph = plan.check()
    return CheckedPlan(
        target, ok=not foreseen.reasons, name=graph.plan, steps=graph.steps_count, unbound=unbound_calls(graph),
        missing=graph.missing, labels=foreseen.labels, refused=foreseen.reasons,
    )  # fmt: skip


def _shown(plan: CheckedPlan) -> str:
    return "\n".join(_lines(plan))


def _lines(plan: CheckedPlan) -> Iterator[str]:
    if not plan.problems:
        count = f"{plan.steps} {'step' if plan.steps == 1 else 'steps'}"
        state = "valid" if plan.ok else "denied"
        yield f"{coloured(state)} {printable(plan.place)}: {printable(plan.name)}, {count}"
        told = fields([
            ("to bind", "\n".join(plan.unbound)), ("to give", "\n".join(plan.missing)),
            ("labels", "\n".join(f"{name}: {', '.join(labels)}" for name, labels in plan.labels.items())),
            ("refused", "\n".join(plan.refused)),
        ])  # fmt: skip
        yield from (f"  {line}" for line in told.splitlines())
        return
    count = f"{len(plan.problems)} {'problem' if len(plan.problems) == 1 else 'problems'}"
    yield f"{coloured('failed')} {printable(plan.place)}: {count}"
    for problem in plan.problems:
        at = problem.at.removeprefix(f"{plan.place}:") if problem.at else ""
        yield f"  {printable(f'{at}: {problem.message}' if at else problem.message)}"
        told = fields([("expected", problem.expected or ""), ("found", problem.found or ""), ("", problem.hint or "")])
        yield from (f"    {line}" for line in told.splitlines())
