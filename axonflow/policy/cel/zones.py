"""Time zones by name. They are read from the system when a policy that names them loads: deciding does no I/O.

A policy that takes a zone's name from the request has all of them read, once a process.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

__all__ = ["read_all_zones", "read_zone", "time_zone"]

_MAX_NAME_CHARS: Final = 64
_zones: Final[dict[str, tzinfo]] = {}


def time_zone(name: str) -> tzinfo:
    """A zone that has been read (``Europe/Berlin``), or a fixed offset (``+02:00``). Raises ValueError."""
    if name[:1] in {"+", "-"} or name[:1].isdigit():
        return _offset(name)
    zone = _zones.get(name)
    if zone is None:
        raise ValueError("unknown time zone")
    return zone


def _offset(name: str) -> tzinfo:
    try:
        shifted = datetime.fromisoformat(f"2000-01-01T00:00:00{name if name[0] in '+-' else '+' + name}")
    except ValueError:
        raise ValueError("unknown time zone") from None
    assert shifted.tzinfo is not None  # it has been written there
    return shifted.tzinfo


def read_zone(name: str) -> tzinfo:
    """The same, read from the system if it has not been. Raises ValueError."""
    is_name = len(name) <= _MAX_NAME_CHARS and name[:1].isalpha() and name not in _zones
    if is_name:
        try:
            _zones[name] = ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # KeyError: ZoneInfoNotFoundError is one
            raise ValueError("unknown time zone") from None
    return time_zone(name)


@cache
def read_all_zones() -> None:
    """Read every zone that the system has, when first called."""
    for name in available_timezones() - _zones.keys():
        _zones[name] = ZoneInfo(name)
