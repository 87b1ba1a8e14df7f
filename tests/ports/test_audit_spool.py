"""What every audit spool must do: hold records in order until they are discarded, and keep its chains whole."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryAuditLog
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.audit import batch_hash, verify_chain
from tests.unit.audit.test_chain import event


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def opened(request, tmp_path_factory):
    """What runs coroutines, and a new spool; closed at the end."""
    spools = []

    def make():
        if request.param == "memory":
            return MemoryAuditLog()
        spools.append(SqliteAuditSpool.open(tmp_path_factory.mktemp("spool")))
        return spools[-1]

    with asyncio.Runner() as runner:
        yield runner.run, make
        for spool in spools:
            spool.close()


def append(run, spool, tenant, number=0):
    return run(spool.append(replace(event(number), tenant_id=tenant, writer_id=spool.writer_id)))


STEPS = st.lists(st.sampled_from(["t0", "t1", "t2"]) | st.lists(st.integers(0, 9), max_size=4), max_size=24)


@settings(max_examples=50)
@given(steps=STEPS)
def test_audit_spool_under_any_use_holds_what_was_not_discarded_in_order(opened, steps):
    run, make = opened
    spool, held, all_of = make(), [], {}
    for step in steps:
        if isinstance(step, str):
            record = append(run, spool, step, len(all_of))
            held.append(record)
            all_of.setdefault(step, []).append(record)
        else:
            gone = [held[place] for place in set(step) if place < len(held)]
            run(spool.discard(gone))
            held = [record for record in held if record not in gone]
        assert run(spool.oldest(100)) == held
        assert run(spool.oldest(2)) == held[:2]
    for tenant, records in all_of.items():
        assert verify_chain(records) == len(records)
        assert run(spool.records(tenant)) == [record for record in held if record.event.tenant_id == tenant]
    if isinstance(spool, SqliteAuditSpool):
        spool.close()


def test_audit_spool_asked_to_discard_what_it_does_not_hold_passes_over_it(opened):
    run, make = opened
    spool = make()
    record = append(run, spool, "t")
    other = replace(record, event=replace(record.event, tenant_id="other"))
    run(spool.discard([other, replace(record, sequence=7)]))
    assert run(spool.oldest(10)) == [record]
    run(spool.discard([record]))
    run(spool.discard([record]))
    assert run(spool.oldest(10)) == []


def test_audit_spool_after_everything_is_discarded_goes_on_with_the_chain(opened):
    run, make = opened
    spool = make()
    records = [append(run, spool, "t", number) for number in range(3)]
    run(spool.discard(records))
    records.append(append(run, spool, "t", 3))
    assert verify_chain(records) == 4


def test_audit_spool_asked_for_more_than_a_page_gives_all_of_it(opened):
    run, make = opened
    spool = make()

    async def many():
        return await asyncio.gather(
            *(spool.append(replace(event(number), writer_id=spool.writer_id)) for number in range(2_100))
        )

    records = run(many())
    assert verify_chain(records) == 2_100
    assert run(spool.records("t")) == records == run(spool.oldest(3_000))
    run(spool.discard(records[:2_099]))
    assert run(spool.oldest(10)) == records[2_099:]


def test_audit_spool_asked_for_what_is_ahead_seals_it_and_offers_it_once_the_batch_before_is_released(opened):
    run, make = opened
    spool = make()
    records = [append(run, spool, "t", number) for number in range(5)]
    first = run(spool.sealed(2))
    assert run(spool.ahead(first, 4)) is None
    second = run(spool.ahead(first, 2))
    assert (second.said.number, second.said.previous) == (1, batch_hash(first.statement).hex())
    assert second.records == tuple(records[2:4])
    assert [run(spool.ahead(first, limit)) for limit in (1, 2, 3)] == [second] * 3
    assert run(spool.sealed(9)) == first
    run(spool.release(second))
    assert run(spool.sealed(9)) == first
    run(spool.release(first))
    assert run(spool.sealed(9)) == second
    run(spool.release(first))
    assert run(spool.oldest(9)) == records[2:]
    assert run(spool.ahead(first, 1)) is None
    run(spool.release(second))
    last = run(spool.sealed(9))
    assert (last.records, last.said.number) == ((records[4],), 2)
    assert run(spool.ahead(last, 1)) is None


def test_audit_spool_asked_for_what_is_ahead_of_a_batch_that_is_sealed_no_more_has_nothing(opened):
    run, make = opened
    spool = make()
    for number in range(4):
        append(run, spool, "t", number)
    first = run(spool.sealed(2))
    run(spool.quarantine(first.records, "refused"))
    assert run(spool.ahead(first, 2)) is None
    run(spool.release(first))
    assert len(run(spool.oldest(9))) == 2


@pytest.mark.parametrize("anew", ["go on", "quarantine"])
def test_audit_spool_that_seals_anew_seals_what_was_ahead_anew_too(opened, anew):
    run, make = opened
    spool = make()
    records = [append(run, spool, "t", number) for number in range(5)]
    first = run(spool.sealed(2))
    second = run(spool.ahead(first, 2))
    if anew == "go on":
        run(spool.go_on(7, bytes(32)))
    else:
        run(spool.quarantine((), "refused"))
    again = run(spool.sealed(3))
    assert again.records == tuple(records[:3])
    assert again.said.number == (7 if anew == "go on" else 0)
    behind = run(spool.ahead(again, 2))
    assert behind.records == tuple(records[3:])
    assert behind.said.number == again.said.number + 1
    run(spool.release(first))
    run(spool.release(second))
    assert run(spool.oldest(9)) == records
