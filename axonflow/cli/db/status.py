"""`axonflow db status`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.groups import EXIT_NO
from axonflow.cli.tables import fields

if TYPE_CHECKING:
    from axonflow.app.operations import Status

__all__ = ["command"]


@click.command("status")
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
@click.pass_context
def command(ctx: click.Context, /, *, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """Say where the database stands: its schema, what is to be migrated, its size, its connections.

    \b
    Examples:
      axonflow db status
      axonflow db status --database-url postgresql://admin@db/axonflow --json

    \b
    Exit codes:
      0    the schema is of this release, or a later one that suits it
      1    migrations are pending
      2    the database cannot be read, or its history is another
    """
    import msgspec

    from axonflow.app.operations import status

    found = asyncio.run(status(chosen_url(database_url, data)))
    click.echo(msgspec.json.encode(found) if as_json else _shown(found))
    if found.pending:
        ctx.exit(EXIT_NO)


def _shown(found: Status) -> str:
    return fields(
        [
            ("server", f"PostgreSQL {found.server}"),
            ("database", found.database),
            ("schema", f"version {found.schema_version}; this release has {found.code_version}"),
            ("pending", "\n".join(found.pending)),
            ("size", f"{found.size_bytes / 1e6:,.1f} MB"),
            ("connections", f"{found.connections} of {found.max_connections}"),
            ("audit events", f"about {found.about_events:,} in {len(found.partitions)} partitions"),
        ]
    )
