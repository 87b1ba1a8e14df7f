"""Time-ordered 128-bit identifiers: UUID version 7 (RFC 9562, section 5.7) as 36-character text.

Layout of one id, from the most significant bit::

    48 bits  Unix time, milliseconds
     4 bits  version (7)
    12 bits  random, fixed for the process ─┐
     2 bits  variant (binary 10)            ├ 42 random bits tell processes apart
    30 bits  random, fixed for the process ─┘
    32 bits  counter, from a random start   (RFC 9562 section 6.2, method 1)

Formatting numbers costs more than the rest together. So the text of the time is kept for as long as the millisecond
lasts, and the counter's lower 12 bits come ready-made, from a list that is gone through once for each of its upper 20.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["id_at", "new_id", "now_us"]

_LOWER: Final = tuple(f"{number:03x}" for number in range(1 << 12))
_BLOCKS: Final = 1 << 20
_MAX_MS: Final = (1 << 48) - 1


def _make_source(blocks: int = _BLOCKS // 2) -> tuple[Callable[[float], str], Callable[[], None]]:
    """One process's ids, as a closure: its cells are read faster than attributes, and this is on the hot path.

    The second function draws other random bits. A forked child calls it, so that no two processes share them, and so
    does the first after `blocks` times 4,096 ids, before the counter's 32 bits could repeat.
    """
    source: tuple[str, Iterator[int]] = ("", iter(()))
    nothing: Iterator[str] = iter(())
    known = (1.0, 0.0, "", "", nothing.__next__)  # no time lies in there

    def renew() -> None:
        nonlocal source, known
        noise = int.from_bytes(os.urandom(10), "big")
        rand_a, rand_b = noise & 0xFFF, (noise >> 12) & 0x3FFF_FFFF
        first = (noise >> 42) % (_BLOCKS // 2)
        tail = f"7{rand_a:03x}-{0x8000 | rand_b >> 16:04x}-{rand_b & 0xFFFF:04x}"
        source = (tail, iter(range(first, first + blocks)))  # next() is atomic under the GIL
        known = (1.0, 0.0, "", "", nothing.__next__)

    def id_at(now_s: float) -> str:
        """A new id for something that happened at `now_s`, in seconds since the Unix epoch. See new_id."""
        nonlocal known
        start_s, end_s, prefix, block, lower = known  # one reference, so a racing thread sees parts that fit
        try:
            if start_s <= now_s < end_s:
                return prefix + lower()
            suffix = lower()
        except StopIteration:
            tail, numbers = source
            number = next(numbers, None)
            if number is None:
                renew()
                return id_at(now_s)
            lower = iter(_LOWER).__next__
            block, suffix = f"{tail}{number:05x}", lower()
        ms = min(max(int(now_s * 1000), 0), _MAX_MS)
        prefix = f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-{block}"
        known = (ms / 1000, (ms + 1) / 1000, prefix, block, lower)
        return prefix + suffix

    renew()
    return id_at, renew


id_at, _renew = _make_source()
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
    return id_at(time_us / 1_000_000)
