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
from collections.abc import Callable

__all__ = ["new_id", "now_us"]

_COUNTER_MASK = 0xFFFF_FFFF
_MAX_MS = (1 << 48) - 1


def _make_source(capacity: int = 1 << 32) -> Callable[[int], str]:
    """One process's ids, as a closure: its cells are read faster than attributes, and this is on the hot path.

    After `capacity` of them the counter's 32 bits would repeat, so another source takes over.
    """
    noise = int.from_bytes(os.urandom(10), "big")
    rand_a, rand_b = noise & 0xFFF, (noise >> 12) & 0x3FFF_FFFF
    tail = f"7{rand_a:03x}-{0x8000 | rand_b >> 16:04x}-{rand_b & 0xFFFF:04x}"
    first = (noise >> 42) & 0x7FFF_FFFF
    counter = itertools.count(first)  # next() is atomic under the GIL
    last = first + capacity - 1
    known: tuple[int, str] = (-1, "")

    def new(time_us: int) -> str:
        nonlocal known
        ms, prefix = known
        if time_us // 1000 != ms:
            ms = time_us // 1000
            bounded_ms = min(max(ms, 0), _MAX_MS)
            prefix = f"{bounded_ms >> 16:08x}-{bounded_ms & 0xFFFF:04x}-{tail}"
            known = (ms, prefix)  # one reference, so a racing thread sees both or neither
        count = next(counter)
        if count > last:
            _renew()
            return _new(time_us)
        return f"{prefix}{count & _COUNTER_MASK:08x}"

    return new


def _renew() -> None:
    """A forked child makes a source of its own, so that no two processes share the random bits."""
    global _new  # noqa: PLW0603  the process's one source
    _new = _make_source()


_new = _make_source()
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
    return _new(time_us)
