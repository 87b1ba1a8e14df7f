"""`axonflow db backup`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow.cli.bars import Bar
from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.tables import fields

if TYPE_CHECKING:
    from axonflow.app.operations import Manifest

__all__ = ["command", "shown"]


@click.command("backup")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as one JSON object.")
def command(*, file: Path, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """Write all data of all tenants to a new FILE, as it is at this moment. Services go on meanwhile.

    A ZIP archive with the rows of each table as text, and a manifest of counts and SHA-256 digests. Nothing of
    PostgreSQL has to be installed here. The file is for its owner's eyes only: it holds hashes of keys and everything
    that was recorded; encrypt it where you keep it.

    \b
    Examples:
      axonflow db backup monday.zip
      axonflow db backup monday.zip --database-url postgresql://admin@db/axonflow

    \b
    Exit codes:
      0    FILE is there, whole and on disk
      2    it is not: there is no FILE, or the one that was there before
    """
    import msgspec

    from axonflow.app.operations import backup

    bar = Bar("rows")
    try:
        manifest = asyncio.run(backup(chosen_url(database_url, data), file, progress=bar))
    finally:
        bar.clear()
    click.echo(msgspec.json.encode(manifest) if as_json else f"wrote {file}\n{shown(manifest)}")


def shown(manifest: Manifest) -> str:
    """What is in a backup."""
    rows = sum(entry.rows for entry in manifest.tables)
    return fields(
        [
            ("rows", f"{rows:,} in {len(manifest.tables)} tables"),
            ("schema", f"version {manifest.schema_version}"),
            ("server", f"PostgreSQL {manifest.server}, database {manifest.database}"),
        ]
    )
