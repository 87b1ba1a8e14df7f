"""Where one step of a run has got to, for its record."""

from __future__ import annotations

from axonflow.flows.judge_step import Judgements
from axonflow.plan import StepCall, StepRecord, StepState

__all__ = ["StepProgress"]


class StepProgress(Judgements, gc=False):
    """Begun at `started_us`. A Struct is made in half the time of an object, and the collector does not follow it."""

    started_us: int = 0
    finished_us: int | None = None
    error: str | None = None
    attempts: int = 0
    cached: bool = False
    tokens: int = 0
    usd_micros: int = 0

    @classmethod
    def after(cls, before: StepRecord, started_us: int) -> StepProgress:
        """Begun at `started_us`, or going on from `before`, the record of an earlier run, if that had begun."""
        if before.started_us is None:
            return cls(started_us=started_us)
        return cls(
            decision_ids=before.decision_ids, reasons=before.reasons, started_us=before.started_us,
            finished_us=before.finished_us, attempts=before.attempts, tokens=before.tokens,
            usd_micros=before.usd_micros,
        )  # fmt: skip

    def note(self, call: StepCall) -> None:
        """One of its calls has used something."""
        self.tokens += call.tokens or 0
        self.usd_micros += call.usd_micros or 0

    def record(self, name: str, state: StepState, error: str | None) -> StepRecord:
        """The record of the step, with `error` if it has none of its own."""
        return StepRecord(
            name, state, self.started_us, self.finished_us, error if self.error is None else self.error,
            self.decision_ids, self.reasons, self.attempts, self.cached, self.tokens, self.usd_micros,
        )  # fmt: skip
