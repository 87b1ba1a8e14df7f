"""A bit of any record in the spool's file turns: the record reaches the store as it was, or somebody is told."""

import asyncio
import random
import sqlite3
from contextlib import closing

import pytest
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.adapters.sqlite_spool import SqliteAuditSpool, statements
from axonflow.adapters.sqlite_spool.batches import Sealing
from axonflow.audit import batch_hash
from axonflow.errors import AuditError
from axonflow.flows.drain import drain_once
from axonflow.flows.verify_audit import verify_audit
from axonflow.ids import new_id, now_us
from tests.unit.audit.test_chain import event

RECORDS = 8
COLUMNS = ("canonical", "hash", "previous")


def recorded(folder, *, is_sealed):
    """The events that a spool in `folder` acknowledged before its process was gone."""
    spool = SqliteAuditSpool.open(folder)

    async def run():
        records = [await spool.append(own(spool, f"t{number % 2}")) for number in range(RECORDS)]
        if is_sealed:
            await spool.sealed(RECORDS // 2)
        return records

    records = asyncio.run(run())
    spool.close()
    return records


def own(spool, tenant_id):
    time_us = now_us()
    return replace(event(0), event_id=new_id(time_us), time_us=time_us, tenant_id=tenant_id, writer_id=spool.writer_id)


def turned(folder, position, column, draw):
    """Turn one bit of the record at `position`."""
    with closing(sqlite3.connect(folder / "spool.sqlite3")) as connection:
        (data,) = connection.execute(f"SELECT {column} FROM records WHERE position = ?", (position,)).fetchone()
        changed = bytearray(data)
        place = draw.randrange(len(changed))
        changed[place] ^= 1 << draw.randrange(8)
        connection.execute(f"UPDATE records SET {column} = ? WHERE position = ?", (bytes(changed), position))
        connection.commit()
    return place


async def drained(folder, store):
    """Drain for some rounds, with a new event at the end of them; what was said meanwhile."""
    spool, said = SqliteAuditSpool.open(folder), []
    for _ in range(5):
        try:
            await drain_once(spool, store)
        except AuditError as error:
            said.append(str(error))
    await spool.append(own(spool, "t0"))  # nothing keeps others from being recorded
    said += [reason for _, reason in await _in_quarantine(spool)]
    spool.close()
    return said


async def _in_quarantine(spool):
    try:
        return await spool.in_quarantine()
    except AuditError as error:
        return [(None, str(error))]


@pytest.mark.parametrize("is_sealed", [False, True])
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("position", range(1, RECORDS + 1))
def test_spool_with_a_record_that_was_changed_stores_it_as_it_was_or_says_so(tmp_path, position, column, is_sealed):
    seed = random.SystemRandom().randrange(2**32)
    records = recorded(tmp_path, is_sealed=is_sealed)
    place = turned(tmp_path, position, column, random.Random(seed))
    print(f"seed {seed}: byte {place}")  # shown when this fails

    async def run():
        store = MemoryAuditProofs()
        said = await drained(tmp_path, store)
        report = await verify_audit(store)
        stored = {
            one.hash for tenant in ("t0", "t1") for one in await store.chain(tenant, records[0].event.writer_id, 0, 99)
        }
        return said or report.broken, stored

    said, stored = asyncio.run(run())
    assert said or {one.hash for one in records} <= stored


def test_spool_with_a_changed_record_ahead_leaves_it_to_be_found_when_it_is_sealed(tmp_path):
    records = recorded(tmp_path, is_sealed=True)
    spool = SqliteAuditSpool.open(tmp_path)
    batch = asyncio.run(spool.sealed(RECORDS))
    turned(tmp_path, len(batch.records) + 1, "canonical", random.Random(1))
    assert asyncio.run(spool.ahead(batch, 2)) is None
    asyncio.run(spool.release(batch))
    assert asyncio.run(spool.sealed(RECORDS)).records == tuple(
        sorted(records[-3:], key=lambda one: one.event.tenant_id)
    )
    assert spool.quarantined == 1
    spool.close()


def test_spool_opened_again_with_a_batch_and_the_one_ahead_offers_both_as_they_were(tmp_path):
    recorded(tmp_path, is_sealed=True)
    spool = SqliteAuditSpool.open(tmp_path)
    batch = asyncio.run(spool.sealed(RECORDS))
    ahead = asyncio.run(spool.ahead(batch, 3))
    assert asyncio.run(spool.next_number()) == 2
    spool.close()
    again = SqliteAuditSpool.open(tmp_path)
    assert asyncio.run(again.sealed(1)) == batch
    assert asyncio.run(again.ahead(batch, 1)) == ahead
    asyncio.run(again.release(batch))
    assert asyncio.run(again.sealed(1)) == ahead
    assert again.pending == RECORDS // 2
    again.close()


def test_spool_with_a_record_changed_once_it_was_sealed_ahead_seals_the_others_anew(tmp_path):
    records = recorded(tmp_path, is_sealed=True)
    spool = SqliteAuditSpool.open(tmp_path)
    batch = asyncio.run(spool.sealed(RECORDS))
    asyncio.run(spool.ahead(batch, 3))
    turned(tmp_path, len(batch.records) + 1, "canonical", random.Random(1))
    assert asyncio.run(spool.ahead(batch, 3)) is None
    asyncio.run(spool.release(batch))
    again = asyncio.run(spool.sealed(RECORDS))
    assert (again.said.number, again.said.records, spool.quarantined) == (1, 3, 1)
    assert again.records == tuple(sorted(records[-3:], key=lambda one: one.event.tenant_id))
    spool.close()


def test_spool_asked_twice_at_once_for_its_next_batch_keeps_what_was_sealed_ahead_of_it(tmp_path):
    recorded(tmp_path, is_sealed=True)
    spool = SqliteAuditSpool.open(tmp_path)
    batch = asyncio.run(spool.sealed(RECORDS))
    ahead = asyncio.run(spool.ahead(batch, 3))
    late = Sealing(b"of who was slower", b"", 1, 1)
    assert not asyncio.run(spool._owner.do(lambda held: held.seal(batch.said.number, late)))
    assert asyncio.run(spool.ahead(batch, 1)) == ahead
    spool.close()


def test_spool_with_a_batch_ahead_of_none_that_is_sealed_seals_both_anew(tmp_path):
    recorded(tmp_path, is_sealed=True)
    spool = SqliteAuditSpool.open(tmp_path)
    batch = asyncio.run(spool.sealed(RECORDS))
    stale = asyncio.run(spool.ahead(batch, 3))
    asyncio.run(spool._owner.do(lambda held: held._connection.execute(statements.UNSEAL) and None))
    again = asyncio.run(spool.sealed(3))
    ahead = asyncio.run(spool.ahead(again, 3))
    assert ahead != stale
    assert ahead.said.previous == batch_hash(again.statement).hex()
    spool.close()


def test_spool_with_a_record_whose_tenant_is_no_text_stores_all_others_and_says_so(tmp_path):
    recorded(tmp_path, is_sealed=False)
    with closing(sqlite3.connect(tmp_path / "spool.sqlite3")) as connection:
        connection.execute("UPDATE records SET tenant_id = CAST(x'74ff' AS TEXT) WHERE position = 3")
        connection.commit()
    with closing(SqliteAuditSpool.open(tmp_path)) as spool:
        assert asyncio.run(drain_once(spool, MemoryAuditProofs())) == RECORDS - 1
        ((record, why),) = asyncio.run(spool.in_quarantine())
    assert record is None
    assert "damaged" in why
