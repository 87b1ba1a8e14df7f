"""Steps of a run that somebody has to approve: what was said to them, and what waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from axonflow.plan import Answer, SoFar, StepState, Waiting
from axonflow.policy.approving import may_approve

__all__ = ["NOTHING_YET", "BodyHeld", "Holding", "refusal", "took_part"]


NOTHING_YET: Final = SoFar()


def took_part(ended: Sequence[tuple[int, StepState]]) -> dict[int, bool]:
    """Which steps `ended` in an earlier run, and whether they took anything there."""
    return {step: state is not StepState.SKIPPED for step, state in ended}


class BodyHeld(Exception):  # noqa: N818  no error: the body of a step waits for somebody
    """A step of the body of a step is held."""


def refusal(answers: Sequence[Answer]) -> str | None:
    """Who refused, in words; None: nobody did."""
    refused = next((one for one in answers if not one.approved), None)
    if refused is None:
        return None
    return f"refused by {refused.by}" + (f": {refused.comment}" if refused.comment else "")


class Holding:
    """Of one run of a plan: what waits, by the number of the step that is held for it, and how far the bodies of such
    steps have come (`within`), by their place."""

    __slots__ = ("_answers", "_before", "waiting", "within")

    def __init__(self, answers: dict[str, Sequence[Answer]], so_far: SoFar) -> None:
        self._answers = answers
        self._before = dict(so_far.within)
        self.waiting: dict[int, list[Waiting]] = {}
        self.within: dict[str, SoFar] = {}

    def answers(self, name: str) -> Sequence[Answer]:
        """What was said to the step of that full name."""
        return self._answers.get(name, ()) if self._answers else ()

    def approval(self, name: str, approver: str) -> dict[str, str] | None:
        """The result of an approval step: who gave it, and the comment; None: the `approver` has not."""
        given = [one for one in self.answers(name) if may_approve((approver,), one.standing)]
        return {"approved_by": given[-1].by, "comment": given[-1].comment} if given else None

    def take_before(self, place: str) -> SoFar:
        """How far the body at that place had come, told once: when it is tried again, it begins from the start."""
        return self._before.pop(place, NOTHING_YET)

    def hold(self, step: int, name: str, resource: str, why: str, approvers: tuple[str, ...]) -> None:
        """The step waits for one of the `approvers`."""
        self.waiting[step] = [Waiting(name, resource, why, approvers)]

    def hold_body(self, step: int, place: str, so_far: SoFar, waiting: Sequence[Waiting]) -> None:
        """What is in the body of the step at that place waits, or has ended beside others that do."""
        self.within[place] = so_far
        self.waiting.setdefault(step, []).extend(waiting)

    def all_waiting(self, states: Sequence[StepState]) -> tuple[Waiting, ...]:
        """All that waits, in the order of the steps, of those that are held: another copy of a step may have done."""
        return tuple(
            one for step in sorted(self.waiting) if states[step] is StepState.HELD for one in self.waiting[step]
        )

    def bodies(self) -> dict[str, SoFar]:
        """How far the bodies of steps that are held have come, also of those that were held before they began again."""
        return {**self._before, **self.within}

    @contextmanager
    def forgetting(self, prefix: str) -> Iterator[None]:
        """Forget what was said to the steps under `prefix` unless they are held: tried again, they begin from the
        start, and nobody has approved what they come to then."""
        try:
            yield
        except BodyHeld:
            raise
        except BaseException:  # stopped, too: what was said is of what is given up
            for name in [name for name in self._answers if name.startswith(prefix)]:
                del self._answers[name]
            raise
