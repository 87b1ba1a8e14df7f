"""What the stores refuse, what they find changed, and what their errors keep to themselves."""

import asyncpg
import pytest
from msgspec.structs import replace

from axonflow.adapters.postgres import PostgresAuditProofs, PostgresAuditStore, PostgresPlanStore
from axonflow.adapters.postgres.audit_store import _COLUMNS
from axonflow.adapters.postgres.failures import described
from axonflow.audit import AuditQuery, link
from axonflow.errors import AuditConflict, AuditError, PlanError
from tests.postgres import execute
from tests.postgres_stores import ReadableStore, audit_event, chained, plan_execution

TAMPERED = {
    "schema_version": "1", "kind": "'x'", "decision_id": "'x'", "principal": "'x'", "on_behalf_of": "'{user:bob}'",
    "client_id": "'x'", "trace_id": "'x'", "request_id": "'x'", "action": "'x'", "resource": "'x'", "effect": "'allow'",
    "allowed": "true", "policies": "'{}'", "time_us": "2", "event_id": "'x'", "tenant_id": "tenant_id || 'x'",
    "writer_id": "'x'",
}  # fmt: skip


@pytest.mark.parametrize("column", sorted(_COLUMNS))
def test_chain_with_a_changed_column_is_found_and_named(opened_database, migrated_dsn, tenant, column):
    run, database = opened_database
    store = PostgresAuditStore(database)
    event = audit_event(tenant)
    run(store.write(chained([event])))
    change = f"UPDATE axonflow.audit_event SET {column} = {TAMPERED[column]} WHERE tenant_id = '{tenant}'"
    execute(migrated_dsn, change, "SELECT 1")
    place = {"tenant_id": (f"{tenant}x", "writer"), "writer_id": (tenant, "x")}.get(column, (tenant, "writer"))
    event_id = "x" if column == "event_id" else event.event_id
    (record,) = run(PostgresAuditProofs(database).stored_records(*place, 0, 9))
    assert (record.event_id, record.altered) == (event_id, column)


def test_chain_with_changed_bytes_is_found_and_named(opened_database, migrated_dsn, tenant):
    run, database = opened_database
    store = PostgresAuditStore(database)
    event = audit_event(tenant)
    run(store.write(chained([event])))
    where = f"WHERE tenant_id = '{tenant}'"
    execute(migrated_dsn, f"UPDATE axonflow.audit_event SET canonical = '{{}}' {where}", "SELECT 1")
    (record,) = run(PostgresAuditProofs(database).stored_records(tenant, "writer", 0, 9))
    assert (record.event_id, record.altered) == (event.event_id, "canonical")
    with pytest.raises(AuditError, match="not an audit event"):
        run(store.search(AuditQuery(tenant_id=tenant)))


# Text that compression does not make fit into an index.
LONG = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(20_000))
UNKEPT = [{"principal": "a\0"}, {"policies": ("\0",)}, {"time_us": 2**63}, {"decision_id": LONG}]


@pytest.mark.parametrize("parts", UNKEPT, ids=["nul", "nul in a list", "number", "too long for an index"])
def test_record_that_can_never_be_kept_is_a_conflict_and_nothing_is_kept(opened_database, tenant, parts):
    run, database = opened_database
    store = PostgresAuditStore(database)
    first = link(audit_event(tenant), None)
    with pytest.raises(AuditConflict, match="PostgreSQL could not keep audit records") as caught:
        run(store.write([first, link(replace(audit_event(tenant), **parts), first)]))
    assert len(str(caught.value)) < 250
    assert run(ReadableStore(database).chain(tenant, "writer", 0, 9)) == []


def test_record_with_a_sequence_beyond_64_bits_is_a_conflict_of_its_own(opened_database, tenant):
    run, database = opened_database
    (record,) = chained([audit_event(tenant)])
    with pytest.raises(AuditConflict, match="a value that PostgreSQL cannot hold"):
        run(PostgresAuditStore(database).write([replace(record, sequence=2**63)]))


def test_conflict_names_the_record_that_a_person_has_to_look_at(opened_database, tenant):
    run, database = opened_database
    store = PostgresAuditStore(database)
    first, second = audit_event(tenant), audit_event(tenant)
    run(store.write(chained([first])))
    with pytest.raises(AuditConflict) as caught:
        run(store.write(chained([second])))
    assert caught.value.at == "sequence 0 of writer writer"
    assert second.event_id in caught.value.expected


@pytest.mark.parametrize("parts", [{"name": "a\0"}, {"domain": "\ud800"}, {"created_us": 2**63}, {"status": "lost"}])
def test_plan_that_cannot_be_kept_is_an_error_without_its_values(opened_database, tenant, parts):
    run, database = opened_database
    with pytest.raises(PlanError, match="PostgreSQL could not keep a plan") as caught:
        run(PostgresPlanStore(database).add(plan_execution(tenant, **parts)))
    assert "lost" not in str(caught.value)


def test_plan_with_a_result_that_is_no_json_is_an_error_of_the_caller(opened_database, tenant):
    run, database = opened_database
    with pytest.raises(PlanError, match="a value that cannot be kept: expected JSON, found TypeError"):
        run(PostgresPlanStore(database).add(plan_execution(tenant, result={1, 2})))


def test_failure_described_for_a_log_holds_no_values():
    broken = asyncpg.UniqueViolationError("Key (a)=(secret-word) exists")
    assert "secret-word" not in described(broken)
    assert described(TimeoutError()) == "no answer in time"
    assert described(asyncpg.ReadOnlySQLTransactionError("in a read-only transaction")).endswith(
        "read-only transaction"
    )
    assert described(asyncpg.TooManyConnectionsError("too many clients")).endswith(": too many clients")
    assert described(asyncpg.InternalClientError("secret-word")) == "InternalClientError"
