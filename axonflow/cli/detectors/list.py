"""`axonflow detectors list`."""

from __future__ import annotations

import json

import click

from axonflow.cli.policies import detectors_option, open_scanner, selected
from axonflow.cli.tables import table

__all__ = ["command"]


@click.command("list")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@detectors_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def command(*, names: tuple[str, ...], policies: str | None, as_json: bool) -> None:
    """List detectors: all, or those of the categories and ids that are named.

    A category stands for all of its detectors. Those of your own are also the category "custom".

    \b
    Examples:
      axonflow detectors list
      axonflow detectors list secret code
      axonflow detectors list --policies policies/

    Exit codes: 0 done, 2 an unknown name or policies that do not load.
    """
    scanner = open_scanner(policies)
    chosen = selected(scanner, names)
    detectors = sorted((one for one in scanner.detectors if one.id in chosen), key=lambda detector: detector.id)
    rows = [(detector.id, detector.category, detector.severity, detector.description) for detector in detectors]
    headers = ("id", "category", "severity", "description")
    if as_json:
        click.echo(json.dumps([dict(zip(headers, row, strict=True)) for row in rows]))
    else:
        click.echo(table(rows, headers))
