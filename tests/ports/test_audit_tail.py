"""The suite that every AuditTail passes: all that comes is told once, whichever writer brings it and however late."""

import asyncio
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow.adapters.memory import MemoryAuditStore, MemoryAuditTail
from axonflow.adapters.postgres import PostgresAuditStore, PostgresAuditTail
from axonflow.audit import link
from axonflow.audit.tail import TailPosition
from axonflow.ids import new_id
from tests.postgres_stores import audit_event, opened

__all__ = []

DAY_US = 86_400_000_000
START_US = 1_780_000_000_000_000


@pytest.fixture(scope="module", params=["memory", "postgres"])
def kept(request):
    """What runs coroutines, a store, and the tail of it."""
    if request.param == "memory":
        store = MemoryAuditStore()
        with asyncio.Runner() as runner:
            yield runner.run, store, MemoryAuditTail(store)
    else:
        with opened(request.getfixturevalue("migrated_dsn")) as (run, database):
            yield run, PostgresAuditStore(database), PostgresAuditTail(database)


class Writers:
    """Chains of one new tenant, and who reads them."""

    def __init__(self, kept, position):
        self.run, self.store, self.tail = kept
        self.tenant_id = new_id(1)
        self.heads, self.written, self.seen = {}, [], []
        self.position = position

    def write(self, writer_id, time_us):
        event = audit_event(self.tenant_id, writer_id, time_us=time_us)
        record = self.heads[writer_id] = link(event, self.heads.get(writer_id))
        self.run(self.store.write([record]))
        self.written.append(event.event_id)
        return event.event_id

    def read(self, limit=100):
        found = self.run(self.tail.later(self.tenant_id, self.position, limit))
        for told in found:
            self.position = self.position.past(told)
        self.seen += [told.event.event_id for told in found]
        return [told.event.event_id for told in found]


def test_tail_from_a_time_on_tells_what_happened_since(kept):
    writers = Writers(kept, TailPosition.at(START_US))
    writers.write("a", START_US - 10_000_000)
    fresh = [writers.write("a", START_US + 1), writers.write("b", START_US + 9_000_000)]
    assert writers.read() == fresh
    assert writers.read() == []


def test_tail_tells_what_a_writer_brings_late(kept):
    writers = Writers(kept, TailPosition.at(START_US))
    writers.write("a", START_US + 3_600_000_000)
    writers.read()
    late = [writers.write("b", START_US + 5_000_000), writers.write("b", START_US + 6_000_000)]
    assert writers.read() == late


def test_tail_in_small_pages_tells_all_by_event_id(kept):
    writers = Writers(kept, TailPosition.at(START_US))
    ids = [writers.write("ab"[number % 2], START_US + number * 10_000) for number in range(7)]
    assert [writers.read(limit=3) for _ in range(4)] == [ids[:3], ids[3:6], ids[6:], []]


def test_tail_resumed_from_its_text_goes_on_where_it_was(kept):
    writers = Writers(kept, TailPosition.at(START_US))
    for number in range(5):
        writers.write(f"w;{number},:%", START_US + number * 10_000)
    writers.read(limit=2)
    writers.position = TailPosition.parse(writers.position.token)
    writers.read()
    assert writers.seen == writers.written


def test_tail_after_an_event_id_tells_those_behind_it(kept):
    writers = Writers(kept, TailPosition.at(START_US))
    ids = [writers.write("a", START_US + number * 10_000) for number in range(4)]
    writers.position = TailPosition.parse(ids[1])
    assert writers.read() == ids[2:]


def test_tail_of_a_clock_that_steps_back_misses_nothing(kept):
    writers = Writers(kept, TailPosition.at(START_US))
    writers.write("a", START_US + 7_200_000_000)
    writers.read()
    back = writers.write("a", START_US - 3_600_000_000)
    assert writers.read() == [back]


def test_tail_sees_one_tenant_alone(kept):
    ours, theirs = (Writers(kept, TailPosition.at(START_US)) for _ in range(2))
    theirs.write("a", START_US + 1)
    assert ours.read() == []
    assert ours.run(ours.tail.later("a\0b", ours.position, 5)) == []


STEPS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 3), st.integers(-2, 2)) | st.integers(1, 4), max_size=14
)


@settings(max_examples=30)
@given(steps=STEPS)
def test_tail_with_writers_in_any_order_tells_each_event_once_and_each_chain_in_order(kept, steps):
    writers, later = Writers(kept, TailPosition.at(START_US)), count()
    for step in steps:
        if isinstance(step, int):
            writers.read(limit=step)
        else:
            writer, days, hours = step
            writers.write(writer, START_US + days * DAY_US + (2 + hours) * 3_600_000_000 + next(later) * 3_000)
    while writers.read(limit=5):
        pass
    assert sorted(writers.seen) == sorted(writers.written)
