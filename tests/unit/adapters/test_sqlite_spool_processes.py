"""The durable spool across kills, forks, threads and reopening."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.audit import verify_chain
from axonflow.errors import AuditError, ConfigurationError
from tests.unit.audit.test_chain import event

ROOT = Path(__file__).parents[3]
TENANTS = ("t0", "t1", "t2")
APPENDING = """
import asyncio, sys
from msgspec.structs import replace
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from tests.unit.audit.test_chain import event

spool = SqliteAuditSpool.open(sys.argv[1])

async def append(waiter):
    number = 0
    while True:
        name, number = f"{sys.argv[2]}-{waiter}-{number}", number + 1
        one = replace(event(number), event_id=name, tenant_id=f"t{waiter % 3}", writer_id=spool.writer_id)
        record = await spool.append(one)
        print("appended", name, flush=True)
        if record.event.tenant_id == "t2":
            print("discarding", name, flush=True)
            await spool.discard([record])

async def run():
    await asyncio.gather(*map(append, range(12)))

asyncio.run(run())
"""


def own(spool, number, tenant_id="t"):
    return replace(event(number), tenant_id=tenant_id, writer_id=spool.writer_id)


def killed_after(lines, folder, name):
    """What a process said that appends to `folder`, and is killed after about so many lines."""
    command = [sys.executable, "-c", APPENDING, str(folder), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
        said = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
    return [line.decode().split() for line in said if line.endswith(b"\n")]


@pytest.mark.slow
def test_spool_of_a_process_killed_at_any_moment_holds_what_was_acknowledged_once(tmp_path):
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # shown when this fails
    draw = random.Random(seed)
    acknowledged, last = set(), -1
    for round_ in range(6):
        said = killed_after(draw.randrange(1, 800), tmp_path, str(round_))
        acknowledged |= {name for what, name in said if what == "appended"}
        acknowledged -= {name for what, name in said if what == "discarding"}  # it may have happened, or not
        spool = SqliteAuditSpool.open(tmp_path)
        held = asyncio.run(spool.oldest(1_000_000))
        names = [record.event.event_id for record in held]
        assert len(names) == len(set(names)) == spool.pending
        assert acknowledged <= set(names)
        for tenant_id in ("t0", "t1"):
            chain = asyncio.run(spool.records(tenant_id))
            assert verify_chain(chain) == len(chain)
        record = asyncio.run(spool.append(own(spool, round_, "t2")))
        gone = asyncio.run(spool.records("t2"))
        asyncio.run(spool.discard(gone))
        acknowledged -= {one.event.event_id for one in gone}
        assert record.sequence > last
        last = record.sequence
        spool.close()


def test_spool_lock_of_a_killed_process_is_free_at_once(tmp_path):
    killed_after(1, tmp_path, "first")
    SqliteAuditSpool.open(tmp_path, lock_timeout_s=0).close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_spool_in_a_forked_child_refuses_and_leaves_the_parents_alone(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path)
    asyncio.run(spool.append(own(spool, 0)))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(spool.append(own(spool, 1)))
        except AuditError as error:
            code = 0 if "forked" in str(error) else 2
        finally:
            spool.close()
            spool._owner.held._connection.close()
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with pytest.raises(ConfigurationError, match="holds it"):
        SqliteAuditSpool.open(tmp_path, lock_timeout_s=0)
    asyncio.run(spool.append(own(spool, 2)))
    spool.close()
    again = SqliteAuditSpool.open(tmp_path)
    assert verify_chain(asyncio.run(again.records("t"))) == 2
    again.close()


def test_spool_of_a_program_that_ends_without_closing_it_is_closed(tmp_path):
    code = "import sys; from axonflow.adapters.sqlite_spool import SqliteAuditSpool as S; S.open(sys.argv[1])"
    command = [sys.executable, "-W", "error", "-c", code, tmp_path]
    assert subprocess.check_output(command, cwd=ROOT, stderr=subprocess.STDOUT) == b""
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "spool.lock",
        "spool.mark",
        "spool.reserve",
        "spool.sqlite3",
    ]


def test_spool_used_by_many_loops_and_threads_keeps_every_chain(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path)
    seen = {tenant_id: [] for tenant_id in TENANTS}

    async def use():
        async def some(tenant_id):
            for number in range(40):
                seen[tenant_id].append(await spool.append(own(spool, number, tenant_id)))

        await asyncio.gather(*map(some, TENANTS * 2))

    threads = [threading.Thread(target=asyncio.run, args=(use(),)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for tenant_id, records in seen.items():
        assert verify_chain(sorted(records, key=lambda record: record.sequence)) == 400
        assert len(asyncio.run(spool.records(tenant_id))) == 400
    assert spool.pending == 1_200
    spool.close()


class Spools(RuleBasedStateMachine):
    """Appends, discards and reopens in any order, against a list."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.spool = SqliteAuditSpool.open(self.folder.name)
        self.writer_id = self.spool.writer_id
        self.held, self.all_of = [], {}

    @rule(tenants=st.lists(st.sampled_from(TENANTS), min_size=1, max_size=8))
    def append(self, tenants):
        async def run():
            return await asyncio.gather(*(self.spool.append(own(self.spool, 1, tenant)) for tenant in tenants))

        records = asyncio.run(run())
        self.held += records
        for record in records:
            self.all_of.setdefault(record.event.tenant_id, []).append(record)

    @rule(places=st.sets(st.integers(0, 12)))
    def discard(self, places):
        gone = [self.held[place] for place in places if place < len(self.held)]
        asyncio.run(self.spool.discard(gone))
        self.held = [record for record in self.held if record not in gone]

    @rule(limit=st.integers(1, 20))
    def oldest(self, limit):
        assert asyncio.run(self.spool.oldest(limit)) == self.held[:limit]

    @rule()
    def reopen(self):
        self.spool.close()
        self.spool = SqliteAuditSpool.open(self.folder.name)
        assert self.spool.writer_id == self.writer_id

    @invariant()
    def counts_are_right(self):
        assert self.spool.pending == len(self.held)
        assert self.spool.oldest_us == (self.held[0].event.time_us if self.held else None)
        assert (self.spool.pending_bytes == 0) == (not self.held)

    def teardown(self):
        for tenant_id, records in self.all_of.items():
            assert verify_chain(records) == len(records)
            left = [record for record in self.held if record.event.tenant_id == tenant_id]
            assert asyncio.run(self.spool.records(tenant_id)) == left
        self.spool.close()
        self.folder.cleanup()


class TestSpools(Spools.TestCase):
    settings = settings(max_examples=25, stateful_step_count=20)
