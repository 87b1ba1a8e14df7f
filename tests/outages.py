"""What an outage of the database looks like from outside: how long answers took, and what they cost."""

import os
import statistics
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["IN_TIME_MS", "Outage", "Taken", "Times", "parts"]

IN_TIME_MS = 10
DRAIN_S = 60


class Times(NamedTuple):
    """Milliseconds within which 50, 95 and 99 of a hundred answers came, from when each was due."""

    p50_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def of(cls, answers):
        found = statistics.quantiles([(one.answered_s - one.due_s) * 1000 for one in answers], n=100)
        return cls(found[49], found[94], found[98])

    def __str__(self):
        return "/".join(f"{one:.1f}" for one in self)


def parts(answers, start_s, end_s):
    """Those that were due before, during and after it."""
    before = [one for one in answers if one.due_s < start_s]
    after = [one for one in answers if one.due_s >= end_s]
    return before, [one for one in answers if start_s <= one.due_s < end_s], after


def _processor_s(pid):
    """What a process took of the processor so far, in all its threads, to a hundredth of a second (see proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Taken:
    """What processes take of the processor, from now until `end`."""

    def __init__(self, *pids):
        self._pids = pids
        self._since_s, self._before_s = time.monotonic(), [_processor_s(pid) for pid in pids]

    def end(self):
        self._until_s, self._after_s = time.monotonic(), [_processor_s(pid) for pid in self._pids]

    def each_us(self, answers):
        """Microseconds for each of the answers that came in that time, by process."""
        count = sum(self._since_s <= one.answered_s < self._until_s for one in answers)
        return [(after_s - s) / count * 1e6 for s, after_s in zip(self._before_s, self._after_s, strict=True)]


class Outage(NamedTuple):
    """What was seen of one: decisions a second, how long they took before, during and after it, records that waited at
    its end, and how long the drain took; and microseconds of the processor that the agent, and who asked it, took for a
    decision in the outage."""

    rate: float
    before: Times
    during: Times
    after: Times
    waiting: int
    drained_s: float
    decisions: int
    agent_us: float
    asking_us: float

    @property
    def is_in_time(self):
        """Decisions within 10 ms, or what they took before on this machine and half as much; drained in a minute."""
        return self.during.p95_ms <= max(IN_TIME_MS, 1.5 * self.before.p95_ms) and self.drained_s <= DRAIN_S

    def __str__(self):
        return (
            f"{self.decisions:,} decisions, {self.rate:.0f} a second; p50/p95/p99 {self.before} ms before, "
            f"{self.during} ms during, {self.after} ms after; {self.waiting:,} waited, drained in "
            f"{self.drained_s:.1f} s; of the processor a decision in the outage took {self.agent_us:.0f} us of the "
            f"agent and {self.asking_us:.0f} us of who asked"
        )
