"""One row of each table of a tenant, in the order in which they may be put in."""

import asyncpg

__all__ = ["WRITABLE", "add_rows", "insert", "key_hmac", "rows_of"]

MADE = {"created_us": 1, "created_by": "user:ann"}
UPDATED = MADE | {"updated_us": 1}
HASH = bytes(32)


def key_hmac(tenant_id: str) -> bytes:
    """A hash that no other tenant's key has."""
    return tenant_id.encode().rjust(32, b"\0")[-32:]


def rows_of(tenant_id: str) -> dict[str, dict[str, object]]:
    """A tenant's rows by table."""
    own = {"tenant_id": tenant_id}
    return {
        "tenant": own | UPDATED | {"name": tenant_id, "tier": "community"},
        "principal": own | UPDATED | {"principal_type": "user", "principal_id": "ann"},
        "role": own | UPDATED | {"role": "auditor", "permissions": ["audit.read"]},
        "role_grant": own | {
            "principal_type": "user", "principal_id": "ann", "role": "auditor", "granted_us": 1,
            "granted_by": "user:ann",
        },
        "api_key": own | MADE | {
            "key_id": "k", "client_id": "crm", "name": "CRM", "prefix": "axf_abcd", "pepper_id": "1",
            "key_hmac": key_hmac(tenant_id), "scopes": ["decide"], "roles": [],
        },
        "policy_set": own | MADE | {"set_name": "baseline"},
        "policy_version": own | {
            "set_name": "baseline", "version": 1, "digest": "sha256:0", "key_id": "1", "bundle": b"b\0",
            "source": b"{}",
            "rules": 1, "author": "user:ann", "reason": "first", "created_us": 1,
        },
        "policy_activation": own | {
            "set_name": "baseline", "sequence": 1, "kind": "activate", "version": 1, "author": "user:ann",
            "reason": "first", "created_us": 1,
        },
        "api_policy": own | UPDATED | {
            "id": "1", "kind": "static", "policy_id": "p", "name": "P", "category": "pii", "severity": "high",
            "definition": b"{}", "updated_by": "user:ann",
        },
        "api_policy_version": own | {
            "id": "1", "version": 1, "change": "created", "snapshot": b"{}", "changed_us": 1, "changed_by": "user:ann",
        },
        "policy_override": own | MADE | {
            "override_id": "o", "policy_id": "p", "action": "warn", "reason": "a trial", "expires_us": 2,
        },
        "connector": own | UPDATED | {
            "connector_id": "c", "type": "postgres", "name": "CRM", "updated_by": "user:ann",
        },
        "connector_secret": own | {"connector_id": "c", "name": "password", "reference": "env:CRM_PASSWORD"},
        "catalog_entry": own | UPDATED | {"kind": "tool", "entry_id": "t", "name": "search"},
        "catalog_version": own | {
            "kind": "tool", "entry_id": "t", "version": 1, "digest": "sha256:0", "definition": b"{}",
            "author": "user:ann", "reason": "first", "created_us": 1,
        },
        "approval": own | {
            "approval_id": "a", "plane": "tool", "subject_id": "s", "decision_id": "d", "principal": "user:ann",
            "action": "tool.call", "resource": "tool:shell", "policies": ["p"], "reason": "a shell", "request": b"{}",
            "created_us": 1, "expires_us": 2,
        },
        "metric_rollup": own | {
            "metric": "decisions", "period_s": 60, "start_us": 0, "dimension": "", "count": 1, "total": 1.0,
            "least": 1.0, "greatest": 1.0,
        },
        "audit_cut": own | {"writer_id": "old writer", "records": 3, "hash": HASH, "cut_us": 1},
        "audit_segment": own | {
            "writer_id": f"w of {tenant_id}", "number": 0, "position": 0, "first": 0, "records": 1, "head": HASH,
            "root": HASH,
        },
        "plan_execution": own | {
            "plan_id": "p", "schema_version": 1, "name": "trip", "domain": "travel", "query": b"", "context": b"{}",
            "principal": "user:ann", "status": "pending", "steps": b"[]", "created_us": 1, "executor_id": "",
            "result": b"null", "step_results": b"{}",
        },
        "plan_version": own | {
            "plan_id": "p", "version": 1, "kind": "created", "changed_us": 1, "changed_by": "user:ann",
            "summary": b"made", "domain": "travel", "execution_mode": "auto", "metadata": b"{}",
            "definition": b"null",
        },
        "plan_step": own | {"plan_id": "p", "step": "s", "state": "running", "attempts": 1, "facts": b"{}"},
        "workflow": own | {
            "workflow_id": "w", "schema_version": 1, "state": "in_progress", "source": "external", "trace_id": "",
            "created_us": 1, "version": 1, "record": b"{}",
        },
        "workflow_step": own | {
            "workflow_id": "w", "step_id": "s", "schema_version": 1, "step_index": 0, "state": "held", "expires_us": 2,
            "version": 1, "record": b"{}",
        },
        "vault_value": own | {"label": "l", "schema_version": 1, "sealed": b"\1"},
        "audit_person_key": own | {"key_id": "k", "tag": HASH, "wrapped": b"w", "created_us": 1},
        "audit_event": own | {
            "event_id": "01993c2e-4c00-7000-8000-000000000000", "schema_version": 1, "writer_id": f"w of {tenant_id}",
            "sequence": 0, "time_us": 1, "kind": "decision", "decision_id": "d", "principal": "user:ann",
            "on_behalf_of": [], "client_id": "", "trace_id": "", "request_id": "", "action": "tool.call",
            "resource": "tool:x", "effect": "deny", "allowed": False, "policies": [], "previous": HASH, "hash": HASH,
            "canonical": b"{}",
        },
    }  # fmt: skip


WRITABLE = frozenset(rows_of("")) - {"tenant", "audit_event", "audit_segment", "audit_cut", "audit_person_key"}
"""The tables that the application may add to."""


async def insert(connection: asyncpg.Connection, table: str, row: dict[str, object]) -> str:
    """The status of the statement."""
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    return await connection.execute(f"INSERT INTO axonflow.{table} ({', '.join(row)}) VALUES ({places})", *row.values())


async def add_rows(dsn: str, *tenant_ids: str) -> None:
    """All rows of these tenants, by the superuser."""
    connection = await asyncpg.connect(dsn)
    try:
        for tenant_id in tenant_ids:
            for table, row in rows_of(tenant_id).items():
                await insert(connection, table, row)
            await connection.execute(
                "UPDATE axonflow.policy_set SET active_sequence = 1, active_version = 1, active_digest = 'sha256:0' "
                "WHERE tenant_id = $1", tenant_id,
            )  # fmt: skip
            await connection.execute(
                "UPDATE axonflow.catalog_entry SET current_version = 1 WHERE tenant_id = $1", tenant_id
            )
    finally:
        await connection.close()
