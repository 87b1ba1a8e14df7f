"""`axonflow detectors`."""

from __future__ import annotations

import json

import click

from axonflow.cli.tables import table

__all__ = ["command"]


@click.command("detectors")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def command(*, as_json: bool) -> None:
    """List the detectors that policies may name.

    They are what `detected("...")` and redact obligations take. A category (the word before the dot) stands for all of
    its detectors.

    \b
    Example:
      axonflow detectors

    Exit code: 0.
    """
    from axonflow import AxonFlow

    detectors = sorted(AxonFlow.open().scanner.detectors, key=lambda detector: detector.id)
    rows = [(detector.id, detector.category, detector.severity, detector.description) for detector in detectors]
    names = ("id", "category", "severity", "description")
    if as_json:
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
    else:
        click.echo(table(rows, names))
