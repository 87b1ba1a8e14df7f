"""Pages of one tenant's audit trail, newest first, out of as many partitions as it needs and no more."""

from __future__ import annotations

from typing import Final

from axonflow.adapters.postgres.database import Connection, PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.audit import MAX_TOTAL, AuditEvent, AuditPage, AuditQuery
from axonflow.audit.event_ids import earliest_us, ids_between
from axonflow.errors import AuditError
from axonflow.ids import now_us

__all__ = ["is_known", "newest_of", "page_of"]

_SQL: Final = named_queries("audit_pages.sql")
_DAY_US: Final = 86_400_000_000
_WINDOWS_DAYS: Final = (1, 8, 64)
"""How far back is looked first, and then, before all of it is: most pages are full after the first."""
_CLOCKS_APART_US: Final = _DAY_US
_EDGE_US: Final = 5_000
"""More than the time of an event and that of its id are apart."""
_MIN_BIGINT: Final = -(2**63)
_MAX_BIGINT: Final = 2**63 - 1


async def is_known(database: PostgresDatabase, tenant_id: str) -> bool:
    """Whether there is such a tenant, or something of a trail of one: records, what was sealed of it, where it was cut.
    Raises AuditError."""
    if not is_storable(tenant_id):
        return False
    with translated(AuditError, "look for a tenant"):
        async with database.tenant(tenant_id) as connection:
            found: bool = await connection.fetchval(_SQL["is_known"], tenant_id)
    return found


async def page_of(connection: Connection, query: AuditQuery) -> AuditPage:
    """The page that `query` asks for, in a transaction of its tenant. Its texts have to be storable."""
    if query.start_us is not None and query.start_us > _MAX_BIGINT:
        return AuditPage((), 0)
    await connection.execute(_SQL["plan_once"])
    bounds = _bounds(query)
    found = await _newest(connection, query, bounds)
    events = tuple(map(AuditEvent.from_canonical, found))
    if len(found) < query.limit and (found or not query.offset):
        return AuditPage(events, query.offset + len(found))
    return AuditPage(events, await _count(connection, query, bounds))


async def newest_of(connection: Connection, query: AuditQuery, limit: int) -> list[tuple[str, bytes]]:
    """The newest that `query` covers, as ids and bytes, in a transaction of its tenant. Its texts are storable."""
    if query.start_us is not None and query.start_us > _MAX_BIGINT:
        return []
    await connection.execute(_SQL["plan_once"])
    first, beyond = _bounds(query)
    asked = (*_filters(query), query.decision_id, limit)
    return [(row[0], row[1]) for row in await connection.fetch(_SQL["history"], query.tenant_id, first, beyond, *asked)]


async def _newest(connection: Connection, query: AuditQuery, bounds: tuple[str, str]) -> list[bytes]:
    first, beyond = bounds
    of_decision = () if query.decision_id is None else (query.decision_id,)
    page = _SQL["page_of_decision" if of_decision else "page"]
    found: list[bytes] = []
    for lower in _lower_bounds(query, first):
        asked = (*_filters(query), query.limit - len(found), query.offset, *of_decision)
        found += [row[0] for row in await connection.fetch(page, query.tenant_id, lower, beyond, *asked)]
        if len(found) == query.limit:
            break
        beyond = min(beyond, lower)
    return found


async def _count(connection: Connection, query: AuditQuery, bounds: tuple[str, str]) -> int:
    """Up to MAX_TOTAL, and one more for any number beyond."""
    most, filters = MAX_TOTAL + 1, _filters(query)
    times, others = filters[:2], filters[2:]
    asked: tuple[object, ...]
    if query.decision_id is not None:
        name, asked = "count_of_decision", (*bounds, *filters, most, query.decision_id)
    elif any(one is not None for one in others):
        name, asked = "count_filtered", (*bounds, *filters, most)
    elif times == (None, None):
        name, asked = "count", (*bounds, most)
    else:
        name, asked = "count_between", (most, *_certain(query, *bounds), *bounds, *times)
    return min(int(await connection.fetchval(_SQL[name], query.tenant_id, *asked)), most)


def _certain(query: AuditQuery, first: str, beyond: str) -> tuple[str, str]:
    """Between which ids, of those from `first` on up to `beyond`, nothing lies but what is in the time asked for."""
    lower = first if query.start_us is None else ids_between(query.start_us + _EDGE_US, None)[0]
    upper = beyond if query.end_us is None else ids_between(query.end_us - _EDGE_US, None)[0]
    lower, upper = min(lower, beyond), min(upper, beyond)
    return lower, max(lower, upper)


def _bounds(query: AuditQuery) -> tuple[str, str]:
    """Between which ids to look: from the first of both on, up to the other, which is not looked for itself. What has
    to do with a decision comes after it, but for clocks that differ."""
    of_decision = earliest_us(query.decision_id, _CLOCKS_APART_US) if query.decision_id else None
    earliest = max((one for one in (query.start_us, of_decision) if one is not None), default=None)
    first, beyond = ids_between(earliest, query.end_us)
    return first, beyond if query.before is None else min(beyond, query.before)


def _lower_bounds(query: AuditQuery, first: str) -> list[str]:
    """Where one look after another begins, the last at `first`. What is to be passed over has to be seen at once."""
    if query.offset or query.decision_id is not None:
        return [first]
    before_us = earliest_us(query.before, 0) if query.before else None
    newest_us = min(one for one in (query.end_us, before_us, now_us()) if one is not None)
    windows = (ids_between(newest_us - days * _DAY_US, None)[0] for days in _WINDOWS_DAYS)
    return [*(lower for lower in windows if lower > first), first]


def _filters(query: AuditQuery) -> tuple[object, ...]:
    # An end beyond all is none: clamped, it would leave out the last microsecond there is.
    end_us = None if query.end_us is not None and query.end_us > _MAX_BIGINT else _bigint(query.end_us)
    return (
        _bigint(query.start_us), end_us, query.kind, query.principals, query.client_id, query.action, query.effect,
        query.policy, query.resources, query.allowed,
    )  # fmt: skip


def _bigint(value: int | None) -> int | None:
    return None if value is None else min(max(value, _MIN_BIGINT), _MAX_BIGINT)
