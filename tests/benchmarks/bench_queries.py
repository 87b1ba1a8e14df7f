"""What the API asks of PostgreSQL, with a million rows a table and a thousand tenants: through the stores, and through
an agent over HTTP. Beside it, in turns: `SELECT 1` on a connection of the same kind, and a server that answers a
constant.

Each call is for another tenant. "of us" is processor time of this process, or of the agent; "of PostgreSQL" that of its
connections' processes, where they run on this machine; both are as they are whatever else the machine does. "ways" is
how often something goes to the server and back. The promise is a p95 of 5 ms for each.
"""

import argparse
import asyncio
import contextlib
import hashlib
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import types
from functools import partial
from pathlib import Path

import asyncpg
from pyreqwest.client import ClientBuilder

from axonflow.adapters.memory import MemoryAuditLog
from axonflow.adapters.postgres import (
    DatabaseSettings,
    PostgresApiPolicyStore,
    PostgresAuditStore,
    PostgresDatabase,
    PostgresPolicyStore,
)
from axonflow.app.tenancy import Tenancy
from axonflow.audit import AuditQuery
from axonflow.policy.api.policy import ApiPolicyQuery
from axonflow.tenancy import key_hmac
from axonflow_sidecar.hosting.ports import ReservedPort
from tests.agents import KEY, AgentProcess
from tests.benchmarks.measure import percentile
from tests.benchmarks.million_rows import PEPPER, TABLES, TENANTS, filled, key_of
from tests.postgres import execute, fresh_database, given_server, own_server, temporary_data_folder
from tests.publishing import key_pair

PROMISE_MS = 5.0
BLOCK = 50
WARM_UP = 40
BY_INDEX = re.compile(r"Index.*? (?:using|on) (\w+)")
READS = re.compile(r"(--.*\n)*(SELECT|WITH)\s")
SEQUENTIAL = re.compile(r"Seq Scan on (\w+)")
LARGE = (*TABLES, "audit_event_first")  # that partition holds all until a month has ended
JSON = {"content-type": "application/json"}


