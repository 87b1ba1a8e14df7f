"""`axonflow audit search`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.tables import printable, table

if TYPE_CHECKING:
    from axonflow.audit import AuditEvent, AuditPage, AuditQuery

__all__ = ["command"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Time(click.ParamType[int]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Microseconds since the Unix epoch. A time without an offset is UTC."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time: expected RFC 3339, such as 2026-01-31T12:00:00Z", param, ctx)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


@click.command("search")
@click.option("--tenant", metavar="ID", default="default", show_default=True, help="Whose events.")
@click.option("--principal", metavar="WHO", help='Who asked, or was acted for: "user:ann".')
@click.option("--client", metavar="ID", help="The client of the API key.")
@click.option("--action", metavar="NAME", help="Such as tool.call.")
@click.option("--effect", metavar="NAME", help="deny, require_approval, redact, limit or allow.")
@click.option("--policy", metavar="ID", help="A policy that matched.")
@click.option("--decision", metavar="ID", help="The events of one decision.")
@click.option("--kind", metavar="NAME", help="decision, model_call, tool_call, plan_step, admin or login.")
@click.option("--since", metavar="TIME", type=_Time(), help="RFC 3339; the first instant that counts.")
@click.option("--until", metavar="TIME", type=_Time(), help="RFC 3339; the first instant that does not.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="At most so many.")
@click.option("--offset", type=click.IntRange(0, 1_000_000), default=0, show_default=True, help="Skip so many.")
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: events and total.")
def command(*, database_url: str | None, data: Path | None, as_json: bool, **wanted: Any) -> None:
    """Find events of one tenant, newest first. Content is never in them: it was never recorded.

    \b
    Examples:
      axonflow audit search --effect deny --since 2026-01-31T00:00:00Z
      axonflow audit search --tenant acme --json | jq '.events[].reasons'

    \b
    Exit codes:
      0    searched, whatever was found
      2    the database cannot be read
    """
    from axonflow.audit import AuditQuery

    query = AuditQuery(
        tenant_id=wanted["tenant"], limit=wanted["limit"], offset=wanted["offset"], start_us=wanted["since"],
        end_us=wanted["until"], kind=wanted["kind"], principal=wanted["principal"], client_id=wanted["client"],
        action=wanted["action"], effect=wanted["effect"], decision_id=wanted["decision"], policy=wanted["policy"],
    )  # fmt: skip
    page = asyncio.run(_search(chosen_url(database_url, data), query))
    click.echo(_as_json(page) if as_json else _shown(page))


async def _search(url: str, query: AuditQuery) -> AuditPage:
    from axonflow.app.durable import opened_store

    async with opened_store(url) as store:
        return await store.search(query)


def _as_json(page: AuditPage) -> bytes:
    import msgspec

    return msgspec.json.encode(page)


def _shown(page: AuditPage) -> str:
    if not page.events:
        return f"nothing found ({page.total:,} in all)"
    rows = [_row(event) for event in page.events]
    shown = f"\n\n{len(rows):,} of {page.total:,}"
    return table(rows, ("time (UTC)", "effect", "principal", "action", "resource", "policies")) + shown


def _row(event: AuditEvent) -> tuple[str, ...]:
    time = (_EPOCH + timedelta(microseconds=event.time_us)).strftime("%Y-%m-%d %H:%M:%S.%f")
    effect = event.effect if event.kind == "decision" else event.kind
    names = (event.principal, event.action, event.resource, ", ".join(event.policies))
    return (time, effect, *(printable(name, 60) for name in names))
