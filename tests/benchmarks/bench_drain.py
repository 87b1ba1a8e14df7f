"""Draining a spool into PostgreSQL, against a bare insert of the same rows, in alternating rounds of one run.

Both put twenty thousand records into the same table with its three indexes and commit each thousand. The floor is one
INSERT of an unnested array a column, as a superuser, whom row-level security and the trigger do not hold. The drain is
all that one does, from a standing start: seal and sign each batch in the spool, durably, write it as the role that may
only append, under forced row-level security, and let go of it; "write" is the middle part alone, one batch after the
other. The promise is 0.6 times the floor or more. Times are of the clock on the wall, since the disk and the server
are a part of them: quiet machines tell more.
"""

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from axonflow.adapters.ed25519 import Signer
from axonflow.adapters.postgres import PostgresAuditStore, PostgresDatabase, migrate
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.audit import NO_BATCH, AuditEvent, Origin, batch_hash, link, seal
from axonflow.flows.drain import Drain
from axonflow.ids import new_id, now_us
from tests.postgres import fresh_database, given_server, own_server, temporary_data_folder

ROUNDS = 5
RECORDS = 1_000
BATCHES = 20
LEAST_TIMES = 0.6
TIMEOUT_S = 60
HERE = Path(__file__).parent  # the temporary folder may be in memory, where a sync costs nothing
BARE = """
INSERT INTO axonflow.audit_event (
    tenant_id, event_id, schema_version, writer_id, sequence, time_us, kind, decision_id, principal, on_behalf_of,
    client_id, trace_id, request_id, action, resource, effect, allowed, policies, previous, hash, canonical
)
SELECT
    tenant_id, event_id, 2, writer_id, sequence, time_us, kind, decision_id, principal, on_behalf_of::text[],
    client_id, trace_id, request_id, action, resource, effect, allowed, policies::text[], previous, hash, canonical
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::boolean[], $17::text[],
    $18::bytea[], $19::bytea[], $20::bytea[]
) AS given (
    tenant_id, event_id, writer_id, sequence, time_us, kind, decision_id, principal, on_behalf_of, client_id, trace_id,
    request_id, action, resource, effect, allowed, policies, previous, hash, canonical
)
"""


def an_event(writer_id, tenant):
    time_us = now_us()
    return AuditEvent(
        event_id=new_id(time_us), tenant_id=f"tenant-{tenant}", writer_id=writer_id, time_us=time_us, kind="decision",
        decision_id=new_id(time_us), policy_digest="sha256:" + "0" * 64, principal="user:ann", action="tool.call",
        resource="tool:shell", effect="deny", allowed=False, policies=("baseline/no-shell-for-analysts",),
        reasons=("Analysts may not open a shell on a risky request.",), origin=Origin("crm", new_id(time_us), "0" * 32),
    )  # fmt: skip


def columns(records):
    events = [record.event for record in records]
    return [
        [e.tenant_id for e in events], [e.event_id for e in events], [e.writer_id for e in events],
        [record.sequence for record in records], [e.time_us for e in events], [e.kind for e in events],
        [e.decision_id for e in events], [e.principal for e in events], ["{}"] * len(events),
        [e.origin.client_id for e in events], [e.origin.trace_id for e in events],
        [e.origin.request_id for e in events], [e.action for e in events], [e.resource for e in events],
        [e.effect for e in events], [e.allowed for e in events],
        ['{"baseline/no-shell-for-analysts"}'] * len(events), [record.previous for record in records],
        [record.hash for record in records], [record.canonical for record in records],
    ]  # fmt: skip


class Chains:
    """What one writer records, and seals without a spool."""

    def __init__(self, writer_id, tenants):
        self.writer_id = writer_id
        self._tenants = tenants
        self._heads = {}
        self._signer = Signer(Ed25519PrivateKey.generate())
        self._number, self._previous = 0, NO_BATCH

    def records(self):
        made = []
        for number in range(RECORDS):
            event = an_event(self.writer_id, number % self._tenants)
            made.append(link(event, self._heads.get(event.tenant_id)))
            self._heads[event.tenant_id] = made[-1]
        return made

    def batch(self):
        made = seal(self.records(), self.writer_id, self._number, self._previous, now_us(), self._signer)
        self._number, self._previous = self._number + 1, batch_hash(made.statement)
        return made


async def inserted(connection, batches):
    for given in batches:
        await connection.execute(BARE, *given)


async def written(store, batches):
    for batch in batches:
        await store.write_batch(batch)


async def drained(spool, store):
    drain = Drain(spool, store, print)
    drain.start()
    assert await drain.flush(TIMEOUT_S)
    assert await drain.stop(TIMEOUT_S)
    assert spool.pending == 0


async def timed(work):
    start_s = time.perf_counter()
    await work
    return time.perf_counter() - start_s


async def measured(dsn, folder, tenants):
    database = await PostgresDatabase.connect(dsn)
    bare = await asyncpg.connect(dsn, server_settings={"session_replication_role": "replica"})
    spool = SqliteAuditSpool.open(folder / f"spool of {tenants}")
    spool.sign_with(Signer(Ed25519PrivateKey.generate()))
    store = PostgresAuditStore(database)
    plain, sealed = Chains(f"bare {tenants}", tenants), Chains(f"store {tenants}", tenants)
    rounds = []
    for _ in range(1 + ROUNDS):  # the first is thrown away
        for _ in range(BATCHES):
            await asyncio.gather(*(spool.append(an_event(spool.writer_id, n % tenants)) for n in range(RECORDS)))
        given = [columns(plain.records()) for _ in range(BATCHES)]
        batches = [sealed.batch() for _ in range(BATCHES)]
        rounds.append(
            [
                await timed(inserted(bare, given)), await timed(written(store, batches)),
                await timed(drained(spool, store)),
            ]
        )  # fmt: skip
    await bare.close()
    await database.close()
    spool.close()
    report(tenants, rounds[1:])


def report(tenants, rounds):
    for place, name in enumerate(("bare insert", "write", "drain")):
        median_s = statistics.median(one[place] for one in rounds)
        times = statistics.median(one[0] / one[place] for one in rounds)
        judged = f"   target >= {LEAST_TIMES}x: {'met' if times >= LEAST_TIMES else 'MISSED'}"
        print(
            f"{tenants:>7} {name:12}{median_s / BATCHES * 1e3:>8.1f} ms{RECORDS * BATCHES / median_s:>10,.0f} records/s"
            f"   {times:.2f}x{judged if name == 'drain' else ''}"
        )


async def both(dsn, folder):
    await migrate(dsn)
    for tenants in (1, RECORDS):
        await measured(dsn, folder, tenants)


def main():
    print(
        f"drain, {BATCHES} batches of {RECORDS} records; median of {ROUNDS} alternating rounds, of a batch;"
        f" load {os.getloadavg()[0]:.1f}\ntenants"
    )
    with tempfile.TemporaryDirectory(dir=HERE) as folder, temporary_data_folder() as data:
        if address := given_server():
            with fresh_database(address) as dsn:
                asyncio.run(both(dsn, Path(folder)))
            return
        server = own_server(data)
        try:
            with fresh_database(server.start()) as dsn:
                asyncio.run(both(dsn, Path(folder)))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
