"""Ids: unique across threads, processes and forks; version 7 of RFC 9562."""

import os
import threading
import uuid

import pytest

from axonflow import ids


def test_new_id_is_a_version_7_uuid_of_its_time():
    one = uuid.UUID(ids.new_id(1_800_000_000_123_456))
    assert (one.version, one.variant) == (7, uuid.RFC_4122)
    assert one.int >> 80 == 1_800_000_000_123


@pytest.mark.parametrize("time_us", [-5, 0, 2**70])
def test_new_id_of_an_impossible_time_is_still_an_id(time_us):
    assert uuid.UUID(ids.new_id(time_us)).version == 7


def test_new_ids_of_many_threads_never_repeat():
    made = [[] for _ in range(8)]

    def make(into):
        into.extend(ids.new_id(ids.now_us()) for _ in range(5_000))

    threads = [threading.Thread(target=make, args=(into,)) for into in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for part in made for one in part}) == 40_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # tests before may leave threads
def test_new_ids_of_a_forked_child_differ_from_its_parents():
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, ids.new_id(1_000).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs, ours = os.read(reader, 36).decode(), ids.new_id(1_000)
    os.close(reader)
    os.close(writer)
    assert theirs[:13] == ours[:13]
    assert theirs[15:28] != ours[15:28]


def test_new_id_after_the_counter_is_used_up_comes_with_other_random_bits():
    id_at, _ = ids._make_source(blocks=2)
    made = [id_at(5.0) for _ in range(2 * 4_096 + 2)]
    assert len({one[14:28] for one in made[: 2 * 4_096]}) == 1
    assert made[-1][14:28] == made[-2][14:28] != made[0][14:28]
    assert len(set(made)) == 2 * 4_096 + 2


def test_new_ids_of_one_process_sort_in_the_order_they_were_made():
    times_us = [1_800_000_000_000_000 + 7 * number for number in range(10_000)]
    made = [ids.new_id(time_us) for time_us in times_us]
    assert made == sorted(made)
