"""What one decision knows beyond its request: the findings in its content, its time, and how much work is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from axonflow.detect import Finding, Inspection, Replacing, Scanner
from axonflow.policy.cel.values import ExhaustedError
from axonflow.policy.request import Request

__all__ = ["EXHAUSTED", "Evaluation"]

MAX_LOOP_STEPS = 200_000
"""Elements that all the loops (exists, map...) of one decision may visit together."""
EXHAUSTED: Final = f"more than {MAX_LOOP_STEPS} loop steps in one decision"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Evaluation:
    """Lazy: content is inspected by the detectors that a candidate rule asks for, each at most once."""

    __slots__ = ("_inspection", "_scanner", "_steps", "request", "time_us")

    def __init__(self, request: Request, time_us: int, scanner: Scanner) -> None:
        self.request = request
        self.time_us = time_us
        self._scanner = scanner
        self._inspection: Inspection | None = None
        self._steps = MAX_LOOP_STEPS

    @property
    def _content(self) -> Inspection:
        inspection = self._inspection
        if inspection is None:
            inspection = self._inspection = self._scanner.inspect(self.request.content)
        return inspection

    def detected(self, detector_ids: tuple[str, ...]) -> bool:
        return self._content.any(detector_ids)

    def findings(self, detector_ids: tuple[str, ...]) -> tuple[Finding, ...]:
        return self._content.findings(detector_ids)

    def found(self) -> tuple[Finding, ...]:
        """What was found so far. Looks for nothing more."""
        return () if self._inspection is None else self._inspection.found()

    def redact(self, detector_ids: tuple[str, ...], replacing: Replacing) -> Any:
        return self._content.redact(detector_ids, replacing)

    def timestamp(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.time_us)

    def spend(self, steps: int) -> None:
        """Take `steps` from what is left. Raises ExhaustedError when there is not enough: a loop always ends."""
        self._steps -= steps
        if self._steps < 0:
            raise ExhaustedError(EXHAUSTED)
