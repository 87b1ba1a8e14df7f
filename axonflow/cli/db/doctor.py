"""`axonflow db doctor`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.groups import EXIT_NO
from axonflow.cli.tables import table

if TYPE_CHECKING:
    from axonflow.app.operations import Check

__all__ = ["command"]

_COLOUR = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command("doctor")
@database_options
@click.option("--replica-url", metavar="URL", help="The read replica, to be looked at as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context, /, *, database_url: str | None, data: Path | None, replica_url: str | None, as_json: bool
) -> None:
    """Look the database over, and say what to do about what is wrong. Changes nothing.

    Version and encoding; roles, owners and rights; row-level security, and what would go around it; pending migrations;
    connections; durability; clocks; partitions and retention; the replica.

    \b
    Examples:
      axonflow db doctor
      axonflow db doctor --database-url postgresql://admin@db/axonflow --json

    \b
    Exit codes:
      0    all is well, or there are warnings
      1    there is a problem
      2    the database cannot be reached
    """
    import msgspec

    from axonflow.app.operations import examine

    checks = asyncio.run(examine(chosen_url(database_url, data), replica_url=replica_url))
    is_well = all(check.state != "problem" for check in checks)
    click.echo(msgspec.json.encode({"ok": is_well, "checks": checks}) if as_json else _shown(checks))
    if not is_well:
        ctx.exit(EXIT_NO)


def _shown(checks: list[Check]) -> str:
    text = table([(check.name, check.state, check.found) for check in checks], ("check", "state", "found"))
    remedies = [
        f"{click.style(check.state, fg=_COLOUR[check.state])} {check.name}: {check.remedy}"
        for check in checks
        if check.remedy
    ]
    return "\n".join([text, *(["", *remedies] if remedies else [])])
