"""`axonflow version`."""

from __future__ import annotations

import json
import platform

import click

__all__ = ["command"]


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the versions beneath as well.")
def command(*, as_json: bool) -> None:
    """Print the version of AxonFlow.

    \b
    Example:
      axonflow version --json

    Exit code: 0.
    """
    from axonflow import __version__

    if as_json:
        click.echo(json.dumps({"axonflow": __version__, "python": platform.python_version()}))
    else:
        click.echo(f"axonflow {__version__}")
