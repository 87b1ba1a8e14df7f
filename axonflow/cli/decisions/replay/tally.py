"""What a replay counts. Bounded, however long the traffic: a histogram, a few short lists, one count a rule. Pure."""

from __future__ import annotations

import heapq
import math
from typing import Final

from axonflow.errors import RequestError
from axonflow.policy import Decision, Effect, Request
from axonflow.policy.documents.checking import Difference, Expectation, differences

__all__ = ["Comparison", "LatencyHistogram", "Slowest", "Tally"]

_SUB_BITS: Final = 6
_LINEAR: Final = 1 << (_SUB_BITS + 1)
_MAX_BITS: Final = 48
"""2**48 ns is 78 hours: nothing that is measured takes longer."""

MAX_SLOWEST: Final = 5
MAX_UNDECIDABLE_SHOWN: Final = 10
MAX_MISMATCHES_SHOWN: Final = 20
MAX_MALFORMED_SHOWN: Final = 20
MAX_MESSAGE_CHARS: Final = 500
"""A message may quote a name from the line, and a line may be 16 MiB long."""


class LatencyHistogram:
    """Counts of durations in nanoseconds, in buckets whose width grows with the duration.

    Each power of two is cut into 64 buckets, so a quantile is off by at most 1/128 (0.8 %) of itself; up to 128 ns
    it is exact, and so is the maximum. (The idea is HdrHistogram's.)
    """

    __slots__ = ("_buckets", "max_ns")

    MAX_RELATIVE_ERROR: Final = 1 / _LINEAR

    def __init__(self) -> None:
        self._buckets = [0] * ((_MAX_BITS - _SUB_BITS + 1) << _SUB_BITS)
        self.max_ns = 0

    @property
    def count(self) -> int:
        """How many durations were added."""
        return sum(self._buckets)

    def add(self, duration_ns: int) -> None:
        """Count one duration."""
        if duration_ns > self.max_ns:  # noqa: PLR1730  max() costs twice as much
            self.max_ns = duration_ns
        shift = duration_ns.bit_length() - _SUB_BITS - 1
        if shift <= 0:
            self._buckets[max(0, duration_ns)] += 1
        elif shift <= _MAX_BITS - _SUB_BITS - 1:
            self._buckets[(shift << _SUB_BITS) + (duration_ns >> shift)] += 1
        else:
            self._buckets[-1] += 1

    def merge(self, other: LatencyHistogram) -> None:
        """Add everything that `other` counted."""
        self.max_ns = max(self.max_ns, other.max_ns)
        self._buckets = [mine + theirs for mine, theirs in zip(self._buckets, other._buckets, strict=True)]

    def quantile_ns(self, fraction: float) -> float:
        """The smallest duration that at least `fraction` of all do not exceed (nearest rank); 0 when there is none."""
        rank = max(1, math.ceil(fraction * self.count))
        seen = 0
        for index, count in enumerate(self._buckets):
            seen += count
            if seen >= rank:
                return min(_middle_ns(index), self.max_ns)
        return 0


def _middle_ns(index: int) -> float:
    shift = (index >> _SUB_BITS) - 1
    if shift <= 0:
        return index
    first = (index - (shift << _SUB_BITS)) << shift
    return first + (1 << shift) / 2


class Slowest:
    """The requests that took longest, at most `most` of them; among equals the earlier one stays."""

    __slots__ = ("_floor_ns", "_heap", "_most")

    def __init__(self, most: int = MAX_SLOWEST) -> None:
        self._heap: list[tuple[int, int, str, str]] = []
        self._most = most
        self._floor_ns = -1

    def add(self, duration_ns: int, line: int, request: Request) -> None:
        """Keep the request if it belongs among them. Lines come in their order."""
        if duration_ns <= self._floor_ns:
            return
        entry = (duration_ns, -line, request.action, f"{request.resource.type}:{request.resource.id}")
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
            if len(self._heap) < self._most:
                return
        else:
            heapq.heapreplace(self._heap, entry)
        self._floor_ns = self._heap[0][0]

    def ranked(self) -> list[tuple[int, int, str, str]]:
        """Duration in ns, line, action, resource; the slowest first."""
        return [(duration, -line, action, resource) for duration, line, action, resource in sorted(self._heap)[::-1]]


class Comparison:
    """Decisions against what the traffic says they should be."""

    __slots__ = ("confusion", "matched", "mismatched", "mismatches")

    def __init__(self) -> None:
        self.matched = 0
        self.mismatched = 0
        self.confusion: dict[tuple[Effect, Effect], int] = {}
        self.mismatches: list[tuple[int, Difference]] = []

    @property
    def labelled(self) -> int:
        """How many decisions were compared."""
        return self.matched + self.mismatched

    def add(self, line: int, expected: Expectation, decision: Decision) -> None:
        """Compare what `expected` names with `decision`."""
        cell = (expected.effect, decision.effect)
        self.confusion[cell] = self.confusion.get(cell, 0) + 1
        found = differences(expected, decision)
        if not found:
            self.matched += 1
            return
        self.mismatched += 1
        room = MAX_MISMATCHES_SHOWN - len(self.mismatches)
        self.mismatches.extend((line, difference) for difference in found[:room])


class Tally:
    """Everything that a replay reports, but the time it took."""

    __slots__ = ("by_effect", "by_policy", "comparison", "digest", "latency", "malformed", "malformed_first", "slowest",
                 "undecidable", "undecidable_first", "unmatched")  # fmt: skip

    def __init__(self) -> None:
        self.by_effect: dict[Effect, int] = {}
        self.by_policy: dict[str, int] = {}
        self.unmatched = 0
        self.latency = LatencyHistogram()
        self.slowest = Slowest()
        self.undecidable = 0
        self.undecidable_first: list[tuple[int, str, str]] = []
        self.malformed = 0
        self.malformed_first: list[tuple[int, str]] = []
        self.comparison = Comparison()
        self.digest = ""  # of the last decision, for an agent whose policies are not ours to ask

    @property
    def decided(self) -> int:
        """How many requests were decided."""
        return sum(self.by_effect.values())

    def add(self, line: int, request: Request, decision: Decision, duration_ns: int) -> None:
        """Count one decision, which took `duration_ns`."""
        self.by_effect[decision.effect] = self.by_effect.get(decision.effect, 0) + 1
        by_policy = self.by_policy
        for policy in decision.policies:
            by_policy[policy] = by_policy.get(policy, 0) + 1
        if not decision.policies:
            self.unmatched += 1
        self.digest = decision.policy_digest
        self.latency.add(duration_ns)
        self.slowest.add(duration_ns, line, request)
        if decision.errors:
            self.undecidable += 1
            if len(self.undecidable_first) < MAX_UNDECIDABLE_SHOWN:
                first = decision.errors[0]
                self.undecidable_first.append((line, first.policy, first.message))

    def reject(self, line: int, error: RequestError) -> bool:
        """Count a malformed line; whether it is among the first, which are shown one by one."""
        self.malformed += 1
        if len(self.malformed_first) == MAX_MALFORMED_SHOWN:
            return False
        self.malformed_first.append((line, str(error)[:MAX_MESSAGE_CHARS]))
        return True
