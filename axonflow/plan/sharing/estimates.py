"""How long steps take, learned from those that ended: an average that forgets, by kind and target."""

from __future__ import annotations

from typing import Final

__all__ = ["Estimates"]

WEIGHT: Final = 0.2
"""Of the newest duration in the average: half of what is known is from the last three."""
MAX_KNOWN: Final = 10_000
"""When there are more, the half of them is forgotten that was not seen for longest."""


class Estimates:
    """Durations in microseconds. What was never seen counts as long as the average of all that was, else as 1."""

    __slots__ = ("_known", "_usual_us")

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], float] = {}
        self._usual_us: float | None = None

    def learn(self, kind: str, target: str, took_us: int) -> None:
        """A step of this kind and target ended well after `took_us`."""
        key = (kind, target)
        before = self._known.pop(key, None)  # and put in again, last: the first are those not seen for longest
        if len(self._known) >= MAX_KNOWN:
            self._known = dict(list(self._known.items())[MAX_KNOWN // 2 :])  # copied at once: other threads learn too
        self._known[key] = took_us if before is None else before + WEIGHT * (took_us - before)
        self._usual_us = took_us if self._usual_us is None else self._usual_us + WEIGHT * (took_us - self._usual_us)

    def of_us(self, kind: str, target: str) -> int:
        """How long a step of this kind and target will take: 1 or more."""
        return max(1, round(self._known.get((kind, target)) or self._usual_us or 1))
