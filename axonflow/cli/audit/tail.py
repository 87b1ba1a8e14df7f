"""`axonflow audit tail`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from axonflow.cli.audit.filters import (
    FILLED,
    PastTime,
    chosen_persons_key,
    event_cells,
    filter_options,
    filters_in,
    persons_key_option,
)
from axonflow.cli.database import chosen_url, database_options
from axonflow.cli.tables import coloured
from axonflow.cli.via import Via, opened_agent, via_options
from axonflow.errors import AuditError, AxonFlowError, ConfigurationError, RequestError

if TYPE_CHECKING:
    from axonflow.audit import AuditEvent, AuditQuery
    from axonflow.audit.tail import TailPosition

__all__ = ["command"]

POLL_S: Final = 1.0
RETRY_S: Final = 2.0


@click.command("tail")
@click.option("--tenant", metavar="ID", type=FILLED, help="Whose events. Default: that of the key, or default.")
@filter_options
@click.option("--since", metavar="TIME", type=PastTime(), help="RFC 3339; from then on. Default: now.")
@click.option("--after", metavar="EVENT_ID", type=FILLED, help="What was recorded behind this event.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after so many events.")
@database_options
@persons_key_option
@via_options
@click.option("--json", "as_json", is_flag=True, help="Print each event as JSON Lines.")
def command(
    *,
    database_url: str | None,
    data: Path | None,
    persons_key_file: Path | None,
    via: Via | None,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Show events of one tenant as they are recorded, by all agents, until you interrupt it.

    It reads the database, or with --via the live tail of an agent, and goes on when that was away.

    \b
    Examples:
      axonflow audit tail --effect deny
      axonflow audit tail --tenant acme --kind decision --json | jq .reasons
      axonflow audit tail --via http https://agent.example.com:8443 --key-file key

    \b
    Exit codes:
      0    all that --count asked for was shown
      2    no such tenant, wrong usage, the database cannot be read, or the
           agent refuses
      130  interrupted
    """
    if wanted["after"] and wanted["since"] is not None:
        raise ConfigurationError("two places to begin", expected="--after or --since", found="both")
    if via is not None and (database_url, data) != (None, None):
        raise ConfigurationError("two sources of events", expected="--via, or a database", found="both")
    show = _json_line if as_json else _line
    count = wanted["count"]
    if via is None:
        key = chosen_persons_key(persons_key_file, data)
        asyncio.run(_followed(chosen_url(database_url, data), key, wanted, show, count))
    else:
        _followed_agent(via, wanted, show, count)


def _position(wanted: dict[str, Any]) -> TailPosition:
    from axonflow.audit.tail import TailPosition
    from axonflow.ids import now_us

    if wanted["after"]:
        return TailPosition.parse(wanted["after"])
    return TailPosition.at(now_us() if wanted["since"] is None else wanted["since"])


async def _followed(
    url: str, key: bytes | None, wanted: dict[str, Any], show: Callable[[AuditEvent], str], count: int | None
) -> None:
    from axonflow.app.auditing import check_tenant
    from axonflow.audit import AuditQuery

    query = AuditQuery(tenant_id=wanted["tenant"] or "default", **filters_in(wanted))
    await check_tenant(url, query.tenant_id)
    async with aclosing(_events(url, key, query, _position(wanted))) as events:
        shown = 0
        async for event in events:
            click.echo(show(event))
            shown += 1
            if shown == count:
                return


async def _events(
    url: str, key: bytes | None, query: AuditQuery, position: TailPosition
) -> AsyncGenerator[AuditEvent, None]:
    from axonflow.app.durable import opened_tail

    is_known = False
    async with opened_tail(url, key) as tailing:
        while True:
            try:
                look = await tailing.look(query, position)
            except AuditError as error:
                _try_again(error, is_known=is_known)
            else:
                position, is_known = look.position, True
                for _, event in look.events:
                    yield event
                if not look.is_last:
                    continue
            await asyncio.sleep(POLL_S)


def _followed_agent(via: Via, wanted: dict[str, Any], show: Callable[[AuditEvent], str], count: int | None) -> None:
    from axonflow.audit import AuditEvent

    filters = filters_in(wanted)
    if "policy" in filters:
        filters["policy_name"] = filters.pop("policy")
    after, shown, is_known = _position(wanted).token, 0, False
    with opened_agent(via) as agent:
        while True:
            try:
                with closing(agent.tail(filters, after, wanted["tenant"] or "")) as told:
                    for position, data in told:
                        after, is_known = position, True
                        if data:
                            click.echo(show(AuditEvent.from_canonical(data)))
                            shown += 1
                        if shown == count:
                            return
            except (RequestError, ConfigurationError):
                raise
            except AxonFlowError as error:
                _try_again(error, is_known=is_known)
            time.sleep(RETRY_S)


def _try_again(error: AxonFlowError, *, is_known: bool) -> None:
    """What never answered was named wrongly; what did will again."""
    if not is_known:
        raise error
    click.echo(f"trying again: {error}", err=True)


def _json_line(event: AuditEvent) -> str:
    return event.canonical().decode()


def _line(event: AuditEvent) -> str:
    when, effect, *rest = event_cells(event)
    return "  ".join([when, coloured(effect), *rest]).rstrip()
