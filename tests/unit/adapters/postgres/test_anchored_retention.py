"""Upkeep whose cuts an anchor is told of: what somebody else removed is named, whatever the database says of it."""

import asyncio
import contextlib
from pathlib import Path

import asyncpg
import pytest

from axonflow.adapters.postgres import PostgresAuditProofs, migrate, retention
from axonflow.app.auditing import told_of_cuts
from axonflow.app.operations import cut_witness, maintain
from axonflow.errors import ConfigurationError
from axonflow.flows.verify_audit import verify_audit
from axonflow.ids import now_us
from tests.anchor_servers import object_store, web_server
from tests.postgres import execute
from tests.postgres_rows import insert, rows_of
from tests.postgres_stores import audit_event, chained, opened, write_sealed
from tests.unit.adapters.postgres.test_retention import with_days_behind

DAY_US = 86_400_000_000
CUT = """INSERT INTO axonflow.audit_cut (tenant_id, writer_id, records, hash, cut_us)
    SELECT tenant_id, writer_id, sequence + 1, hash, 1 FROM axonflow.audit_event
    WHERE sequence = {0} ON CONFLICT (tenant_id, writer_id) DO UPDATE
    SET records = excluded.records, hash = excluded.hash"""


@pytest.fixture
def empty(whole_day, new_database):
    """A database whose tenant A keeps 10 days."""
    asyncio.run(migrate(new_database))

    async def add():
        connection = await asyncpg.connect(new_database)
        await insert(connection, "tenant", rows_of("A")["tenant"] | {"audit_retention_days": 10})
        await connection.close()

    asyncio.run(add())
    return new_database


@pytest.fixture
def database(empty):
    """It, with two segments: of 40, 30, 20 days ago, and of 3 and 1."""
    write(empty)
    return empty


def write(dsn):
    records = chained(audit_event("A", time_us=now_us() - days * DAY_US) for days in (40, 30, 20, 3, 1))
    with opened(dsn) as (run, pools):
        for some in (records[:3], records[3:]):
            run(write_sealed(pools, some))


def forge(dsn, last):
    """What the owner of the database can do at any end of a segment: nobody signs cuts."""
    execute(dsn, CUT.format(last), f"DELETE FROM axonflow.audit_event WHERE sequence <= {last}", "SELECT 1")


@pytest.fixture
def anchor(tmp_path):
    (tmp_path / "anchor").mkdir()
    return f"file:{tmp_path}/anchor"


def verified(dsn, anchor, token=""):
    """Records that were removed, those of them that were accepted, and what is found."""
    with opened(dsn) as (run, pools):
        report = run(verify_audit(PostgresAuditProofs(pools)))
        assert report.broken == ()  # without the anchor, nothing shows
        report = run(told_of_cuts(report, anchor, token))
    return report.removed, report.accepted, [(one.kind, one.tenant_id, one.sequence) for one in report.broken]


def upkeep(dsn, anchor, **parts):
    return asyncio.run(maintain(dsn, anchor=anchor, **parts))


def cuts_in(anchor):
    return len(list(Path(anchor.removeprefix("file:")).glob("cuts/*")))


def records(dsn):
    return execute(dsn, "SELECT count(*) FROM axonflow.audit_event")[0][0]


