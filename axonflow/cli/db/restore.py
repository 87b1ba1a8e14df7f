"""`axonflow db restore`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow.cli.bars import Bar
from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.db.backup import shown
from axonflow.cli.groups import EXIT_NO
from axonflow.cli.tables import coloured, fields

if TYPE_CHECKING:
    from axonflow.app.auditing import AuditVerification
    from axonflow.app.operations import Manifest

__all__ = ["command"]


@click.command("restore")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print what was restored and verified as one JSON object.")
@click.pass_context
def command(ctx: click.Context, /, *, file: Path, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """Put the backup FILE into an empty database, and verify it.

    Every table is read back and compared with the manifest, by count and SHA-256, before anything is committed; then
    the chains of the audit trail are walked. A backup of an earlier release is migrated to this one. A database in
    which anything was recorded is refused.

    \b
    Examples:
      axonflow db restore monday.zip --database-url postgresql://admin@db/new
      axonflow db restore monday.zip --data ./new-installation --json

    \b
    Exit codes:
      0    restored, and the audit trail is whole
      1    restored as it was backed up, but a chain was broken already:
           see axonflow audit verify
      2    nothing was restored: the database is not empty, the file damaged...
    """
    import msgspec

    manifest, report = asyncio.run(_restore(chosen_url(database_url, data), file))
    if as_json:
        click.echo(msgspec.json.encode({"manifest": manifest, "audit": msgspec.structs.replace(report, heads=())}))
    else:
        chains = fields([("audit chains", f"{report.chains:,}"), ("records", f"{report.records:,}")])
        verdict = coloured("broken") if report.broken else "verified"
        click.echo(f"restored and {verdict}\n{shown(manifest)}\n{chains}")
    if report.broken:
        ctx.exit(EXIT_NO)


async def _restore(url: str, file: Path) -> tuple[Manifest, AuditVerification]:
    from axonflow.app.auditing import opened_proofs, verified
    from axonflow.app.operations import restore

    bar = Bar("rows")
    try:
        manifest = await restore(url, file, progress=bar)
    finally:
        bar.clear()
    walked = Bar("audit records")
    try:
        async with opened_proofs(url) as proofs:
            report = await verified(proofs, progress=lambda _done, _chains, records: walked(records))
    finally:
        walked.clear()
    return manifest, report
