"""Ids tell when what they name happened: bounds of time become bounds of ids, and nothing within falls out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.audit.event_ids import earliest_us, ids_between, is_id_of
from axonflow.ids import new_id

TIMES = st.integers(0, 2**53) | st.sampled_from([0, 1, 999, 1_000, 2**48 * 1_000 - 1, 2**62])


@given(TIMES, TIMES, TIMES)
def test_id_of_a_time_within_bounds_lies_between_their_ids(time_us, start_us, end_us):
    first, beyond = ids_between(start_us, end_us)
    own = new_id(time_us)
    if start_us <= time_us < end_us:
        assert first <= own < beyond
    assert ids_between(None, None)[0] <= own < ids_between(None, None)[1]


@given(TIMES, st.integers(10_000, 2**40))
def test_id_of_a_time_well_outside_of_bounds_lies_outside_of_their_ids(time_us, distance_us):
    own = new_id(time_us)
    assert time_us + distance_us >= 2**48 * 1_000 or own < ids_between(time_us + distance_us, None)[0]
    if distance_us <= time_us < 2**48 * 1_000:
        assert own >= ids_between(None, time_us - distance_us)[1]


@given(TIMES)
def test_id_is_that_of_its_time_and_of_no_other(time_us):
    own = new_id(time_us)
    assert is_id_of(own, time_us)
    if time_us < 2**48 * 1_000 - 10_000:
        assert not is_id_of(own, time_us + 10_000)
        assert abs(earliest_us(own, 500) + 500 - time_us) <= 2_000


@pytest.mark.parametrize(
    "text", ["", "e1", "x" * 36, "00000000-0000-4000-8000-000000000000", "é" * 14 + "7" + "0" * 21]
)
def test_text_that_is_no_id_is_of_no_time(text):
    assert not is_id_of(text, 0)
    assert earliest_us(text, 0) is None