def test_upkeep_that_tells_the_anchor_verifies_and_tells_it_of_all_at_once(database, anchor, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH_RECORDS", 1)
    done = upkeep(database, anchor)
    assert (done.removed, done.accepted) == (3, ())
    assert verified(database, anchor) == (3, 0, [])
    assert cuts_in(anchor) == 1
    assert upkeep(database, anchor).removed == 0
    assert cuts_in(anchor) == 1


def test_cut_that_somebody_else_wrote_and_its_records_gone_is_named_by_the_anchor(database, anchor):
    upkeep(database, anchor)
    forge(database, 4)
    assert verified(database, anchor) == (5, 0, [("cut", "A", 4)])
    with pytest.raises(ConfigurationError, match="5 records of A, writer"):
        upkeep(database, anchor)


def test_upkeep_that_ended_between_telling_and_cutting_leaves_nothing_to_find(database, anchor, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH_RECORDS", 1)

    def stop(removed):
        raise KeyboardInterrupt

    async def tell():
        connection = await asyncpg.connect(database)
        try:
            async with cut_witness(anchor) as witness:
                keeping = retention.Keeping(connection, 60, witness=witness)
                await keeping.tell_ahead(await keeping.cutoffs())
        finally:
            await connection.close()

    asyncio.run(tell())
    assert (verified(database, anchor), records(database)) == ((0, 0, []), 5)
    with pytest.raises(KeyboardInterrupt):
        upkeep(database, anchor, progress=stop)
    assert verified(database, anchor) == (1, 0, [])
    upkeep(database, anchor)
    assert verified(database, anchor) == (3, 0, [])
    assert cuts_in(anchor) == 1


def test_upkeep_whose_anchor_is_away_removes_nothing_and_makes_partitions(database, anchor, tmp_path):
    partition = "SELECT max(relname) FROM pg_class WHERE relname ~ '^audit_event_20.._.._..$'"
    name = execute(database, partition)[0][0]
    execute(database, f"DROP TABLE axonflow.{name}", "SELECT 1")
    with pytest.raises(ConfigurationError, match="no audit record is removed"):
        upkeep(database, f"file:{tmp_path}/away")
    assert (records(database), execute(database, partition)[0][0]) == (5, name)


def test_cuts_from_before_there_was_an_anchor_are_refused_until_they_are_accepted(database, anchor):
    asyncio.run(maintain(database))
    assert verified(database, anchor) == (3, 0, [("cut", "A", 2)])
    with pytest.raises(ConfigurationError, match="--accept-cuts"):
        upkeep(database, anchor)
    done = upkeep(database, anchor, accepts_cuts=True)
    assert [(one.tenant_id, one.records) for one in done.accepted] == [("A", 3)]
    assert verified(database, anchor) == (3, 3, [])


def test_partition_that_is_dropped_with_all_in_it_is_told_to_the_anchor_before(empty, anchor):
    with_days_behind(empty)
    write(empty)
    done = upkeep(empty, anchor)
    assert ("audit_event_first" in done.dropped, done.removed) == (True, 0)
    assert (verified(empty, anchor), cuts_in(anchor)) == ((3, 0, []), 1)


def test_record_that_comes_after_the_anchor_was_told_goes_only_when_it_was_told_again(database, anchor):
    async def keep():
        connection = await asyncpg.connect(database)
        try:
            async with cut_witness(anchor) as witness:
                keeping = retention.Keeping(connection, 60, witness=witness)
                await keeping.tell_ahead({})
                await keeping.cut_chains("A", (await keeping.cutoffs())["A"])
                return keeping.removed
        finally:
            await connection.close()

    assert asyncio.run(keep()) == 3
    assert (verified(database, anchor), cuts_in(anchor)) == ((3, 0, []), 1)


@contextlib.contextmanager
def served_https(folder, monkeypatch):
    with web_server(folder) as (server, url, authority):
        monkeypatch.setenv("SSL_CERT_FILE", authority)
        server.token = "secret-word"
        yield server, url


@contextlib.contextmanager
def served_s3(folder, monkeypatch):
    for name, value in {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "x", "AWS_CONFIG_FILE": "/none"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("axonflow.adapters.anchors.object_store._ATTEMPTS", 1)
    with object_store() as (server, url):
        yield server, url


@pytest.mark.parametrize("served", [served_https, served_s3], ids=["https", "s3"])
def test_upkeep_tells_a_server_of_its_cuts_and_names_what_it_was_not_told_of(database, tmp_path, monkeypatch, served):
    with served(tmp_path, monkeypatch) as (server, url):
        told = {"anchor": url, "anchor_token": server.token}
        server.failing = True
        with pytest.raises(ConfigurationError, match="no audit record is removed while the anchor cannot be told"):
            asyncio.run(maintain(database, **told))
        assert records(database) == 5
        server.failing = False
        assert asyncio.run(maintain(database, **told)).removed == 3
        assert len([name for name in server.objects if "cuts" in name]) == 1
        assert verified(database, url, server.token) == (3, 0, [])
        forge(database, 4)
        assert verified(database, url, server.token) == (5, 0, [("cut", "A", 4)])
