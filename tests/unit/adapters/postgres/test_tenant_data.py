"""Erasing a tenant that has a row in every table, and an audit trail."""

import asyncio

import asyncpg
import pytest

from axonflow.adapters.postgres import (
    PostgresAuditProofs,
    PostgresDatabase,
    PostgresPlanStore,
    migrate,
    service_login,
)
from axonflow.adapters.postgres.tenant_data import PostgresTenantData
from axonflow.adapters.postgres.vault import PostgresVault
from axonflow.detect import RedactionKey
from axonflow.errors import PlanError, TenancyConflict, TenancyUnavailable, VaultError
from axonflow.flows.verify_audit import verify_audit
from tests.postgres import execute, fresh_database
from tests.postgres_rows import add_rows, rows_of
from tests.postgres_stores import audit_event, chained, opened, plan_execution, write_sealed

LEFT = {"tenant", "audit_event", "audit_segment", "audit_cut", "audit_person_key"}
TRAIL = ("audit_event", "audit_segment", "audit_cut")


@pytest.fixture
def filled(postgres_dsn):
    """Tenants A, which is being deleted, and B: a row in every table, and three records of the trail."""
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(migrate(dsn))
        asyncio.run(add_rows(dsn, "A", "B"))
        execute(dsn, *(f"DELETE FROM axonflow.{table}" for table in TRAIL), "SELECT 1")
        execute(dsn, "UPDATE axonflow.tenant SET status = 'deleting' WHERE tenant_id = 'A'", "SELECT 1")
        with opened(dsn) as (run, database):
            records = chained(audit_event(name, "w", time_us) for name in "AB" for time_us in (1, 2, 3))
            run(write_sealed(database, records))
        yield dsn


def counts(dsn, tenant_id):
    tables = [f"SELECT '{t}', count(*) FROM axonflow.{t} WHERE tenant_id = '{tenant_id}'" for t in rows_of("")]
    return {row[0]: row[1] for row in execute(dsn, " UNION ALL ".join(tables)) if row[1]}


def erase(dsn, *, audit):
    with opened(dsn) as (run, database):
        return run(PostgresTenantData(database, dsn).erase("A", audit=audit))


def broken_chains(dsn):
    with opened(dsn) as (run, database):
        return run(verify_audit(PostgresAuditProofs(database))).broken


def test_tenant_is_erased_but_for_its_trail_and_then_with_it(filled):
    other = counts(filled, "B")
    erased = erase(filled, audit=False)
    assert (erased.kept_events, erased.rows["tenant"]) == (3, 0)
    assert {table for table, rows in erased.rows.items() if rows} == rows_of("").keys() - LEFT
    assert counts(filled, "A") == {"tenant": 1, "audit_event": 3, "audit_segment": 1, "audit_person_key": 1}
    again = erase(filled, audit=True)
    gone = [again.rows[table] for table in ("tenant", "audit_event", "audit_person_key")]
    assert (again.kept_events, gone) == (0, [1, 3, 1])
    assert counts(filled, "A") == {"audit_segment": 1, "audit_cut": 1}
    assert counts(filled, "B") == other
    assert not broken_chains(filled)


def test_tenant_that_was_erased_leaves_nothing_behind_by_a_plan_that_still_runs(filled):
    """Its process may not have heard of it, or may have let the plan run to its end."""
    key = RedactionKey(bytes(32))
    erase(filled, audit=False)
    with opened(filled) as (run, database):
        with pytest.raises(VaultError, match="A: the tenant is being deleted"):
            run(PostgresVault(database, key).put("A", "late", "4111"))
        with pytest.raises(PlanError, match="the tenant is being deleted"):
            run(PostgresPlanStore(database).add(plan_execution("A")))
        run(PostgresVault(database, key).put("unregistered", "late", "4111"))
        run(PostgresPlanStore(database).add(plan_execution("unregistered")))
    assert counts(filled, "A") == {"tenant": 1, "audit_event": 3, "audit_segment": 1, "audit_person_key": 1}


def test_organization_with_a_member_is_not_erased_for_its_policies_hold_for_the_member(filled):
    execute(filled, "INSERT INTO axonflow.tenant (tenant_id, name, tier, created_us, created_by, updated_us, status) "
            "VALUES ('@bank', 'Bank', 'enterprise', 0, 'x', 0, 'deleting')",
            "UPDATE axonflow.tenant SET organization_id = '@bank' WHERE tenant_id = 'B'",
            "INSERT INTO axonflow.policy_set (tenant_id, set_name, created_us, created_by) "
            "VALUES ('@bank', 'm', 0, 'x')",
            "SELECT 1")  # fmt: skip
    with opened(filled) as (run, database), pytest.raises(TenancyConflict, match="the organization has members"):
        run(PostgresTenantData(database, filled).erase("@bank", audit=True))
    assert counts(filled, "@bank") == {"tenant": 1, "policy_set": 1}


def test_erasing_waits_for_who_began_to_write_before_it_and_erases_that_too(filled):
    async def erased_meanwhile():
        writer, watcher = [await asyncpg.connect(filled) for _ in range(2)]
        database = PostgresDatabase.lazily(filled)
        try:
            async with writer.transaction():
                await writer.execute("INSERT INTO axonflow.vault_value VALUES ('A', 'early', 1, 'x')")
                erasing = asyncio.create_task(PostgresTenantData(database, filled).erase("A", audit=False))
                while not await watcher.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                    assert not erasing.done()
                    await asyncio.sleep(0)
            await erasing
        finally:
            await database.close()
            await writer.close()
            await watcher.close()

    asyncio.run(erased_meanwhile())
    assert counts(filled, "A") == {"tenant": 1, "audit_event": 3, "audit_segment": 1, "audit_person_key": 1}


def test_tenant_is_not_erased_by_the_login_of_the_services(filled):
    services = asyncio.run(service_login(filled))
    with pytest.raises(TenancyUnavailable, match="axonflow_keeper"):
        erase(services, audit=True)
    assert counts(filled, "A")["api_key"] == 1
