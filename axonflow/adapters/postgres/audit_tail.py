"""The tail of the audit trail in PostgreSQL."""

from __future__ import annotations

import heapq
import itertools
from operator import attrgetter, itemgetter
from typing import Final

from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.audit import AuditEvent
from axonflow.audit.tail import TailedEvent, TailPosition
from axonflow.errors import AuditError

__all__ = ["PostgresAuditTail"]

_SQL: Final = named_queries("audit_tail.sql")


class PostgresAuditTail:
    """An AuditTail over `database`. It asks as the role that sees one tenant at a time."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def later(self, tenant_id: str, position: TailPosition, limit: int) -> list[TailedEvent]:
        if not is_storable(tenant_id, *position.next):
            return []
        with translated(AuditError, "read the newest of the audit trail"):
            rows = await self._database.read(
                tenant_id,
                lambda connection: connection.fetch(
                    _SQL["later"], tenant_id, position.floor, position.after, list(position.next),
                    list(position.next.values()), limit,
                ),
            )  # fmt: skip
        chains = [
            [TailedEvent(row["sequence"], AuditEvent.from_canonical(row["canonical"])) for row in chain]
            for _, chain in itertools.groupby(rows, itemgetter("writer_id"))
        ]
        return list(itertools.islice(heapq.merge(*chains, key=attrgetter("event.event_id")), limit))
