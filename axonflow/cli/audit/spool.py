"""`axonflow audit spool`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow.cli.settings import read_settings
from axonflow.cli.tables import fields, printable, table
from axonflow.cli.tenancy import json_option, written
from axonflow.cli.times import shown_time
from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from axonflow.app.spooling import DamageReport, SpoolView

__all__ = ["command"]


@click.command("spool")
@click.argument("folder", metavar="[FOLDER]", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--data", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path),
    help="Where everything is kept, as of `axonflow up`: the spools of its agent and its orchestrator.",
)  # fmt: skip
@click.option("--retry", is_flag=True, help="Have what is in quarantine offered to the database again.")
@click.option("--limit", type=click.IntRange(0, 10_000), default=20, show_default=True, help="Of the quarantine.")
@json_option
def command(*, folder: Path | None, data: Path | None, retry: bool, limit: int, as_json: bool) -> None:
    """Show what waits on disk for the database: how much, since when, what is in quarantine and why.

    An agent that runs is not disturbed. --retry needs the spool for itself: stop `axonflow up` first.

    \b
    Examples:
      axonflow audit spool
      axonflow audit spool /var/lib/axonflow/spool/agent --retry

    \b
    Exit codes:
      0    shown, whatever is in it
      2    there is no spool, it cannot be read, or --retry while it is in use
    """
    from axonflow.app.spooling import look_at, put_back

    folders = [folder] if folder else _folders(data)
    if retry:
        moved = sum(asyncio.run(put_back(one)) for one in folders)
        click.echo(f"{moved:,} records are offered again", err=True)
    views = [look_at(one, limit) for one in folders]
    written({"spools": views}, "\n\n".join(map(_shown, views)), as_json=as_json)


def _folders(data: Path | None) -> list[Path]:
    place = data or read_settings().data
    found = sorted(place.joinpath("spool").glob("*/spool.sqlite3"))
    if not found:
        raise ConfigurationError(
            "there is no audit spool", expected="spool/agent in the data folder", at=str(place),
            hint="Name the folder of the spool, or that of everything with --data.",
        )  # fmt: skip
    return [path.parent for path in found]


def _damage(one: DamageReport) -> str:
    return f"{one.found}: {one.kept:,} kept, {one.missing:,} missing; {one.at}"


def _shown(view: SpoolView) -> str:
    sealed = f", {view.sealed} sealed" if view.sealed else ""
    pairs = [
        ("spool", view.folder), ("writer", view.writer_id),
        ("waiting", f"{view.records:,} records of {view.tenants:,} tenants, {view.size_bytes:,} bytes"),
        ("oldest", "" if view.oldest_us is None else shown_time(view.oldest_us)),
        ("next batch", f"{view.next_batch:,}{sealed}"), ("quarantine", f"{view.quarantined:,}"),
        ("damaged", "\n".join(_damage(one) for one in view.damage)),
        ("salvaged", "\n".join(view.salvaged)),
    ]  # fmt: skip
    rows = [
        (one.tenant_id, "" if one.sequence is None else one.sequence, one.event_id, printable(one.reason, 200))
        for one in view.quarantine
    ]
    return fields(pairs) + ("\n\n" + table(rows, ("tenant", "record", "event", "why")) if rows else "")
