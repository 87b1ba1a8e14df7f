"""Positions in a trail, as text and counted on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.audit.tail import MAX_WRITERS, TailedEvent, TailPosition
from axonflow.errors import RequestError
from axonflow.ids import new_id
from tests.postgres_stores import audit_event

AFTER = "01a1ffe5-3d8d"


def test_tail_position_of_a_time_lets_earlier_ids_behind():
    position = TailPosition.at(1_780_000_000_000_000)
    assert new_id(1_779_999_999_000_000) < position.after < new_id(1_780_000_000_000_000)


def test_tail_position_floor_begins_the_day_before():
    day_ms = 86_400_000
    position = TailPosition.at((20_000 * day_ms + 5) * 1000)
    assert position.floor == f"{19_999 * day_ms >> 16:08x}-{19_999 * day_ms & 0xFFFF:04x}"
    assert TailPosition.at(0).floor == "00000000-0000"


@given(told=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
                            st.integers(0, 10**18 - 1), max_size=5))  # fmt: skip
def test_tail_position_as_text_is_read_back(told):
    position = TailPosition(AFTER, told)
    assert position.token.isascii()
    assert position.token.split() == [position.token]
    assert TailPosition.parse(position.token) == position


@pytest.mark.parametrize(
    "text",
    ["", "x", "01a1ffe5", f"{AFTER};w", f"{AFTER};w:", f"{AFTER};w:-1", f"{AFTER};w:1,", f"{AFTER};~c3:1",
     f"{AFTER};~C3:1", f"{AFTER};w:{10**18}", f"{AFTER};" + ",".join(f"w{n}:1" for n in range(MAX_WRITERS + 1)),
     f"{AFTER};" + "w" * 20_000, AFTER.upper(), f"{AFTER}\n"],
)  # fmt: skip
def test_tail_position_of_another_text_is_refused(text):
    with pytest.raises(RequestError, match="not a position"):
        TailPosition.parse(text)


def test_tail_position_past_an_event_counts_its_writer_alone():
    position = TailPosition(AFTER, {"a": 3, "b": 7}).past(TailedEvent(9, audit_event("t", "a")))
    assert dict(position.next) == {"a": 10, "b": 7}
    assert position.after == AFTER


def test_tail_position_of_too_many_writers_forgets_the_one_silent_for_longest():
    position = TailPosition(AFTER)
    for number in range(MAX_WRITERS):
        position = position.past(TailedEvent(0, audit_event("t", f"w{number}")))
    position = position.past(TailedEvent(1, audit_event("t", "w0"))).past(TailedEvent(0, audit_event("t", "new")))
    assert len(position.next) == MAX_WRITERS
    assert "w1" not in position.next
    assert position.next["w0"] == 2
