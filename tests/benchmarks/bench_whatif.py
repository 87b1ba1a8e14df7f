"""`axonflow whatif`: decisions a second from memory, from an export and from PostgreSQL, against merely decoding the
same rows; in processor time of this process, since others may be at work on the machine.

Decoding is measured three times: all fields of an event, by the page as a search does, and in the small batches that
whatif takes, where each is gone before the next comes; and only the fields that whatif takes, the strictest floor.
"""

import asyncio
import gc
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from axonflow import AxonFlow, Request
from axonflow.adapters.memory import MemoryAuditLog, MemoryAuditProofs
from axonflow.adapters.postgres import PostgresAuditHistory, PostgresAuditStore, PostgresDatabase, migrate
from axonflow.audit import AuditEvent, AuditQuery
from axonflow.audit.export import RECORD_START
from axonflow.flows.export_audit import export_audit
from axonflow.flows.what_if import _AT_ONCE, _decoded_lines, compare_export, compare_history, decode_events
from axonflow.policy.whatif import Comparison
from axonflow_sidecar.hosting.embedded import EmbeddedPostgres
from tests.strategies import policy_set

EVENTS = {
    "traffic as it is": 80_000,
    "every decision another one": 20_000,
    "every decision another one, by a product": 20_000,
}
ROUNDS = 4
TOOLS = [f"tool-{number}" for number in range(30)]
TEXTS = ["hello", "write to ann@example.com", "please sum up the report", "card 4111 1111 1111 1111"]
OLD = [
    {"id": "tools", "effect": "allow", "match": {"action": ["tool.call", "llm.request"]}},
    {"id": "no-shell", "effect": "deny", "match": {"resource.id": ["tool-0", "tool-1"], "principal.roles": "guest"}},
    {"id": "prod", "effect": "require_approval", "match": {"context.env": "prod", "resource.id": TOOLS[:8]},
     "when": "context.risk >= 70"},
    {"id": "mail", "effect": "redact", "match": {"action": "llm.request"}, "when": 'detected("pii.email")',
     "obligations": [{"detectors": ["pii.email"]}]},
    {"id": "pay", "effect": "require_approval", "match": {"resource.id": "tool-9"}, "when": "context.amount > 500.0"},
]  # fmt: skip
NEW = [*OLD[:2], {**OLD[2], "when": "context.risk >= 50"}, *OLD[3:],
       {"id": "guests", "effect": "deny", "match": {"context.env": "prod", "principal.roles": "guest"}}]  # fmt: skip
DISTINCT = [{"id": "large", "effect": "deny", "when": "has(context.amount) && context.amount > 950.0"}]
"""Reads of every decision an attribute that no two have in common, and compares it: its place among what it is compared
with tells decisions apart, not itself."""
PRODUCT = [{"id": "large", "effect": "deny", "when": "has(context.amount) && context.amount * 2.0 > 1900.0"}]
"""The same by a product, which tells nothing of such places: each decision is judged by itself."""


def drawn(seed, events):
    """Traffic: 200 people, 30 tools (a few of them most of the time), a fifth of it prompts."""
    chosen = random.Random(seed)
    for _ in range(events):
        principal = {"id": f"u{chosen.randrange(200)}", "roles": [chosen.choice(["guest", "clerk", "ops"])]}
        context = {
            "env": chosen.choice(["prod", "dev", "dev"]), "risk": chosen.randrange(100),
            "amount": chosen.random() * 1000,
        }  # fmt: skip
        if chosen.random() < 0.2:
            yield Request(principal, "llm.request", "model:m", context, chosen.choice(TEXTS))
        else:
            yield Request(principal, "tool.call", f"tool:{TOOLS[int(30 * chosen.random() ** 2)]}", context)


async def record(flow, log, events):
    for request in drawn(7, events):
        await flow.enforce(request)
    store = MemoryAuditProofs()
    await store.write_batch(await log.sealed(events))
    return await log.records("default"), [line async for line in export_audit(store, "default")]


def spent(events, *works):
    """Processor time in microseconds an event of each, in turns, round by round: what others do on the machine is then
    done to all of them."""
    rounds = []
    for number in range(ROUNDS):
        took = [0.0] * len(works)
        for at in range(len(works)) if number % 2 else reversed(range(len(works))):
            gc.collect()
            gc.freeze()  # as the command does: what stays is not walked again and again
            started = time.process_time()
            works[at]()
            took[at] = (time.process_time() - started) / events * 1e6
            gc.unfreeze()
        rounds.append(took)
    return rounds


def median(values):
    return statistics.median(list(values))


def told(name, events, work, *floors):
    """Against decoding the same rows, in the ways of `FLOORS`."""
    rounds = spent(events, work, *floors)
    own, *others = (median(column) for column in zip(*rounds, strict=True))
    print(f"    {name:<28} {own:6.2f} us, {1e6 / own:>9,.0f} a second")
    for at, (floor, us) in enumerate(zip(FLOORS, others, strict=True), 1):
        ratio = median(one[at] / one[0] for one in rounds)
        print(f"    {'':<28} {ratio:.2f}x decoding {floor} ({us:.2f} us)")


