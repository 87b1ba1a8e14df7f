"""What holds for a run of a plan as a whole."""

from __future__ import annotations

from msgspec import Struct

from axonflow.plan.model.options import OnFailure
from axonflow.plan.running.hedging import USUAL_SHARE

__all__ = ["RunRules"]


class RunRules(Struct, frozen=True, kw_only=True):
    """`on_failure` is for steps that say nothing of their own.

    What was told to stop has `grace_ms` for it, a compensation `undo_ms`; a plan within has as long as its own steps
    have. At most `max_parallel` attempts run at the same time, those first behind which the longest path lies; None:
    all that can. At most the part `hedge_share` of all attempts, rounded up, are second copies of steps that take long,
    where the machine shares them with nobody.
    """

    on_failure: OnFailure = "continue"
    deadline_ms: int | None = None
    grace_ms: int = 5_000
    undo_ms: int = 60_000
    max_parallel: int | None = None
    hedge_share: float = USUAL_SHARE
