"""Verifying the audit trail against SHA-256 over the same bytes, in alternating rounds of one run on one core.

Processor time, so that what else the machine does counts little. From memory: the walk itself, over what a store has
read. From an export: lines of a file, read, decoded and walked, as `axonflow audit verify --export` does. From
PostgreSQL: pages of records, as `axonflow audit verify` reads them; its own processes, which compare the columns with
the bytes, are not counted.
"""

import asyncio
import gc
import hashlib
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from axonflow.adapters.ed25519 import Signer, made_signature
from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.adapters.postgres import PostgresAuditProofs, PostgresAuditStore, PostgresDatabase, migrate
from axonflow.audit import NO_BATCH, AuditEvent, WriterKey, batch_hash, link, seal
from axonflow.flows.export_audit import export_audit
from axonflow.flows.verify_audit import verify_audit
from axonflow.flows.verify_export import verify_export
from axonflow.ids import new_id, now_us
from tests.postgres import own_server, temporary_data_folder

ROUNDS = 5
RECORDS = 100_000
BATCH = 1_000
TENANTS = 4
WRITER = new_id(now_us())


class Read(MemoryAuditProofs):
    """Gives pages that were read before: what is measured is the verification, not this store."""

    def __init__(self):
        super().__init__()
        self.pages = {}

    async def read_all(self):
        for tenant, writer in self._chains:
            self.pages[tenant] = await super().stored_records(tenant, writer, 0, RECORDS)

    async def stored_records(self, tenant_id, writer_id, first, limit):
        start = max(first, 0)  # a verification begins below nought, where nothing belongs
        return self.pages[tenant_id][start : start + limit]


def an_event(number):
    time_us = now_us()
    return AuditEvent(
        event_id=new_id(time_us), tenant_id=f"tenant-{number % TENANTS}", writer_id=WRITER, time_us=time_us,
        kind="decision", decision_id=new_id(time_us), policy_digest="sha256:" + "0" * 64, principal="user:ann",
        action="tool.call", resource="tool:shell", effect="deny", allowed=False,
        policies=("baseline/no-shell-for-analysts",),
        reasons=("Analysts may not open a shell on a risky request.",), duration_us=412,
    )  # fmt: skip


async def filled():
    store, heads, previous = Read(), {}, NO_BATCH
    signer = Signer(Ed25519PrivateKey.generate())
    await store.register(WriterKey(WRITER, 0, signer.key_id, signer.public_bytes))
    for number in range(RECORDS // BATCH):
        records = []
        for position in range(BATCH):
            event = an_event(position)
            heads[event.tenant_id] = link(event, heads.get(event.tenant_id))
            records.append(heads[event.tenant_id])
        batch = seal(records, WRITER, number, previous, now_us(), signer)
        previous = batch_hash(batch.statement)
        await store.write_batch(batch)
    await store.read_all()
    return store


def measured(run):
    """Seconds of processor time."""
    start = time.thread_time()
    run()
    return time.thread_time() - start


def from_memory(store):
    report = asyncio.run(verify_audit(store, verify=made_signature))
    assert (report.broken, report.records, report.writers[0].signed) == ((), RECORDS, RECORDS // BATCH)


def from_export(path):
    with path.open("rb") as lines:
        report = verify_export(lines, verify=made_signature)
    assert (report.broken, report.records) == ((), RECORDS // TENANTS)


async def written(store, path):
    with path.open("wb") as file:
        async for line in export_audit(store, "tenant-0"):
            file.write(line)


async def stored(dsn, store):
    await migrate(dsn)
    database = await PostgresDatabase.connect(dsn)
    kept = PostgresAuditStore(database)
    for key in store._keys.values():
        await kept.register(key)
    for batch in store._batches[WRITER].values():
        await kept.write_batch(batch)
    await database.close()


async def from_database(dsn):
    database = await PostgresDatabase.connect(dsn)
    report = await verify_audit(PostgresAuditProofs(database), verify=made_signature)
    assert (report.broken, report.records, report.writers[0].signed) == ((), RECORDS, RECORDS // BATCH)
    await database.close()


def main():
    with temporary_data_folder() as data:
        server = own_server(data)
        try:
            measure(server.start())
        finally:
            server.stop()


def measure(dsn):
    store = asyncio.run(filled())
    asyncio.run(stored(dsn, store))
    gc.freeze()  # what this store holds is not the verifier's to look through
    held = [one.canonical for page in store.pages.values() for one in page]
    print(
        f"verify {RECORDS} events of {len(held[0])} bytes, {BATCH} a batch of {TENANTS} tenants;"
        f" median of {ROUNDS} alternating rounds, processor time of one core"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.jsonl"
        asyncio.run(written(store, path))
        contenders = {
            "sha256 alone": (RECORDS, lambda: [hashlib.sha256(data).digest() for data in held]),
            "from memory": (RECORDS, lambda: from_memory(store)),
            "from an export": (RECORDS // TENANTS, lambda: from_export(path)),
            "from PostgreSQL": (RECORDS, lambda: asyncio.run(from_database(dsn))),
        }
        seen = {name: [] for name in contenders}
        for _ in range(ROUNDS):
            for name, (count, run) in contenders.items():
                seen[name].append(measured(run) / count * 1e6)
    floor = sorted(seen["sha256 alone"])[ROUNDS // 2]
    for name, each_us in seen.items():
        median_us = sorted(each_us)[ROUNDS // 2]
        print(f"{name:16}{median_us:>7.2f} us an event{1e6 / median_us:>11,.0f} events/s   {median_us / floor:.1f}x")


if __name__ == "__main__":
    main()
