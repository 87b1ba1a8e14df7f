"""PostgreSQL 15 to 18: the audit trail and the plans of all processes, tenants kept apart by row-level security.

Needs the extra: ``pip install 'axonflow[postgres]'``.
"""

from axonflow.adapters.postgres.audit_store import PostgresAuditStore
from axonflow.adapters.postgres.connections import DatabaseSettings
from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.logins import service_login
from axonflow.adapters.postgres.migrating import migrate
from axonflow.adapters.postgres.plan_store import PostgresPlanStore

__all__ = [
    "DatabaseSettings",
    "PostgresAuditStore",
    "PostgresDatabase",
    "PostgresPlanStore",
    "migrate",
    "service_login",
]
