"""The thread that owns the spool's connection: it takes all that waits, commits it at once and wakes the waiters.

One commit costs a sync of the disk, 0.1 to 8 ms, whatever is in it; so while one is under way, the next batch gathers.
What nobody waits for gathers for some time longer: then the thread, which fights the callers for the interpreter's
lock, is woken once for many.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from axonflow.adapters.sqlite_spool.held_records import RECORD_BYTES, HeldRecords
from axonflow.adapters.sqlite_spool.rows import Entry
from axonflow.adapters.sqlite_spool.spool_file import is_damage, refused, suspect
from axonflow.audit import AuditRecord
from axonflow.errors import AuditError

__all__ = ["GROUP", "LINGER_S", "MAX_WAITING", "OwnerThread"]

T = TypeVar("T")

MAX_WAITING: Final = 10_000
"""Of appends and other calls at once; more are refused, since their callers would only wait longer and longer."""
_MAX_TAKEN: Final = 1_024
LINGER_S: Final = 0.02
GROUP: Final = 1_000
"""What nobody waits for is committed so long after the first of it came, or when it is so many."""
_RETRY_S: Final = 0.5
_MAX_LOST_NOTED: Final = 100
"""Events that cannot be recorded although they were taken: more than these are counted, and not kept."""


class _Call:
    """Something that a coroutine waits for: an entry to be recorded, or else `job` to be done."""

    __slots__ = ("entry", "future", "job", "loop")

    def __init__(self, entry: Entry | None, job: Callable[[HeldRecords], Any] | None) -> None:
        self.entry = entry
        self.job = job
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()


class _Wake:
    """Something that nobody waits for is there."""


_WAKE: Final = _Wake()
_FAILURE_S: Final = 30.0
_Item = _Call | _Wake | None
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
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._later: list[Entry] = []
        self._promised = 0
        self._promised_bytes = 0
        self._later_since = 0.0
        self._overdue = False
        self.lost = 0
        """Events that were taken and could not be recorded."""
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

    @property
    def waiting(self) -> int:
        """How many events were taken and are not recorded yet."""
        return self._promised

    def append(self, entry: Entry) -> asyncio.Future[AuditRecord]:
        """Record it; done when it is durable. Raises AuditError, at once or from the future."""
        call = _Call(entry, None)
        self._put(call)
        return call.future

    def append_later(self, entry: Entry, size_bytes: int) -> bool:
        """Take the entry, whose canonical bytes are so many, to be recorded within moments; or False: there is no room,
        the disk refuses, too many wait, or this is closed."""
        with self._lock:
            promised_bytes = self._promised_bytes + size_bytes + RECORD_BYTES
            if (
                self._promised >= MAX_WAITING or self._overdue or self._ended is not None
                or self.held.held_bytes + promised_bytes > self.held.max_bytes
            ):  # fmt: skip
                return False
            self._promised += 1
            self._promised_bytes = promised_bytes
            count = len(self._later)
            self._later.append(entry)
            if count == 0:
                self._later_since = time.monotonic()
        if count == 0 or count == GROUP - 1:
            self._queue.put(_WAKE)
        return True

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
        taken: list[_Item] = []
        try:
            going_on = True
            while going_on:
                taken = self._take()
                going_on = not taken or taken[-1] is not None
                self._serve([call for call in taken if isinstance(call, _Call)])
        finally:
            self._end(taken)

    def _end(self, taken: list[_Item]) -> None:
        """Also if the code above is wrong, or memory ran out: nobody may wait for ever."""
        with self._lock:
            self._ended = self._ended or "the audit spool has stopped"
            self.lost += len(self._later)
        while left := [call for call in taken if isinstance(call, _Call)]:
            self._tell([(call, AuditError("the audit spool has stopped")) for call in left])
            taken = self._take_waiting()
        self.held.close()

    def _take(self) -> list[_Item]:
        """All that waits, in order, as soon as anything does that is waited for; None is the end. Nothing, when it is
        time for what nobody waits for."""
        while True:
            try:
                first = self._queue.get(timeout=self._until_later_s() if self._later else None)
            except Empty:
                return []
            if first is None:
                return [first]
            if first is not _WAKE:
                return [first, *self._take_waiting()]
            if len(self._later) >= GROUP:
                return []

    def _until_later_s(self) -> float:
        return _RETRY_S if self._overdue else max(self._later_since + LINGER_S - time.monotonic(), 0.0)

    def _take_waiting(self) -> list[_Item]:
        taken: list[_Item] = []
        try:
            while len(taken) < _MAX_TAKEN:
                taken.append(self._queue.get_nowait())
                if taken[-1] is None:
                    break
        except Empty:
            pass
        return taken

    def _serve(self, calls: list[_Call]) -> None:
        """What nobody waits for goes first: it was there first, or as good as that."""
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
            if is_damage(error):
                suspect(self._path)
            return refused(error, self._path)
        except Exception as error:  # noqa: BLE001  the caller gets it; the thread serves others
            return error

    def _record(self, calls: list[_Call]) -> None:
        waiting = [call for call in calls if not call.future.cancelled()]
        with self._lock:
            later, self._later = self._later, []
        while later or waiting:
            entries = later + [call.entry for call in waiting if call.entry is not None]
            try:
                outcomes = self.held.append(entries)
            except Exception as error:  # noqa: BLE001  nothing was recorded; the thread serves others
                self._put_off(later)
                self._failure(error)
                self._tell([(call, self._failure(error)) for call in waiting])
                return
            self._failed = None
            self._overdue = False
            self._note_lost(list(zip(later, outcomes, strict=False)))
            told = outcomes[len(later) :]
            self._tell(list(zip(waiting, told, strict=False)))
            waiting = waiting[len(told) :]
            later = later[len(outcomes) :]

    def _put_off(self, later: list[Entry]) -> None:
        """They are tried again, and until that works, no more are taken: it would be more and more that may be lost."""
        with self._lock:
            self._later = later + self._later
            self._overdue = bool(self._later)

    def _failure(self, error: Exception) -> AuditError:
        """A fresh one for each caller: an exception carries its own traceback."""
        if isinstance(error, sqlite3.Error):
            found = refused(error, self._path)
            if is_damage(error):
                suspect(self._path)
        else:
            found = AuditError("the event could not be recorded", found=type(error).__name__)
        self._failed = (found.message, time.monotonic())
        return found

    def _note_lost(self, outcomes: Sequence[tuple[Entry, AuditRecord | AuditError]]) -> None:
        done_bytes = 0
        for entry, outcome in outcomes:
            canonical = entry.canonical or b""
            done_bytes += len(canonical) + RECORD_BYTES
            if isinstance(outcome, AuditError):
                self.lost += 1
                if self.lost <= _MAX_LOST_NOTED:
                    with suppress(sqlite3.Error, UnicodeError):
                        self.held.quarantine_event(str(entry.event.tenant_id), canonical, str(outcome)[:1_000])
        with self._lock:
            self._promised -= len(outcomes)
            self._promised_bytes -= done_bytes

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
