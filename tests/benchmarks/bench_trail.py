"""Searching an audit trail of ninety days, a partition each: through the store, as a tenant's pages and routes ask it.

A quarter of the events are of one tenant, the others of a thousand in turn, so theirs lie far from each other. Beside
it, in turns, `SELECT 1` in a transaction of the same kind. "partitions" is how many the server looks into. The promise
is a p95 of 5 ms for each, with ten million events.
"""

import argparse
import asyncio
import contextlib
import os
import random
import time
from datetime import UTC, datetime, timedelta

from axonflow.adapters.postgres import PostgresAuditStore, PostgresDatabase
from axonflow.audit import AuditQuery
from tests.benchmarks.daily_rows import DAY_US, DAYS, TENANTS, filled
from tests.benchmarks.measure import percentile
from tests.postgres import execute, fresh_database, given_server, own_server, temporary_data_folder

PROMISE_MS = 5.0
WARM_UP = 20
EACH = 20
SOME = "SELECT tenant_id, event_id, decision_id FROM axonflow.audit_event TABLESAMPLE SYSTEM (0.01)"


def kinds(store, events, moment):
    """What is asked, each time of another tenant, day or event."""
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    first_us = int(first.timestamp()) * 1_000_000

    def search(**parts):
        tenant = {"tenant_id": f"tenant-{moment.choice([n for n in range(1, TENANTS) if n % 4])}", "limit": 20}
        return store.search(AuditQuery(**tenant | parts))

    def days(count):
        start_us = first_us + moment.randrange(DAYS - count) * DAY_US
        return {"start_us": start_us, "end_us": start_us + count * DAY_US}

    def of(event):
        return {"tenant_id": event["tenant_id"]}

    return {
        "newest 20": search,
        "newest 20, large": lambda: search(tenant_id="tenant-0"),
        "a day": lambda: search(**days(1)),
        "a day, large": lambda: search(tenant_id="tenant-0", **days(1)),
        "a month": lambda: search(**days(30)),
        "of a principal": lambda: search(principal=f"user:{moment.randrange(50)}"),
        "a decision": lambda: search(decision_id=(event := moment.choice(events))["decision_id"], **of(event)),
        "behind an event": lambda: search(before=(event := moment.choice(events))["event_id"], **of(event)),
        "none such": lambda: search(kind="login"),
    }


async def measured(dsn, events, options):
    database = await PostgresDatabase.connect(dsn)
    asked = kinds(PostgresAuditStore(database), events, random.Random(options.seed))

    async def one():
        async with database.tenant("tenant-1") as connection:
            await connection.fetchval("SELECT 1")

    asked = {"SELECT 1": one, **asked}
    seen = {name: [] for name in asked}
    for number in range(options.rounds + 1):
        for name, ask in asked.items():
            for _ in range(EACH if number else WARM_UP):
                start_s = time.perf_counter()
                await ask()
                if number:
                    seen[name].append((time.perf_counter() - start_s) * 1_000)
    least_ms = percentile(sorted(seen["SELECT 1"]), 0.5)
    for name, each in seen.items():
        p50, p95 = (percentile(sorted(each), share) for share in (0.5, 0.95))
        kept = "" if p95 <= PROMISE_MS else f"  OVER {PROMISE_MS:g} ms"
        print(f"  {name:18} p50 {p50:7.2f}  p95 {p95:7.2f} ms  x {p50 / least_ms:5.1f}{kept}")
    await database.close()


def run(dsn, options):
    start_s = time.monotonic()
    filled(dsn, options.rows)
    print(f"{options.rows:,} events in {DAYS} partitions, filled in {time.monotonic() - start_s:.0f} s")
    asyncio.run(measured(dsn, execute(dsn, SOME), options))
    print(f"load {os.getloadavg()[0]:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        address = given_server()
        if address is None:
            server = own_server(stack.enter_context(temporary_data_folder()))
            stack.callback(server.stop)
            address = server.start()
        run(stack.enter_context(fresh_database(address)), options)


if __name__ == "__main__":
    main()
