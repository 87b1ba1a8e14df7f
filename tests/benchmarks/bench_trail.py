"""Searching an audit trail of ninety days, a partition each: through the store, as a tenant's pages and routes ask it.

A quarter of the events are of one tenant, the others of a thousand in turn, so theirs lie far from each other. Beside
it, in turns, `SELECT 1`; the columns are those of bench_queries. The promise is a p95 of 5 ms for each, with ten
million events.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import time
from datetime import UTC, datetime, timedelta

import asyncpg

from axonflow.adapters.postgres import DatabaseSettings, PostgresAuditStore, PostgresDatabase
from axonflow.audit import AuditQuery
from tests.benchmarks.bench_queries import Timed
from tests.benchmarks.daily_rows import DAY_US, DAYS, TENANTS, filled
from tests.postgres import execute, fresh_database, given_server, own_server, temporary_data_folder

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
        "newest 20": lambda _: search(),
        "newest 20, large": lambda _: search(tenant_id="tenant-0"),
        "a day": lambda _: search(**days(1)),
        "a day, large": lambda _: search(tenant_id="tenant-0", **days(1)),
        "a month": lambda _: search(**days(30)),
        "a decision": lambda _: search(decision_id=(event := moment.choice(events))["decision_id"], **of(event)),
        "behind an event": lambda _: search(before=(event := moment.choice(events))["event_id"], **of(event)),
    }


async def measured(dsn, events, options):
    database = await PostgresDatabase.connect(dsn)
    asked = kinds(PostgresAuditStore(database), events, random.Random(options.seed))

    bare = await asyncpg.connect(dsn, server_settings=DatabaseSettings().on_the_server)
    timed = Timed(dsn, time.thread_time_ns)
    rows = itertools.repeat(None)
    await timed.rounds({"SELECT 1": lambda _: bare.fetchval("SELECT 1"), **asked}, rows, options.rounds)
    for name in ("SELECT 1", *asked):
        timed.report(name, "SELECT 1")
    await bare.close()
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
