"""PostgreSQL 15 to 18: the audit trail and the plans of all processes, tenants kept apart by row-level security.

Needs the extra: ``pip install 'axonflow[postgres]'``.
"""

from axonflow.adapters.postgres.api_policy_store import PostgresApiPolicyStore, PostgresOverrideStore
from axonflow.adapters.postgres.audit_history import PostgresAuditHistory
from axonflow.adapters.postgres.audit_proofs import PostgresAuditProofs
from axonflow.adapters.postgres.audit_store import PostgresAuditStore
from axonflow.adapters.postgres.audit_tail import PostgresAuditTail
from axonflow.adapters.postgres.connections import DatabaseSettings
from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.logins import service_login
from axonflow.adapters.postgres.migrating import migrate
from axonflow.adapters.postgres.plan_store import PostgresPlanStore
from axonflow.adapters.postgres.policy_feed import PostgresPolicyFeed
from axonflow.adapters.postgres.policy_store import PostgresPolicyStore
from axonflow.adapters.postgres.workflow_store import PostgresWorkflows, PostgresWorkflowSteps

__all__ = [
    "DatabaseSettings",
    "PostgresApiPolicyStore",
    "PostgresAuditHistory",
    "PostgresAuditProofs",
    "PostgresAuditStore",
    "PostgresAuditTail",
    "PostgresDatabase",
    "PostgresOverrideStore",
    "PostgresPlanStore",
    "PostgresPolicyFeed",
    "PostgresPolicyStore",
    "PostgresWorkflowSteps",
    "PostgresWorkflows",
    "migrate",
    "service_login",
]
