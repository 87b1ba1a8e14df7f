"""The room that all plans of a process share: `plan.dispatch` with a clock, for threads with a loop each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from axonflow.flows.steer_plan import now_us
from axonflow.plan.sharing.dispatch import Ask, Dispatch, Limits

__all__ = ["PlanRoom"]


class PlanRoom:
    """Safe to share between threads: each step begins on the loop that it was asked for on."""

    def __init__(self, limits: Limits) -> None:
        self._dispatch = Dispatch(limits)
        self._lock = threading.Lock()
        self._loops: dict[Ask, asyncio.AbstractEventLoop] = {}
        self._wakes_at_us = 0
        self._wakes_for: Ask | None = None  # on whose loop the timer is; it is gone when that one has left

    def admit(self, tenant: str) -> None:
        """Let one more plan of `tenant` in; `dismiss` when it has ended. Raises PlanError when there are too many."""
        with self._lock:
            self._dispatch.admit(tenant)

    def dismiss(self, tenant: str) -> None:
        """A plan of `tenant` has ended."""
        with self._lock:
            self._dispatch.dismiss(tenant)

    def turn(self, asks: Sequence[Ask]) -> None:
        """Let `asks` wait with the others, and begin all that there is room for."""
        here, time_us = asyncio.get_running_loop(), now_us()
        with self._lock:
            self._loops |= {ask: here for ask in asks if not ask.gone}
            begun = [(ask, self._loops.pop(ask)) for ask in self._dispatch.turn(asks, time_us)]
            wake = self._dispatch.wake(time_us)
            if wake is not None and not (self._wakes_for in self._loops and time_us <= self._wakes_at_us <= wake[0]):
                self._wakes_at_us, self._wakes_for = wake
                begun_later = self._loops[wake[1]]
                _call_on(begun_later, here, begun_later.call_later, (wake[0] - time_us) / 1_000_000, self._woken)
        for ask, loop in begun:
            _call_on(loop, here, ask.begin)

    def _woken(self) -> None:
        self._wakes_for = None  # a timer may be early by the resolution of its clock: ask again then
        self.turn(())

    def leave(self, ask: Ask) -> None:
        """`ask` has ended, or waits no more; `turn` is still to be called."""
        with self._lock:
            self._loops.pop(ask, None)
            self._dispatch.leave(ask, now_us())


def _call_on(
    loop: asyncio.AbstractEventLoop, here: asyncio.AbstractEventLoop, call: Callable[..., object], *arguments: object
) -> None:
    if loop is here:
        call(*arguments)
    else:
        with suppress(RuntimeError):  # closed: whoever asked there has left, or the process is at its end
            loop.call_soon_threadsafe(call, *arguments)
