"""What an id tells of the time of its event: ids (UUID version 7, RFC 9562, section 5.7) begin with it, and so sort."""

from __future__ import annotations

from typing import Final

__all__ = ["earliest_us", "ids_between", "is_id_of", "time_part"]

_MAX_MS: Final = (1 << 48) - 1
_DIGITS: Final = frozenset("0123456789abcdef")
_ID_CHARS: Final = 36
_SLACK_MS: Final = 2
"""A time is rounded on its way into an id; and a library may have made its ids a little earlier than its times."""


def ids_between(start_us: int | None, end_us: int | None) -> tuple[str, str]:
    """Texts between which the ids lie of all that happened from `start_us` until before `end_us` (microseconds since
    the Unix epoch; None: no bound), and of little else: whoever wants exactly those looks at their times as well."""
    first_ms = 0 if start_us is None else start_us // 1000 - _SLACK_MS
    last_ms = _MAX_MS if end_us is None else end_us // 1000 + _SLACK_MS
    return time_part(first_ms), f"{time_part(last_ms)}-~"  # which sorts behind every digit


def is_id_of(text: str, time_us: int) -> bool:
    """Whether `text` is an id as made here, of something that happened at `time_us`."""
    first, beyond = ids_between(time_us, time_us)
    return len(text) == _ID_CHARS and text[14] == "7" and first <= text < beyond


def earliest_us(text: str, slack_us: int) -> int | None:
    """About when that happened which `text` is the id of, less `slack_us`; None when it is no such id."""
    digits = text[:8] + text[9:13]
    if len(text) != _ID_CHARS or text[14] != "7" or not all(digit in _DIGITS for digit in digits):
        return None
    return int(digits, 16) * 1000 - slack_us


def time_part(ms: int) -> str:
    """How the ids begin of what happened in this millisecond since the Unix epoch, or the nearest there is."""
    told_ms = min(max(ms, 0), _MAX_MS)
    return f"{told_ms >> 16:08x}-{told_ms & 0xFFFF:04x}"
