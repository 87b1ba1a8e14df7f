"""The thread that owns the spool's connection: it takes all that waits, commits it at once and wakes the waiters.

One commit costs a sync of the disk, 0.1 to 8 ms, whatever is in it; so while one is under way, the next batch gathers.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from axonflow.adapters.sqlite_spool.held_records import HeldRecords
from axonflow.adapters.sqlite_spool.spool_file import refused
from axonflow.audit import AuditEvent, AuditRecord
from axonflow.errors import AuditError

__all__ = ["MAX_WAITING", "OwnerThread"]

T = TypeVar("T")

MAX_WAITING: Final = 10_000
"""Of appends and other calls at once; more are refused, since their callers would only wait longer and longer."""
_MAX_TAKEN: Final = 1_024


class _Call:
    """Something that a coroutine waits for: an event to be recorded, or else `job` to be done."""

    __slots__ = ("event", "future", "job", "loop")

    def __init__(self, event: AuditEvent | None, job: Callable[[HeldRecords], Any] | None) -> None:
        self.event = event
        self.job = job
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()


_FAILURE_S: Final = 30.0
_Outcomes = list[tuple[_Call, Any]]


def _settle(outcomes: Sequence[tuple[_Call, Any]]) -> None:
    """Runs in the waiters' event loop. Some may have been cancelled meanwhile."""
    for call, outcome in outcomes:
        if not call.future.done():
            if isinstance(outcome, BaseException):
                call.future.set_exception(outcome)
            else:
                call.future.set_result(outcome)


class OwnerThread:
    """Started at once. `held` may be looked at from anywhere, and used by this thread only."""

    def __init__(self, held: HeldRecords, path: Path) -> None:
        self.held = held
        self._path = path
        self._queue: SimpleQueue[_Call | None] = SimpleQueue()
        self._lock = threading.Lock()  # between looking whether it is open and queueing, nobody may close it
        self._ended: str | None = None
        self._failed: tuple[str, float] | None = None
        self._thread = threading.Thread(target=self._run, name="axonflow-spool", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> str | None:
        """Why the last append failed, for half a minute: who was sent away by this must be let back to try."""
        failed = self._failed
        return failed[0] if failed and time.monotonic() - failed[1] < _FAILURE_S else None

    @property
    def ended(self) -> bool:
        """Whether calls are refused from now on."""
        return self._ended is not None

    def append(self, event: AuditEvent) -> asyncio.Future[AuditRecord]:
        """Record `event`; done when it is durable. Raises AuditError, at once or from the future."""
        call = _Call(event, None)
        self._put(call)
        return call.future

    async def do(self, job: Callable[[HeldRecords], T]) -> T:
        """What `job` returns, run between two batches. Raises AuditError."""
        call = _Call(None, job)
        self._put(call)
        result: T = await call.future
        return result

    def close(self, why: str) -> None:
        """Refuse new calls (`why` is the reason they get), finish those that wait, let go of the file."""
        with self._lock:
            if self._ended is None:
                self._ended = why
                self._queue.put(None)
        self._thread.join()

    def abandon(self, why: str) -> None:
        """In a forked child, which has neither the thread nor a right to the connection: refuse everything."""
        self._lock = threading.Lock()  # it may have been held at the moment of the fork
        self._ended = why

    def _put(self, call: _Call) -> None:
        with self._lock:
            if self._ended is not None:
                raise AuditError(self._ended, hint="Open it again.")
            if self._queue.qsize() >= MAX_WAITING:
                raise AuditError(
                    "the audit spool is busy", expected=f"at most {MAX_WAITING} waiting", found="one more",
                    hint="The disk is slower than the events come. Try again later.",
                )  # fmt: skip
            self._queue.put(call)

    def _run(self) -> None:
        taken: list[_Call | None] = []
        try:
            going_on = True
            while going_on:
                taken = self._take()
                going_on = taken[-1] is not None
                self._serve([call for call in taken if call is not None])
        finally:
            self._end(taken)

    def _end(self, taken: list[_Call | None]) -> None:
        """Also if the code above is wrong, or memory ran out: nobody may wait for ever."""
        with self._lock:
            self._ended = self._ended or "the audit spool has stopped"
        while left := [call for call in taken if call is not None]:
            self._tell([(call, AuditError("the audit spool has stopped")) for call in left])
            taken = self._take_waiting()
        self.held.close()

    def _take(self) -> list[_Call | None]:
        """All that waits, in order, as soon as anything does; None is the end."""
        first = self._queue.get()
        return [first] if first is None else [first, *self._take_waiting()]

    def _take_waiting(self) -> list[_Call | None]:
        taken: list[_Call | None] = []
        try:
            while len(taken) < _MAX_TAKEN:
                taken.append(self._queue.get_nowait())
                if taken[-1] is None:
                    break
        except Empty:
            pass
        return taken

    def _serve(self, calls: list[_Call]) -> None:
        appends: list[_Call] = []
        for call in calls:
            if call.job is None:
                appends.append(call)
            else:
                self._record(appends)
                appends = []
                self._tell([(call, self._outcome(call.job))])
        self._record(appends)

    def _outcome(self, job: Callable[[HeldRecords], Any]) -> Any:
        try:
            return job(self.held)
        except sqlite3.Error as error:
            return refused(error, self._path)
        except Exception as error:  # noqa: BLE001  the caller gets it; the thread serves others
            return error

    def _record(self, calls: list[_Call]) -> None:
        waiting = [call for call in calls if not call.future.cancelled()]
        while waiting:
            outcomes = self._outcomes(waiting)
            self._tell(list(zip(waiting, outcomes, strict=False)))
            waiting = waiting[len(outcomes) :]

    def _outcomes(self, calls: list[_Call]) -> Sequence[AuditRecord | AuditError]:
        try:
            outcomes = self.held.append([call.event for call in calls if call.event is not None])
        except sqlite3.Error as error:
            self._failed = (refused(error, self._path).message, time.monotonic())
            return [refused(error, self._path) for _ in calls]
        except Exception as error:  # noqa: BLE001  nothing was recorded; the thread serves others
            self._failed = ("the event could not be recorded", time.monotonic())
            return [AuditError(self._failed[0], found=type(error).__name__) for _ in calls]
        self._failed = None
        return outcomes

    @staticmethod
    def _tell(outcomes: _Outcomes) -> None:
        """Wake each loop once: that is a system call."""
        by_loop: dict[asyncio.AbstractEventLoop, _Outcomes] = {}
        for call, outcome in outcomes:
            by_loop.setdefault(call.loop, []).append((call, outcome))
        for loop, told in by_loop.items():
            try:
                loop.call_soon_threadsafe(_settle, told)
            except RuntimeError:  # the loop is closed; nobody waits there any more
                continue
