"""`axonflow db maintain`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow.cli.bars import Bar
from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.settings import read_settings
from axonflow.cli.tables import fields, printable

if TYPE_CHECKING:
    from axonflow.app.operations import Upkeep

__all__ = ["command"]


@click.command("maintain")
@click.option(
    "--anchor",
    metavar="URL",
    default="",
    envvar="AXONFLOW_ANCHOR",
    show_envvar=True,
    help="Tell it of what goes, before it goes: file:/folder, s3://bucket/prefix, https://host/path.",
)
@click.option(
    "--accept-cuts",
    is_flag=True,
    help="Tell it also of what went without that, on the database's word. Once, when you know that it was in order.",
)
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON object.")
def command(*, database_url: str | None, data: Path | None, anchor: str, accept_cuts: bool, as_json: bool) -> None:
    """Make the partitions of the coming days, and remove audit records that are past their tenant's time.

    To be run once a day; `axonflow up` does so itself. A chain is only ever cut at its beginning, and where is kept, so
    that the rest still verifies. A tenant under audit hold keeps everything, and so does one that nobody registered.

    With --anchor, the place to which `axonflow up --anchor` brings heads, `axonflow audit verify --anchor` names what
    was removed by anybody else. Give it each time, then. Nothing is removed while the anchor cannot be told, nor while
    something is gone that it was not told of.

    \b
    Examples:
      axonflow db maintain --database-url postgresql://admin@db/axonflow
      axonflow db maintain --json
      axonflow db maintain --anchor s3://another-account/audit

    \b
    Exit codes:
      0    done
      2    the database or the anchor cannot be reached, another run is at it,
           a table was in use for too long, or records are gone of which the
           anchor was not told
    """
    import msgspec

    from axonflow.app.operations import maintain

    if accept_cuts and not anchor:
        raise click.UsageError("--accept-cuts says what to tell an anchor: name it with --anchor.")
    bar = Bar("records removed")
    try:
        done = asyncio.run(
            maintain(
                chosen_url(database_url, data), anchor=anchor, anchor_token=read_settings().anchor_token,
                accepts_cuts=accept_cuts, progress=bar,
            )
        )  # fmt: skip
    finally:
        bar.clear()
    if as_json:
        click.echo(msgspec.json.encode(done))
        return
    click.echo(_shown(done) or "nothing to do")


def _shown(done: Upkeep) -> str:
    removed = f"{done.removed:,} records of {done.chains:,} chains" if done.removed else ""
    accepted = (
        f"{cut.records:,} records of {printable(cut.tenant_id)}, {printable(cut.writer_id)}, on the database's word"
        for cut in done.accepted
    )
    return fields([
        ("made", "\n".join(done.made)),
        ("dropped", "\n".join(done.dropped)),
        ("removed", removed),
        ("accepted", "\n".join(accepted)),
    ])  # fmt: skip
