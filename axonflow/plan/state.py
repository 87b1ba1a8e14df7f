"""How a plan runs, without running it: the states of a step as a table, and the schedule that moves steps through it.

The caller owns the clock and the work. It asks `Schedule` what to start, starts exactly that, and reports each end::

    schedule = Schedule(plan.check())
    ready = schedule.start()
    while not schedule.done:
        name = ...                                   # whichever of the started steps ended first
        ready = schedule.finished(name, StepState.SUCCEEDED)
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from axonflow.errors import AxonFlowError
from axonflow.plan.step import Graph

__all__ = ["TRANSITIONS", "Schedule", "StepState"]


class StepState(StrEnum):
    """Where a step is. `denied` and `held` (somebody must approve) are policy's answers; `skipped` was never asked."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DENIED = "denied"
    HELD = "held"
    SKIPPED = "skipped"


TRANSITIONS: Final[Mapping[StepState, frozenset[StepState]]] = MappingProxyType(
    {
        StepState.PENDING: frozenset({StepState.RUNNING, StepState.SKIPPED}),
        StepState.RUNNING: frozenset({StepState.SUCCEEDED, StepState.FAILED, StepState.DENIED, StepState.HELD}),
        StepState.SUCCEEDED: frozenset(),
        StepState.FAILED: frozenset(),
        StepState.DENIED: frozenset(),
        StepState.HELD: frozenset(),
        StepState.SKIPPED: frozenset(),
    }
)
"""From each state, the states that may follow. One without any is final."""


class Schedule:
    """One run of one plan: which steps may start now. Linear, over the whole run, in steps and needs.

    A step that is handed out counts as running. Raises AxonFlowError, and changes nothing, when the caller reports
    what the table does not allow; that is a fault of the caller, never of the plan.
    """

    __slots__ = ("_blockers", "_dependents", "_open_count", "_states", "_waiting")

    def __init__(self, graph: Graph) -> None:
        self._dependents = graph.dependents
        self._states = dict.fromkeys(graph.steps, StepState.PENDING)
        self._waiting = {name: len(needs) for name, needs in graph.needs.items()}
        self._open_count = len(graph.steps)
        self._blockers: dict[str, str] = {}

    @property
    def states(self) -> Mapping[str, StepState]:
        """A live, read-only view: step name to state, in the plan's order."""
        return MappingProxyType(self._states)

    @property
    def blockers(self) -> Mapping[str, str]:
        """A live, read-only view: skipped step to the step whose end, other than in success, caused it."""
        return MappingProxyType(self._blockers)

    @property
    def done(self) -> bool:
        """Whether every step is in a final state."""
        return not self._open_count

    def start(self) -> list[str]:
        """The names of the steps that need nothing, in the plan's order. Once per schedule."""
        ready = [name for name, count in self._waiting.items() if not count]
        for name in ready:
            self._move(name, StepState.RUNNING)
        return ready

    def finished(self, name: str, outcome: StepState) -> list[str]:
        """Record how the running step `name` ended; the names of the steps that may start because of it.

        After success those are the dependents that waited for nothing else; after any other outcome none, and all
        that depends on `name`, directly or not, is skipped.
        """
        self._move(name, outcome)
        self._open_count -= 1
        if outcome is not StepState.SUCCEEDED:
            self._skip_dependents(name)
            return []
        ready = []
        for dependent in self._dependents[name]:
            self._waiting[dependent] -= 1
            if not self._waiting[dependent]:  # never so for a skipped step: what blocked it is not counted down
                self._states[dependent] = StepState.RUNNING
                ready.append(dependent)
        return ready

    def skip_all(self) -> None:
        """Skip every step, because the plan may not start. Instead of `start`."""
        for name in self._states:
            self._move(name, StepState.SKIPPED)
        self._open_count = 0

    def _skip_dependents(self, blocker: str) -> None:
        behind = [blocker]
        while behind:
            for name in self._dependents[behind.pop()]:
                if self._states[name] is StepState.PENDING:
                    self._states[name] = StepState.SKIPPED
                    self._blockers[name] = blocker
                    self._open_count -= 1
                    behind.append(name)

    def _move(self, name: str, state: StepState) -> None:
        current = self._states.get(name)
        if current is None or state not in TRANSITIONS[current]:
            allowed = ", ".join(sorted(TRANSITIONS[current])) if current else ""
            raise AxonFlowError(
                "illegal transition",
                expected=allowed or ("no further state" if current else "a step of the plan"),
                found=f"{current} -> {state}" if current else "an unknown one",
                at=f"step {name[:64]!a}",
            )
        self._states[name] = state
