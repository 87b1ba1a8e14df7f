"""`axonflow db maintain`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.db_progress import Bar
from axonflow.cli.tables import fields

__all__ = ["command"]


@click.command("maintain")
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON object.")
def command(*, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """Make the partitions of the coming days, and remove audit records that are past their tenant's time.

    To be run once a day; `axonflow up` does so itself. A chain is only ever cut at its beginning, and where is kept, so
    that the rest still verifies. A tenant under audit hold keeps everything, and so does one that nobody registered.

    \b
    Examples:
      axonflow db maintain --database-url postgresql://admin@db/axonflow
      axonflow db maintain --json

    \b
    Exit codes:
      0    done
      2    the database cannot be reached, another run is at it, or a table
           was in use for too long
    """
    import msgspec

    from axonflow.app.operations import maintain

    bar = Bar("records removed")
    try:
        done = asyncio.run(maintain(chosen_url(database_url, data), progress=bar))
    finally:
        bar.clear()
    if as_json:
        click.echo(msgspec.json.encode(done))
        return
    removed = f"{done.removed:,} records of {done.chains:,} chains" if done.removed else ""
    pairs = [("made", "\n".join(done.made)), ("dropped", "\n".join(done.dropped)), ("removed", removed)]
    click.echo(fields(pairs) or "nothing to do")
