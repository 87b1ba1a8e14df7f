"""`axonflow role`: what may be done in a tenant, and who may do it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow.cli.database import database_options
from axonflow.cli.tables import table
from axonflow.cli.tenancy import actor, json_option, tenant_option, with_tenancy, written
from axonflow.cli.times import Moment, shown_time

if TYPE_CHECKING:
    from axonflow.app.tenancy import Tenancy
    from axonflow.tenancy import Grant, Role

__all__ = ["command"]


@click.group("role")
def command() -> None:
    """Define the roles of a tenant, and grant them.

    \b
    Example:
      axonflow role list --tenant acme
      axonflow role define key_clerk --tenant acme --permission keys.read
      axonflow role grant key_clerk service:helpdesk --tenant acme --expires 30d
      axonflow role withdraw key_clerk service:helpdesk --tenant acme
    """


@command.command("list")
@tenant_option
@database_options
@json_option
def list_roles(*, tenant_id: str, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """List the roles that every tenant has, and its own.

    \b
    Example:
      axonflow role list --tenant acme

    Exit codes: 0 listed, 2 the database cannot be read.
    """
    from axonflow.tenancy import BUILT_IN_ROLES

    own = with_tenancy(database_url, data, lambda tenancy: tenancy.roles(tenant_id))
    built_in = {name: sorted(given) for name, given in BUILT_IN_ROLES.items() if name != "operator"}
    rows = [(name, "built in", ", ".join(given)) for name, given in built_in.items()]
    rows += [(role.role, role.description or "own", ", ".join(role.permissions)) for role in own]
    written({"built_in": built_in, "own": own}, table(rows, ("role", "", "permissions")), as_json=as_json)


@command.command("define")
@click.argument("role", metavar="NAME")
@tenant_option
@click.option("--permission", "permissions", metavar="PERMISSION", multiple=True, required=True,
              help="Such as keys.read, or audit.* for all of a kind; again for more.")  # fmt: skip
@click.option("--description", metavar="TEXT", default="", help="What it is for.")
@database_options
@json_option
def define(
    *, role: str, tenant_id: str, permissions: tuple[str, ...], description: str, database_url: str | None,
    data: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Make a role of the tenant's own, or change it for all who have it.

    \b
    Example:
      axonflow role define key_clerk --tenant acme --permission keys.read

    Exit codes: 0 defined, 2 no such permission or tenant, or a name that is built in.
    """

    async def work(tenancy: Tenancy) -> Role:
        return await tenancy.define_role(
            tenant_id, role, permissions=permissions, description=description, actor=actor()
        )

    made = with_tenancy(database_url, data, work)
    written(made, f"{made.role}, version {made.version}: {', '.join(made.permissions)}", as_json=as_json)


@command.command("remove")
@click.argument("role", metavar="NAME")
@tenant_option
@database_options
@json_option
def remove(*, role: str, tenant_id: str, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """Remove a role of the tenant's own, and take it from everybody who had it.

    \b
    Example:
      axonflow role remove key_clerk --tenant acme

    Exit codes: 0 removed, 2 there is none of its own of that name.
    """
    with_tenancy(database_url, data, lambda tenancy: tenancy.remove_role(tenant_id, role, actor=actor()))
    written({"removed": role}, f"removed {role}", as_json=as_json)


@command.command("grants")
@tenant_option
@database_options
@json_option
def list_grants(*, tenant_id: str, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """List who has which role.

    \b
    Example:
      axonflow role grants --tenant acme

    Exit codes: 0 listed, however many there are, 2 the database cannot be read.
    """
    grants = with_tenancy(database_url, data, lambda tenancy: tenancy.grants(tenant_id))
    rows = [
        (f"{one.principal_type}:{one.principal_id}", one.role, one.granted_by, shown_time(one.expires_us))
        for one in grants
    ]
    text = table(rows, ("principal", "role", "granted by", "ends (UTC)")) if rows else "no grants"
    written({"grants": grants}, text, as_json=as_json)


@command.command("grant")
@click.argument("role", metavar="NAME")
@click.argument("principal")
@tenant_option
@click.option("--expires", "expires_us", metavar="TIME", type=Moment(), help="RFC 3339, or 90d from now.")
@database_options
@json_option
def grant(
    *, role: str, principal: str, tenant_id: str, expires_us: int | None, database_url: str | None,
    data: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Grant a role to service:ID: all keys of client ID may do more, as long as it lasts.

    Callers prove who they are by API keys alone. So there is no granting to users, agents or groups: what those may do
    is what policies say.

    \b
    Example:
      axonflow role grant auditor service:siem --tenant acme --expires 30d

    Exit codes: 0 granted, 2 no such role or tenant, or another kind of principal.
    """

    async def work(tenancy: Tenancy) -> Grant:
        return await tenancy.grant_role(tenant_id, principal, role, expires_us=expires_us, actor=actor())

    written(with_tenancy(database_url, data, work), f"{principal} has {role}", as_json=as_json)


@command.command("withdraw")
@click.argument("role", metavar="NAME")
@click.argument("principal")
@tenant_option
@database_options
@json_option
def withdraw(
    *, role: str, principal: str, tenant_id: str, database_url: str | None, data: Path | None, as_json: bool
) -> None:
    """Take a role away.

    \b
    Example:
      axonflow role withdraw auditor service:siem --tenant acme

    Exit codes: 0 taken away, 2 there is no such grant.
    """

    async def work(tenancy: Tenancy) -> None:
        await tenancy.withdraw_role(tenant_id, principal, role, actor=actor())

    with_tenancy(database_url, data, work)
    written({"withdrawn": role, "principal": principal}, f"{principal} has {role} no more", as_json=as_json)
