"""Verb: drain. Move what the spool holds into the store, again and again, whatever happens in between.

At least once: a batch is sealed in the spool, written, then let go of. Killed in between, the next round offers the
same batch again, and a store takes it again without doubling it.

While there is more than one batch, two are under way: as the store writes one, the spool lets go of the one before,
which is written, and seals the one behind. So the store has the next one at once, and the spool's work takes no time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from axonflow.audit import SealedBatch, WriterKey
from axonflow.errors import AuditConflict, AuditError, BatchConflict
from axonflow.ids import now_us
from axonflow.ports import AuditSpool, AuditStore

__all__ = ["Drain", "drain_once"]

_IDLE_S: Final = 0.02
"""Between two looks at a spool that was found empty. Looking beats being told: `append` pays nothing for it, events
gather into batches that a store takes faster, and it works with any spool. Idle, it costs .8 % of a core (measured).
Longer would make fewer batches; but who asks one service for what another just did expects to see it."""
_RETRY_FROM_S: Final = 0.1
_RETRY_TO_S: Final = 5.0
_ROUND_BYTES: Final = 8 << 20
_ROUND_FROM_RECORDS: Final = 16
_REASON_CHARS: Final = 1_000
_LATE_US: Final = 20_000_000
"""A round that takes longer is taken for one that fails. With two seconds a statement it is within this."""


async def drain_once(spool: AuditSpool, store: AuditStore, limit: int = 1_000) -> int:
    """Move up to `limit` of the oldest records from `spool` to `store`, and return how many moved.

    Raises AuditError when one of the two fails; then nothing is lost, and nothing doubles when it is called again.
    Raises AuditConflict when the store refuses records: all others of them have moved, those are in quarantine.
    """
    moved, conflicts = 0, []
    share = limit
    while moved < limit and (batch := await spool.sealed(share)) is not None:
        conflict, _ = await _offer(spool, store, batch, _nothing)
        if conflict is None:
            moved += len(batch.records)
            share = limit - moved
        elif len(batch.records) == 1 and not isinstance(conflict, BatchConflict):
            conflicts.append(conflict)
            share = limit - moved
        else:
            share = max(len(batch.records) // 2, 1)
    if conflicts:
        raise conflicts[0]
    return moved


class _Behind(NamedTuple):
    """The `batch` that is sealed behind another, if one is; unless that is not known."""

    batch: SealedBatch | None
    is_known: bool = True


async def _offer(
    spool: AuditSpool, store: AuditStore, batch: SealedBatch, meanwhile: Callable[[SealedBatch], Awaitable[_Behind]]
) -> tuple[AuditConflict | None, _Behind]:
    """Move `batch`. If the store refuses it, why, and all that is held is sealed anew: behind what the store has, or
    smaller; or its only record is in quarantine.

    Else what `meanwhile` found behind it, while the store wrote. Then `batch` is still held, unless that is nothing.
    """
    written, behind = await asyncio.gather(store.write_batch(batch), meanwhile(batch), return_exceptions=True)
    if isinstance(behind, BaseException):  # first of all: what is still held must not be sealed under another number
        raise behind
    try:
        if isinstance(written, BaseException):
            raise written
    except BatchConflict as conflict:
        await spool.go_on(conflict.number + 1, conflict.digest)
        return conflict, _Behind(None)
    except AuditConflict as conflict:
        alone = batch.records if len(batch.records) == 1 else ()
        await spool.quarantine(alone, str(conflict)[:_REASON_CHARS])
        return conflict, _Behind(None)
    if behind.batch is None:
        await spool.release(batch)
    return None, behind


async def _nothing(_batch: SealedBatch) -> _Behind:
    return _Behind(None)


class Drain:
    """Keeps draining `spool` into `store` from :meth:`start` to :meth:`stop`, in the event loop that started it.

    `report` is called with an AuditError when draining begins to fail, and with None when it works again; not at every
    try. It is called with an AuditConflict when the store refuses a record of a chain for the first time. Such records
    go into the spool's quarantine. All others go on, also later ones of the same chain: the trail shows the gap. The
    `keys` that the spool signs with are registered before the first batch. `moved` is called with each batch that the
    store has, and must not raise; `before` is waited for ahead of each that is offered, and is part of the try.

    Times are in seconds: `idle_s` between looks at an empty spool; `retry_from_s` doubles up to `retry_to_s` while
    draining fails, less a random part, so that many processes do not come back at the same moment.
    """

    def __init__(  # noqa: PLR0913  what it moves between, whom it tells, and its times
        self,
        spool: AuditSpool,
        store: AuditStore,
        report: Callable[[AuditError | None], None],
        *,
        keys: Sequence[WriterKey] = (),
        moved: Callable[[SealedBatch], None] = lambda _batch: None,
        before: Callable[[], Awaitable[None]] | None = None,
        limit: int = 1_000,
        idle_s: float = _IDLE_S,
        retry_from_s: float = _RETRY_FROM_S,
        retry_to_s: float = _RETRY_TO_S,
    ) -> None:
        self._spool = spool
        self._store = store
        self._report = report
        self._limit = limit
        self._idle_s = idle_s
        self._retry_s = (retry_from_s, retry_to_s)
        self._round_records = min(limit, 100)
        self._unregistered = list(keys)
        self._moved = moved
        self._before = before
        self._refusals = 0
        self._is_sealed_now = False  # what is offered first, or after a failure, may have been sealed long ago
        self._written: SealedBatch | None = None  # what the spool has not let go of yet
        self._following: SealedBatch | None = None  # what is sealed behind that
        self._reported: set[tuple[str, str]] = set()
        self._failures = 0
        self._unmoved_since_us: int | None = None
        self._drained = 0
        self._waiting: list[asyncio.Future[bool]] = []
        self._wake = asyncio.Event()
        self._arrival = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def drained(self) -> int:
        """How many records have moved since the start."""
        return self._drained

    @property
    def arrival(self) -> asyncio.Event:
        """Is set once another batch has moved. Whoever takes it before they look at the store misses none."""
        return self._arrival

    @property
    def refusals(self) -> int:
        """How many records the store has refused since the start; they are in quarantine."""
        return self._refusals

    @property
    def failing(self) -> bool:
        """Whether the last round failed."""
        return self._failures > 0

    @property
    def stuck_since_us(self) -> int | None:
        """Since when nothing moves although something should, in microseconds since 1970: rounds fail, or one does not
        come to its end. None while all is well."""
        since_us = self._unmoved_since_us
        if since_us is None or not (self._failures or now_us() - since_us > _LATE_US):
            return None
        return since_us

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="axonflow-drain")

    async def stop(self, timeout_s: float) -> bool:
        """End, but first drain what is there, for up to `timeout_s` seconds. Whether all was drained."""
        if self._task is None:
            return False
        self._stopping.set()
        self._wake.set()
        done, _ = await asyncio.wait([self._task], timeout=timeout_s)
        if not done:
            self._task.cancel()
            await asyncio.wait([self._task])
        _answer(self._waiting, reached=False)
        return bool(done) and not self._failures and not self._refusals

    async def flush(self, timeout_s: float) -> bool:
        """True as soon as all that was appended before this call has reached the store, so that a search finds it.

        False when that is not so after `timeout_s` seconds, when the store has refused a record, or when nothing
        drains any more. May be called from any event loop.
        """
        if self._loop is None or self._task is None or self._task.done():
            return False
        try:
            async with asyncio.timeout(timeout_s):
                if self._loop is asyncio.get_running_loop():
                    return await self._reached()
                return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._reached(), self._loop))
        except TimeoutError:
            return False

    async def _reached(self) -> bool:
        reached: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(reached)
        self._wake.set()
        return await reached

    async def _run(self) -> None:
        while True:
            # what was appended before a flush or a stop is found by a round that begins after it
            covered, self._waiting = self._waiting, []
            is_last = self._stopping.is_set()
            self._wake.clear()
            self._unmoved_since_us = self._unmoved_since_us or now_us()
            emptied = False
            try:
                emptied = await self._round()
            except Exception as error:  # noqa: BLE001  draining goes on as long as the process does, whatever fails
                self._failed(error)
            else:
                self._worked()
            finally:  # cancelled, too: then stop() answers them
                if not emptied:
                    self._waiting += [reached for reached in covered if not reached.done()]
            if emptied:
                _answer(covered, reached=not self._refusals)
            if self._failures:
                if self._stopping.is_set():
                    return
                await _pause(self._stopping, self._delay_s())
            elif emptied and self._written is None:
                if is_last:
                    return
                await _pause(self._wake, self._idle_s)

    async def _round(self) -> bool:
        """Move one batch. Whether all has moved that was held when it began."""
        while self._unregistered:
            await self._store.register(self._unregistered[0])
            del self._unregistered[0]
        is_new, self._is_sealed_now = self._is_sealed_now, False
        batch, self._following = self._following, None
        if batch is None:
            batch = await self._spool.sealed(self._round_records)
        else:
            is_new = False
        if batch is None:
            self._is_sealed_now = True
            return True
        if self._before is not None:
            await self._before()
        count = len(batch.records)
        conflict, behind = await _offer(self._spool, self._store, batch, self._behind)
        if behind.batch is not None:
            self._written, self._following = batch, behind.batch
        self._is_sealed_now = behind.is_known
        if conflict is not None:
            self._refused(batch, conflict)
            self._round_records = max(count // 2, 1)
            return False
        self._drained += count
        self._moved(batch)
        self._arrival.set()
        self._arrival = asyncio.Event()
        was_all = is_new and count < self._round_records
        size_bytes = sum(len(record.canonical) for record in batch.records) // count + 1
        fitting = max(_ROUND_BYTES // size_bytes, _ROUND_FROM_RECORDS)
        self._round_records = min(fitting, self._round_records * 2, self._limit)
        return was_all

    async def _behind(self, batch: SealedBatch) -> _Behind:
        """Let go of what is written, and seal what is behind `batch`."""
        written, self._written = self._written, None
        if written is not None:
            await self._spool.release(written)
        del written  # to free a thousand records takes a millisecond, in which the store writes
        try:
            return _Behind(await self._spool.ahead(batch, self._round_records))
        except AuditError:  # a full disk: letting go of `batch`, which comes next, makes room
            return _Behind(None, is_known=False)

    def _refused(self, batch: SealedBatch, conflict: AuditConflict) -> None:
        is_of_batch = isinstance(conflict, BatchConflict)
        if is_of_batch or len(batch.records) == 1:
            self._refusals += not is_of_batch
            first = batch.segments[0]
            chain = (first.tenant_id, first.writer_id)
            if chain not in self._reported:
                self._reported.add(chain)
                self._tell(conflict)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._written = self._following = None  # the spool is asked what is next
        if self._failures == 1:
            if not isinstance(error, AuditError):
                error = AuditError("draining failed", found=type(error).__name__)
            self._tell(error)

    def _worked(self) -> None:
        self._unmoved_since_us = None
        if self._failures:
            self._failures = 0
            self._tell(None)

    def _tell(self, error: AuditError | None) -> None:
        with suppress(Exception):  # a report that fails must not end the draining
            self._report(error)

    def _delay_s(self) -> float:
        shortest_s, longest_s = self._retry_s
        doubled_s = shortest_s * 2.0 ** min(self._failures - 1, 30)
        return min(doubled_s, longest_s) * random.uniform(0.5, 1.0)  # noqa: S311  not a secret


def _answer(waiting: list[asyncio.Future[bool]], *, reached: bool) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(reached)


async def _pause(unless: asyncio.Event, delay_s: float) -> None:
    """Until `unless` is set, for up to `delay_s`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(delay_s):
            await unless.wait()
