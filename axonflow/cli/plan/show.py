"""`axonflow plan show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from axonflow.cli.plan.loading import load_plan
from axonflow.cli.plan.results import read_run
from axonflow.cli.reading import INPUT_FILE
from axonflow.cli.tables import fields, table
from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from axonflow import Plan

__all__ = ["FORMATS", "chosen_style", "command", "json_option", "output_option", "written"]

FORMATS: Final = ("text", "mermaid", "dot", "svg", "yaml", "json")

json_option = click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
output_option = click.option(
    "--output", metavar="FILE", type=click.Path(dir_okay=False, writable=True), help="Write there instead."
)


@click.command("show")
@click.argument("target", metavar="TARGET")
@click.option("--format", "style", type=click.Choice(FORMATS), default="text", show_default=True, help="What to print.")
@click.option(
    "--run", metavar="FILE", type=INPUT_FILE, help="A result of `plan run --json`: pictures show how each step went."
)
@json_option
@output_option
def command(*, target: str, style: str, run: str | None, as_json: bool, output: str | None) -> None:
    """Show a plan: as text, as a picture, or as a document.

    TARGET is a YAML or JSON document, package.module:attribute or path/to/file.py:attribute. The pictures are a
    Mermaid flowchart, a graph in DOT for Graphviz, or SVG, which needs nothing more; the documents leave out what the
    steps are bound to.

    \b
    Examples:
      axonflow plan show trip.yaml
      axonflow plan show trip.yaml --format svg --output trip.svg
      axonflow plan show trip.yaml --run run.json --format mermaid
      axonflow plan show axonflow.samples.trip_plan:plan --format yaml

    Exit codes: 0 shown, 2 no such plan, or not a valid one.
    """
    states = {} if run is None else {name: step.state for name, step in read_run(run).steps.items()}
    written(_drawn(load_plan(target), chosen_style(style, as_json=as_json), states), output)


def chosen_style(style: str, *, as_json: bool) -> str:
    """What `--format` and `--json` say together. Raises UsageError where they differ."""
    if as_json and style not in {"text", "json"}:
        raise click.UsageError(f"--json is --format json, and not {style}.")
    return "json" if as_json else style


def written(text: str, output: str | None) -> None:
    """Put `text` into the file `output`, or print it. Raises ConfigurationError for a file that cannot be written."""
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with open(output, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise ConfigurationError("the file cannot be written", found=error.strerror, at=output) from None


def _drawn(plan: Plan, style: str, states: Mapping[str, str]) -> str:
    from axonflow.app.plans import written_plan
    from axonflow.plan.drawing import dot, mermaid, svg

    if style in {"yaml", "json"}:
        return written_plan(plan, style)
    pictures = {"mermaid": mermaid, "dot": dot, "svg": svg}
    return pictures[style](plan.check(), states) if style in pictures else _text(plan)


def _text(plan: Plan) -> str:
    from axonflow.plan.drawing import outline

    graph = plan.check()
    budget = graph.budget
    head = fields([
        ("plan", graph.plan),
        ("steps", str(graph.steps_count)),
        ("mode", graph.mode if graph.mode != "parallel" else ""),
        ("deadline", f"{graph.deadline_ms:,} ms" if graph.deadline_ms else ""),
        ("budget", f"{budget.tokens:,} tokens, {budget.usd_micros / 1e6:,.6g} US dollars" if budget else ""),
        ("inputs", ", ".join([*graph.inputs, *(f"{name} (to be given)" for name in graph.missing)])),
    ])  # fmt: skip
    return f"{head}\n\n{table(outline(graph), ('step', 'what', 'after'))}\n"
