"""`axonflow plan schema`."""

from __future__ import annotations

import json

import click

from axonflow.cli.plan.show import output_option, written

__all__ = ["command"]


@click.command("schema")
@output_option
def command(*, output: str | None) -> None:
    """Print the JSON Schema of a plan's document, for editors.

    \b
    Examples:
      axonflow plan schema --output plan.schema.json
      # then, as first line of a plan in YAML:
      # yaml-language-server: $schema=plan.schema.json

    Exit codes: 0 printed, 2 the file cannot be written.
    """
    from axonflow.plan.model.document_schema import DOCUMENT_SCHEMA

    written(json.dumps(DOCUMENT_SCHEMA, indent=2) + "\n", output)
