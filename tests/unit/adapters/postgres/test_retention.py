"""Upkeep: partitions for the coming days, and chains that still verify when their beginnings are gone."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from functools import partial

import asyncpg
import pytest

from axonflow.adapters.postgres import PostgresAuditProofs, PostgresAuditStore, migrate, retention
from axonflow.adapters.postgres.retention import days_from, maintain
from axonflow.audit import AuditQuery
from axonflow.errors import ConfigurationError
from axonflow.flows.verify_audit import verify_audit
from axonflow.ids import now_us
from tests.postgres import execute
from tests.postgres_rows import insert, rows_of
from tests.postgres_stores import audit_event, chained, opened, write_sealed

DAY_US = 86_400_000_000
REMOVED = "SELECT removed FROM axonflow.audit_segment ORDER BY writer_id, number, position"
PARTITIONS = """SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid
    WHERE inhparent = 'axonflow.audit_event'::regclass ORDER BY 1"""


@pytest.fixture
def database(whole_day, new_database):
    """A database whose tenants A and B keep 10 days, C 400, and D all."""
    asyncio.run(migrate(new_database))

    async def add():
        connection = await asyncpg.connect(new_database)
        for tenant_id, days in (("A", 10), ("B", 10), ("C", 400)):
            await insert(connection, "tenant", rows_of(tenant_id)["tenant"] | {"audit_retention_days": days})
        await insert(connection, "tenant", rows_of("D")["tenant"] | {"audit_retention_days": 1, "audit_hold": True})
        await connection.close()

    asyncio.run(add())
    return new_database


def days_ago(*days):
    return [now_us() - day * DAY_US for day in days]


def written(dsn, tenant_id, times_us, writer_id="writer"):
    with opened(dsn) as (run, pools):
        run(write_sealed(pools, chained(audit_event(tenant_id, writer_id, one) for one in times_us)))


def verified(dsn, **parts):
    with opened(dsn) as (run, pools):
        return run(verify_audit(PostgresAuditProofs(pools), **parts))


def left(dsn):
    rows = execute(dsn, "SELECT tenant_id, writer_id, sequence FROM axonflow.audit_event ORDER BY 1, 2, 3")
    return [tuple(row) for row in rows]


def test_upkeep_removes_what_is_past_its_tenants_time_and_the_rest_verifies(database):
    for tenant_id in ("A", "C", "D", "unregistered"):
        written(database, tenant_id, days_ago(500, 300, 20, 15, 5, 1))
    before = verified(database)
    done = asyncio.run(maintain(database))
    assert (done.removed, done.chains) == (5, 2)
    expected = [("A", "writer", n) for n in (4, 5)] + [("C", "writer", n) for n in range(1, 6)]
    assert left(database)[:7] == expected
    assert len(left(database)) == 7 + 12
    report = verified(database, heads=before.heads)
    assert (report.broken, report.removed, report.records) == ((), 5, 19)
    assert report.heads == before.heads
    assert asyncio.run(maintain(database)).removed == 0


def test_upkeep_of_what_is_held_since_it_was_looked_at_cuts_no_chain(database):
    written(database, "D", days_ago(40, 30, 20))

    async def cut():
        connection = await asyncpg.connect(database)
        try:
            keeping = retention.Keeping(connection, 60)
            await keeping.cut_chains("D", now_us())
            return keeping.removed, keeping.chains
        finally:
            await connection.close()

    assert asyncio.run(cut()) == (0, 0)
    report = verified(database)
    assert (report.broken, report.removed, report.records) == ((), 0, 3)


def test_upkeep_that_cuts_within_a_segment_notes_the_hashes_of_what_it_removed(database):
    written(database, "A", days_ago(40, 30, 20, 1, 0))
    hashes = [row[0] for row in execute(database, "SELECT hash FROM axonflow.audit_event ORDER BY sequence")]
    execute(database, "UPDATE axonflow.tenant SET audit_retention_days = 35 WHERE tenant_id = 'A'", "SELECT 1")
    asyncio.run(maintain(database))
    assert execute(database, REMOVED)[0][0] == hashes[0]
    execute(database, "UPDATE axonflow.tenant SET audit_retention_days = 10 WHERE tenant_id = 'A'", "SELECT 1")
    asyncio.run(maintain(database))
    assert execute(database, REMOVED)[0][0] == b"".join(hashes[:3])
    assert verified(database).broken == ()
    execute(database, "UPDATE axonflow.audit_segment SET removed = sha256('') || substr(removed, 33)", "SELECT 1")
    assert [(one.kind, one.sequence) for one in verified(database).broken] == [("rewritten", 0)]


def test_upkeep_that_removes_the_rest_of_a_segment_notes_nothing_of_it_any_more(database):
    written(database, "A", days_ago(40, 30))
    written(database, "A", days_ago(1), "another")
    execute(database, "UPDATE axonflow.tenant SET audit_retention_days = 35 WHERE tenant_id = 'A'", "SELECT 1")
    asyncio.run(maintain(database))
    execute(database, "UPDATE axonflow.tenant SET audit_retention_days = 10 WHERE tenant_id = 'A'", "SELECT 1")
    assert asyncio.run(maintain(database)).removed == 1
    assert [row[0] for row in execute(database, REMOVED)] == [b"", b""]
    assert verified(database).broken == ()


def test_upkeep_beside_a_tenant_that_keeps_longer_than_time_can_be_reckoned_removes_the_others(database):
    execute(database, f"UPDATE axonflow.tenant SET audit_retention_days = {2**31 - 1} WHERE tenant_id = 'C'",
            "SELECT 1")  # fmt: skip
    for tenant_id in ("A", "C"):
        written(database, tenant_id, days_ago(500, 1))
    assert asyncio.run(maintain(database)).removed == 1
    assert left(database) == [("A", "writer", 1), ("C", "writer", 0), ("C", "writer", 1)]


def test_upkeep_of_many_records_goes_by_batches_and_says_how_far_it_is(database, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH_RECORDS", 7)
    written(database, "A", days_ago(*range(60, 0, -1)))
    seen = []
    done = asyncio.run(maintain(database, progress=seen.append))
    assert done.removed in (50, 51)
    assert seen == sorted(seen)
    assert len(seen) > 5
    assert verified(database).broken == ()


def test_upkeep_that_is_interrupted_between_batches_leaves_chains_that_verify(database, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH_RECORDS", 7)
    written(database, "A", days_ago(*range(60, 0, -1)))

    def stop(removed):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(maintain(database, progress=stop))
    report = verified(database)
    assert (report.broken, report.removed) == ((), 7)
    asyncio.run(maintain(database))
    assert verified(database).broken == ()


def test_upkeep_of_a_chain_whose_clock_went_back_removes_only_its_beginning(database):
    written(database, "A", days_ago(30, 29, 1, 28, 27, 0))
    assert asyncio.run(maintain(database)).removed == 2
    assert verified(database).broken == ()


def with_days_behind(dsn):
    """The first partition ends twelve days ago, and the days since then have their own."""
    days = days_from(datetime.now(UTC).date() - timedelta(days=12), 12)
    ((bound,),) = execute(dsn, f"SELECT axonflow.audit_bound('{days[0]} UTC')")
    execute(
        dsn, "ALTER TABLE axonflow.audit_event DETACH PARTITION axonflow.audit_event_first",
        "ALTER TABLE axonflow.audit_event ATTACH PARTITION axonflow.audit_event_first FOR VALUES FROM (MINVALUE) "
        f"TO ('{bound}')",
        *(f"SELECT axonflow.make_audit_day('{day}')" for day in days),
    )  # fmt: skip
    return [f"audit_event_{day:%Y_%m_%d}" for day in days]


def test_upkeep_drops_whole_partitions_when_all_in_them_is_past_its_time(database):
    names = with_days_behind(database)
    written(database, "A", days_ago(100, 99, 1))
    written(database, "B", days_ago(100, 98), "another")
    heads = verified(database).heads
    done = asyncio.run(maintain(database))
    assert (done.dropped, done.removed) == (("audit_event_first", *names[:2]), 0)
    report = verified(database, heads=heads)
    assert (report.broken, report.removed, report.heads) == ((), 4, heads)
    written(database, "A", [now_us()], "later")
    assert verified(database).broken == ()


def test_upkeep_that_drops_the_beginning_of_a_segment_notes_its_hashes(database):
    with_days_behind(database)
    written(database, "A", days_ago(100, 99, 1))
    hashes = [row[0] for row in execute(database, "SELECT hash FROM axonflow.audit_event ORDER BY sequence")]
    assert "audit_event_first" in asyncio.run(maintain(database)).dropped
    assert execute(database, REMOVED)[0][0] == b"".join(hashes[:2])


def test_upkeep_without_an_end_to_anything_drops_no_partition(database):
    with_days_behind(database)
    execute(database, "UPDATE axonflow.tenant SET audit_hold = true", "SELECT 1")
    assert asyncio.run(maintain(database)).dropped == ()


@pytest.mark.parametrize("tenant_id", ["C", "D", "unregistered"])
def test_upkeep_keeps_a_partition_in_which_somebody_keeps_a_record(database, tenant_id):
    with_days_behind(database)
    written(database, "A", days_ago(100, 99, 1))
    written(database, tenant_id, days_ago(100))
    done = asyncio.run(maintain(database))
    assert ("audit_event_first" in done.dropped, done.removed) == (False, 2)
    assert verified(database).broken == ()


def test_upkeep_keeps_a_partition_before_whose_end_a_chain_has_a_record_to_keep(database):
    """The writer's clock was a hundred days behind for its second record."""
    with_days_behind(database)
    written(database, "A", days_ago(1, 100))
    done = asyncio.run(maintain(database))
    assert ("audit_event_first" in done.dropped, done.removed) == (False, 0)
    assert verified(database).broken == ()


