"""`axonflow audit show`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow.cli.audit.filters import FILLED, chosen_persons_key, persons_key_option
from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.tables import fields
from axonflow.errors import AuditError

if TYPE_CHECKING:
    from axonflow.audit import AuditEvent

__all__ = ["command"]

_DAY_US = 24 * 3600 * 1_000_000


@click.command("show")
@click.argument("event_id", metavar="EVENT_ID")
@click.option("--tenant", metavar="ID", type=FILLED, default="default", show_default=True, help="Whose event.")
@database_options
@persons_key_option
@click.option("--json", "as_json", is_flag=True, help="Print the event as JSON.")
def command(
    *,
    event_id: str,
    tenant: str,
    database_url: str | None,
    data: Path | None,
    persons_key_file: Path | None,
    as_json: bool,
) -> None:
    """Show all that was recorded of one event. What is left `sealed` is of persons that were erased, or whose keys this
    one does not open.

    \b
    Example:
      axonflow audit show 01993c2e-4c00-7000-8000-000000000000 --tenant acme

    \b
    Exit codes:
      0    shown
      2    there is no such event or tenant, or the database cannot be read
    """
    from axonflow.app.auditing import check_tenant

    key = chosen_persons_key(persons_key_file, data)
    url = chosen_url(database_url, data)
    event = asyncio.run(_found(url, key, tenant, event_id))
    if event is None:
        asyncio.run(check_tenant(url, tenant))
        raise AuditError(
            "no such event", expected=f"the id of an event of tenant {tenant}", found=ascii(event_id)[:80],
            hint="axonflow audit search lists events; of another tenant with --tenant.",
        )  # fmt: skip
    click.echo(event.canonical() if as_json else _shown(event))


async def _found(url: str, key: bytes | None, tenant: str, event_id: str) -> AuditEvent | None:
    """Looked for as the newest of those up to its id, among those of its day."""
    from axonflow.app.durable import opened_store
    from axonflow.audit import AuditQuery
    from axonflow.audit.event_ids import earliest_us

    start_us = earliest_us(event_id, _DAY_US)
    if start_us is None:
        return None
    query = AuditQuery(tenant_id=tenant, limit=1, before=f"{event_id}~", start_us=start_us)  # behind it, if anything is
    async with opened_store(url, key) as store:
        page = await store.search(query)
    return next((event for event in page.events if event.event_id == event_id), None)


def _shown(event: AuditEvent) -> str:
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(event)
    if event.sealed:
        told["sealed"] = f"under {', '.join(event.sealed)}, which is gone or not this installation's"
    return fields((name, _as_text(value)) for name, value in told.items())


def _as_text(value: object) -> str:
    """Texts as they are, several below each other; all else as JSON."""
    import msgspec

    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return "\n".join(one.replace("\n", " ") for one in value)
    return msgspec.json.encode(value).decode()
