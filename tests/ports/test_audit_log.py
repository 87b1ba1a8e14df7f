"""What every audit log must do."""

import asyncio
import threading

import pytest
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryAuditLog
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.audit import verify_chain
from axonflow.errors import AuditError
from tests.unit.audit.test_chain import event, event_id


@pytest.fixture(params=["memory", "sqlite"])
def make(request, tmp_path):
    """Makes a log of each kind, new and empty."""
    opened = []

    def open_spool():
        opened.append(SqliteAuditSpool.open(tmp_path / str(len(opened))))
        return opened[-1]

    yield MemoryAuditLog if request.param == "memory" else open_spool
    for spool in opened:
        spool.close()


def written(log, *events):
    async def run():
        for one in events:
            await log.append(replace(one, writer_id=log.writer_id))

    asyncio.run(run())
    return log


def test_audit_log_keeps_a_chain_for_each_tenant(make):
    events = [replace(event(number), tenant_id=f"t{number % 2}") for number in range(6)]
    log = written(make(), *events)
    for tenant in ("t0", "t1"):
        records = asyncio.run(log.records(tenant))
        assert verify_chain(records) == 3
        assert {record.event.tenant_id for record in records} == {tenant}
    assert asyncio.run(log.records("t2")) == []


def test_audit_log_refuses_an_event_of_another_writer(make):
    with pytest.raises(AuditError, match="another writer"):
        asyncio.run(make().append(event(1)))


def test_audit_log_refuses_text_that_no_database_keeps(make):
    log = make()
    for text in ("a\0b", "\ud800"):
        with pytest.raises(AuditError, match="cannot be recorded") as caught:
            written(log, replace(event(1), reasons=(text,)))
        assert caught.value.at == "$.reasons"
    assert asyncio.run(log.records("t")) == []


def test_memory_audit_log_over_capacity_keeps_the_newest_and_says_how_many_went():
    log = written(MemoryAuditLog(capacity=3), *map(event, range(5)))
    records = asyncio.run(log.records("t"))
    assert ([record.sequence for record in records], log.evicted) == ([2, 3, 4], 2)
    assert verify_chain(records[1:], after=records[0]) == 2


def test_memory_audit_log_with_too_many_tenants_refuses():
    log = written(MemoryAuditLog(max_tenants=1), event(0))
    with pytest.raises(AuditError, match="full"):
        written(log, replace(event(1), tenant_id="other"))


def test_audit_log_written_by_many_threads_is_still_one_chain(make):
    log = make()
    threads = [threading.Thread(target=written, args=(log, *map(event, range(200)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = asyncio.run(log.records("t"))
    assert verify_chain(records) == 800
    assert sorted(record.event.event_id for record in records) == sorted(
        event_id(number % 200) for number in range(800)
    )
