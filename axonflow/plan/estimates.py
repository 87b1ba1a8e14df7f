"""How long steps take, learned from those that ended: an average that forgets, by kind and target."""

from __future__ import annotations

from typing import Final

__all__ = ["Estimates"]

WEIGHT: Final = 0.2
"""Of the newest duration in the average: half of what is known is from the last three."""
MAX_KNOWN: Final = 10_000


class Estimates:
    """Durations in microseconds. What was never seen counts as long as the average of all that was, else as 1."""

    __slots__ = ("_known", "_usual_us")

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], float] = {}
        self._usual_us = 1.0

    def learn(self, kind: str, target: str, took_us: int) -> None:
        """A step of this kind and target ended well after `took_us`."""
        key = (kind, target)
        before = self._known.pop(key, None)  # and put in again, last: the first is what was not seen for longest
        if before is None and len(self._known) == MAX_KNOWN:
            del self._known[next(iter(self._known))]
        first = not self._known and before is None
        self._known[key] = took_us if before is None else before + WEIGHT * (took_us - before)
        self._usual_us = took_us if first else self._usual_us + WEIGHT * (took_us - self._usual_us)

    def of_us(self, kind: str, target: str) -> int:
        """How long a step of this kind and target will take: 1 or more."""
        return max(1, round(self._known.get((kind, target), self._usual_us)))
