"""Times of the week, such as ``Mon-Fri 09:00-17:30, Sat 10:00-14:00``.

Windows stand between commas. Each is a day or days (``Mon``, ``Fri-Mon``; every day if there is none), a space, and
hours. Its end is no part of it. Hours that end before they begin go on until the next day, and belong to the day on
which they begin: ``Fri 22:00-06:00`` ends on Saturday.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import datetime
from typing import Final

__all__ = ["MAX_WINDOWS_CHARS", "Windows"]

MAX_WINDOWS_CHARS: Final = 512

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY: Final = "|".join(_DAYS)
_HOUR: Final = "([01][0-9]|2[0-4]):([0-5][0-9])"
_WINDOW: Final = re.compile(rf"(?:({_DAY})(?:-({_DAY}))? +)?{_HOUR}-{_HOUR}", re.ASCII)
_DAY_MINUTES: Final = 24 * 60
_WEEK_MINUTES: Final = 7 * _DAY_MINUTES

_Interval = tuple[int, int]
"""Minutes since Monday, 00:00; the end is no part of it."""


class Windows:
    """Windows, ready to be looked up in. Raises ValueError when `text` is none."""

    __slots__ = ("_bounds",)

    def __init__(self, text: str) -> None:
        if len(text) > MAX_WINDOWS_CHARS:
            raise ValueError(f"time windows of more than {MAX_WINDOWS_CHARS} characters")
        self._bounds: Final = _merged([piece for part in text.split(",") for piece in _intervals(part.strip(" "))])

    def hold(self, local: datetime) -> bool:
        """Whether the day and the time that a clock shows are in a window."""
        minute = local.weekday() * _DAY_MINUTES + local.hour * 60 + local.minute
        return bisect_right(self._bounds, minute) % 2 == 1


def _intervals(text: str) -> list[_Interval]:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError("not a time window such as Mon-Fri 09:00-17:30")
    first_day, last_day, *clock = match.groups()
    hours = [int(part) for part in clock]
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if start >= _DAY_MINUTES or end > _DAY_MINUTES:
        raise ValueError("a time window ends at 24:00 and begins before")
    if start == end:
        raise ValueError("an empty time window; a whole day is 00:00-24:00")
    span = end - start if end > start else end - start + _DAY_MINUTES
    begins = [day * _DAY_MINUTES + start for day in _days(first_day, last_day)]
    return [piece for begin in begins for piece in _within_a_week(begin, begin + span)]


def _days(first: str | None, last: str | None) -> list[int]:
    if first is None:
        return list(range(7))
    start = _DAYS.index(first)
    count = (_DAYS.index(last) - start) % 7 + 1 if last is not None else 1
    return [(start + number) % 7 for number in range(count)]


def _within_a_week(begin: int, end: int) -> list[_Interval]:
    """The interval, in two where the week ends in it."""
    if end <= _WEEK_MINUTES:
        return [(begin, end)]
    return [(begin, _WEEK_MINUTES), (0, end - _WEEK_MINUTES)]


def _merged(intervals: list[_Interval]) -> tuple[int, ...]:
    """Begins and ends in turn, in order, of intervals that do not overlap: a minute is inside behind an odd number."""
    out: list[int] = []
    for begin, end in sorted(intervals):
        if out and begin <= out[-1]:
            out[-1] = max(out[-1], end)
        else:
            out += [begin, end]
    return tuple(out)
