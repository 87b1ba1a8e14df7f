"""`axonflow audit search`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow.cli.audit.filters import (
    COLUMNS,
    FILLED,
    PastTime,
    chosen_persons_key,
    event_cells,
    filter_options,
    filters_in,
    persons_key_option,
)
from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.tables import table

if TYPE_CHECKING:
    from axonflow.audit import AuditPage, AuditQuery

__all__ = ["command"]


@click.command("search")
@click.option("--tenant", metavar="ID", type=FILLED, default="default", show_default=True, help="Whose events.")
@filter_options
@click.option("--allowed/--refused", default=None, help="Only what was allowed, or only what was not.")
@click.option("--since", metavar="TIME", type=PastTime(), help="RFC 3339; the first instant that counts.")
@click.option("--until", metavar="TIME", type=PastTime(), help="RFC 3339; the first instant that does not.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="At most so many.")
@click.option("--before", metavar="EVENT_ID", type=FILLED, help="The page behind the one that ended with this event.")
@click.option("--offset", type=click.IntRange(0, 1_000_000), default=0, show_default=True, help="Skip so many.")
@database_options
@persons_key_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: events and total.")
def command(
    *, database_url: str | None, data: Path | None, persons_key_file: Path | None, as_json: bool, **wanted: Any
) -> None:
    """Find events of one tenant, newest first. Content is never in them: it was never recorded.

    \b
    Examples:
      axonflow audit search --effect deny --since 2026-01-31T00:00:00Z
      axonflow audit search --tenant acme --json | jq '.events[].reasons'

    \b
    Exit codes:
      0    searched, whatever was found
      2    no such tenant, wrong usage, or the database cannot be read
    """
    from axonflow.audit import AuditQuery
    from axonflow.audit.query import check_period, page_after

    check_period(wanted["since"], wanted["until"], "--until")
    query = AuditQuery(
        tenant_id=wanted["tenant"], limit=wanted["limit"], offset=wanted["offset"],
        before=page_after(wanted["before"], "--before"),
        start_us=wanted["since"], end_us=wanted["until"], allowed=wanted["allowed"], **filters_in(wanted),
    )  # fmt: skip
    key = chosen_persons_key(persons_key_file, data)
    page = asyncio.run(_search(chosen_url(database_url, data), key, query))
    click.echo(_as_json(page) if as_json else _shown(page, query))


async def _search(url: str, key: bytes | None, query: AuditQuery) -> AuditPage:
    from axonflow.app.auditing import check_tenant
    from axonflow.app.durable import opened_store

    async with opened_store(url, key) as store:
        page = await store.search(query)
    if not page.total:
        await check_tenant(url, query.tenant_id)
    return page


def _as_json(page: AuditPage) -> bytes:
    import msgspec

    return msgspec.json.encode(page)


def _shown(page: AuditPage, query: AuditQuery) -> str:
    if not page.events:
        return f"nothing found ({page.total:,} in all)"
    shown = f"\n\n{len(page.events):,} of {page.total:,}"
    if len(page.events) == query.limit < page.total:
        shown += f"; more with --before {page.events[-1].event_id}"
    return table(map(event_cells, page.events), COLUMNS) + shown
