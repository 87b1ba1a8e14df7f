"""Where the steps of a running plan are, and which of them what happens makes ready, or lets down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from axonflow.errors import AxonFlowError
from axonflow.plan.model.step import Graph
from axonflow.plan.running.state import ENDED_BEFORE, LOST, TRANSITIONS, StepState
from axonflow.plan.running.wiring import Wiring

__all__ = ["Frontier"]

_PENDING, _SUCCEEDED, _SKIPPED = StepState.PENDING, StepState.SUCCEEDED, StepState.SKIPPED


class Frontier:
    """The `states` of the steps of a `wiring`, by number. Ready are pending steps that wait for nothing any more.

    Over a whole run linear in steps and needs. `blockers` say of skipped steps because of which they were.
    """

    __slots__ = ("_spare", "_waiting", "blockers", "states", "wiring")

    def __init__(self) -> None:
        self.wiring: Final = Wiring([], [], {}, [], [], [])
        self.states: Final[list[StepState]] = []
        self.blockers: Final[dict[int, int]] = {}
        self._waiting: list[int] = []  # how many needs are still to succeed
        self._spare: list[int] = []  # how many may be lost

    def grow(self, graph: Graph) -> range:
        """Take in the steps of `graph` behind those that are here; their numbers. Raises as `Wiring.grow`."""
        wiring, first = self.wiring, len(self.states)
        wiring.grow(graph)
        new = range(first, len(wiring.steps))
        self.states.extend([_PENDING] * len(new))
        self._waiting += wiring.enough[first:]
        self._spare += [wiring.needs[step] - wiring.enough[step] for step in new]
        if first:
            for step in new:
                self._look_back(step, [wiring.numbers[need] for need in graph.needs[wiring.names[step]]], first)
        return new

    def _look_back(self, step: int, needs: Sequence[int], first: int) -> None:
        """What the step has, or has lost, of steps that were there before `first`; those that came with it tell it."""
        for need in needs:
            if need < first:
                if self.states[need] is _SUCCEEDED:
                    self._waiting[step] -= 1
                elif self.states[need] in LOST:
                    self._lose(step, need)

    def restore(self, ended: Iterable[tuple[int, StepState]]) -> None:
        """Steps `ended` so in an earlier run. Raises AxonFlowError for what is no such state."""
        before = dict(ended)
        for step, state in before.items():
            if state not in ENDED_BEFORE:
                expected = ", ".join(sorted(ENDED_BEFORE))
                raise AxonFlowError("not the end of a step", expected=expected, found=state, at=self._at(step))
        for step, state in before.items():
            self.states[step] = state
        for step, state in before.items():
            for other in self.wiring.dependents[step]:
                if state is _SUCCEEDED:
                    self._waiting[other] -= 1
                else:
                    self._lose(other, step)

    def move(self, step: int, state: StepState) -> None:
        """The step is in `state` now. Raises AxonFlowError where it cannot be."""
        following = TRANSITIONS[self.states[step]]
        if state not in following:
            raise AxonFlowError(
                "illegal transition", expected=", ".join(sorted(following)) or "no further state",
                found=f"{self.states[step]} -> {state}", at=self._at(step),
            )  # fmt: skip
        self.states[step] = state

    def _at(self, step: int) -> str:
        return f"step {self.wiring.names[step]!r}"

    def ready(self, steps: Iterable[int]) -> list[int]:
        """Those of `steps` that are ready."""
        return [step for step in steps if self._waiting[step] <= 0 and self.states[step] is _PENDING]

    def pass_on(self, step: int, not_chosen: Sequence[int]) -> list[int]:
        """The step has succeeded, and has not chosen these of its dependents. Those that are ready because of it."""
        dependents: Sequence[int] = self.wiring.dependents[step]
        if not_chosen:
            dependents = [other for other in dependents if other not in not_chosen]
            for other in not_chosen:
                self._lose(other, step)
        waiting, states = self._waiting, self.states
        ready = []
        for other in dependents:
            waiting[other] -= 1
            if not waiting[other] and states[other] is _PENDING:
                ready.append(other)
        return ready

    def leave_out(self, steps: Iterable[int]) -> None:
        """The plan does without these, and what needs them."""
        for step in steps:
            if self.states[step] is _PENDING:
                self.move(step, _SKIPPED)
                self.let_down(step)

    def let_down(self, step: int) -> None:
        """The step has not succeeded: what cannot do without it is skipped."""
        for other in self.wiring.dependents[step]:
            self._lose(other, step)

    def _lose(self, first: int, blocker: int) -> None:
        """Skip the step `first`, which does not get one of its needs, and all that cannot do without it."""
        lost = [first]
        while lost:
            step = lost.pop()
            if self.states[step] is not _PENDING:
                continue
            self._spare[step] -= 1
            if self._spare[step] < 0:
                self.move(step, _SKIPPED)
                self.blockers[step] = blocker
                lost += self.wiring.dependents[step]