class Row:
    """One tenant, and one of its rows of each table, by number."""

    def __init__(self, rows, moment):
        self.number = moment.randrange(TENANTS)
        self.tenant = f"tenant-{self.number}"
        place = moment.randrange(rows // TENANTS)
        at = max(place - (place % 5 == 0), 1) * TENANTS + self.number  # not a dynamic one
        self.policy = hashlib.md5(str(at).encode()).hexdigest()
        self.key = f"key-{at}"
        self.decision = f"decision-{at}"


def of_stores(database, dsn):
    """What is asked through the stores: what it is, and how it is asked for a row."""
    policies, published = PostgresApiPolicyStore(database), PostgresPolicyStore(database)
    audit, tenancy = PostgresAuditStore(database), Tenancy.in_database(database, dsn, [PEPPER], MemoryAuditLog())

    def listed(row, **parts):
        return policies.page(ApiPolicyQuery(tenant_id=row.tenant, kind="static", **parts))

    return {
        "20 policies": lambda row: listed(row, limit=20),
        "100 policies": lambda row: listed(row, limit=100),
        "policies, by name": lambda row: listed(row, limit=20, sort_by="name", descending=False),
        "policies, searched": lambda row: listed(row, limit=20, search="hosts 7"),
        "policies, page 5": lambda row: listed(row, limit=20, category="pii-us", offset=80),
        "one policy": lambda row: policies.get(row.tenant, row.policy),
        "its versions": lambda row: policies.versions(row.tenant, row.policy),
        "history of a set": lambda row: published.history(row.tenant, "main", 20),
        "sets": lambda row: published.sets(row.tenant),
        "100 keys": lambda row: tenancy.keys(row.tenant, None, 100),
        "one key": lambda row: tenancy.key(row.tenant, row.key),
        "whose key": lambda row: tenancy.holder(key_hmac(key_of(row.number), PEPPER)),
        "one tenant": lambda row: tenancy.tenant(row.tenant),
        "20 records": lambda row: audit.search(AuditQuery(tenant_id=row.tenant, limit=20)),
        "one decision": lambda row: audit.search(AuditQuery(tenant_id=row.tenant, decision_id=row.decision)),
    }


OVER_HTTP = {
    "20 policies": "/api/v1/static-policies?limit=20",
    "100 policies": "/api/v1/static-policies?limit=100",
    "policies, by name": "/api/v1/static-policies?limit=20&sort_by=name&sort_order=asc",
    "policies, searched": "/api/v1/static-policies?limit=20&search=hosts%207",
    "one policy": "/api/v1/static-policies/{row.policy}",
    "its versions": "/api/v1/static-policies/{row.policy}/versions",
    "100 keys": "/v1/keys?limit=100",
    "one key": "/v1/keys/{row.key}",
    "one tenant": "/v1/tenants/{row.tenant}",
    "20 records": "/api/v1/audit/search",
}


class Timed:
    """Calls of several kinds, in blocks that take turns: how long each took, and the processor time meanwhile: of us,
    which `ours_ns` counts, and of the processes that serve the connections to `dsn`."""

    def __init__(self, dsn, ours_ns):
        self._dsn = dsn
        self._ours_ns = ours_ns
        self._theirs = []
        self._each_ms = {}
        self._spent_us = {}

    async def rounds(self, kinds, rows, count):
        """`count` blocks of `BLOCK` calls of each of `kinds`; the first calls of a kind are not looked at."""
        for call in kinds.values():
            for _ in range(WARM_UP):
                await call(next(rows))
        self._theirs = await asyncio.to_thread(backends, self._dsn)
        for number in range(count):
            turn = number % len(kinds)
            order = list(kinds.items())
            for name, call in order[turn:] + order[:turn]:
                await self._block(name, call, rows)

    async def _block(self, name, call, rows):
        before_ns = self._spent_ns()
        for _ in range(BLOCK):
            row = next(rows)
            start_s = time.perf_counter()
            await call(row)
            self._each_ms.setdefault(name, []).append((time.perf_counter() - start_s) * 1_000)
        after_ns = self._spent_ns()
        spent_us = [(after - before) / 1_000 / BLOCK for before, after in zip(before_ns, after_ns, strict=True)]
        self._spent_us.setdefault(name, []).append(spent_us)

    def _spent_ns(self):
        return self._ours_ns(), sum(map(processor_ns, self._theirs))

    def report(self, name, floor, remark=""):
        each, bare = sorted(self._each_ms[name]), sorted(self._each_ms[floor])
        p50, p95, least = percentile(each, 0.5), percentile(each, 0.95), percentile(bare, 0.5)
        ours, theirs = (sorted(one)[len(one) // 2] for one in zip(*self._spent_us[name], strict=True))
        kept = "" if p95 <= PROMISE_MS or name == floor else f"  OVER {PROMISE_MS:g} ms"
        print(f"  {name:<20} p50 {p50:6.2f}  p95 {p95:6.2f} ms  x {p50 / least:4.1f}  "
              f"{ours:6.0f} us of us {theirs:6.0f} of PostgreSQL  {remark}{kept}")  # fmt: skip


async def stores(dsn, rows, rounds):
    database = await PostgresDatabase.connect(dsn)
    bare = await asyncpg.connect(dsn, server_settings=DatabaseSettings().on_the_server)
    try:
        asked = of_stores(database, dsn)
        timed = Timed(dsn, time.thread_time_ns)
        await timed.rounds({"SELECT 1": lambda _row: bare.fetchval("SELECT 1"), **asked}, rows, rounds)
        print(f"\nstores, {len(asked)} kinds of calls")
        timed.report("SELECT 1", "SELECT 1")
        for name, call in asked.items():
            timed.report(name, "SELECT 1", await explained(database, call, next(rows)))
    finally:
        await bare.close()
        await database.close()


async def explained(database, call, row):
    """How often `call` goes to the server, and what the server reads for them."""
    sent = []
    loggers = []
    for connection, (role, _) in database._connections._idle.items():
        loggers.append((connection, partial(lambda role, record: sent.append((role, record)), role)))
        connection.add_query_logger(loggers[-1][1])
    await call(row)
    await asyncio.sleep(0)  # loggers are told in the next turn of the loop
    for connection, logger in loggers:
        connection.remove_query_logger(logger)
    used = []
    for role, record in sent:
        if record.args and READS.match(record.query) and "set_config" not in record.query:
            used += await plan_of(database, role, record, row)
    return f"{len(sent)} ways, {', '.join(dict.fromkeys(used))}"


async def plan_of(database, role, record, row):
    transactions = {
        "axonflow_keys": lambda: database.key_lookup([record.args[0]]),
        "axonflow_registrar": database.registrar,
    }
    async with transactions.get(role, lambda: database.tenant(row.tenant))() as connection:
        lines = [line for (line,) in await connection.fetch(f"EXPLAIN (COSTS OFF) {record.query}", *record.args)]
    for line in lines:
        if table := SEQUENTIAL.search(line):
            assert table[1] not in LARGE, f"reads all of {table[1]}: {record.query}"
    return [found[1] for line in lines if (found := BY_INDEX.search(line))]


class Client:
    """An operator, who says which tenant a call is about."""

    def __init__(self, url, key=None):
        self._url = url
        self._headers = {"authorization": f"Bearer {key}"} if key else {}

    async def __aenter__(self):
        self._client = await ClientBuilder().build().__aenter__()
        return self

    async def __aexit__(self, *_):
        await self._client.__aexit__(None, None, None)

    async def ask(self, path, row, **headers):
        url = self._url + path.format(row=row)
        given = self._headers | {"x-tenant-id": row.tenant} | headers
        if path.endswith("search"):
            request = self._client.post(url).body_bytes(b'{"limit":20}').headers(given | JSON)
        else:
            request = self._client.get(url).headers(given)
        response = await request.build().send()
        body = await response.bytes()
        assert response.status == 200, (path, response.status, bytes(body))
        return len(body)


@contextlib.contextmanager
def bare_server(size_bytes):
    reserved = ReservedPort("127.0.0.1", 0, "")
    script = Path(__file__).with_name("bare_server.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(reserved.port), "", "", str(size_bytes)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline()
        yield f"http://127.0.0.1:{reserved.port}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
        reserved.close()


def processor_ns(pid):
    """What all threads of a process have used; 0 when it is no more."""
    spent = 0
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            spent += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
    return spent


def backends(dsn):
    """The processes that serve connections to `dsn`; none when they are on another machine."""
    pids = [pid for (pid,) in execute(dsn, "SELECT pid FROM pg_stat_activity WHERE datname = current_database()")]
    names = {pid: Path(f"/proc/{pid}/comm") for pid in pids}
    return [pid for pid, name in names.items() if name.exists() and name.read_text().strip() == "postgres"]


async def over_http(dsn, agent, rows, rounds):
    async with Client(agent.url, KEY) as client:
        size_bytes = await client.ask(OVER_HTTP["20 policies"], next(rows))
        with bare_server(size_bytes) as url:
            async with Client(url) as floor:
                kinds = {"constant": lambda row: floor.ask("/", row)}
                kinds |= {name: partial(client.ask, path) for name, path in OVER_HTTP.items()}
                kinds["a key never seen"] = first_use(client)
                timed = Timed(dsn, lambda: processor_ns(agent.process.pid))
                await timed.rounds(kinds, rows, rounds)
    print(f"\nover HTTP, a constant has {size_bytes} bytes")
    for name in kinds:
        timed.report(name, "constant")


def first_use(client):
    """Each call is with another tenant's key, which the agent has to look up."""
    number = iter(range(TENANTS))

    async def ask(_row):
        one = next(number)
        owner = types.SimpleNamespace(tenant=f"tenant-{one}")
        return await client.ask("/v1/tenant", owner, authorization=f"Bearer {key_of(one)}")

    return ask


def measured(dsn, options):
    moment = random.Random(options.seed)
    rows = iter(lambda: Row(options.rows, moment), None)
    start_s = time.monotonic()
    filled(dsn, options.rows)
    version = execute(dsn, "SHOW server_version")[0][0]
    print(f"PostgreSQL {version}, {options.rows:,} rows a table, {TENANTS:,} tenants; "
          f"filled in {time.monotonic() - start_s:.0f} s; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    asyncio.run(stores(dsn, rows, options.rounds))
    with tempfile.TemporaryDirectory() as folder:
        agent = AgentProcess(Path(folder), dsn, key_pair(Path(folder) / "keys")[1])
        try:
            agent.launch()
            asyncio.run(over_http(dsn, agent.ready(), rows, options.rounds))
        finally:
            agent.close()
    print(f"load {os.getloadavg()[0]:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        address = given_server()
        if address is None:
            server = own_server(stack.enter_context(temporary_data_folder()))
            stack.callback(server.stop)
            address = server.start()
        measured(stack.enter_context(fresh_database(address)), options)


if __name__ == "__main__":
    main()
