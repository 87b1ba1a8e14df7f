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

__all__ = ["new_id", "now_us"]

_LOWER: Final = tuple(f"{number:03x}" for number in range(1 << 12))
_BLOCKS: Final = 1 << 20
_MAX_MS: Final = (1 << 48) - 1


def _make_source(blocks: int = _BLOCKS // 2) -> Callable[[int], str]:
    """One process's ids, as a closure: its cells are read faster than attributes, and this is on the hot path.

    After `blocks` times 4,096 of them another source takes over, before the counter's 32 bits could repeat.
    """
    noise = int.from_bytes(os.urandom(10), "big")
    rand_a, rand_b = noise & 0xFFF, (noise >> 12) & 0x3FFF_FFFF
    tail = f"7{rand_a:03x}-{0x8000 | rand_b >> 16:04x}-{rand_b & 0xFFFF:04x}"
    first = (noise >> 42) % (_BLOCKS // 2)
    block_numbers = iter(range(first, first + blocks))  # next() is atomic under the GIL

    def state(time_us: int, block: str, lower: Callable[[], str]) -> tuple[int, int, str, str, Callable[[], str]]:
        ms = time_us // 1000
        bounded_ms = min(max(ms, 0), _MAX_MS)
        prefix = f"{bounded_ms >> 16:08x}-{bounded_ms & 0xFFFF:04x}-{tail}{block}"
        return ms * 1000, ms * 1000 + 1000, prefix, block, lower

    nothing: Iterator[str] = iter(())
    known = (1, 0, "", "", nothing.__next__)  # no time lies in there

    def new(time_us: int) -> str:
        nonlocal known
        start_us, end_us, prefix, block, lower = known  # one reference, so a racing thread sees parts that fit
        try:
            if start_us <= time_us < end_us:
                return prefix + lower()
            suffix = lower()
        except StopIteration:
            number = next(block_numbers, None)
            if number is None:
                _renew()
                return _new(time_us)
            block, lower = f"{number:05x}", iter(_LOWER).__next__
            suffix = lower()
        made = known = state(time_us, block, lower)  # `known` may be another thread's by the next line
        return made[2] + suffix

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
