"""Do what a plan's machine commands, with asyncio: start steps, stop them, wake it, and tell it what happened."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from time import monotonic_ns
from typing import Any, ClassVar, Final, Protocol

from msgspec import Struct

from axonflow.flows.call_step import StillRunning, described
from axonflow.plan import StepState
from axonflow.plan.running.events import (
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
)
from axonflow.plan.running.machine import Machine
from axonflow.plan.sharing.dispatch import Ask

__all__ = ["MAX_INLINE_STEPS", "NEVER_ENDED", "Came", "Room", "Steering", "Work", "now_us"]

MAX_INLINE_STEPS: Final = 64
"""Steps that are carried out in one task before the event loop gets a turn: no-op steps would starve it."""

_ABANDONED: Final[set[asyncio.Task[None]]] = set()
"""Tasks that were let go of. The loop knows its tasks only weakly; these would be collected before they end."""


class Came(Struct, frozen=True, gc=False):
    """What came of an attempt: how it ended, with what, and of an error what the machine and what a person is told."""

    end: StepState
    result: Any = None
    error: str | None = None
    errors: tuple[str, ...] = ()
    not_chosen: tuple[int, ...] = ()
    runs_on: bool = False


class Work(Protocol):
    """The steps of one run, by their numbers."""

    async def attempt(self, step: int, replica: str | None = None) -> Came:
        """Carry the step out once, by that `replica` of its agent if it has any. Raises nothing but what ends the task
        that it is in."""

    async def undo(self, step: int) -> bool:
        """Undo the step, and whether that went well. Raises as `attempt`."""

    def ended(self, step: int, came: Came, why: StopReason | None, took_us: int) -> None:
        """An attempt has ended, or (NEVER_ENDED) was let go of, which the machine knows; and `why`, if it had been told
        to stop."""

    def ask(self, step: int, begin: Callable[[], None]) -> Ask | None:
        """What the step takes of the room that all plans share; None: nothing."""


class Room(Protocol):
    """What all plans share, see `plan.dispatch`."""

    def admit(self, tenant: str) -> None:
        """Let one more plan in; `dismiss` when it has ended. Raises PlanError when there are too many."""

    def dismiss(self, tenant: str) -> None:
        """A plan has ended."""

    def turn(self, asks: Sequence[Ask]) -> None:
        """Let `asks` wait with the others, and begin all that there is room for, by `Ask.begin`."""

    def leave(self, ask: Ask) -> None:
        """What was begun has ended, or what waits is to wait no more; `turn` is still to be called."""


_Attempt = tuple[int, int]


class Steering:
    """Drives `machine` to its end; `run` once. Steps that wait for `room` start when they are given it."""

    __slots__ = (
        "_asks", "_at", "_context", "_due", "_failure", "_fresh", "_inline", "_left", "_loop", "_machine", "_over",
        "_room", "_told", "_wake", "_withdrawn", "_work",
    )  # fmt: skip

    def __init__(self, machine: Machine, work: Work, room: Room | None = None) -> None:
        self._machine = machine
        self._work = work
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._failure: BaseException | None = None
        self._at: dict[_Attempt, asyncio.Task[None]] = {}  # what is to end, and in which task; 0 is the compensation
        self._asks: dict[_Attempt, Ask] = {}
        self._told: dict[_Attempt, StopReason] = {}
        self._wake: asyncio.TimerHandle | None = None
        self._due: deque[_Attempt] = deque()  # what is to begin, in whatever task comes first
        self._fresh: set[asyncio.Task[None]] = set()  # tasks that are about to look what is due
        self._inline = False  # whether the task at hand is going to
        self._withdrawn: set[_Attempt] = set()
        self._context = copy_context()  # in which each step begins
        self._left = False  # whether there is room for others that they do not know of yet

    async def run(self, first: Begin | Refused) -> None:
        """Run it to its end. Cancelled, it stops the steps and waits until they have stopped or were let go of, and
        until what is to be undone is; cancelled again, it waits no more."""
        try:
            self.tell(first)
            try:
                await self._over.wait()
            except asyncio.CancelledError:
                self.tell(Cancelled(now_us()))
                await self._over.wait()
                raise
            if self._failure is not None:
                raise self._failure
        finally:
            self._close()

    def _close(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._due.clear()
        tasks = list(self._at.values())
        self._at.clear()
        for task in tasks:
            task.cancel()
            _abandon(task)
        for attempt in list(self._asks):
            self._leave_room(attempt)
        self._turn(())

    # -- commands ------------------------------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """Something has happened: do what is due because of it."""
        self._obey(self._machine.take(event))

    def _obey(self, commands: Sequence[Command]) -> None:
        asks: list[Ask] = []
        for command in commands:
            kind = command.__class__
            if kind is not Start:
                self._OBEY[kind](self, command)
                continue
            attempt = (command.step, command.attempt)  # type: ignore[union-attr]  # it is a Start
            ask = None if self._room is None else self._asked(attempt)
            if ask is None:
                self._begin(attempt)
            else:
                asks.append(ask)
        if self._room is not None:
            self._turn(asks)

    def _turn(self, asks: Sequence[Ask]) -> None:
        if self._room is not None and (asks or self._left):
            self._left = False
            self._room.turn(asks)

    def _asked(self, attempt: _Attempt) -> Ask | None:
        def begin() -> None:
            if attempt in self._asks:  # else it was withdrawn on the way here from another thread
                self._begin(attempt)

        ask = self._work.ask(attempt[0], begin)
        if ask is not None:
            self._asks[attempt] = ask
        return ask

    def _begin(self, attempt: _Attempt) -> None:
        self._due.append(attempt)
        if not self._inline and not self._fresh:
            self._muster(1)

    def _muster(self, most: int) -> None:
        """See that `most` tasks are about to look what is due, or as many as there is something for."""
        while len(self._fresh) < min(most, len(self._due)):
            self._fresh.add(self._spawned(self._work_off()))

    def _spawned(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task of its own for `work`, which is to begin when this turn is over: not what a loop may make of
        ``create_task``, which begins at once where tasks are eager."""
        task = asyncio.Task(work, loop=self._loop, context=self._context.copy())
        task.add_done_callback(self._task_done)
        return task

    def _leave_room(self, attempt: _Attempt) -> None:
        ask = self._asks.pop(attempt, None)
        if ask is not None and self._room is not None:
            self._room.leave(ask)
            self._left = True

    def _withdraw(self, command: Withdraw) -> None:
        attempt = (command.step, command.attempt)
        self._leave_room(attempt)
        self._withdrawn.add(attempt)

    def _stop(self, command: Stop) -> None:
        attempt = (command.step, command.attempt)
        self._told[attempt] = command.why
        self._at[attempt].cancel()

    def _let_go(self, command: LetGo) -> None:
        attempt = (command.step, command.attempt)
        task = self._at.pop(attempt)
        _abandon(task)
        if command.attempt:
            self._work.ended(command.step, NEVER_ENDED, self._told.pop(attempt), 0)
            self._leave_room(attempt)
        else:
            task.cancel()

    def _compensate(self, command: Compensate) -> None:
        self._at[command.step, 0] = self._spawned(self._undo(command.step))

    def _wake_at(self, command: WakeAt) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake = self._loop.call_later(max(0, command.time_us - now_us()) / 1_000_000, self._time_passed)

    def _finish(self, command: Finish) -> None:
        del command
        self._over.set()

    _OBEY: ClassVar[dict[type, Callable[[Steering, Any], None]]] = {
        Withdraw: _withdraw, Stop: _stop, LetGo: _let_go, Compensate: _compensate, WakeAt: _wake_at, Finish: _finish,
    }  # fmt: skip

    # -- what happens --------------------------------------------------------------------------------------------------

    def _time_passed(self) -> None:
        self._wake = None
        try:
            self.tell(TimePassed(now_us()))
        except Exception as fault:  # noqa: BLE001  of ours, or of who watches: the loop would log it, and nothing end
            self._failure = fault
            self._over.set()

    async def _work_off(self) -> None:
        """Carry out what is due, one after the other: a task for each step costs as much as all else that is done for
        it. While one waits, and so for each that does, the others go on in other tasks."""
        task = asyncio.current_task()
        assert task
        self._fresh.discard(task)
        due, at = self._due, self._at
        for _ in range(MAX_INLINE_STEPS):
            if not due:
                return
            attempt = due.popleft()
            if attempt in self._withdrawn:
                continue
            at[attempt] = task
            if due and len(self._fresh) < len(at):
                self._muster(len(at))
            begun_us = now_us()
            commands = self._machine.take(Begun(*attempt, begun_us))
            if commands:
                self._obey(commands)
            try:
                came = await self._work.attempt(
                    attempt[0], self._asks[attempt].replica if self._asks and attempt in self._asks else None
                )
            except asyncio.CancelledError as cancelled:
                came = _cancelled(cancelled)
            if at.pop(attempt, None) is None:
                return  # it was let go of
            if attempt in self._told:
                task.uncancel()
            self._end(attempt, came, begun_us)
            if task.cancelling() or not self._is_as_before():
                break
        self._muster(1)

    def _is_as_before(self) -> bool:
        """Whether no step has left something in a context variable: that is no business of the next one."""
        try:
            return copy_context() == self._context
        except Exception:  # noqa: BLE001  what is in variables is compared, and may do anything
            return False

    def _end(self, attempt: _Attempt, came: Came, begun_us: int) -> None:
        self._inline = True
        try:
            step, number = attempt
            ended_us = now_us()
            event = Ended(step, number, came.end, ended_us, came.errors, came.not_chosen, came.runs_on)
            commands = self._machine.take(event)
            self._work.ended(step, came, self._told.pop(attempt, None), ended_us - begun_us)
            if self._room is not None:
                self._leave_room(attempt)
            if commands or self._left:
                self._obey(commands)
        finally:
            self._inline = False

    async def _undo(self, step: int) -> None:
        try:
            well = await self._work.undo(step)
        except asyncio.CancelledError:
            well = False
        if self._at.pop((step, 0), None) is not None:
            self.tell(Undone(step, well, now_us()))

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._fresh.discard(task)
        if not task.cancelled():
            if task.exception() is not None:  # a fault of ours: nothing would ever end
                self._failure = task.exception()
                self._over.set()
            return
        self._muster(1)  # a stranger cancelled it before it had begun
        for attempt in [attempt for attempt, at in self._at.items() if at is task]:
            del self._at[attempt]
            self.tell(Undone(attempt[0], succeeded=False, time_us=now_us()))


def _abandon(task: asyncio.Task[None]) -> None:
    _ABANDONED.add(task)
    task.add_done_callback(_ABANDONED.discard)


def _cancelled(error: asyncio.CancelledError) -> Came:
    """It was told to stop; or a stranger, such as the step itself, cancelled the task: that ends the step alone."""
    runs_on = isinstance(error, StillRunning)
    return Came(StepState.FAILED, error=described(error), errors=_CANCELLED, runs_on=runs_on)


def now_us() -> int:
    """The time of the machine, in microseconds: never back, whatever the clock on the wall does."""
    return monotonic_ns() // 1000


NEVER_ENDED: Final = Came(StepState.FAILED)
_CANCELLED: Final = ("CancelledError", "BaseException")
