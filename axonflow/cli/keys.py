"""`axonflow key`: the API keys of a tenant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow.cli.database import database_options
from axonflow.cli.tables import fields, table
from axonflow.cli.tenancy import actor, json_option, pepper_option, peppers_in, tenant_option, with_tenancy, written
from axonflow.cli.times import Duration, Moment, shown_time

if TYPE_CHECKING:
    from axonflow.app.tenancy import NewKey, Tenancy
    from axonflow.tenancy import KeyRecord

__all__ = ["command"]


@click.group("key")
def command() -> None:
    """Make, rotate and revoke the API keys of a tenant.

    \b
    Example:
      axonflow key create --tenant acme --client crm --role agent --expires 90d
      axonflow key list --tenant acme
      axonflow key rotate KEY_ID --tenant acme --overlap 1d
      axonflow key revoke KEY_ID --tenant acme
    """


@command.command("create")
@tenant_option
@click.option("--client", "client_id", metavar="ID", required=True, help="Whom it is for.")
@click.option("--name", metavar="TEXT", default="", help="What people call it. Default: the client.")
@click.option("--role", "roles", metavar="NAME", multiple=True, help="What it may do; again for more. Default: agent.")
@click.option("--scope", "scopes", metavar="PERMISSION", multiple=True, help="No more than this, such as audit.*.")
@click.option("--expires", "expires_us", metavar="TIME", type=Moment(), help="RFC 3339, or 90d from now.")
@pepper_option
@database_options
@json_option
def create(
    *, pepper_file: Path | None, database_url: str | None, data: Path | None, as_json: bool, **options: Any
) -> None:
    """Make a key. It is shown now and never again: only a hash of it is kept.

    \b
    Examples:
      axonflow key create --tenant acme --client crm --role agent --expires 90d
      axonflow key create --tenant acme --client siem --role auditor --json

    Exit codes: 0 made, 2 no such tenant or role, or as many keys as it may have.
    """
    from axonflow.app.tenancy import WantedKey

    wanted = WantedKey(**{name: value for name, value in options.items() if value})

    async def work(tenancy: Tenancy) -> NewKey:
        return await tenancy.create_key(wanted, actor=actor())

    _print_once(with_tenancy(database_url, data, work, peppers_in(pepper_file, data)), as_json=as_json)


@command.command("list")
@tenant_option
@click.option("--all", "show_all", is_flag=True, help="Those that have ended too.")
@database_options
@json_option
def list_keys(*, tenant_id: str, show_all: bool, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """List the keys of a tenant, newest first.

    \b
    Example:
      axonflow key list --tenant acme

    Exit codes: 0 listed, however many there are, 2 the database cannot be read.
    """
    from axonflow.ids import now_us

    async def work(tenancy: Tenancy) -> list[KeyRecord]:
        found: list[KeyRecord] = []
        before: tuple[int, str] | None = None
        while page := await tenancy.keys(tenant_id, before, 1000):
            found += page
            before = (page[-1].created_us, page[-1].key_id)
        return found

    now = now_us()
    keys = [key for key in with_tenancy(database_url, data, work) if show_all or key.state(now) == "active"]
    rows = [
        (key.key_id, key.client_id, key.prefix, ",".join(key.roles), ",".join(key.scopes), key.state(now),
         shown_time(key.expires_us), shown_time(key.last_used_us))
        for key in keys
    ]  # fmt: skip
    headers = ("key", "client", "begins with", "roles", "scopes", "state", "ends (UTC)", "last used (UTC)")
    written({"keys": keys}, table(rows, headers) if rows else "no keys", as_json=as_json)


@command.command("rotate")
@click.argument("key_id")
@tenant_option
@click.option("--overlap", "overlap_s", metavar="DURATION", default="1d", show_default=True, type=Duration(),
              help="How long the old key holds beside the new one.")  # fmt: skip
@pepper_option
@database_options
@json_option
def rotate(
    *, key_id: str, tenant_id: str, overlap_s: float, pepper_file: Path | None, database_url: str | None,
    data: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Make another key that does the same. Both hold for a while; then the old one ends by itself.

    \b
    Example:
      axonflow key rotate KEY_ID --tenant acme --overlap 12h

    Exit codes: 0 made, 2 there is no such active key, or something else is wrong.
    """

    async def work(tenancy: Tenancy) -> NewKey:
        return await tenancy.rotate_key(tenant_id, key_id, overlap_s=overlap_s, actor=actor())

    _print_once(with_tenancy(database_url, data, work, peppers_in(pepper_file, data)), as_json=as_json)


@command.command("revoke")
@click.argument("key_id")
@tenant_option
@database_options
@json_option
def revoke(*, key_id: str, tenant_id: str, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """End a key now: running agents refuse it within a second.

    \b
    Example:
      axonflow key revoke KEY_ID --tenant acme

    Exit codes: 0 revoked, 2 there is no such key, or it was revoked before.
    """

    async def work(tenancy: Tenancy) -> KeyRecord:
        await tenancy.revoke_key(tenant_id, key_id, actor=actor())
        return await tenancy.key(tenant_id, key_id)

    written(with_tenancy(database_url, data, work), f"revoked {key_id}", as_json=as_json)


def _print_once(made: NewKey, *, as_json: bool) -> None:
    record = made.record
    pairs = [
        ("key", made.key), ("id", record.key_id), ("tenant", record.tenant_id), ("client", record.client_id),
        ("roles", ", ".join(record.roles)), ("scopes", ", ".join(record.scopes)),
        ("ends", shown_time(record.expires_us)), ("in place of", record.rotated_from or ""),
    ]  # fmt: skip
    written(made, f"{fields(pairs)}\n\nKeep the key now: it is not shown again.", as_json=as_json)
