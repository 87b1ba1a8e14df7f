"""Whether a moment is within hours of the week, in a time zone.

Hours are written ``Mon-Fri 09:00-17:30``: a day or days, which may go over Sunday, and a time to begin and one to end,
24:00 being the end of the day; without days it is every day. The beginning is in, the end is not. Where the end is
before the beginning it is on the day after, and the days are those of the beginning. Commas separate several of these.

A moment is converted into the time zone, and what the clock on the wall and the calendar show there is compared. So an
hour that is skipped when clocks go forward is never shown, and one that is repeated when they go back is shown twice.
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final

from axonflow.policy.cel.functions.standard import in_zone
from axonflow.policy.cel.values import CelError

__all__ = ["is_within", "to_hours"]

Hours = tuple[tuple[int, int], ...]
"""From and to, in minutes since the week began on Monday; to is not included."""

_DAYS: Final = {name: day for day, name in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))}
_DAY: Final = 24 * 60
_WEEK: Final = 7 * _DAY
_MAX_CHARS: Final = 1_024
_DAY_NAME: Final = "|".join(_DAYS)
_TIME: Final = "((?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)"
_HOURS: Final = re.compile(rf" *(?:({_DAY_NAME})(?:-({_DAY_NAME}))? +)?{_TIME}-{_TIME} *", re.ASCII)


@lru_cache(maxsize=256)
def to_hours(text: str) -> Hours:
    if len(text) > _MAX_CHARS:
        raise CelError(f"hours of more than {_MAX_CHARS} characters")
    return tuple(sorted({span for part in text.split(",") for span in _spans(part)}))


def _spans(text: str) -> list[tuple[int, int]]:
    match = _HOURS.fullmatch(text)
    if match is None:
        raise CelError("not hours such as Mon-Fri 09:00-17:30, Sat 10:00-14:00")
    first, last, begin, end = match.groups()
    start, stop = _minutes(begin), _minutes(end)
    if start in {stop, _DAY}:
        raise CelError("hours that end where they begin; all day is 00:00-24:00")
    length = stop - start if stop > start else stop - start + _DAY
    return [span for day in _days(first, last) for span in _in_week(day * _DAY + start, length)]


def _days(first: str | None, last: str | None) -> list[int]:
    if first is None:
        return list(range(7))
    begin, end = _DAYS[first], _DAYS[last or first]
    return [(begin + ahead) % 7 for ahead in range((end - begin) % 7 + 1)]


def _in_week(start: int, length: int) -> list[tuple[int, int]]:
    """What goes over the end of the week goes on at its beginning."""
    end = start + length
    return [(start, end)] if end <= _WEEK else [(start, _WEEK), (0, end - _WEEK)]


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def is_within(moment: datetime, hours: Hours, where: tzinfo) -> bool:
    local = in_zone(moment, where)
    minute = local.weekday() * _DAY + local.hour * 60 + local.minute
    return any(start <= minute < end for start, end in hours)
