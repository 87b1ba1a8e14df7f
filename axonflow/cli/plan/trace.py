"""`axonflow plan trace`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from axonflow.cli.plan.results import RecordedRun, RecordedStep, read_run
from axonflow.cli.plan.show import output_option, written
from axonflow.cli.reading import INPUT_FILE
from axonflow.cli.tables import coloured, fields, table

__all__ = ["command"]

_BAR_CHARS: Final = 40


@click.command("trace")
@click.argument("run", metavar="FILE", type=INPUT_FILE)
@click.option("--format", "style", type=click.Choice(["text", "svg"]), default="text", show_default=True)
@output_option
def command(*, run: str, style: str, output: str | None) -> None:
    """Show over time how a run went, and the path that made it last as long as it did.

    FILE is what `axonflow plan run --json` printed; - is standard input.

    \b
    Examples:
      axonflow plan run trip.yaml --bind tools.py:calls --json > run.json
      axonflow plan trace run.json
      axonflow plan trace run.json --format svg --output run.svg

    Exit codes: 0 shown, 2 no such file, or not of a run.
    """
    from axonflow.plan.drawing import gantt

    recorded = read_run(run)
    text = gantt(recorded.plan, recorded.steps, recorded.needs) if style == "svg" else _text(recorded)
    written(text, output)


def _text(run: RecordedRun) -> str:
    from axonflow.plan.drawing import critical_path

    critical = dict.fromkeys(critical_path(run.steps, run.needs))
    steps = sorted(run.steps.values(), key=lambda step: (step.started_us is None, step.started_us or 0))
    first_us, last_us = _extent(run.steps)
    rows = [
        (
            f"* {step.name}" if step.name in critical else f"  {step.name}",
            step.state,
            *_times(step, first_us),
            _bar(step, first_us, last_us - first_us),
        )
        for step in steps
    ]
    head = fields([
        ("plan", run.plan),
        ("took", f"{(last_us - first_us) / 1000:,.1f} ms"),
        ("critical path (*)", " -> ".join(critical)),
    ])  # fmt: skip
    body = table(rows, ("  step", "state", "started ms", "took ms", "time"), right=frozenset({2, 3}))
    return f"{coloured(run.status)}\n{head}\n\n{body}\n"


def _extent(steps: Mapping[str, RecordedStep]) -> tuple[int, int]:
    starts = [step.started_us for step in steps.values() if step.started_us is not None]
    ends = [step.finished_us for step in steps.values() if step.finished_us is not None]
    first_us = min(starts, default=0)
    return first_us, max([first_us, *ends])


def _times(step: RecordedStep, first_us: int) -> tuple[str, str]:
    if step.started_us is None:
        return "", ""
    took = "" if step.finished_us is None else f"{(step.finished_us - step.started_us) / 1000:,.1f}"
    return f"{(step.started_us - first_us) / 1000:,.1f}", took


def _bar(step: RecordedStep, first_us: int, span_us: int) -> str:
    if step.started_us is None:
        return ""
    scale = _BAR_CHARS / max(1, span_us)
    start = min(_BAR_CHARS - 1, int((step.started_us - first_us) * scale))
    end = step.finished_us if step.finished_us is not None else step.started_us
    return "\u00b7" * start + "\u2588" * max(1, min(_BAR_CHARS, round((end - first_us) * scale)) - start)
