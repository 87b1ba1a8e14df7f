"""Where a step of a run is, and how it went."""

from __future__ import annotations

from msgspec import Struct

from axonflow.plan.running.state import StepState

__all__ = ["StepEvent", "StepRecord"]


class StepEvent(Struct, frozen=True, gc=False):
    """Where a step has got to while its plan runs; `time_us` is since the Unix epoch."""

    name: str
    state: StepState
    time_us: int


class StepRecord(Struct, frozen=True, gc=False):
    """How one step went. Times are microseconds since the Unix epoch, None for a step that was never started; the
    time between them includes the policy's answers, and the pauses between `attempts`. `error` says why a step failed,
    was denied, is held or was stopped, or could not be undone.

    `reasons` are the policy's; for a step that was skipped, or cancelled before it started, why it was. `decision_ids`
    are those of all decisions on the step. A step that is `cached` was not called: it was given what an earlier call
    gave. `tokens` and `usd_micros` are what all calls of it have said to have used.
    """

    name: str
    state: StepState
    started_us: int | None = None
    finished_us: int | None = None
    error: str | None = None
    decision_ids: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    attempts: int = 0
    cached: bool = False
    tokens: int = 0
    usd_micros: int = 0
