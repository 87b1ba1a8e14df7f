"""The history in PostgreSQL."""

from __future__ import annotations

from axonflow.adapters.postgres.audit_pages import newest_of
from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.audit import AuditQuery
from axonflow.errors import AuditError

__all__ = ["PostgresAuditHistory"]


class PostgresAuditHistory:
    """An AuditHistory over `database`. It asks as the role that sees one tenant at a time, in a transaction a page:
    nothing stays open however long it takes to read on."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def newest(self, query: AuditQuery, limit: int) -> list[tuple[str, bytes]]:
        texts = (
            query.tenant_id, query.kind, query.client_id, query.action, query.effect, query.decision_id, query.policy,
            query.before, *(query.principals or ()), *(query.resources or ()),
        )  # fmt: skip
        if not is_storable(*texts):
            return []
        with translated(AuditError, "read the audit trail"):
            return await self._database.read(query.tenant_id, lambda connection: newest_of(connection, query, limit))
