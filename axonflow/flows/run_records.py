"""What came of the steps of one run so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from axonflow.flows.hold_steps import Holding
from axonflow.flows.plan_labels import RunLabels
from axonflow.flows.plan_means import Acting
from axonflow.flows.reserve_plan import Reserved
from axonflow.flows.steer_plan import now_us
from axonflow.flows.step_progress import StepProgress
from axonflow.plan import Answer, Graph, SoFar, Step, StepEvent, StepRecord, StepState, Waiting
from axonflow.plan.running.budget import UNITS, taken_by_attempt
from axonflow.plan.running.events import StopReason
from axonflow.plan.running.machine import Machine
from axonflow.plan.running.state import ENDED_BEFORE

__all__ = ["RunRecords"]


class RunRecords:
    """What steps gave (`outputs`), how they went, as the `machine` says, and what all they `spent`, by unit. `error` is
    what was wrong with the rest of a plan that was still being written."""

    __slots__ = (
        "_acting", "_graph", "_holding", "_labels", "_prefix", "_progress", "_reserved", "_since_us", "_so_far",
        "_steps", "error", "machine", "outputs", "spent",
    )  # fmt: skip

    def __init__(
        self, graph: Graph, acting: Acting, machine: Machine, prefix: str, so_far: SoFar, reserved: Reserved,
        within: tuple[RunLabels, Step, str] | None,
    ) -> None:  # fmt: skip
        self._graph = graph
        self._acting = acting
        self._prefix = prefix
        self._reserved = reserved
        self.machine: Final = machine
        self._steps = machine.wiring.steps
        self._progress: list[StepProgress | None] = [None] * len(self._steps)
        self._so_far = so_far
        self._since_us = now_us() - so_far.spent_us
        self._holding = Holding(acting.answers, so_far)
        self.outputs: dict[str, Any] = dict(so_far.outputs)
        self.error: str | None = None
        self.spent: dict[str, int] = dict.fromkeys(UNITS, 0)
        tenant = acting.principal.tenant
        self._labels = RunLabels(graph, acting.governing, tenant, self.outputs, so_far.labels, acting.context, within)

    def _begun(self, step: int) -> StepProgress:
        progress = self._progress[step]
        if progress is None:
            records = self._so_far.records
            before = records.get(self._steps[step].name) if records else None
            now_us = self._acting.clock_us()
            progress = StepProgress(started_us=now_us) if before is None else StepProgress.after(before, now_us)
            self._progress[step] = progress
        return progress

    def _show(self, step: int, state: StepState) -> None:
        if self._acting.means.watch is not None:
            name = self._prefix + self._steps[step].name
            self._acting.means.watch(StepEvent(name, state, self._acting.clock_us()))

    def _spend(self, step: Step, used: Mapping[str, int]) -> None:
        """An attempt at `step` took what it has `used`, or, where that is not known, what it may take."""
        for unit in UNITS:
            self.spent[unit] += used.get(unit, taken_by_attempt(step, unit))

    def _answers(self, step: Step) -> Sequence[Answer]:
        return self._holding.answers(self._prefix + step.name)

    def _approval(self, step: Step) -> dict[str, str] | None:
        assert step.target
        return self._holding.approval(self._prefix + step.name, step.target)

    def _why_stopped(self, step: Step, why: StopReason) -> str:
        if why == "timeout":
            return f"TimeoutError: it was not done within {step.timeout_ms} ms"
        return f"stopped: {self._why_all_stopped()}"

    def _why_all_stopped(self) -> str:
        stopped = self.machine.stopped
        if isinstance(stopped, int):
            return f"{self._prefix}{self._steps[stopped].name!r} did not succeed"
        if stopped == "deadline":
            return f"the deadline of {self._graph.deadline_ms} ms has passed"
        if stopped == "incomplete":
            return "the rest of the plan did not come"
        return "the plan was cancelled"

    def result(self) -> dict[str, Any]:
        """What the steps gave that no other needs."""
        kept = self.kept()
        return {name: kept[name] for name in self._graph.sinks if name in kept}

    def kept(self) -> dict[str, Any]:
        """What the steps gave that were not undone."""
        if self.machine.stopped is None:
            return self.outputs
        undone = {
            self._steps[step].name for step, state in enumerate(self.machine.states) if state is StepState.COMPENSATED
        }
        return {name: value for name, value in self.outputs.items() if name not in undone} if undone else self.outputs

    def errors(self) -> dict[str, str]:
        """Why steps did not succeed, by name."""
        return {name: record.error for name, record in self.records().items() if record.error is not None}

    def records(self) -> dict[str, StepRecord]:
        """A record for every step, in the plan's order."""
        return {one.name: self._record(step) for step, one in enumerate(self._steps)}

    def so_far(self) -> SoFar:
        """How far a run that is held has come."""
        spent_us = now_us() - self._since_us if self._prefix else 0
        return SoFar(self.records(), self.outputs, self._holding.bodies(), labels=self.labels(), spent_us=spent_us)

    def labels(self) -> dict[str, list[str]]:
        """What the outputs carry, as far as policies read labels."""
        return self._labels.of_results()

    def waiting(self) -> tuple[Waiting, ...]:
        """What of a run that is held waits for somebody."""
        return self._holding.all_waiting(self.machine.states)

    def _record(self, step: int) -> StepRecord:
        one, state, progress = self._steps[step], self.machine.states[step], self._progress[step]
        if progress is not None:
            late = None
            if state is StepState.UNCOMPENSATED:
                late = f"not undone: it was not done within {self._acting.means.undo_ms} ms"
            return progress.record(one.name, state, late)
        before = self._so_far.records.get(one.name)
        if before is not None and (before.state in ENDED_BEFORE or state is StepState.PENDING):
            return before  # as it was, whether this run was allowed or not
        if before is None or before.state is not StepState.HELD:
            before = StepRecord(one.name, state)
        return replace(before, state=state, error=None, reasons=(self._why_never_begun(step, state),))

    def _why_never_begun(self, step: int, state: StepState) -> str:
        if state is StepState.CANCELLED:
            return self._why_all_stopped()
        if state is StepState.PENDING:
            return "it waits for an approval"
        blocker = self.machine.blockers.get(step)
        if blocker is None:
            left_out = step in self._reserved.without
            return "it is optional, and did not fit the budget" if left_out else "the plan was not allowed"
        if self._steps[blocker].kind == "condition" and self.machine.states[blocker] in _DONE:
            return f"{self._steps[blocker].name!r} did not choose it"
        return f"it needs {self._steps[blocker].name!r}: {self.machine.states[blocker]}"


_DONE: Final = frozenset({StepState.SUCCEEDED, StepState.COMPENSATED, StepState.UNCOMPENSATED})
