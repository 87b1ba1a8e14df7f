"""Whatever the owner of the database does to the audit trail is found, and named for what it is."""

import asyncio
import hashlib
from urllib.parse import urlsplit

import asyncpg
import pytest

from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.memory import MemoryAuditAnchor
from axonflow.adapters.postgres import PostgresAuditProofs, PostgresAuditStore, PostgresDatabase, migrate
from axonflow.adapters.postgres.retention import Keeping
from axonflow.audit import batch_hash, link, seal
from axonflow.audit.proof import check_proof
from axonflow.audit.trust import Trust
from axonflow.errors import AuditError
from axonflow.flows.anchor_heads import HeadAnchoring
from axonflow.flows.export_audit import export_audit
from axonflow.flows.prove_event import prove_event
from axonflow.flows.read_anchor import read_anchor
from axonflow.flows.verify_audit import verify_audit
from axonflow.flows.verify_export import verify_export
from axonflow.ids import new_id, now_us
from tests.audit_trail import START_US, an_event, public_key, signer, two_writers
from tests.postgres import execute, fresh_database

WRITERS = two_writers()
TRUST = Trust(frozenset({public_key("key")}))
EVENT = "axonflow.audit_event SET"
PLACE = "WHERE tenant_id = 'a' AND writer_id = 'w' AND sequence"


async def fill(dsn):
    await migrate(dsn)
    database = await PostgresDatabase.connect(dsn)
    try:
        for writer in WRITERS:
            await writer.put_into(PostgresAuditStore(database))
    finally:
        await database.close()


@pytest.fixture(scope="module")
def trail(postgres_dsn):
    """A database with the trail of both writers, to be copied."""
    with fresh_database(postgres_dsn) as dsn:
        asyncio.run(fill(dsn))
        yield dsn


@pytest.fixture
def owned(postgres_dsn, trail):
    """A copy that is tampered with."""
    name = urlsplit(trail).path[1:]
    execute(postgres_dsn, f"CREATE DATABASE {name}_owned TEMPLATE {name}")
    try:
        yield trail.replace(name, f"{name}_owned")
    finally:
        execute(postgres_dsn, f"DROP DATABASE {name}_owned WITH (FORCE)")


def with_proofs(dsn, use):
    async def run():
        database = await PostgresDatabase.connect(dsn)
        try:
            return await use(PostgresAuditProofs(database))
        finally:
            await database.close()

    return asyncio.run(run())


def verified(dsn, trust=TRUST):
    return with_proofs(dsn, lambda proofs: verify_audit(proofs, verify=made_signature, trust=trust))


def found(dsn, trust=TRUST):
    return [(one.kind, one.tenant_id, one.sequence, one.number) for one in verified(dsn, trust).broken]


def thief_statement(number, key):
    """An honest batch as somebody else would have signed it."""
    old = WRITERS[1].batches[number]
    said = old.said
    return seal(old.records, "w", number, bytes.fromhex(said.previous), said.sealed_us, key)


def resigned(key):
    batch = thief_statement(2, key)
    return f"""
        UPDATE axonflow.audit_batch
        SET statement = '\\x{batch.statement.hex()}', signature = '\\x{batch.signature.hex()}',
            hash = '\\x{batch_hash(batch.statement).hex()}'
        WHERE writer_id = 'w' AND number = 2
    """


def rehashed(sequence, effect):
    """An event that says another thing, with the hash of that."""
    record = next(
        one for one in WRITERS[1].batches[0].records if (one.event.tenant_id, one.sequence) == ("a", sequence)
    )
    changed = record.canonical.replace(b'"effect":"deny"', f'"effect":"{effect}"'.encode())
    entry = b"\0axonflow.audit.v2\0" + record.previous + sequence.to_bytes(8, "big") + changed
    return f"""
        UPDATE {EVENT} canonical = '\\x{changed.hex()}', hash = '\\x{hashlib.sha256(entry).hexdigest()}',
            effect = '{effect}'
        {PLACE} = {sequence}
    """


