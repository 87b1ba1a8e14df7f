"""An event loop in which time passes at once when nobody has anything to do but wait for it. A busy machine is no
slower by its clock: what happens before a deadline happens before it every time."""

import asyncio
import selectors
import time
from contextlib import contextmanager

from axonflow.flows import steer_plan

__all__ = ["VirtualLoop", "pass_time", "run_at_once"]


class _Skipping(selectors.DefaultSelector):
    passed_s = 0.0
    threads = 0

    def select(self, timeout=None):
        if timeout is None:  # nothing but a thread could go on: that takes the time that it takes
            return super().select()
        if timeout <= 0 or not self.threads:
            self.passed_s += max(0, timeout)
            return super().select(0)
        began_s = time.monotonic()  # a thread takes the time of the machine, and what waits beside it no less
        ready = super().select(timeout)
        self.passed_s += min(timeout, time.monotonic() - began_s) if ready else timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self):
        return self._skipping.passed_s

    def skip(self, time_s):
        """Let so much time pass at this moment, whoever works."""
        self._skipping.passed_s += time_s

    def run_in_executor(self, executor, func, *args):
        future = super().run_in_executor(executor, func, *args)
        self._skipping.threads += 1
        future.add_done_callback(self._thread_ended)
        return future

    def _thread_ended(self, _future):
        self._skipping.threads -= 1


@contextmanager
def _plans_by(loop):
    assert steer_plan.monotonic_ns is time.monotonic_ns, "there is one clock of plans: loops of threads have no other"
    steer_plan.monotonic_ns = lambda: round(loop.time() * 1e9)
    try:
        yield
    finally:
        steer_plan.monotonic_ns = time.monotonic_ns


def run_at_once(work):
    """What the coroutine `work` gives, with the clock of plans set by such a loop. Only what runs in the executor
    of the loop counts as work beside it: for what any other thread does, this loop does not wait."""
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
