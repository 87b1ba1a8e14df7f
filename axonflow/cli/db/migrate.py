"""`axonflow db migrate`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.settings import read_settings

__all__ = ["command"]


@click.command("migrate")
@database_options
@click.option(
    "--lock-timeout",
    "lock_timeout_s",
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(0, 86_400),
    help="How long to wait for another migration, or for a table that is in use.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was applied as one JSON object.")
def command(*, database_url: str | None, data: Path | None, lock_timeout_s: float, as_json: bool) -> None:
    """Bring the database to the schema of this release. Running tasks go on, those of the release before as well.

    Each migration is one transaction: what interrupts it leaves the one before, and the next run goes on from there. Of
    several at once, one migrates and the others wait. The login has to own the schema, or be able to make it and its
    roles; what it lacks is named with the SQL that gives it.

    \b
    Examples:
      axonflow db migrate --database-url postgresql://admin@db/axonflow
      axonflow db migrate --data /var/lib/axonflow --json

    \b
    Exit codes:
      0    the database has the schema of this release
      2    it has not; the message says why, and nothing is half done
    """
    import msgspec

    from axonflow.app.operations import migrate

    moving = sys.stderr.isatty() and read_settings().motion

    def progress(name: str, done: int, whole: int) -> None:
        if moving:
            click.echo(f"\r\x1b[K{done + 1} of {whole}: {name}", nl=False, err=True)

    try:
        applied = asyncio.run(migrate(chosen_url(database_url, data), lock_timeout_s=lock_timeout_s, progress=progress))
    finally:
        if moving:
            click.echo("\r\x1b[K", nl=False, err=True)
    if as_json:
        click.echo(msgspec.json.encode({"applied": applied}))
    else:
        click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")
