"""What one recorded decision knows beyond its request: that something was found in its content, or that nothing was."""

from __future__ import annotations

from typing import Any, Final

from axonflow.detect import Finding
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.whatif.recorded import MOST_FINDINGS, Recorded

__all__ = ["RecordedEvaluation"]

_MOST_NAMED: Final = 8


class RecordedEvaluation(Evaluation):
    """One of a recorded decision. Where `asked` is given, these detectors are known to have looked at the content."""

    __slots__ = ("_asked", "_found", "_is_own", "_nothing", "_whole", "looked")

    def __init__(
        self, request: Any, time_us: int, event: Recorded, scanner: Any, asked: frozenset[str] | None, *, is_own: bool
    ) -> None:
        """`is_own`: it is evaluated by the policies that it was decided by, so what they ask is what they asked."""
        super().__init__(request, time_us, scanner)
        self._found = {one.detector for one in event.findings}
        self._asked = asked or frozenset()
        self._nothing = not event.has_content
        self._whole = len(event.findings) < MOST_FINDINGS
        self._is_own = is_own and not event.details.streamed  # of its text nothing was there to be looked at
        self.looked: set[str] = set()

    @property
    def spent(self) -> int:
        """Steps so far, as negative numbers are."""
        return self._steps

    def detected(self, detector_ids: tuple[str, ...]) -> bool:
        self.looked.update(detector_ids)
        if not self._found.isdisjoint(detector_ids):
            return True
        self._know_of(detector_ids)
        return False

    def findings(self, detector_ids: tuple[str, ...]) -> tuple[Finding, ...]:
        self.looked.update(detector_ids)
        if not self._found.isdisjoint(detector_ids):  # of what was found too little is recorded
            raise self.request.unseen.error("findings")  # type: ignore[attr-defined]  # it is a PartialRequest
        self._know_of(detector_ids)
        return ()

    def _know_of(self, detector_ids: tuple[str, ...]) -> None:
        """That nothing was found has to be known of all of them."""
        if self._nothing or (self._whole and (self._is_own or self._asked.issuperset(detector_ids))):
            return
        unknown = [one for one in detector_ids if one not in self._asked] if self._whole else ["*"]
        request: Any = self.request
        request.unseen.asked += [f"detector {one}" for one in unknown[1:_MOST_NAMED]]
        raise request.unseen.error(f"detector {unknown[0]}")
