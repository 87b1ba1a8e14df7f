"""The audit log of commands: one chain a tenant, whoever appends to it, and behind what is past its time."""

import asyncio
import shutil

import pytest
from msgspec.structs import replace

from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.postgres import PostgresAuditProofs
from axonflow.adapters.postgres import audit_log as module
from axonflow.adapters.postgres.audit_log import PostgresAuditLog
from axonflow.adapters.postgres.tenants import PostgresTenants
from axonflow.app.audit_keys import ask_for_rotation
from axonflow.app.command_keys import KeptCommandKey, PassingCommandKey
from axonflow.audit import verify_chain
from axonflow.errors import AuditConflict, AuditError
from axonflow.flows.verify_audit import verify_audit
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


KEY = PassingCommandKey()


def event(tenant_id, **parts):
    return audit_event(tenant_id, KEY.writer_id, kind="admin", **parts)


def chain(run, database, tenant_id):
    return run(ReadableStore(database).chain(tenant_id, KEY.writer_id, 0, 1000))


def test_logs_that_append_at_once_make_one_chain(there):
    run, database, tenant_id = there
    logs = [PostgresAuditLog(database, KEY) for _ in range(3)]

    async def at_once():
        async def some(log):
            for _ in range(4):
                await log.append(event(tenant_id))

        await asyncio.gather(*map(some, logs))

    run(at_once())
    records = chain(run, database, tenant_id)
    assert verify_chain(records) == 12
    assert run(logs[0].records(tenant_id)) == []


def test_old_copy_of_a_key_that_was_rotated_since_signs_nothing(there, tmp_path):
    run, database, tenant_id = there
    key, copy = tmp_path / "key", tmp_path / "copy"

    def ran(folder):
        log = PostgresAuditLog(database, KeptCommandKey(folder))
        return run(log.append(audit_event(tenant_id, log.writer_id, kind="admin"))).sequence

    assert ran(key) == 0
    shutil.copytree(key, copy)
    assert ran(copy) == 1
    ask_for_rotation(key)
    assert ran(key) == 2
    with pytest.raises(AuditError, match="another key by now"):
        ran(copy)
    assert ran(key) == 3
    report = run(verify_audit(PostgresAuditProofs(database), tenant_id, verify=made_signature))
    assert [one for one in report.broken if one.writer_id == KeptCommandKey(key).writer_id] == []


def test_chain_goes_on_behind_records_that_are_past_their_time(there, migrated_dsn):
    run, database, tenant_id = there
    log = PostgresAuditLog(database, KEY)
    for _ in range(3):
        run(log.append(event(tenant_id)))
    last = chain(run, database, tenant_id)[-1]
    execute(
        migrated_dsn,
        f"INSERT INTO axonflow.audit_cut (tenant_id, writer_id, records, hash, cut_us) "
        f"VALUES ('{tenant_id}', '{KEY.writer_id}', 3, '\\x{last.hash.hex()}', 1)",
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
        run(PostgresAuditLog(database, KEY).append(replace(event(tenant_id), **parts)))
    assert chain(run, database, tenant_id) == []


def test_log_that_never_gets_its_turn_says_so(there, monkeypatch):
    run, database, tenant_id = there
    monkeypatch.setattr(module, "MAX_TRIES", 2)
    log = PostgresAuditLog(database, KEY)

    async def taken(batch):
        raise AuditConflict("another record holds this place")

    monkeypatch.setattr(log._store, "write_batch", taken)
    with pytest.raises(AuditError, match="all the time"):
        run(log.append(event(tenant_id)))
