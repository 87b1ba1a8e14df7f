"""The process of a service, but for its clock, which SIGUSR1 puts back an hour: python -m tests.stepping_clock."""

import signal
import sys
import time

__all__ = ["STEP_S"]

STEP_S = 3_600
_stepped_s = 0
_time, _time_ns = time.time, time.time_ns


def _step(*_):
    global _stepped_s  # noqa: PLW0603  there is one clock
    _stepped_s += STEP_S


if __name__ == "__main__":
    time.time = lambda: _time() - _stepped_s
    time.time_ns = lambda: _time_ns() - _stepped_s * 1_000_000_000
    signal.signal(signal.SIGUSR1, _step)
    from axonflow_sidecar.hosting.process import main  # after the clock: some take a function of it for good

    sys.exit(main())
