"""What happens to a running plan, and what is to be done about it: all that goes into `Machine.take`, and comes out.

Steps are numbered in the plan's order, attempts of a step from 1. Times are microseconds of a clock that never goes
back. All of it is data, so that a durable executor can write an event down before it gives it to the machine.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from axonflow.plan.model.step import Graph
from axonflow.plan.running.state import StepState

__all__ = [
    "Begin",
    "Begun",
    "Cancelled",
    "Closed",
    "Command",
    "Compensate",
    "Ended",
    "Event",
    "Finish",
    "Grown",
    "LetGo",
    "Refused",
    "Start",
    "Stop",
    "StopReason",
    "TimePassed",
    "Undone",
    "WakeAt",
    "Withdraw",
]

StopReason = Literal["timeout", "deadline", "cancelled", "failure", "other_copy", "incomplete"]
"""Why a step is told to stop: it took too long, the plan did, the plan was cancelled, a step of it failed whose
failure stops the plan, another copy of the step was faster, or the rest of the plan does not come."""


class Begin(Struct, frozen=True, gc=False, tag=True):
    """The plan may start, `without` some of its steps and what needs them. The first event.

    Steps that have `ended` before, in an earlier run of `spent_us`, are as they were: succeeded, failed, denied or
    skipped, named in the order in which they ended. Of a plan that is `open`, more steps are to come; one that is not
    `complete` lacks some that will not, see `Closed`.
    """

    time_us: int
    without: tuple[int, ...] = ()
    ended: tuple[tuple[int, StepState], ...] = ()
    spent_us: int = 0
    open: bool = False
    complete: bool = True


class Refused(Struct, frozen=True, gc=False, tag=True):
    """The plan may not start. In place of `Begin`."""


class Begun(Struct, frozen=True, gc=False, tag=True):
    """The attempt that a `Start` asked for has been started."""

    step: int
    attempt: int
    time_us: int


class Ended(Struct, frozen=True, gc=False, tag=True):
    """An attempt has ended: as ``succeeded``, ``failed``, ``denied`` or ``held``.

    `errors` are the class names of the exception and of what it descends from, the nearest first. `not_chosen` are the
    dependents that a condition has left out. It `runs_on` if what it does could not be stopped, only left.
    """

    step: int
    attempt: int
    end: StepState
    time_us: int
    errors: tuple[str, ...] = ()
    not_chosen: tuple[int, ...] = ()
    runs_on: bool = False


class TimePassed(Struct, frozen=True, gc=False, tag=True):
    """It is `time_us` now; due after a `WakeAt`, harmless at any time."""

    time_us: int


class Cancelled(Struct, frozen=True, gc=False, tag=True):
    """Somebody wants the plan to stop."""

    time_us: int


class Grown(Struct, frozen=True, gc=False, tag=True):
    """An open plan, which nothing has stopped, has more steps: those of `graph` behind those that it had, which are the
    same as before, `without` some of them. A condition among them may choose only among them."""

    graph: Graph
    time_us: int
    without: tuple[int, ...] = ()


class Closed(Struct, frozen=True, gc=False, tag=True):
    """No more steps come to an open plan. One that is not `complete` has failed, as its failure policy says."""

    time_us: int
    complete: bool = True


class Undone(Struct, frozen=True, gc=False, tag=True):
    """The compensation of a step has ended, and whether it did what it should."""

    step: int
    succeeded: bool
    time_us: int


Event = Begin | Refused | Begun | Ended | TimePassed | Cancelled | Grown | Closed | Undone


class Start(Struct, frozen=True, gc=False, tag=True):
    """Start this attempt as soon as there is room for it, and say `Begun`."""

    step: int
    attempt: int


class Withdraw(Struct, frozen=True, gc=False, tag=True):
    """Do not start this attempt after all. Nothing is to be said of it any more."""

    step: int
    attempt: int


class Stop(Struct, frozen=True, gc=False, tag=True):
    """Tell this attempt to stop; its end is still to be said, whatever it is."""

    step: int
    attempt: int
    why: StopReason


class LetGo(Struct, frozen=True, gc=False, tag=True):
    """Wait no more for this attempt (0: for the step's compensation), which was told to stop and did not.

    Its room is free, and nothing is to be said of it any more."""

    step: int
    attempt: int


class Compensate(Struct, frozen=True, gc=False, tag=True):
    """Undo this step, and say `Undone`."""

    step: int


class WakeAt(Struct, frozen=True, gc=False, tag=True):
    """Say `TimePassed` at this time, or soon after; earlier times asked for before are still of interest."""

    time_us: int


class Finish(Struct, frozen=True, gc=False, tag=True):
    """The plan has ended: every step is in a final state, and nothing of it runs any more."""


Command = Start | Withdraw | Stop | LetGo | Compensate | WakeAt | Finish