SWAPPED = f"""
    UPDATE {EVENT} sequence = sequence + 100 {PLACE} IN (4, 5);
    UPDATE {EVENT} sequence = 109 - sequence {PLACE} IN (104, 105)
"""
REPLAYED = """
    INSERT INTO axonflow.audit_batch
    SELECT writer_id, 3, schema_version, statement, signature, hash, sealed_us
    FROM axonflow.audit_batch WHERE writer_id = 'w' AND number = 1;
    INSERT INTO axonflow.audit_segment
    SELECT tenant_id, writer_id, 3, position, schema_version, first, records, head, root, removed
    FROM axonflow.audit_segment WHERE writer_id = 'w' AND number = 1
"""
INSERTED = f"""
    INSERT INTO axonflow.audit_event
    SELECT (
        jsonb_populate_record(event, jsonb_build_object(
            'sequence', 25, 'event_id', 'zz' || event_id, 'previous', '\\x' || encode(hash, 'hex')
        ))
    ).*
    FROM axonflow.audit_event AS event {PLACE} = 24
"""
FORGED_CUT = f"""
    DELETE FROM axonflow.audit_event {PLACE} < 10;
    INSERT INTO axonflow.audit_cut (tenant_id, writer_id, records, hash, cut_us) VALUES ('a', 'w', 10, sha256(''), 1)
"""
CUT_OFF = """
    DELETE FROM axonflow.audit_batch WHERE writer_id = 'w' AND number = 2;
    DELETE FROM axonflow.audit_event AS event USING axonflow.audit_segment AS segment
    WHERE segment.writer_id = 'w' AND number = 2 AND event.writer_id = 'w' AND event.tenant_id = segment.tenant_id
        AND sequence >= first;
    DELETE FROM axonflow.audit_segment WHERE writer_id = 'w' AND number = 2
"""
NO_WRITER = ";".join(
    f"DELETE FROM axonflow.{table} WHERE writer_id = 'w'"
    for table in ("audit_event", "audit_segment", "audit_batch", "audit_writer_key")
)


def tamper(dsn, statements):
    """As its owner, whom no trigger stops."""
    execute(dsn, "SET session_replication_role = replica", *statements.split(";"))


