"""Work that takes long, in a thread beside decisions: it gives them their turn again and again."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["Pause", "go_on", "letting_others_run", "no_collection"]

Pause = Callable[[], None]

_KEEP_S: Final = 0.000_3
_PAUSE_S: Final = 0.000_05


def go_on() -> None:
    """No pause: nobody else is at work."""


@contextmanager
def no_collection() -> Iterator[None]:
    """Without the search for cyclic garbage: of what is made here nearly all stays, and it would be gone through again
    and again, with everything else waiting."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def letting_others_run() -> Pause:
    """A pause that gives the interpreter's lock away when it has been kept for long enough.

    Giving it up without sleeping would mostly mean taking it again. The newest objects are looked through here, few as
    they are: all at once they would take their time at the end.
    """
    kept_since_s = time.perf_counter()

    def pause() -> None:
        nonlocal kept_since_s
        if time.perf_counter() - kept_since_s < _KEEP_S:
            return
        gc.collect(0)
        time.sleep(_PAUSE_S)
        kept_since_s = time.perf_counter()

    return pause
