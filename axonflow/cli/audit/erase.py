"""`axonflow audit erase`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow.cli.audit.filters import FILLED, chosen_persons_key, persons_key_option
from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.groups import EXIT_NO
from axonflow.cli.signing import signed_commands
from axonflow.cli.tables import printable
from axonflow.cli.tenancy import actor, json_option, tenant_option, written
from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from axonflow.app.commands import Commands
    from axonflow.app.persons import ErasedPerson

__all__ = ["command"]

_COUNTED = 1_000


@click.command("erase")
@click.argument("person", metavar="PERSON", type=FILLED)
@click.option("--confirm", metavar="PERSON", required=True, help="The same again: there is no way back.")
@tenant_option
@database_options
@persons_key_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    person: str,
    confirm: str,
    tenant_id: str,
    database_url: str | None,
    data: Path | None,
    persons_key_file: Path | None,
    as_json: bool,
) -> None:
    """Destroy the keys under which the trail of a tenant has what it tells of PERSON ("user:ann").

    Nobody can read it any more, in the database, in exports and in copies of the trail alike, and the trail verifies as
    before. What agents have not brought to the database yet, as of the last half second, may have keys of its own: run
    it when `axonflow_spool_records` of all agents is 0, or again.

    \b
    Examples:
      axonflow audit erase user:ann --confirm user:ann
      axonflow audit erase user:ann --confirm user:ann --tenant acme --json

    \b
    Exit codes:
      0    no key of that person is left, of those that are wrapped under this key
      1    no key was found, and the tenant has some that this key does not open:
           it is that of another installation, or theirs was lost
      2    nothing was destroyed: a hold, no such tenant, no key of the
           installation, no person, one that was not confirmed; or it
           was, and what it came to could not be recorded or counted,
           as the message says
    """
    if confirm != person:
        raise click.UsageError(f"--confirm has to be the person, {person!r}.")
    key = chosen_persons_key(persons_key_file, data)
    if key is None:
        raise ConfigurationError(
            "no key for persons", expected="--persons-key, or a data folder of `axonflow up --audit-persons sealed`",
            hint="Without it nobody can tell which keys are whose.",
        )  # fmt: skip
    erased = asyncio.run(_erased(chosen_url(database_url, data), key, signed_commands(data), tenant_id, person))
    written(erased, _shown(person, erased), as_json=as_json)
    if erased.foreign_keys and not erased.keys:
        ctx.exit(EXIT_NO)


async def _erased(url: str, key: bytes, commands: Commands, tenant_id: str, person: str) -> ErasedPerson:
    from axonflow.app.auditing import check_tenant
    from axonflow.app.persons import opened_persons

    await check_tenant(url, tenant_id)  # else it would have a trail from now on, which says that somebody was erased
    async with opened_persons(url, key, commands) as persons:
        return await persons.erase(tenant_id, person, actor=actor())


def _shown(person: str, erased: ErasedPerson) -> str:
    told = f"keys of {printable(person, 80)} destroyed: {len(erased.keys):,}"
    if not (erased.keys or erased.plain_records or erased.foreign_keys):
        told += "; there was none, or none is left. If there should have been: is the name right?"
    if erased.plain_records:
        count = f"{erased.plain_records:,}" if erased.plain_records <= _COUNTED else f"more than {_COUNTED:,}"
        told += f"; records that name them until they are past their time, for they were not sealed: {count}"
    if erased.foreign_keys:
        told += (
            f"\n{erased.foreign_keys:,} of the newest keys of the tenant do not open with this key of the installation:"
            " some may be theirs. Erase again with the key that wraps those; if it was lost, nobody reads them."
        )
    return told
