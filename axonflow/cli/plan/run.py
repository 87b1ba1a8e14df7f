"""`axonflow plan run`."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from typing import TYPE_CHECKING

import click

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.plan.live import LiveRun
from axonflow.cli.plan.loading import bind_option, input_option, load_plan, prepared
from axonflow.cli.policies import open_flow, policies_option
from axonflow.cli.settings import read_settings
from axonflow.cli.tables import coloured, fields, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from axonflow import AxonFlow, Plan
    from axonflow.plan import PlanResult, StepRecord

__all__ = ["command"]

_REDRAW_S = 0.1


@click.command("run")
@click.argument("target", metavar="TARGET")
@bind_option
@input_option
@policies_option
@click.option("--principal", metavar="WHO", help='In whose name: "user:ann". Default: the plan, as an agent.')
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("--watch/--no-watch", default=None, help="Tell on standard error how it goes. Default: on a terminal.")
@click.pass_context
def command(
    ctx: click.Context, /, *, target: str, bind: tuple[str, ...], inputs: tuple[str, ...], policies: str | None,
    principal: str | None, as_json: bool, watch: bool | None,
) -> None:  # fmt: skip
    """Run a plan, each step judged by the policies before it starts.

    TARGET is a YAML or JSON document, or package.module:attribute or path/to/file.py:attribute, which names a Plan or a
    function that returns one. Its code, and what a document is bound to, runs in this process, with all your rights.

    \b
    Examples:
      axonflow plan run axonflow.samples.trip_plan:plan \\
          --policies @baseline --principal user:ann
      axonflow plan run trip.yaml --bind tools.py:calls --input city=AMS

    \b
    Exit codes:
      0    every step succeeded
      1    a step failed, was denied or is held for approval
      2    no such plan, or invalid policies
      130  interrupted
    """
    flow = open_flow(policies)
    plan = prepared(load_plan(target), bind, inputs)
    live = _live(plan, watch=watch)
    result = asyncio.run(flow.run(plan, principal=principal) if live is None else _watched(flow, plan, principal, live))
    click.echo(_as_json(result, plan.check().needs) if as_json else _shown(result))
    if result.status != "completed":
        ctx.exit(EXIT_NO)


def _live(plan: Plan, *, watch: bool | None) -> LiveRun | None:
    moving = sys.stderr.isatty() and read_settings().motion
    if not (moving if watch is None else watch):
        return None
    names = [step.name for step in plan.steps]
    return LiveRun(sys.stderr, names, moving=moving, clock_ns=time.monotonic_ns, terminal=shutil.get_terminal_size)


async def _watched(flow: AxonFlow, plan: Plan, principal: str | None, live: LiveRun) -> PlanResult:
    async def drawn() -> None:
        while True:
            await asyncio.sleep(_REDRAW_S)  # people read it: a frame every so often, not one a change
            live.draw()

    drawing = asyncio.create_task(drawn())
    try:
        return await flow.run(plan, principal=principal, watch=live)
    finally:
        drawing.cancel()
        live.clear()


def _as_json(result: PlanResult, needs: Mapping[str, Sequence[str]]) -> bytes:
    """The result, and what each step waited for: `plan trace` finds the critical path by it."""
    import msgspec

    return msgspec.json.encode({**msgspec.structs.asdict(result), "needs": needs}, enc_hook=repr)


def _shown(result: PlanResult) -> str:
    first_us = min((one.started_us for one in result.steps.values() if one.started_us is not None), default=0)
    rows = [
        (record.name, record.state.value, *_times(record, first_us), _notes(record)) for record in result.steps.values()
    ]
    head = fields([
        ("plan", result.plan),
        ("took", f"{result.duration_us / 1000:,.1f} ms"),
        ("reasons", "\n".join(result.reasons)),
        ("id", result.plan_id),
    ])  # fmt: skip
    text = f"{coloured(result.status)}\n{head}\n\n"
    text += table(rows, ("step", "state", "started ms", "took ms", "why"), right=frozenset({2, 3}))
    results = [(name, _value_text(value)) for name, value in result.result.items()]
    return f"{text}\n\nResult\n{fields([(f'  {name}', value) for name, value in results])}" if results else text


def _times(record: StepRecord, first_us: int) -> tuple[str, str]:
    if record.started_us is None or record.finished_us is None:
        return "", ""
    return f"{(record.started_us - first_us) / 1000:,.1f}", f"{(record.finished_us - record.started_us) / 1000:,.1f}"


def _notes(record: StepRecord) -> str:
    return record.error or "; ".join(dict.fromkeys(record.reasons))


def _value_text(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):  # keys that are no JSON, or a value that holds itself
        return repr(value)