def test_upkeep_that_ends_after_partitions_were_dropped_leaves_no_record_ahead_of_its_chain(database):
    """One that somebody keeps holds a record of a chain that goes on in the next, which nobody keeps."""
    names = with_days_behind(database)
    written(database, "A", [days_ago(100)[0], now_us() // DAY_US * DAY_US - 12 * DAY_US + 1, *days_ago(1)])
    written(database, "C", days_ago(100))

    async def drop():
        connection = await asyncpg.connect(database)
        try:
            keeping = retention.Keeping(connection, 60)
            return await keeping.drop_partitions(await keeping.cutoffs())
        finally:
            await connection.close()

    assert asyncio.run(drop()) == names[1:2]
    assert verified(database).broken == ()
    assert asyncio.run(maintain(database)).removed == 2
    assert verified(database).broken == ()


def test_upkeep_makes_the_partitions_of_the_coming_days_once(database):
    names = [f"audit_event_{day:%Y_%m_%d}" for day in days_from(datetime.now(UTC).date(), 21)]
    done = asyncio.run(maintain(database, days_ahead=20))
    assert done.made == tuple(names[15:])
    assert asyncio.run(maintain(database, days_ahead=20)).made == ()
    assert {row[0] for row in execute(database, PARTITIONS)} == {*names, "audit_event_first", "audit_event_other"}


def test_upkeep_makes_a_partition_again_that_is_missing_among_the_others(database):
    second = f"audit_event_{days_from(datetime.now(UTC).date(), 3)[2]:%Y_%m_%d}"
    execute(database, f"DROP TABLE axonflow.{second}", "SELECT 1")
    assert asyncio.run(maintain(database)).made == (second,)


def test_upkeep_moves_what_was_dated_ahead_into_its_partition(database):
    written(database, "A", [now_us() + 20 * DAY_US])
    where = "SELECT tableoid::regclass::text FROM axonflow.audit_event"
    assert execute(database, where)[0][0] == "axonflow.audit_event_other"
    asyncio.run(maintain(database, days_ahead=21))
    assert execute(database, where)[0][0] != "axonflow.audit_event_other"
    assert verified(database).records == 1


def test_upkeep_while_another_is_at_it_is_refused(database):
    async def run():
        other = await asyncpg.connect(database)
        await other.fetch(retention._SQL["lock"])
        try:
            await maintain(database)
        finally:
            await other.close()

    with pytest.raises(ConfigurationError, match="another process keeps this database in order"):
        asyncio.run(run())


def test_upkeep_waits_for_a_table_in_use_only_as_long_as_it_may(database, monkeypatch):
    monkeypatch.setattr(retention, "_TABLE_LOCK_MS", 10)
    monkeypatch.setattr(retention, "_PAUSE_S", 0)

    async def run():
        reading = await asyncpg.connect(database)
        async with reading.transaction():
            await reading.fetch("SELECT FROM axonflow.audit_event")
            with pytest.raises(ConfigurationError, match="lock timeout"):
                await maintain(database, days_ahead=20, lock_timeout_s=0.1)
        await reading.close()
        return await maintain(database, days_ahead=20)

    assert len(asyncio.run(run()).made) == 6


def test_search_after_upkeep_finds_what_is_left(database):
    written(database, "A", days_ago(30, 1))
    asyncio.run(maintain(database))
    with opened(database) as (run, pools):
        search = partial(PostgresAuditStore(pools).search, AuditQuery(tenant_id="A"))
        assert run(search()).total == 1


def test_days_from_a_day_go_over_the_end_of_a_year():
    assert days_from(date(2026, 12, 31), 3) == [date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 2)]
