"""`axonflow plan trace`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click
import msgspec
from msgspec import Struct

from axonflow.cli.plan.results import RecordedRun, RecordedStep, read_run
from axonflow.cli.plan.show import chosen_style, json_option, output_option, written
from axonflow.cli.reading import INPUT_FILE
from axonflow.cli.tables import coloured, fields, table

__all__ = ["command"]

_BAR_CHARS: Final = 40


class TracedStep(Struct, frozen=True):
    """One step: when it was started, since the first one was, and how long it took; None where it was not, or has not
    ended. `critical`: it is on the critical path."""

    name: str
    state: str
    critical: bool
    started_us: int | None
    took_us: int | None


class Trace(Struct, frozen=True):
    """A run over time; `steps` in the order in which they were started, those that never were at last."""

    plan: str
    status: str
    took_us: int
    critical_path: tuple[str, ...]
    steps: tuple[TracedStep, ...]


@click.command("trace")
@click.argument("run", metavar="FILE", type=INPUT_FILE)
@click.option("--format", "style", type=click.Choice(["text", "svg", "json"]), default="text", show_default=True)
@json_option
@output_option
def command(*, run: str, style: str, as_json: bool, output: str | None) -> None:
    """Show over time how a run went, and the path that made it last as long as it did.

    FILE is what `axonflow plan run --json` printed; - is standard input.

    \b
    Examples:
      axonflow plan run trip.yaml --bind tools.py:calls --json > run.json
      axonflow plan trace run.json
      axonflow plan trace run.json --format svg --output run.svg
      axonflow plan trace run.json --json

    Exit codes: 0 shown, 2 no such file, or not of a run.
    """
    from axonflow.plan.drawing import gantt

    recorded = read_run(run)
    if chosen_style(style, as_json=as_json) == "json":
        text = msgspec.json.encode(_traced(recorded)).decode() + "\n"
    else:
        text = gantt(recorded.plan, recorded.steps, recorded.needs) if style == "svg" else _text(recorded)
    written(text, output)


def _traced(run: RecordedRun) -> Trace:
    from axonflow.plan.drawing import critical_path

    critical = critical_path(run.steps, run.needs)
    first_us, last_us = _extent(run.steps)
    steps = tuple(
        TracedStep(
            step.name, step.state, step.name in critical,
            None if step.started_us is None else step.started_us - first_us,
            None if step.started_us is None or step.finished_us is None else step.finished_us - step.started_us,
        )
        for step in _in_order(run)
    )  # fmt: skip
    return Trace(run.plan, run.status, last_us - first_us, tuple(critical), steps)


def _in_order(run: RecordedRun) -> list[RecordedStep]:
    return sorted(run.steps.values(), key=lambda step: (step.started_us is None, step.started_us or 0))


def _text(run: RecordedRun) -> str:
    traced = _traced(run)
    rows = [
        (
            f"* {step.name}" if step.critical else f"  {step.name}",
            step.state,
            _ms(step.started_us),
            _ms(step.took_us),
            _bar(step, traced.took_us),
        )
        for step in traced.steps
    ]
    head = fields([
        ("plan", run.plan),
        ("took", f"{_ms(traced.took_us)} ms"),
        ("critical path (*)", " -> ".join(traced.critical_path)),
    ])  # fmt: skip
    body = table(rows, ("  step", "state", "started ms", "took ms", "time"), right=frozenset({2, 3}))
    return f"{coloured(run.status)}\n{head}\n\n{body}\n"


def _ms(time_us: int | None) -> str:
    return "" if time_us is None else f"{time_us / 1000:,.1f}"


def _extent(steps: Mapping[str, RecordedStep]) -> tuple[int, int]:
    starts = [step.started_us for step in steps.values() if step.started_us is not None]
    ends = [step.finished_us for step in steps.values() if step.finished_us is not None]
    first_us = min(starts, default=0)
    return first_us, max([first_us, *ends])


def _bar(step: TracedStep, span_us: int) -> str:
    if step.started_us is None:
        return ""
    scale = _BAR_CHARS / max(1, span_us)
    start = min(_BAR_CHARS - 1, int(step.started_us * scale))
    end_us = step.started_us + (step.took_us or 0)
    return "\u00b7" * start + "\u2588" * max(1, min(_BAR_CHARS, round(end_us * scale)) - start)
