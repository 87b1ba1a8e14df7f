"""How a plan runs, without running it: events in, commands out. No clock, no await; the caller does what is commanded.

::

    machine = Machine(plan.check())
    commands = machine.take(Begin(now_us()))
    while Finish() not in commands:
        ...                                # do what they say, and wait until something happens
        commands = machine.take(Ended(step, attempt, StepState.SUCCEEDED, now_us()))

A step starts the moment its inputs are there. One that fails is tried again as its `Retry` says; then its failure
policy holds: ``continue`` (what does not need it goes on, and the plan fails), ``partial`` (so too, but the plan does
not count as failed for it), ``cancel`` (all is stopped). A plan that was stopped, by such a failure, by its deadline
or by somebody, is rolled back: when nothing runs any more, the steps that succeeded and have a compensation are undone
one by one, the last one to end first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any, ClassVar, Final, Literal

from axonflow.errors import AxonFlowError
from axonflow.plan.attempts import Attempts
from axonflow.plan.events import (
    Begin,
    Begun,
    Cancelled,
    Command,
    Compensate,
    Ended,
    Event,
    Finish,
    LetGo,
    Refused,
    Start,
    Stop,
    StopReason,
    TimePassed,
    Undone,
    WakeAt,
    Withdraw,
)  # fmt: skip
from axonflow.plan.run_rules import RunRules
from axonflow.plan.state import TRANSITIONS, StepState
from axonflow.plan.step import Graph
from axonflow.plan.wiring import Wiring, path_lengths, wired

__all__ = ["Machine"]

_PENDING, _WAITING, _RUNNING = StepState.PENDING, StepState.WAITING, StepState.RUNNING
_STOPPING, _RETRYING, _COMPENSATING = StepState.STOPPING, StepState.RETRYING, StepState.COMPENSATING
_SUCCEEDED, _FAILED, _SKIPPED = StepState.SUCCEEDED, StepState.FAILED, StepState.SKIPPED
_CANCELLED = StepState.CANCELLED
_AT_WORK: Final = frozenset({_RUNNING, _STOPPING})
_ENDS: Final = frozenset({_SUCCEEDED, _FAILED, StepState.DENIED, StepState.HELD})
_TIMED_OUT: Final = ("TimeoutError", "OSError", "Exception", "BaseException")
_RETRY, _HEDGE, _TIMEOUT, _GRACE, _DEADLINE, _UNDO = range(6)


class Machine:
    """One run of one plan. `draw` gives numbers from 0 to 1 for the jitter of retries, `durations_us` says how long
    each step will take; it is asked only when not everything may run at once.

    Over the whole run linear in steps and needs, but for a heap of what waits. `take` raises AxonFlowError, and changes
    nothing, for an event that cannot be; that is a fault of the caller, never of the plan.
    """

    __slots__ = (
        "_attempts", "_commands", "_draw", "_durations_us", "_hedges", "_lengths", "_now_us", "_open", "_opened",
        "_queue", "_rules", "_spare", "_states", "_timers", "_tries", "_undoable", "_waiting", "_wakes_at_us",
        "blockers", "finished", "status", "stopped", "wiring",
    )  # fmt: skip

    def __init__(
        self,
        graph: Graph,
        rules: RunRules = RunRules(),  # noqa: B008  immutable
        *,
        draw: Callable[[], float] = lambda: 0.5,
        durations_us: Callable[[Wiring], Sequence[int]] = lambda wiring: [1] * len(wiring.steps),
    ) -> None:
        self.wiring: Final = wired(graph)
        count = len(self.wiring.steps)
        self._rules = rules
        self._draw = draw
        self._durations_us = durations_us
        self._lengths: list[int] | None = None
        self._states = [_PENDING] * count
        self._waiting = list(self.wiring.enough)
        self._spare = [all_ - few for all_, few in zip(self.wiring.needs, self.wiring.enough, strict=True)]
        self._attempts = Attempts(count)
        self._tries = [0] * count  # attempts that are no second copies
        self._hedges = 0  # those that are
        self._opened = False
        self._open = count  # steps that are in no final state
        self._queue: list[tuple[int, int, int]] = []
        self._timers: list[tuple[int, int, int, int]] = []
        self._wakes_at_us = 0  # 0: nobody was asked to wake us
        self._undoable: list[int] = []
        self._now_us = 0
        self._commands: list[Command] = []
        self.finished = False
        self.status: Literal["completed", "failed", "denied"] = "completed"
        self.stopped: int | StopReason | None = None
        """Why the plan was stopped, or the number of the step whose failure did it; None: it was not."""
        self.blockers: dict[int, int] = {}
        """Skipped step to the step because of which it was."""

    @property
    def states(self) -> Sequence[StepState]:
        """The state of each step, by number; a live view."""
        return self._states

    def urgency(self, step: int) -> tuple[int, int]:
        """What sorts steps that are ready: first by priority, then by the length of the path that hangs on them."""
        if self._lengths is None:
            self._lengths = path_lengths(self.wiring, self._durations_us(self.wiring))
        return -self.wiring.steps[step].priority, -self._lengths[step]

    def take(self, event: Event) -> list[Command]:
        """What is to be done because of `event`, in this order."""
        commands: list[Command] = []
        self._commands = commands
        self._HANDLERS[event.__class__](self, event)
        if self._queue:
            self._fill()
        if not self._open and not self._attempts.alive:
            self._wind_up()
        if self._timers and not self.finished and not 0 < self._wakes_at_us <= self._timers[0][0]:
            self._wakes_at_us = self._timers[0][0]
            commands.append(WakeAt(self._wakes_at_us))
        return commands

    # -- events --------------------------------------------------------------------------------------------------------

    def _on_begin(self, event: Begin) -> None:
        self._open_for(event)
        self._now_us = event.time_us
        if self._rules.deadline_ms is not None:
            self._set_timer(_DEADLINE, self._rules.deadline_ms, 0)
        for step in event.without:
            if self._states[step] is _PENDING:
                self._move(step, _SKIPPED)
                self._open -= 1
                self._lose_dependents(step)
        for step, count in enumerate(self._waiting):
            if not count and self._states[step] is _PENDING:
                self._make_ready(step)

    def _on_refused(self, event: Refused) -> None:
        self._open_for(event)
        for step in range(len(self._states)):
            self._move(step, _SKIPPED)
        self._open = 0
        self.status = "denied"

    def _open_for(self, event: Event) -> None:
        if self._opened:
            raise _out_of_place(event)
        self._opened = True

    def _on_begun(self, event: Begun) -> None:
        step = event.step
        if not self._attempts.begin(step, event.attempt):
            raise _out_of_place(event)
        if self._states[step] is not _WAITING:
            return  # a second copy
        self._move(step, _RUNNING)
        rules = self.wiring.steps[step]
        if rules.timeout_ms is not None or rules.hedge is not None:
            self._now_us = event.time_us
            if rules.timeout_ms is not None:
                self._set_timer(_TIMEOUT, rules.timeout_ms, step)
            if rules.hedge is not None:
                self._set_timer(_HEDGE, rules.hedge.after_ms, step)

    def _on_ended(self, event: Ended) -> None:
        step = event.step
        if event.end not in _ENDS or not self._attempts.end(step, event.attempt):
            raise _out_of_place(event)
        self._now_us = event.time_us
        if self._states[step] not in _AT_WORK:
            return  # another copy was faster
        if event.end is _SUCCEEDED:
            self._succeed(step, event.not_chosen)
        elif not self._attempts.any_of(step):
            self._miss(step, event.end, event.errors, runs_on=event.runs_on)

    def _on_time_passed(self, event: TimePassed) -> None:
        self._now_us = event.time_us
        self._wakes_at_us = 0
        while self._timers and self._timers[0][0] <= event.time_us:
            _, kind, step, tries = heappop(self._timers)
            if tries == self._tries[step] or kind == _DEADLINE:  # else of an attempt that is over
                self._ALARMS[kind](self, step)

    def _on_cancelled(self, event: Cancelled) -> None:
        self._now_us = event.time_us
        if self.stopped is None and self._open:
            self._stop_all("cancelled")

    def _on_undone(self, event: Undone) -> None:
        if self._states[event.step] is not _COMPENSATING:
            raise _out_of_place(event)
        self._now_us = event.time_us
        self._end_undoing(event.step, StepState.COMPENSATED if event.succeeded else StepState.UNCOMPENSATED)

    # -- alarms --------------------------------------------------------------------------------------------------------

    def _retry_now(self, step: int) -> None:
        if self._states[step] is _RETRYING:
            self._make_ready(step)

    def _hedge(self, step: int) -> None:
        most, attempts = self._rules.max_parallel, self._attempts
        full = most is not None and attempts.alive >= most
        if self._states[step] is _RUNNING and not full and self._hedges < self._rules.hedge_share * attempts.count:
            self._hedges += 1
            self._start(step)

    def _time_out(self, step: int) -> None:
        if self._states[step] is _RUNNING:
            self._stop_step(step, "timeout")

    def _let_go(self, step: int) -> None:
        attempts = self._attempts.let_go(step)
        self._commands += [LetGo(step, attempt) for attempt in attempts]
        if attempts and self._states[step] is _STOPPING:
            self._miss(step, _FAILED, (), runs_on=True)

    def _pass_deadline(self, step: int) -> None:
        del step
        if self.stopped is None and self._open:
            self._stop_all("deadline")

    def _let_undoing_go(self, step: int) -> None:
        if self._states[step] is _COMPENSATING:
            self._commands.append(LetGo(step, 0))
            self._end_undoing(step, StepState.UNCOMPENSATED)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _make_ready(self, step: int) -> None:
        self._move(step, _WAITING)
        self._tries[step] += 1
        if self._rules.max_parallel is None:
            self._start(step)
        else:
            heappush(self._queue, (*self.urgency(step), step))

    def _fill(self) -> None:
        most = self._rules.max_parallel or 0
        while self._queue and self._attempts.alive < most:
            step = heappop(self._queue)[2]
            if self._states[step] is _WAITING:
                self._start(step)

    def _start(self, step: int) -> None:
        self._commands.append(Start(step, self._attempts.start(step)))

    def _succeed(self, step: int, not_chosen: Sequence[int]) -> None:
        if self._attempts.any_of(step) and self._states[step] is _RUNNING:  # else its copies have been told
            self._stop_copies(step, "other_copy")
        self._move(step, _SUCCEEDED)
        self._open -= 1
        if self.wiring.steps[step].compensate is not None:
            self._undoable.append(step)
        dependents = self.wiring.dependents[step]
        if not_chosen:
            dependents = [other for other in dependents if other not in not_chosen]
            for other in not_chosen:
                self._lose(other, step)
        waiting, states = self._waiting, self._states
        for other in dependents:
            waiting[other] -= 1
            if not waiting[other] and states[other] is _PENDING:
                self._make_ready(other)

    def _miss(self, step: int, end: StepState, errors: Sequence[str], *, runs_on: bool = False) -> None:
        """No attempt of the step is left, and none succeeded: try again, or let it end."""
        if self.stopped is not None:
            self._move(step, _CANCELLED)
            self._open -= 1
            return
        if self._states[step] is _STOPPING:
            end, errors = _FAILED, _TIMED_OUT
        if end is _FAILED and (not runs_on or self.wiring.steps[step].idempotent) and self._retries(step, errors):
            return
        self._move(step, end)
        self._open -= 1
        policy = self.wiring.steps[step].on_failure or self._rules.on_failure
        if policy != "partial":
            self.status = "failed" if end is _FAILED or self.status == "failed" else "denied"
        self._lose_dependents(step)
        if policy == "cancel":
            self._stop_all(step)

    def _retries(self, step: int, errors: Sequence[str]) -> bool:
        retry, tries = self.wiring.steps[step].retry, self._tries[step]
        if retry is None or tries >= retry.attempts or (retry.on and not set(retry.on).intersection(errors)):
            return False
        pause_ms = retry.pause_ms(tries) * (1 - retry.jitter * self._draw())
        self._move(step, _RETRYING)
        self._set_timer(_RETRY, pause_ms, step)
        return True

    def _lose_dependents(self, step: int) -> None:
        for other in self.wiring.dependents[step]:
            self._lose(other, step)

    def _lose(self, first: int, blocker: int) -> None:
        """Skip the step `first`, which does not get one of its needs, and all that cannot do without it."""
        lost = [first]
        while lost:
            step = lost.pop()
            if self._states[step] is not _PENDING:
                continue
            self._spare[step] -= 1
            if self._spare[step] < 0:
                self._move(step, _SKIPPED)
                self._open -= 1
                self.blockers[step] = blocker
                lost += self.wiring.dependents[step]

    # -- stopping, and rolling back ------------------------------------------------------------------------------------

    def _stop_all(self, why: int | StopReason) -> None:
        self.stopped = why
        self.status = "failed"
        reason: StopReason = "failure" if isinstance(why, int) else why
        for step, state in enumerate(self._states):
            if state is _RUNNING:
                self._stop_step(step, reason)
            elif state is _PENDING or state is _WAITING or state is _RETRYING:
                self._stop_copies(step, reason)
                self._move(step, _CANCELLED)
                self._open -= 1

    def _stop_step(self, step: int, why: StopReason) -> None:
        self._move(step, _STOPPING)
        self._stop_copies(step, why)
        if not self._attempts.any_of(step):  # its second copy had not begun, and its first has ended
            self._miss(step, _FAILED, ())

    def _stop_copies(self, step: int, why: StopReason) -> None:
        self._commands += [Withdraw(step, attempt) for attempt in self._attempts.withdraw(step)]
        begun = self._attempts.begun(step)
        self._commands += [Stop(step, attempt, why) for attempt in begun]
        if begun and self.wiring.steps[step].body is None:  # a plan within lets go of its own steps, and undoes them
            self._set_timer(_GRACE, self._rules.grace_ms, step)

    def _wind_up(self) -> None:
        """Everything has ended: undo the next step if the plan was stopped, else finish."""
        if self.stopped is not None and self._undoable:
            step = self._undoable.pop()
            self._move(step, _COMPENSATING)
            self._open += 1
            self._commands.append(Compensate(step))
            self._set_timer(_UNDO, self._rules.undo_ms, step)
        elif not self.finished:
            self.finished = True
            self._commands.append(Finish())

    def _end_undoing(self, step: int, state: StepState) -> None:
        self._move(step, state)
        self._open -= 1

    # -- both ----------------------------------------------------------------------------------------------------------

    def _set_timer(self, kind: int, after_ms: float, step: int) -> None:
        heappush(self._timers, (self._now_us + round(after_ms * 1000), kind, step, self._tries[step]))

    def _move(self, step: int, state: StepState) -> None:
        if state not in TRANSITIONS[self._states[step]]:
            raise AxonFlowError(
                "illegal transition", expected=", ".join(sorted(TRANSITIONS[self._states[step]])) or "no further state",
                found=f"{self._states[step]} -> {state}", at=f"step {self.wiring.names[step]!r}",
            )  # fmt: skip
        self._states[step] = state

    _ALARMS: ClassVar[tuple[Callable[[Machine, int], None], ...]] = (
        _retry_now, _hedge, _time_out, _let_go, _pass_deadline, _let_undoing_go,
    )  # fmt: skip
    _HANDLERS: ClassVar[dict[type, Callable[[Machine, Any], None]]] = {
        Begin: _on_begin, Refused: _on_refused, Begun: _on_begun, Ended: _on_ended, TimePassed: _on_time_passed,
        Cancelled: _on_cancelled, Undone: _on_undone,
    }  # fmt: skip


def _out_of_place(event: Event) -> AxonFlowError:
    return AxonFlowError("an event out of place", expected="an answer to a command", found=repr(event))