TAMPERED = {
    "delete": (f"DELETE FROM axonflow.audit_event {PLACE} = 4", [("missing", "a", 4, 0)]),
    "update": (f"UPDATE {EVENT} canonical = canonical || ' '::bytea {PLACE} = 4", [("altered", "a", 4, None)]),
    "update to no text": (f"UPDATE {EVENT} canonical = '\\x8000' {PLACE} = 4", [("altered", "a", 4, None)]),
    "update with its hash": (rehashed(4, "allow"), [("unlinked", "a", 5, None)]),
    "insert": (INSERTED, [("altered", "a", 25, None), ("unsealed", "a", 25, None)]),
    "swap": (SWAPPED, [("altered", "a", 4, None), ("altered", "a", 5, None)]),
    "truncate tail": (f"DELETE FROM axonflow.audit_event {PLACE} >= 20", [("missing", "a", 20, 2)]),
    "replay of an old batch": (REPLAYED, [("batch_misplaced", "", None, 3), ("sealed_twice", "a", 10, 3)]),
    "re-signing with another key": (resigned(signer("thief")), [("unknown_key", "", None, 2)]),
    "no signature any more": (resigned(None), [("unsigned", "", None, 2)]),
    "search column only": (f"UPDATE {EVENT} effect = 'allow' {PLACE} = 4", [("column", "a", 4, None)]),
    "type of a search column": (
        "ALTER TABLE axonflow.audit_event ALTER effect TYPE bytea USING convert_to(effect, 'UTF8')",
        [("column", tenant, sequence, None) for tenant, count in (("a", 25), ("b", 5), ("c", 1)) for _ in "vw"
         for sequence in range(count)],
    ),
    "column of a batch": (
        "UPDATE axonflow.audit_batch SET hash = sha256('') WHERE writer_id = 'w' AND number = 1",
        [("batch_altered", "", None, 1)],
    ),
    "time of a batch": (
        "UPDATE axonflow.audit_batch SET sealed_us = 1 WHERE writer_id = 'w' AND number = 1",
        [("batch_altered", "", None, 1)],
    ),
    "update to what is nested too deeply": (
        f"UPDATE {EVENT} canonical = convert_to(repeat('[', 100000), 'UTF8') {PLACE} = 4", [("altered", "a", 4, None)],
    ),
    "number of records of a segment": (
        """
        ALTER TABLE axonflow.audit_segment DROP CONSTRAINT audit_segment_records_check;
        UPDATE axonflow.audit_segment SET records = -9 WHERE writer_id = 'w' AND number = 1
        """,
        [("batch_altered", "", None, 1), ("rewritten", "a", 10, 1), ("unsealed", "a", 10, None)],
    ),
    "another record in a place": (
        f"""
        ALTER TABLE axonflow.audit_event DROP CONSTRAINT audit_event_sequence_check;
        UPDATE {EVENT} sequence = -1 {PLACE} = 4
        """,
        [("cut", "a", -1, None), ("missing", "a", 4, 0)],
    ),
    "cut forged, and what is before it left and changed": (
        f"""
        INSERT INTO axonflow.audit_cut (tenant_id, writer_id, records, hash, cut_us)
        SELECT tenant_id, writer_id, first + records, head, 1 FROM axonflow.audit_segment
        WHERE tenant_id = 'a' AND writer_id = 'w' AND number = 0;
        DELETE FROM axonflow.audit_event {PLACE} IN (0, 1, 2, 3, 5, 6, 7, 8, 9);
        UPDATE {EVENT} effect = 'allow' {PLACE} = 4
        """,
        [("cut", "a", 4, None)],
    ),
    "cut forged": (
        FORGED_CUT,
        [("cut", "a", 9, None), ("unlinked", "a", 10, None)],
    ),
    "segment": (
        "UPDATE axonflow.audit_segment SET head = sha256('') WHERE writer_id = 'w' AND number = 1",
        [("batch_altered", "", None, 1), ("rewritten", "a", 10, 1)],
    ),
    "hashes of removed records where none was": (
        "UPDATE axonflow.audit_segment SET removed = head WHERE writer_id = 'w' AND number = 1 AND tenant_id = 'a'",
        [("segment_altered", "a", 10, 1)],
    ),
    "segments": (
        "DELETE FROM axonflow.audit_segment WHERE writer_id = 'w' AND number = 1",
        [("batch_altered", "", None, 1), ("unsealed", "a", 10, None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_trail_that_its_owner_tampered_with_is_named_for_what_was_done(owned, name):
    statements, expected = TAMPERED[name]
    tamper(owned, statements)
    assert found(owned) == expected


@pytest.mark.parametrize("column", ["audit_event.sequence", "audit_event.writer_id", "audit_batch.statement"])
def test_trail_whose_columns_may_be_empty_is_not_verified_and_the_column_is_named(owned, column):
    table, name = column.split(".")
    tamper(owned, f"ALTER TABLE axonflow.{table} ALTER {name} DROP NOT NULL")
    with pytest.raises(AuditError, match=f"axonflow.{column} without"):
        verified(owned)


def test_trail_untouched_is_whole_and_each_event_of_it_is_proved(trail):
    report = verified(trail)
    assert (report.broken, report.records, report.chains) == ((), 62, 6)
    assert [(one.batches, one.signed, one.sealed_us) for one in report.writers] == [(3, 3, START_US + 120_000_000)] * 2
    for record in WRITERS[1].batches[2].records[::3]:
        proof = with_proofs(trail, lambda p, e=record.event: prove_event(p, e.event_id, verify=made_signature))
        assert check_proof(proof, TRUST.public_keys, made_signature).event == record.event


def test_trail_of_a_tenant_is_exported_as_it_was_hashed(trail):
    async def lines(proofs):
        return [line async for line in export_audit(proofs, "a")]

    report = verify_export(with_proofs(trail, lines), trust=TRUST, verify=made_signature)
    assert (report.broken, report.records) == ((), 50)


@pytest.fixture(scope="module")
def anchored():
    """What an anchor has of both writers."""

    async def run():
        anchor = MemoryAuditAnchor()
        for writer in WRITERS:
            anchoring = HeadAnchoring(anchor, writer.writer_id, public_key("key"), print)
            anchoring.start()
            anchoring.saw(writer.batches[-1])
            assert await anchoring.stop(60)
        return Trust(writers=await read_anchor(anchor))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("statements", "expected"),
    [(CUT_OFF, ("batch_missing", "", None, 2)), (NO_WRITER, ("writer_missing", "", None, 0))],
    ids=["newest batch of all tables", "whole writer"],
)
def test_trail_that_was_cut_off_in_all_tables_at_once_shows_by_its_anchor(owned, anchored, statements, expected):
    tamper(owned, statements)
    assert found(owned) == []
    assert found(owned, anchored) == [expected]


def cut(dsn, tenant_id, cutoff_us):
    async def run():
        connection = await asyncpg.connect(dsn)
        try:
            await Keeping(connection, 60).cut_chains(tenant_id, cutoff_us)
        finally:
            await connection.close()

    asyncio.run(run())


def test_trail_that_is_cut_within_a_batch_verifies_and_what_is_left_of_it_is_proved(owned):
    execute(
        owned,
        "INSERT INTO axonflow.tenant (tenant_id, name, tier, audit_retention_days, created_us, created_by, updated_us)"
        " VALUES ('a', 'A', 'enterprise', 1, 1, 'user:ann', 1) RETURNING 1",
    )
    record = next(one for one in WRITERS[1].batches[0].records if (one.event.tenant_id, one.sequence) == ("a", 8))
    for seconds, removed in ((4, 8), (6, 12)):
        cut(owned, "a", START_US + seconds * 1_000_000)
        report = verified(owned)
        assert (report.broken, report.removed, report.records) == ((), removed, 62 - removed)
        proof = with_proofs(owned, lambda p: prove_event(p, record.event.event_id, verify=made_signature))
        assert check_proof(proof, TRUST.public_keys, made_signature).event == record.event
    cut(owned, "a", START_US + 10**12)
    assert (verified(owned).broken, verified(owned).removed) == ((), 50)


def of_another_day(writer, first, count):
    """Records that go on from the one before `first` of tenant a: what a copied spool writes when it is started."""
    every = (record for batch in writer.batches for record in batch.records)
    made = [next(one for one in every if (one.event.tenant_id, one.sequence) == ("a", first - 1))]
    for _ in range(count):
        time_us = now_us()
        event = an_event("a", "w", 0, event_id=new_id(time_us), time_us=time_us, reasons=("copied",))
        made.append(link(event, made[-1]))
    return made[1:]


def test_trail_with_a_copied_spool_that_goes_on_another_day_is_named_from_where_it_parts(owned):
    """The places of its records are taken, but in the partition of another day, of which the unique index of theirs
    knows nothing. So the store takes what the copy seals under the next number."""
    before = batch_hash(WRITERS[1].batches[2].statement)
    copied = seal(of_another_day(WRITERS[1], 18, 4), "w", 3, before, now_us(), signer("key"))

    async def write():
        database = await PostgresDatabase.connect(owned)
        try:
            await PostgresAuditStore(database).write_batch(copied)
        finally:
            await database.close()

    asyncio.run(write())
    twice = [("altered", "a", sequence, None) for sequence in range(18, 22)]
    assert found(owned) == [*twice, ("sealed_twice", "a", 18, 3), ("rewritten", "a", 18, 3)]


def test_trail_is_read_by_a_role_that_writes_nothing(owned):
    async def write(proofs):
        async with proofs._database.auditor() as connection:
            await connection.execute("DELETE FROM axonflow.audit_batch")

    with pytest.raises(asyncpg.PostgresError):
        with_proofs(owned, write)
