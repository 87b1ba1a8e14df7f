"""How many second copies of slow steps there may be (Dean, Barroso, "The Tail at Scale", CACM 2013: a few per cent more
load take most of the tail away; without a bound, everything is called twice when everything is slow)."""

from __future__ import annotations

from typing import Final

from axonflow.errors import PlanError

__all__ = ["USUAL_SHARE", "Hedging"]

USUAL_SHARE: Final = 0.05
REMEMBERED: Final = 10_000
"""Attempts: what older ones would have allowed and nobody used is forgotten, so that a long quiet time does not allow
a flood."""
_ROUNDING: Final = 1e-9


class Hedging:
    """At most the part `share` (0 to 1) of all attempts of the runs that share it, rounded up, are second copies.
    Several threads may share it: one that is counted late allows a copy later. Raises PlanError."""

    __slots__ = ("_allowed", "_most", "_share")

    def __init__(self, share: float = USUAL_SHARE) -> None:
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise PlanError("not a share of calls", expected="0 to 1", found=str(share)[:64], at="hedge_share")
        self._share = share
        self._most = share * REMEMBERED
        self._allowed = 0.0  # those that there may be, without those that there were

    def started(self) -> None:
        """One more attempt, a second copy or not."""
        self._allowed = min(self._most, self._allowed + self._share)

    def take(self) -> bool:
        """Whether there may be one more second copy; there is one then."""
        if self._allowed < _ROUNDING:  # a part of one allows one: rounded up
            return False
        self._allowed -= 1.0
        return True
