"""An event loop in which time passes at once when nobody has anything to do but wait for it."""

import asyncio
import selectors
from contextlib import contextmanager

from axonflow.flows import steer_plan

__all__ = ["VirtualLoop", "pass_time", "run_at_once"]


class _Skipping(selectors.DefaultSelector):
    skipped_s = 0.0

    def select(self, timeout=None):
        if timeout is None:  # nothing but a thread could go on: that takes the time that it takes
            return super().select()
        self.skipped_s += max(0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self):
        return self._skipping.skipped_s


@contextmanager
def _plans_by(loop):
    usual = steer_plan.monotonic_ns
    steer_plan.monotonic_ns = lambda: round(loop.time() * 1e9)
    try:
        yield
    finally:
        steer_plan.monotonic_ns = usual


def run_at_once(work):
    """What the coroutine `work` gives, with the clock of plans set by such a loop. Steps have to be async."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, _plans_by(runner.get_loop()):
        return runner.run(work)


async def pass_time(after_s):
    """Wait until so much virtual time has passed."""
    loop = asyncio.get_running_loop()
    passed = loop.create_future()
    timer = loop.call_later(after_s, passed.set_result, None)
    try:
        await passed
    finally:
        timer.cancel()