FLOORS = (
    "the rows, 4,000 at a time as a page of a search", f"the rows, {_AT_ONCE} at a time",
    f"only what is needed of them, {_AT_ONCE} at a time",
)  # fmt: skip


def refused(at, message):
    raise AssertionError(f"{at}: {message}")


def measured(name, before, after, rows, lines, history):
    """`history` is what runs coroutines and the history; None: not from PostgreSQL."""
    pages = [rows[start : start + 4_000] for start in range(0, len(rows), 4_000)]
    events = [event for page in pages for event in decode_events(page, [""] * len(page), refused)]
    records = [line for line in lines if line.startswith(RECORD_START)]
    whole = msgspec.json.Decoder(list[AuditEvent])
    last = []

    def compared(work):
        def run():
            last[:] = [Comparison(after.policies, before and before.policies)]
            work(last[0])

        return run

    def decode_all(page):
        whole.decode(b"[" + b",".join(page) + b"]")

    def decode_whole():
        for page in pages:
            decode_all(page)

    def by_the_batch(decode):
        def run(page):
            for start in range(0, len(page), _AT_ONCE):
                decode(page[start : start + _AT_ONCE])

        return run

    def decode_needed(page):
        decode_events(page, [""] * len(page), refused)

    def decode_batches():
        for page in pages:
            by_the_batch(decode_all)(page)

    def decode_pages():
        for page in pages:
            decode_events(page, [""] * len(page), refused)

    def decode_lines():
        for start in range(0, len(records), _AT_ONCE):
            some = records[start : start + _AT_ONCE]
            list(_decoded_lines(some, [0] * len(some), refused))

    rounds = spent(
        len(rows),
        compared(lambda comparison: (comparison.take(events), comparison.finish())),
        decode_whole,
        decode_pages,
    )
    from_memory, all_fields, fields = (median(column) for column in zip(*rounds, strict=True))
    tally = last[0].tally
    print(f"  {name}: {last[0].judged / len(rows):.1%} judged, the others are like one of them;")
    print(f"  {tally.flips:,} flips, {tally.undecidable:,} undecidable")
    print(f"    from memory, decoded before  {from_memory:6.2f} us, {1e6 / from_memory:>9,.0f} a second")
    print(f"    (decoding an event: {fields:.2f} us the fields that are needed, {all_fields:.2f} us all)")
    told(
        "from an export",
        len(rows),
        compared(lambda one: compare_export(lines, one, refused=refused)),
        decode_whole,
        decode_batches,
        decode_lines,
    )
    if history is None:
        return
    run, store = history
    query = AuditQuery(tenant_id="default", kind="decision")

    async def fetch(decode):
        asked, page = query, [None]
        while page:
            page = await store.newest(asked, 4_000)
            decode([row for _, row in page])
            asked = msgspec.structs.replace(asked, before=page[-1][0]) if page else asked

    told(
        "from PostgreSQL",
        len(rows),
        compared(lambda one: run(compare_history(store, query, one, refused=refused))),
        lambda: run(fetch(decode_all)),
        lambda: run(fetch(by_the_batch(decode_all))),
        lambda: run(fetch(by_the_batch(decode_needed))),
    )


def main():
    cases = []
    for name, extra in zip(EVENTS, ([], DISTINCT, PRODUCT), strict=True):
        log = MemoryAuditLog(capacity=max(EVENTS.values()))
        before = AxonFlow.open(policy_set([*OLD, *extra]), audit=log)
        cases.append((name, before, AxonFlow.open(policy_set([*NEW, *extra])), log))
    print(f"axonflow whatif, {EVENTS} decisions, 5 to 7 rules; processor time of this process, median of {ROUNDS}")
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        Path(folder).chmod(0o711)
        server = None if "--without-postgres" in sys.argv else EmbeddedPostgres(Path(folder, "postgres"))
        try:
            database = None
            if server is not None:
                dsn = server.start()
                runner.run(migrate(dsn))
                database = runner.run(PostgresDatabase.connect(dsn))
            for name, before, after, log in cases:
                records, lines = runner.run(record(before, log, EVENTS[name]))
                history = None
                if database is not None:
                    runner.run(PostgresAuditStore(database).write(records))
                    history = (runner.run, PostgresAuditHistory(database))
                rows = [one.canonical for one in records]
                measured(f"{name}, against what was recorded", None, after, rows, lines, None)
                measured(f"{name}, against the policies in force", before, after, rows, lines, history)
                if database is not None:
                    emptied(dsn)
            if database is not None:
                runner.run(database.close())
        finally:
            if server is not None:
                server.stop()


def emptied(dsn):
    from tests.postgres import execute

    execute(dsn, "ALTER TABLE axonflow.audit_event DISABLE TRIGGER ALL", "TRUNCATE axonflow.audit_event", "SELECT 1")


if __name__ == "__main__":
    main()
