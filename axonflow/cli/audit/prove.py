"""`axonflow audit prove`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from axonflow.cli.audit.filters import FILLED
from axonflow.cli.database import chosen_url, database_options
from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from axonflow.app.auditing import EventProof

__all__ = ["command"]

_STANDARD_OUTPUT: Final = "-"


@click.command("prove")
@click.argument("event_id", metavar="EVENT_ID")
@click.option("--tenant", metavar="ID", type=FILLED, help="Whose event, if several tenants have one with this id.")
@click.option("--output", default="-", type=FILLED, metavar="FILE", help="Default: print it.")
@database_options
def command(event_id: str, tenant: str | None, output: str, database_url: str | None,
            data: Path | None) -> None:  # fmt: skip
    """Prove to somebody else that one event was recorded and signed, without showing them any other.

    The proof is a JSON document: the event, the hashes that lead from it to a batch, and what its writer signed. Who
    has the writer's public key checks it with axonflow audit check-proof, or with the script of forty lines in
    docs/reference/audit-proof.md, which needs nothing of AxonFlow.

    \b
    Examples:
      axonflow audit prove EVENT_ID --output proof.json
      axonflow audit prove EVENT_ID | axonflow audit check-proof - --trust a.pub

    \b
    Exit codes:
      0    the proof was made, and holds
      2    there is no such event or tenant, it cannot be proved, the
           database cannot be read, or FILE cannot be written
    """
    proof = asyncio.run(_prove(chosen_url(database_url, data), event_id, tenant))
    if output == _STANDARD_OUTPUT:
        click.echo(proof.to_json(), nl=False)
        return
    try:
        Path(output).write_bytes(proof.to_json())
    except OSError as error:
        raise ConfigurationError("the proof cannot be written", found=error.strerror, at=output) from None


async def _prove(url: str, event_id: str, tenant: str | None) -> EventProof:
    from axonflow.app.auditing import check_tenant, opened_proofs, proved

    if tenant is not None:
        await check_tenant(url, tenant)
    async with opened_proofs(url) as places:
        return await proved(places, event_id, tenant)
