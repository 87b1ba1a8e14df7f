"""`axonflow audit verify`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.groups import EXIT_NO
from axonflow.cli.reading import INPUT_FILE, read_bytes
from axonflow.cli.settings import read_settings
from axonflow.cli.tables import coloured, fields, printable, table
from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from axonflow.app.durable import AuditVerification

__all__ = ["command"]

_MAX_REPORT_BYTES: Final = 256 * 1024 * 1024


@click.command("verify")
@click.option("--tenant", metavar="ID", help="Only this tenant's chains. Default: all.")
@click.option(
    "--since-report",
    "earlier",
    type=INPUT_FILE,
    metavar="FILE",
    help="An earlier report (--json): chains must still hold what they held then.",
)
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    tenant: str | None,
    earlier: str | None,
    database_url: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Walk every chain of the audit trail and prove that no record was changed, removed, moved or put in.

    There is one chain for each tenant and writer; each record holds the SHA-256 of the one before it. Records cut off
    at the end of a chain, and a chain that is gone or was written anew, show against an earlier report, kept elsewhere.

    \b
    Examples:
      axonflow audit verify
      axonflow audit verify --tenant acme --json
      axonflow audit verify --json > monday.json
      axonflow audit verify --since-report monday.json
      axonflow audit verify --database-url postgresql://auditor@db/axonflow

    \b
    Exit codes:
      0    every chain is whole
      1    a chain is broken; the report names the record
      2    the database or the earlier report cannot be read
    """
    known = _read(earlier) if earlier is not None else None
    report = asyncio.run(_verify(chosen_url(database_url, data), tenant, known))
    click.echo(_as_json(report) if as_json else _shown(report))
    if report.broken:
        ctx.exit(EXIT_NO)


def _read(place: str) -> AuditVerification:
    import msgspec

    from axonflow.app.durable import AuditVerification

    try:
        return msgspec.json.decode(read_bytes(place, _MAX_REPORT_BYTES), type=AuditVerification)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "not a report", expected="what axonflow audit verify --json prints", found=str(error), at=place
        ) from None


async def _verify(url: str, tenant: str | None, known: AuditVerification | None) -> AuditVerification:
    from axonflow.app.durable import opened_store, verify_audit

    moving = sys.stderr.isatty() and read_settings().motion

    def progress(done: int, chains: int, records: int) -> None:
        if moving:
            click.echo(f"\r{done:,} of {chains:,} chains, {records:,} records", nl=False, err=True)

    async with opened_store(url) as store:
        report = await verify_audit(store, tenant, heads=known.heads if known else (), progress=progress)
    if moving:
        click.echo("\r\x1b[K", nl=False, err=True)
    return report


def _as_json(report: AuditVerification) -> bytes:
    import msgspec

    return msgspec.json.encode(report)


def _shown(report: AuditVerification) -> str:
    removed = f"{report.removed:,}" if report.removed else ""
    head = fields([("chains", f"{report.chains:,}"), ("records", f"{report.records:,}"), ("past their time", removed)])
    if not report.broken:
        return f"{coloured('verified')}\n{head}"
    rows = [
        (printable(one.tenant_id), one.writer_id, str(one.sequence), one.event_id, printable(one.what, 200))
        for one in report.broken
    ]
    return f"{coloured('broken')}\n{head}\n\n" + table(rows, ("tenant", "writer", "sequence", "event", "what is wrong"))
