"""Time-ordered 128-bit identifiers: UUID version 7 (RFC 9562, section 5.7) as 36-character text.

Layout of one id, from the most significant bit::

    48 bits  Unix time, milliseconds
     4 bits  version (7)
    12 bits  random, fixed for the process ─┐
     2 bits  variant (binary 10)            ├ 42 random bits tell processes apart
    30 bits  random, fixed for the process ─┘
    32 bits  counter, from a random start   (RFC 9562 section 6.2, method 1)

Formatting the time costs more than the rest together, so the text before the counter is kept for as long as
the millisecond lasts.
"""

from __future__ import annotations

import itertools
import os
import time

__all__ = ["new_id", "now_us"]

_COUNTER_MASK = 0xFFFF_FFFF
_MAX_MS = (1 << 48) - 1


class _Source:
    """One process's ids. A forked child makes a new one, so that no two processes share the random bits."""

    __slots__ = ("_counter", "_high", "_prefix", "_tail")

    def __init__(self) -> None:
        noise = int.from_bytes(os.urandom(10), "big")
        rand_a, rand_b, start = noise & 0xFFF, (noise >> 12) & 0x3FFF_FFFF, (noise >> 42) & 0x7FFF_FFFF
        self._tail = f"7{rand_a:03x}-{0x8000 | rand_b >> 16:04x}-{rand_b & 0xFFFF:04x}"
        self._counter = itertools.count(start)  # next() is atomic under the GIL
        self._high = start + _COUNTER_MASK  # past this the 32 bits would repeat
        self._prefix: tuple[int, str] = (-1, "")

    def new(self, time_us: int) -> str:
        ms = time_us // 1000
        known_ms, prefix = self._prefix
        if ms != known_ms:
            bounded_ms = min(max(ms, 0), _MAX_MS)
            prefix = f"{bounded_ms >> 16:08x}-{bounded_ms & 0xFFFF:04x}-{self._tail}"
            self._prefix = (ms, prefix)  # one reference, so a racing thread sees both or neither
        count = next(self._counter)
        if count > self._high:
            _renew()
            return _source.new(time_us)
        return f"{prefix}{count & _COUNTER_MASK:08x}"


def _renew() -> None:
    global _source  # noqa: PLW0603  the process's one source, replaced after a fork
    _source = _Source()


_source = _Source()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def now_us() -> int:
    """The time now, in microseconds since the Unix epoch, UTC."""
    return time.time_ns() // 1000


def new_id(time_us: int) -> str:
    """A new id for something that happened at `time_us` (microseconds since the Unix epoch).

    Unique across threads, processes and forks; ids of one process sort in the order they were made, as long
    as the clock does not step back.
    """
    return _source.new(time_us)
