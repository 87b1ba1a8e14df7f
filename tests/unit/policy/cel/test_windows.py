"""Time windows against a reference that asks each of them at each minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import AxonFlow, Request
from axonflow.policy.cel import zones
from axonflow.policy.cel.functions.policies import is_within
from axonflow.policy.cel.values import CelError
from axonflow.policy.cel.windows import Windows
from tests.strategies import policy_set

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MONDAY = datetime(2026, 6, 1, tzinfo=UTC)

clock = st.tuples(st.integers(0, 23), st.sampled_from([0, 1, 29, 30, 59]))
ends = clock | st.just((24, 0))


@st.composite
def windows(draw):
    """The parts of a window: days or none, begin and end in minutes."""
    first, last = draw(st.none() | st.integers(0, 6)), draw(st.none() | st.integers(0, 6))
    begin = draw(clock)
    return first, None if first is None else last, begin, draw(ends.filter(lambda end: end != begin))


def written(first, last, begin, end):
    days = "" if first is None else DAYS[first] + ("" if last is None else f"-{DAYS[last]}") + " "
    return f"{days}{begin[0]:02}:{begin[1]:02}-{end[0]:02}:{end[1]:02}"


def holds(window, day, minute):
    """Whether minute of `day` is in the window, which may have begun the day before."""
    first, last, begin, end = window
    begin, end = begin[0] * 60 + begin[1], end[0] * 60 + end[1]
    if first is None:
        days = set(range(7))
    else:
        days = {first}
        while last is not None and first != last:
            first = (first + 1) % 7
            days.add(first)
    if begin < end:
        return day in days and begin <= minute < end
    return (day in days and minute >= begin) or ((day - 1) % 7 in days and minute < end)


@given(st.lists(windows(), min_size=1, max_size=4))
def test_windows_each_minute_of_the_week_agrees_with_the_reference(parts):
    found = Windows(", ".join(written(*part) for part in parts))
    minutes = {0, 1439, *(60 * hour + 30 for hour in range(24))}
    for _, _, begin, end in parts:
        minutes |= {(60 * clock[0] + clock[1] + shift) % 1440 for clock in (begin, end) for shift in (-1, 0, 1)}
    for day in range(7):
        for minute in minutes:
            moment = MONDAY + timedelta(days=day, minutes=minute, seconds=59)
            assert is_within(moment, found, UTC) is any(holds(part, day, minute) for part in parts)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-01-05T07:59:59+00:00", False),  # Monday in winter: 08:59:59 in Berlin
        ("2026-01-05T08:00:00+00:00", True),
        ("2026-07-06T07:00:00+00:00", True),  # Monday in summer: 09:00 in Berlin
        ("2026-07-06T15:29:59.999999+00:00", True),
        ("2026-07-06T15:30:00+00:00", False),
        ("2026-07-03T22:30:00+00:00", False),  # Saturday in Berlin, Friday in Greenwich
    ],
)
def test_windows_in_a_zone_with_summer_time_follow_its_clock(moment, inside):
    assert is_within(datetime.fromisoformat(moment), Windows("Mon-Fri 09:00-17:30"), BERLIN) is inside


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-10-25T00:30:00+00:00", True),  # the first 02:30
        ("2026-10-25T01:30:00+00:00", True),  # the second 02:30
        ("2026-10-25T02:00:00+00:00", False),
        ("2026-03-29T00:59:59+00:00", False),  # 01:59:59; then it is 03:00
        ("2026-03-29T01:00:00+00:00", False),
    ],
)
def test_windows_when_the_clock_is_changed_follow_what_it_shows(moment, inside):
    assert is_within(datetime.fromisoformat(moment), Windows("Sun 02:00-03:00"), BERLIN) is inside


@pytest.mark.parametrize(
    "text",
    ["", ",", "Mon", "Mon-Fri", "9:00-17:00", "09:00", "09:00-09:00", "24:00-06:00", "23:00-24:01", "09:00-25:00",
     "09:60-10:00", "mon 09:00-10:00",
     "Mon,Wed 09:00-10:00", "Mon-Fri, 09:00-10:00", "Mon09:00-10:00", "09:00-10:00,", "09:00 - 10:00",
     "09:00-10:00\n", "0٩:00-10:00",
     "Mon-Fri-Sun 09:00-10:00"],
)  # fmt: skip
def test_windows_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="time window"):
        Windows(text)


def test_window_that_the_week_ends_in_goes_on_from_its_first_day():
    found = Windows("Sun 22:00-06:00")
    moments = {
        (6, 21, 59): False, (6, 22, 0): True, (6, 23, 59): True, (0, 0, 0): True, (0, 5, 59): True, (0, 6, 0): False
    }  # fmt: skip
    for (day, hour, minute), inside in moments.items():
        assert found.hold(MONDAY + timedelta(days=day, hours=hour, minutes=minute)) is inside


def test_windows_of_too_many_characters_are_refused():
    with pytest.raises(ValueError, match="512 characters"):
        Windows(", ".join(["09:00-10:00"] * 60))


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_windows_where_the_calendar_ends_have_no_answer(moment):
    zone = ZoneInfo("America/New_York" if moment.year == 1 else "Asia/Tokyo")
    with pytest.raises(CelError, match="time out of range"):
        is_within(moment, Windows("09:00-10:00"), zone)


def test_zones_of_the_system_are_read_all_at_once(monkeypatch):
    own = {}
    monkeypatch.setattr(zones, "_zones", own)
    monkeypatch.setattr(zones, "available_timezones", lambda: {"Europe/Berlin", "Asia/Tokyo"})
    with pytest.raises(ValueError, match="unknown time zone"):
        zones.time_zone("Asia/Tokyo")
    zones.read_all_zones.__wrapped__()  # what is under the cache: this process may have read them already
    assert own == {"Europe/Berlin": BERLIN, "Asia/Tokyo": ZoneInfo("Asia/Tokyo")}
    assert zones.time_zone("Asia/Tokyo") is own["Asia/Tokyo"]


def test_zones_that_requests_choose_are_read_when_the_policy_loads(monkeypatch):
    late = "time.getHours(context.zone) + time.getHours(context.zone) > 48"
    flow = AxonFlow.open(policy_set([{"id": "late", "effect": "deny", "when": late}, {"id": "yes", "effect": "allow"}]))

    def fail():
        raise AssertionError("zones are listed while deciding")

    monkeypatch.setattr(zones, "available_timezones", fail)
    for zone, effect in [("Europe/Berlin", "allow"), ("Mars", "deny"), ("Asia/Tokyo", "allow")]:
        assert flow.decide(Request("user:a", "tool.call", "tool:x", {"zone": zone})).effect == effect
