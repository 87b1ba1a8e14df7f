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

A step that is held for approval holds what needs it as well. When nothing else is left, the run ends as held; another
machine goes on, from `Begin.ended`. A plan that is still being written is begun open: it takes in more steps
(`Grown`), and does not finish before it is `Closed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

from axonflow.errors import AxonFlowError
from axonflow.plan.model.options import OnFailure
from axonflow.plan.model.step import Graph
from axonflow.plan.running.attempts import Attempts
from axonflow.plan.running.events import (
    Begin,
    Begun,
    Cancelled,
    Closed,
    Command,
    Compensate,
    Ended,
    Event,
    Finish,
    Grown,
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
from axonflow.plan.running.frontier import Frontier
from axonflow.plan.running.hedging import Hedging
from axonflow.plan.running.order import Order
from axonflow.plan.running.run_rules import RunRules
from axonflow.plan.running.state import StepState
from axonflow.plan.running.timers import Timers
from axonflow.plan.running.wiring import Wiring

__all__ = ["Machine"]

_PENDING, _WAITING, _RUNNING = StepState.PENDING, StepState.WAITING, StepState.RUNNING
_STOPPING, _RETRYING, _COMPENSATING = StepState.STOPPING, StepState.RETRYING, StepState.COMPENSATING
_SUCCEEDED, _FAILED, _DENIED = StepState.SUCCEEDED, StepState.FAILED, StepState.DENIED
_HELD, _CANCELLED = StepState.HELD, StepState.CANCELLED
_AT_WORK: Final = frozenset({_RUNNING, _STOPPING})
_UNBEGUN: Final = frozenset({_PENDING, _WAITING, _RETRYING, _HELD})
_ENDS: Final = frozenset({_SUCCEEDED, _FAILED, _DENIED, _HELD})
_TIMED_OUT: Final = ("TimeoutError", "OSError", "Exception", "BaseException")
_RETRY, _HEDGE, _TIMEOUT, _GRACE, _DEADLINE, _UNDO = range(6)


class Machine:
    """One run of one plan. `draw` gives numbers from 0 to 1 for the jitter of retries, `durations_us` says how long
    each step will take; it is asked only when not everything may run at once. Runs that share `hedging` share how many
    second copies there may be; without, it is a run's own.

    Over the whole run linear in steps and needs, but for a heap of what waits. `take` raises AxonFlowError, and changes
    nothing, for an event that cannot be; that is a fault of the caller, never of the plan.
    """

    __slots__ = (
        "_alarms", "_attempts", "_busy", "_closed", "_commands", "_draw", "_frontier", "_move", "_now_us",
        "_opened", "_order", "_queue", "_rules", "_timers", "_tries", "_undoable", "blockers", "finished", "states",
        "status", "stopped", "urgency", "wiring",
    )  # fmt: skip

    def __init__(
        self,
        graph: Graph,
        rules: RunRules = RunRules(),  # noqa: B008  immutable
        *,
        draw: Callable[[], float] = lambda: 0.5,
        durations_us: Callable[[Wiring], Sequence[int]] = lambda wiring: [1] * len(wiring.steps),
        hedging: Hedging | None = None,
    ) -> None:
        self._frontier: Final = Frontier()
        self._move: Final = self._frontier.move
        self.states: Final[Sequence[StepState]] = self._frontier.states
        """The state of each step, by number; a live view."""
        self.blockers: Final[Mapping[int, int]] = self._frontier.blockers
        """Skipped step to the step because of which it was."""
        self.wiring: Final = self._frontier.wiring
        self._rules = rules
        self._draw = draw
        self._order = Order(self.wiring, durations_us)
        self._queue: Final = self._order.heap
        self.urgency: Final = self._order.urgency
        self._timers = Timers()
        self._alarms: Final = self._timers.heap
        self._attempts = Attempts(hedging or Hedging(rules.hedge_share))
        self._tries: list[int] = []  # attempts that are no second copies
        self._opened = False
        self._closed = True  # whether no more steps are to come
        self._busy = 0  # steps that wait for room, run, or are to be tried again or undone
        self._undoable: list[int] = []
        self._now_us = 0
        self._commands: list[Command] = []
        self.finished = False
        self.status: Literal["completed", "failed", "denied", "held"] = "completed"
        self.stopped: int | StopReason | None = None
        """Why the plan was stopped, or the number of the step whose failure did it; None: it was not."""
        self._grow(graph)

    def take(self, event: Event) -> list[Command]:
        """What is to be done because of `event`, in this order."""
        commands: list[Command] = []
        self._commands = commands
        self._HANDLERS[event.__class__](self, event)
        if self._queue:
            self._fill()
        if not self._busy and not self._attempts.alive:
            self._wind_up()
        if self._alarms and not self.finished and (at_us := self._timers.wake_at_us()) is not None:
            commands.append(WakeAt(at_us))
        return commands

    # -- events --------------------------------------------------------------------------------------------------------

    def _on_begin(self, event: Begin) -> None:
        if self._opened:
            raise _out_of_place(event)
        self._frontier.restore(event.ended)
        self._opened = True
        self._now_us = event.time_us
        self._closed = not event.open
        if not event.complete and self._rules.on_failure == "continue":
            self.status = "failed"
        if self._rules.deadline_ms is not None:
            self._set_timer(_DEADLINE, max(0, self._rules.deadline_ms - event.spent_us / 1000), 0)
        for step, state in event.ended:
            if state is _SUCCEEDED and self.wiring.steps[step].compensate is not None:
                self._undoable.append(step)
            elif state is _FAILED or state is _DENIED:
                self._count_miss(step, state)
        self._begin(range(len(self.states)), event.without)

    def _on_grown(self, event: Grown) -> None:
        if self._closed or self.stopped is not None:
            raise _out_of_place(event)
        self._now_us = event.time_us
        self._begin(self._grow(event.graph), event.without)

    def _on_closed(self, event: Closed) -> None:
        if self._closed:
            raise _out_of_place(event)
        self._now_us = event.time_us
        self._closed = True
        if not event.complete and self.stopped is None:
            if self._rules.on_failure == "cancel":
                self._stop_all("incomplete")
            elif self._rules.on_failure == "continue":
                self.status = "failed"

    def _on_refused(self, event: Refused) -> None:
        if self._opened:
            raise _out_of_place(event)
        self._opened = True
        for step in range(len(self.states)):
            self._move(step, StepState.SKIPPED)
        self.status = "denied"

    def _on_begun(self, event: Begun) -> None:
        step = event.step
        if not self._attempts.begin(step, event.attempt):
            raise _out_of_place(event)
        if self.states[step] is not _WAITING:
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
        if self.states[step] not in _AT_WORK:
            return  # another copy was faster
        if event.end is _SUCCEEDED:
            self._succeed(step, event.not_chosen)
        elif not self._attempts.any_of(step):
            self._miss(step, event.end, event.errors, runs_on=event.runs_on)

    def _on_time_passed(self, event: TimePassed) -> None:
        self._now_us = event.time_us
        for kind, step, tries in self._timers.due(event.time_us):
            if tries == self._tries[step] or kind == _DEADLINE:  # else of an attempt that is over
                self._ALARMS[kind](self, step)

    def _on_cancelled(self, event: Cancelled) -> None:
        self._now_us = event.time_us
        if self._unfinished():
            self._stop_all("cancelled")

    def _on_undone(self, event: Undone) -> None:
        if self.states[event.step] is not _COMPENSATING:
            raise _out_of_place(event)
        self._now_us = event.time_us
        self._end_undoing(event.step, StepState.COMPENSATED if event.succeeded else StepState.UNCOMPENSATED)

    # -- alarms --------------------------------------------------------------------------------------------------------

    def _retry_now(self, step: int) -> None:
        if self.states[step] is _RETRYING:
            self._make_ready(step)

    def _hedge(self, step: int) -> None:
        most = self._rules.max_parallel
        full = most is not None and self._attempts.alive >= most
        if self.states[step] is _RUNNING and not full and self._attempts.may_hedge():
            self._start(step)

    def _time_out(self, step: int) -> None:
        if self.states[step] is _RUNNING:
            self._stop_step(step, "timeout")

    def _let_go(self, step: int) -> None:
        attempts = self._attempts.let_go(step)
        self._commands += [LetGo(step, attempt) for attempt in attempts]
        if attempts and self.states[step] is _STOPPING:
            self._miss(step, _FAILED, (), runs_on=True)

    def _pass_deadline(self, step: int) -> None:
        del step
        if self._unfinished():
            self._stop_all("deadline")

    def _let_undoing_go(self, step: int) -> None:
        if self.states[step] is _COMPENSATING:
            self._commands.append(LetGo(step, 0))
            self._end_undoing(step, StepState.UNCOMPENSATED)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _grow(self, graph: Graph) -> range:
        new = self._frontier.grow(graph)
        self._attempts.grow(len(new))
        self._tries += [0] * len(new)
        return new

    def _begin(self, steps: Iterable[int], without: Sequence[int]) -> None:
        self._frontier.leave_out(without)
        for step in self._frontier.ready(steps):
            self._busy += 1
            self._make_ready(step)

    def _make_ready(self, step: int) -> None:
        self._move(step, _WAITING)
        self._tries[step] += 1
        if self._rules.max_parallel is None:
            self._start(step)
        else:
            self._order.push(step)

    def _fill(self) -> None:
        most = self._rules.max_parallel or 0
        while self._queue and self._attempts.alive < most:
            step = self._order.pop()
            if self.states[step] is _WAITING:
                self._start(step)

    def _start(self, step: int) -> None:
        self._commands.append(Start(step, self._attempts.start(step)))

    def _succeed(self, step: int, not_chosen: Sequence[int]) -> None:
        if self._attempts.any_of(step) and self.states[step] is _RUNNING:  # else its copies have been told
            self._stop_copies(step, "other_copy")
        self._move(step, _SUCCEEDED)
        self._busy -= 1
        if self.wiring.steps[step].compensate is not None:
            self._undoable.append(step)
        for other in self._frontier.pass_on(step, not_chosen):
            self._busy += 1
            self._make_ready(other)

    def _miss(self, step: int, end: StepState, errors: Sequence[str], *, runs_on: bool = False) -> None:
        """No attempt of the step is left, and none succeeded: try again, or let it end."""
        if self.stopped is not None:
            end = _CANCELLED
        elif self.states[step] is _STOPPING:
            end, errors = _FAILED, _TIMED_OUT
        if end is _FAILED and (not runs_on or self.wiring.steps[step].idempotent) and self._retries(step, errors):
            return
        self._move(step, end)
        self._busy -= 1
        if end is _FAILED or end is _DENIED:
            self._frontier.let_down(step)
            if self._count_miss(step, end) == "cancel":
                self._stop_all(step)

    def _count_miss(self, step: int, end: StepState) -> OnFailure:
        """What the plan comes to with this end of a step; what becomes of the others because of it."""
        policy = self.wiring.steps[step].on_failure or self._rules.on_failure
        if policy != "partial":
            self.status = "failed" if end is _FAILED or self.status == "failed" else "denied"
        return policy

    def _retries(self, step: int, errors: Sequence[str]) -> bool:
        retry, tries = self.wiring.steps[step].retry, self._tries[step]
        if retry is None or tries >= retry.attempts or (retry.on and not set(retry.on).intersection(errors)):
            return False
        pause_ms = retry.pause_ms(tries) * (1 - retry.jitter * self._draw())
        self._move(step, _RETRYING)
        self._set_timer(_RETRY, pause_ms, step)
        return True

    # -- stopping, and rolling back ------------------------------------------------------------------------------------

    def _unfinished(self) -> bool:
        """Whether there is anything of the plan that could be stopped."""
        if self.stopped is not None or self.finished:
            return False
        return self._busy > 0 or not self._closed or _HELD in self.states

    def _stop_all(self, why: int | StopReason) -> None:
        self.stopped = why
        self.status = "failed"
        reason: StopReason = "failure" if isinstance(why, int) else why
        for step, state in enumerate(self.states):
            if state is _RUNNING:
                self._stop_step(step, reason)
            elif state in _UNBEGUN:
                self._stop_copies(step, reason)
                self._move(step, _CANCELLED)
                if state is _WAITING or state is _RETRYING:
                    self._busy -= 1

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
        """Everything has ended: undo the next step if the plan was stopped, else finish when nothing is to come."""
        if self.stopped is not None and self._undoable:
            step = self._undoable.pop()
            self._move(step, _COMPENSATING)
            self._busy += 1
            self._commands.append(Compensate(step))
            self._set_timer(_UNDO, self._rules.undo_ms, step)
        elif not self.finished and (self._closed or self.stopped is not None):
            self.finished = True
            if _HELD in self.states:
                self.status = "held"
            self._commands.append(Finish())

    def _end_undoing(self, step: int, state: StepState) -> None:
        self._move(step, state)
        self._busy -= 1

    # -- both ----------------------------------------------------------------------------------------------------------

    def _set_timer(self, kind: int, after_ms: float, step: int) -> None:
        self._timers.set(self._now_us + round(after_ms * 1000), kind, step, self._tries[step])

    _ALARMS: ClassVar[tuple[Callable[[Machine, int], None], ...]] = (
        _retry_now, _hedge, _time_out, _let_go, _pass_deadline, _let_undoing_go,
    )  # fmt: skip
    _HANDLERS: ClassVar[dict[type, Callable[[Machine, Any], None]]] = {
        Begin: _on_begin, Refused: _on_refused, Begun: _on_begun, Ended: _on_ended, TimePassed: _on_time_passed,
        Cancelled: _on_cancelled, Grown: _on_grown, Closed: _on_closed, Undone: _on_undone,
    }  # fmt: skip


def _out_of_place(event: Event) -> AxonFlowError:
    return AxonFlowError("an event out of place", expected="an answer to a command", found=repr(event))
