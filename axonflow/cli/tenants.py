"""`axonflow tenant`: the tenants of an installation."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow.cli.database import database_options
from axonflow.cli.settings import read_settings
from axonflow.cli.tables import coloured, fields, table
from axonflow.cli.tenancy import actor, json_option, with_tenancy, written
from axonflow.cli.times import shown_time
from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from axonflow.app.tenancy import Erased, Tenancy
    from axonflow.tenancy import Tenant, TenantStatus, TenantUse

__all__ = ["command"]


@click.group("tenant")
def command() -> None:
    """Make, suspend, export and delete tenants.

    \b
    Example:
      axonflow tenant create acme --name "Acme Ltd" --tier professional
      axonflow key create --tenant acme --client crm --role agent
      axonflow tenant suspend acme
      axonflow tenant export acme --out acme.jsonl
      axonflow tenant delete acme --confirm acme
    """


def _limit(option: str, name: str, what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    help_text = f"{what}, at most; instead of its tier's."
    return click.option(option, name, metavar="N", type=click.IntRange(0, 2**31 - 1), help=help_text)


def _limits(function: Callable[..., Any]) -> Callable[..., Any]:
    options = (
        click.option("--name", metavar="TEXT", help="What people call it."),
        click.option("--tier", metavar="NAME", help="community, professional or enterprise: its usual limits."),
        click.option("--organization", "organization_id", metavar="@NAME", help="The organization it belongs to."),
        _limit("--max-keys", "max_api_keys", "Active API keys"),
        _limit("--max-policies", "max_policies", "Policies of the REST routes, and rules of sets in force"),
        _limit("--max-principals", "max_principals", "Principals with a role"),
        _limit("--max-requests", "max_requests_per_minute", "Calls a minute to each agent"),
        click.option(
            "--retention-days", "audit_retention_days", metavar="N", type=click.IntRange(1),
            help="How long its audit records are kept, instead of its tier's.",
        ),
        click.option(
            "--audit-mode", "audit_mode", type=click.Choice(["durable", "async", "default"]),
            help="Its events are on the disk before the answer, or within 20 ms; or as the installation has it.",
        ),
        click.option("--hold/--no-hold", "audit_hold", default=None, help="Keep everything: nothing can be erased."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return json_option(database_options(function))


def _given(wanted: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in wanted.items() if value is not None}
    if given.get("audit_mode") == "default":
        given["audit_mode"] = None
    return given


@command.command("create")
@click.argument("tenant_id", metavar="ID")
@_limits
def create(*, tenant_id: str, database_url: str | None, data: Path | None, as_json: bool, **wanted: Any) -> None:
    """Make a tenant. An ID that begins with @ is an organization, which tenants belong to.

    \b
    Examples:
      axonflow tenant create acme --name "Acme Ltd"
      axonflow tenant create @group
      axonflow tenant create beta --organization @group

    Exit codes: 0 made, 2 the id is taken, or something else is wrong.
    """
    from axonflow.ids import now_us
    from axonflow.tenancy import Tenant

    given = _given(wanted)
    now, made_by = now_us(), actor()
    made = {"created_us": now, "created_by": made_by.name, "updated_us": now}
    tenant = Tenant(tenant_id=tenant_id, **{"name": tenant_id} | given | made)

    async def work(tenancy: Tenancy) -> Tenant:
        return await tenancy.create_tenant(tenant, actor=made_by)

    _print(with_tenancy(database_url, data, work), as_json=as_json)


@command.command("change")
@click.argument("tenant_id", metavar="ID")
@_limits
def change(*, tenant_id: str, database_url: str | None, data: Path | None, as_json: bool, **wanted: Any) -> None:
    """Change its name, its tier or its limits.

    \b
    Example:
      axonflow tenant change acme --tier enterprise --retention-days 400

    Exit codes: 0 changed, 2 there is no such tenant, or something else is wrong.
    """
    from msgspec.structs import replace

    given = _given(wanted)
    if not given:
        raise click.UsageError("Nothing is to be changed: name an option.")

    async def work(tenancy: Tenancy) -> Tenant:
        return await tenancy.change_tenant(tenant_id, lambda before: replace(before, **given), actor=actor())

    _print(with_tenancy(database_url, data, work), as_json=as_json)


@command.command("list")
@click.option("--status", type=click.Choice(["active", "suspended", "deleting"]), help="Only those.")
@database_options
@json_option
def list_tenants(*, status: str | None, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """List all tenants, by id.

    \b
    Example:
      axonflow tenant list --status suspended

    Exit codes: 0 listed, however many there are, 2 the database cannot be read.
    """

    async def work(tenancy: Tenancy) -> list[Tenant]:
        found: list[Tenant] = []
        after = ""
        while page := await tenancy.tenants(after, 1000):
            found += [tenant for tenant in page if status in (None, tenant.status)]
            after = page[-1].tenant_id
        return found

    tenants = with_tenancy(database_url, data, work)
    headers = ("tenant", "name", "tier", "status", "organization", "created (UTC)")
    rows = [
        (one.tenant_id, one.name, one.tier, one.status, one.organization_id or "", shown_time(one.created_us))
        for one in tenants
    ]
    written({"tenants": tenants}, table(rows, headers) if rows else "no tenants", as_json=as_json)


@command.command("show")
@click.argument("tenant_id", metavar="ID")
@database_options
@json_option
def show(*, tenant_id: str, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """Show one tenant, and what it has beside what it may have.

    \b
    Example:
      axonflow tenant show acme --json

    Exit codes: 0 shown, 2 there is no such tenant.
    """
    from msgspec.structs import asdict

    async def work(tenancy: Tenancy) -> tuple[Tenant, TenantUse]:
        return await tenancy.tenant(tenant_id), await tenancy.use(tenant_id)

    tenant, use = with_tenancy(database_url, data, work)
    pairs = [
        *_facts(tenant), ("keys", _share(use.api_keys, use.max_api_keys)),
        ("policies", _share(use.policies, use.max_policies)),
        ("principals", _share(use.principals, use.max_principals)),
        ("calls a minute", "any number" if use.max_requests_per_minute is None else
         f"at most {use.max_requests_per_minute:,} to each agent"),
    ]  # fmt: skip
    written({**asdict(tenant), "use": use}, fields(pairs), as_json=as_json)


@command.command("suspend")
@click.argument("tenant_id", metavar="ID")
@database_options
@json_option
def suspend(*, tenant_id: str, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """Refuse all that is asked for it, within a second on running agents. `resume` takes that back.

    \b
    Example:
      axonflow tenant suspend acme

    Exit codes: 0 it is suspended, 2 there is no such tenant, or it is being deleted.
    """
    _move(tenant_id, "suspended", database_url, data, as_json=as_json)


@command.command("resume")
@click.argument("tenant_id", metavar="ID")
@database_options
@json_option
def resume(*, tenant_id: str, database_url: str | None, data: Path | None, as_json: bool) -> None:
    """Answer again what is asked for a suspended tenant.

    \b
    Example:
      axonflow tenant resume acme

    Exit codes: 0 it is active, 2 there is no such tenant, or it is being deleted.
    """
    _move(tenant_id, "active", database_url, data, as_json=as_json)


@command.command("delete")
@click.argument("tenant_id", metavar="ID")
@click.option("--confirm", metavar="ID", required=True, help="The same id again: there is no way back.")
@click.option(
    "--audit",
    type=click.Choice(["keep", "erase"]),
    default="keep",
    show_default=True,
    help="Keep its audit records until their time is over, or erase them as well.",
)
@click.option(
    "--anchor", metavar="URL", default="", envvar="AXONFLOW_ANCHOR", show_envvar=True,
    help="Tell it of what --audit erase removes, before that: as `axonflow db maintain`.",
)  # fmt: skip
@database_options
@json_option
def delete(
    *, tenant_id: str, confirm: str, audit: str, anchor: str, database_url: str | None, data: Path | None, as_json: bool
) -> None:
    """Refuse all that is asked for it from now on, and erase what it has.

    The audit trail is evidence for others too, so its records stay until their time is over (`axonflow db maintain`
    removes them then), and so does the tenant's id, as being deleted; run the same again when they are gone. May be
    interrupted, and run again. Agents that cannot reach the database now may have audit records that come later:
    with --audit erase, run it when `axonflow_spool_records` of all agents is 0.

    \b
    Examples:
      axonflow tenant delete acme --confirm acme
      axonflow tenant delete trial --confirm trial --audit erase

    \b
    Exit codes:
      0    erased
      2    nothing was erased: no such tenant, a hold, an id that was not
           confirmed, a login that may not work as axonflow_keeper; or no
           audit record, for the anchor could not be told
    """
    if confirm != tenant_id:
        raise click.UsageError(f"--confirm has to be the id of the tenant, {tenant_id!r}.")

    from axonflow.app.operations import cut_witness

    async def work(tenancy: Tenancy) -> Erased:
        if (await tenancy.tenant(tenant_id)).audit_hold:
            await tenancy.erase(
                tenant_id, audit=False, actor=actor()
            )  # says why not, and that before anything is changed
        await tenancy.move_tenant(tenant_id, "deleting", actor=actor())
        if not (audit == "erase" and anchor):
            return await tenancy.erase(tenant_id, audit=audit == "erase", actor=actor())
        async with cut_witness(anchor, read_settings().anchor_token) as witness:
            return await tenancy.erase(tenant_id, audit=True, actor=actor(), witness=witness)

    erased = with_tenancy(database_url, data, work, anchor=anchor)
    kept = f"; {erased.kept_events:,} audit records are kept until their time is over" if erased.kept_events else ""
    rows = sum(erased.rows.values())
    written(erased, f"erased {rows:,} rows of {tenant_id}{kept}", as_json=as_json)


@command.command("export")
@click.argument("tenant_id", metavar="ID")
@click.option("--out", metavar="FILE", default="-", help="Where to. Default: standard output.")
@database_options
def export(*, tenant_id: str, out: str, database_url: str | None, data: Path | None) -> None:
    """Write all that it has as JSON Lines: a row a line, and at the end a manifest with counts and SHA-256.

    As of one moment. Hashes of keys are not in it. Without its last line, a file is not whole.

    \b
    Examples:
      axonflow tenant export acme --out acme.jsonl
      axonflow tenant export acme | gzip > acme.jsonl.gz

    Exit codes: 0 written, 2 there is no such tenant, or the file cannot be written.
    """
    if out == "-":
        with_tenancy(database_url, data, lambda tenancy: _copy(tenancy, tenant_id, sys.stdout.buffer.write))
        return
    beside = Path(f"{out}.part")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with_tenancy(database_url, data, lambda tenancy: _copy(tenancy, tenant_id, file.write))
        beside.replace(out)
    except OSError as error:
        raise ConfigurationError("the export cannot be written", found=error.strerror, at=out) from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


async def _copy(tenancy: Tenancy, tenant_id: str, write: Callable[[bytes], object]) -> None:
    async for piece in tenancy.export(tenant_id, actor=actor()):
        write(piece)


def _move(tenant_id: str, status: TenantStatus, database_url: str | None, data: Path | None, *, as_json: bool) -> None:
    tenant = with_tenancy(database_url, data, lambda tenancy: tenancy.move_tenant(tenant_id, status, actor=actor()))
    _print(tenant, as_json=as_json)


def _share(count: int, most: int | None) -> str:
    return f"{count:,}" if most is None else f"{count:,} of {most:,}"


def _print(tenant: Tenant, *, as_json: bool) -> None:
    from axonflow.tenancy import LIMITS

    own = [(name.removeprefix("max_").replace("_", " "), getattr(tenant, name)) for name in LIMITS]
    limits = [(name, f"at most {most:,}") for name, most in own if most is not None]
    written(tenant, fields([*_facts(tenant), *limits]), as_json=as_json)


def _facts(tenant: Tenant) -> list[tuple[str, str]]:
    return [
        ("tenant", tenant.tenant_id), ("name", tenant.name), ("tier", tenant.tier),
        ("status", coloured(tenant.status)), ("organization", tenant.organization_id or ""),
        ("retention", "" if tenant.audit_retention_days is None else f"{tenant.audit_retention_days} days"),
        ("hold", "yes" if tenant.audit_hold else ""), ("audit mode", tenant.audit_mode or ""),
        ("created", f"{shown_time(tenant.created_us)} by {tenant.created_by}"),
    ]  # fmt: skip
