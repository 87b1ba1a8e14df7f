"""The audit log of commands: one chain a tenant, whoever appends to it, and behind what is past its time."""

import asyncio

import pytest
from msgspec.structs import replace

from axonflow.adapters.postgres import audit_log as module
from axonflow.adapters.postgres.audit_log import WRITER_ID, PostgresAuditLog
from axonflow.adapters.postgres.tenants import PostgresTenants
from axonflow.audit import verify_chain
from axonflow.errors import AuditConflict, AuditError
from axonflow.ids import now_us
from tests.postgres import execute
from tests.postgres_stores import ReadableStore, audit_event, opened
from tests.tenancy import tenant


@pytest.fixture
def there(migrated_dsn):
    with opened(migrated_dsn) as (run, database):
        made = tenant()
        run(PostgresTenants(database).add(made))
        yield run, database, made.tenant_id


def event(tenant_id, **parts):
    return audit_event(tenant_id, WRITER_ID, **parts)


def chain(run, database, tenant_id):
    return run(ReadableStore(database).chain(tenant_id, WRITER_ID, 0, 1000))


def test_logs_that_append_at_once_make_one_chain(there):
    run, database, tenant_id = there
    logs = [PostgresAuditLog(database) for _ in range(3)]

    async def at_once():
        async def some(log):
            for _ in range(4):
                await log.append(event(tenant_id))

        await asyncio.gather(*map(some, logs))

    run(at_once())
    records = chain(run, database, tenant_id)
    assert verify_chain(records) == 12
    assert run(logs[0].records(tenant_id)) == []


def test_chain_goes_on_behind_records_that_are_past_their_time(there, migrated_dsn):
    run, database, tenant_id = there
    log = PostgresAuditLog(database)
    for _ in range(3):
        run(log.append(event(tenant_id)))
    last = chain(run, database, tenant_id)[-1]
    execute(
        migrated_dsn,
        f"INSERT INTO axonflow.audit_cut (tenant_id, writer_id, records, hash, cut_us) "
        f"VALUES ('{tenant_id}', '{WRITER_ID}', 3, '\\x{last.hash.hex()}', 1)",
        f"DELETE FROM axonflow.audit_event WHERE tenant_id = '{tenant_id}'",
        "SELECT",
    )
    run(log.append(event(tenant_id, time_us=now_us())))
    (record,) = chain(run, database, tenant_id)
    assert verify_chain([record], after=last) == 1


@pytest.mark.parametrize(
    ("parts", "said"),
    [({"tenant_id": "nobody-there"}, "no such tenant"), ({"writer_id": "another"}, "another writer"),
     ({"reasons": ("a\0b",)}, "cannot be recorded")],
)  # fmt: skip
def test_event_that_has_no_place_is_refused(there, parts, said):
    run, database, tenant_id = there
    with pytest.raises(AuditError, match=said):
        run(PostgresAuditLog(database).append(replace(event(tenant_id), **parts)))
    assert chain(run, database, tenant_id) == []


def test_log_that_never_gets_its_turn_says_so(there, monkeypatch):
    run, database, tenant_id = there
    monkeypatch.setattr(module, "MAX_TRIES", 2)
    log = PostgresAuditLog(database)

    async def taken(batch):
        raise AuditConflict("another record holds this place")

    monkeypatch.setattr(log._store, "write_batch", taken)
    with pytest.raises(AuditError, match="all the time"):
        run(log.append(event(tenant_id)))
