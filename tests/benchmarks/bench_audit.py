"""The durable spool against bare floors, in alternating rounds of one run, on one disk.

Floors: writing and syncing the same bytes to a plain file, as many at once as there are waiters; and SQLite with one
transaction for each event. How fast a disk syncs swings by a factor of ten from minute to minute: read the ratios.
"""

import asyncio
import itertools
import os
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from axonflow.adapters.memory import MemoryAuditStore
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.audit import AuditEvent
from axonflow.flows.drain import Drain
from axonflow.ids import new_id, now_us

try:
    from tests.benchmarks.measure import percentile
except ModuleNotFoundError:  # run as a script
    from measure import percentile

ROUNDS = 5
EVENTS = {1: 600, 16: 8_000, 64: 16_000}
JUDGED_WAITERS, LEAST_TIMES, MOST_P95S = 16, 4, 4
HERE = Path(__file__).parent  # the temporary folder may be in memory, where a sync costs nothing


def an_event(writer_id):
    time_us = now_us()
    return AuditEvent(
        event_id=new_id(time_us), tenant_id="acme", writer_id=writer_id, time_us=time_us, kind="decision",
        decision_id=new_id(time_us), policy_digest="sha256:" + "0" * 64, principal="user:ann", action="tool.call",
        resource="tool:shell", effect="deny", allowed=False, policies=("baseline/no-shell-for-analysts",),
        reasons=("Analysts may not open a shell on a risky request.",),
    )  # fmt: skip


def spooled(spool, waiters, count):
    """Milliseconds of each append, and the seconds of all."""
    spent = []

    async def one():
        for _ in range(count // waiters):
            start = time.perf_counter()
            await spool.append(an_event(spool.writer_id))
            spent.append((time.perf_counter() - start) * 1_000)

    async def all_of_them():
        await asyncio.gather(*(one() for _ in range(waiters)))

    start = time.perf_counter()
    asyncio.run(all_of_them())
    return spent, time.perf_counter() - start


def synced(descriptor, waiters, count):
    """The same bytes, in as many syncs as an ideal group commit would need."""
    data, spent = an_event("w" * 36).canonical() * waiters, []
    for _ in range(count // waiters):
        start = time.perf_counter()
        os.write(descriptor, data)
        os.fsync(descriptor)
        spent.append((time.perf_counter() - start) * 1_000)
    return spent, sum(spent) / 1_000


def one_by_one(connection, count):
    data, spent = an_event("w" * 36).canonical(), []
    for _ in range(count):
        start = time.perf_counter()
        connection.execute("INSERT INTO events (canonical) VALUES (?)", (data,))
        spent.append((time.perf_counter() - start) * 1_000)
    return spent, sum(spent) / 1_000


def plain_database(path):
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE events (canonical BLOB)"):
        connection.execute(statement)
    return connection


def appending(folder):
    spool = SqliteAuditSpool.open(folder / "spool")
    connection = plain_database(folder / "plain.sqlite3")
    descriptor = os.open(folder / "bare", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    print(f"{'waiters':>7} {'':18}{'events/s':>9}{'p50 ms':>8}{'p95 ms':>8}{'syncs/s':>9}   of the bare loop:")
    for waiters, count in EVENTS.items():
        contenders = {
            "write + fsync": lambda w=waiters, c=count: synced(descriptor, w, c),
            "SqliteAuditSpool": lambda w=waiters, c=count: spooled(spool, w, c),
            "SQLite, one each": lambda: one_by_one(connection, EVENTS[1]),
        }
        seen = {name: [] for name in contenders}
        for _, (name, run) in itertools.product(range(ROUNDS), contenders.items()):
            spent, seconds = run()
            ordered = sorted(spent)
            seen[name].append((len(spent) / seconds, percentile(ordered, 0.5), percentile(ordered, 0.95)))
        for name, rounds in seen.items():
            rate, p50, p95 = map(statistics.median, zip(*rounds, strict=True))
            # one line of a loop is one sync of as many events as there are waiters
            events = rate * waiters if name == "write + fsync" else rate
            times, p95s = (
                statistics.median(
                    one[place] / bare[place] for one, bare in zip(rounds, seen["write + fsync"], strict=True)
                )
                for place in (0, 2)
            )
            syncs = f"{rate:>9.0f}" if name == "write + fsync" else " " * 9
            print(
                f"{waiters:>7} {name:18}{events:>9.0f}{p50:>8.2f}{p95:>8.2f}{syncs}"
                f"   events/s {times:.2f}x its syncs/s, p95 {p95s:.2f}x its p95{judged(name, waiters, times, p95s)}"
            )
    os.close(descriptor)
    connection.close()
    spool.close()


def judged(name, waiters, times, p95s):
    if name != "SqliteAuditSpool" or waiters != JUDGED_WAITERS:
        return ""
    met = times >= LEAST_TIMES and p95s <= MOST_P95S
    return f"   targets >= {LEAST_TIMES}x, <= {MOST_P95S}x: {'met' if met else 'MISSED'}"


def draining(folder):
    """What a drain into a store that costs nothing takes away from those who append."""
    spool = SqliteAuditSpool.open(folder / "drained")

    async def some(appends):
        async def one():
            for _ in range(appends // 16):
                await spool.append(an_event(spool.writer_id))

        start = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(16)))
        return appends / (time.perf_counter() - start)

    async def run():
        alone, beside, emptied = [], [], []
        for _ in range(ROUNDS):
            alone.append(await some(8_000))
            drain = Drain(spool, MemoryAuditStore(), print)
            start, held = time.perf_counter(), spool.pending
            drain.start()
            await drain.flush(60)
            emptied.append(held / (time.perf_counter() - start))
            beside.append(await some(8_000))
            await drain.stop(60)
        return (sorted(figures)[ROUNDS // 2] for figures in (alone, beside, emptied))

    alone, beside, emptied = asyncio.run(run())
    print(f"drained into memory: {emptied:.0f} records/s")
    print(
        f"16 waiters while nothing drains: {alone:.0f} events/s; beside a drain: {beside:.0f} ({beside / alone:.2f}x)"
    )
    spool.close()


def main():
    print(f"audit spool, events of {len(an_event('w' * 36).canonical())} bytes; median of {ROUNDS} alternating rounds")
    with tempfile.TemporaryDirectory(dir=HERE) as folder:
        appending(Path(folder))
        draining(Path(folder))


if __name__ == "__main__":
    main()
