"""Verb: anchor_heads. Bring the newest statement of a writer, and the heads of its chains that moved, to an anchor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import Final

import msgspec

from axonflow.audit import NO_BATCH, SealedBatch
from axonflow.audit.anchor import (
    AnchoredChain,
    AnchoredHead,
    AnchoredKey,
    anchor_hash,
    head_name,
    is_anchorable,
    writer_name,
)
from axonflow.errors import AuditError, ConfigurationError
from axonflow.flows.read_anchor import newest_index
from axonflow.ids import now_us
from axonflow.ports import AuditAnchor

__all__ = ["HeadAnchoring"]

_EVERY_S: Final = 10.0
_MAX_HEADS: Final = 10_000
"""In one object; the others wait for the next one."""


class HeadAnchoring:
    """Runs beside a drain, from :meth:`start` to :meth:`stop`, in one event loop; it never holds anybody up.

    The first batch of a process is anchored at once, and from then on what is new every `every_s` seconds. `public_key`
    is the first key of the writer, empty when it signs nothing. `report` is called with an AuditError when anchoring
    begins to fail, and with None when it works again; it is tried again as often.
    """

    def __init__(
        self,
        anchor: AuditAnchor,
        writer_id: str,
        public_key: bytes,
        report: Callable[[AuditError | None], None],
        *,
        every_s: float = _EVERY_S,
    ) -> None:
        if not is_anchorable(writer_id):
            raise ConfigurationError(
                "a writer that cannot be anchored", expected="letters, digits and hyphens", found=ascii(writer_id)[:80]
            )
        self._anchor = anchor
        self._writer_id = writer_id
        self._public_key = public_key
        self._report = report
        self._every_s = every_s
        self._newest: SealedBatch | None = None
        self._heads: dict[str, AnchoredChain] = {}
        self._next: tuple[int, bytes] | None = None  # the number of the next object, and the hash of the one before
        self._failing_since_us: int | None = None
        self._moved = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def failing_since_us(self) -> int | None:
        """Since when every try failed, in microseconds since the Unix epoch; None when the last one did not."""
        return self._failing_since_us

    def saw(self, batch: SealedBatch) -> None:
        """A store has `batch`, which is newer than any before it. To be called in the event loop of :meth:`start`."""
        self._newest = batch
        for one in batch.segments:
            self._heads[one.tenant_id] = AnchoredChain(one.tenant_id, one.end, one.head.hex())
        self._moved.set()

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="axonflow-anchor")

    async def stop(self, timeout_s: float) -> bool:
        """End, but first anchor what is new, for up to `timeout_s` seconds. Whether everything is."""
        if self._task is not None:
            self._stopping.set()
            self._moved.set()
            done, _ = await asyncio.wait([self._task], timeout=timeout_s)
            if not done:
                self._task.cancel()
                await asyncio.wait([self._task])
        await self._anchor.close()
        return self._newest is None

    async def _run(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            await self._try()
            if self._stopping.is_set() and (self._newest is None or self._failing_since_us is not None):
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._stopping.wait()
            if self._newest is not None:
                self._moved.set()

    async def _try(self) -> None:
        batch = self._newest
        if batch is None:
            return
        try:
            await self._bring(batch)
        except Exception as error:  # noqa: BLE001  anchoring goes on as long as the process does, whatever fails
            self._next = None
            if self._failing_since_us is None:
                self._failing_since_us = now_us()
                told = error if isinstance(error, AuditError) else AuditError(
                    "anchoring failed", found=type(error).__name__
                )  # fmt: skip
                self._tell(told)
            return
        if self._failing_since_us is not None:
            self._failing_since_us = None
            self._tell(None)

    async def _bring(self, batch: SealedBatch) -> None:
        """Put the next object into its place, with `batch` as the newest of the writer."""
        if self._next is None:
            self._next = await self._place_behind(batch)
        index, previous = self._next
        heads = tuple(islice(self._heads.values(), _MAX_HEADS))
        said = AnchoredHead.of(self._writer_id, batch.statement, batch.signature, heads, previous)
        data, name = msgspec.json.encode(said), head_name(self._writer_id, index)
        # Of a try whose answer was lost, the object may be there; any other is of somebody who says to be this writer.
        if not await self._anchor.put(name, data) and await self._anchor.get(name) != data:
            raise AuditError(
                "another process anchors for this writer", at=name, hint="Was its spool copied or put back?"
            )
        self._next = (index + 1, anchor_hash(data))
        for head in heads:
            if self._heads[head.tenant_id] == head:
                del self._heads[head.tenant_id]
        if self._newest is batch and not self._heads:
            self._newest = None

    async def _place_behind(self, batch: SealedBatch) -> tuple[int, bytes]:
        """Where the next object of the writer goes, who is registered before the first."""
        newest = await newest_index(self._anchor, lambda number: head_name(self._writer_id, number))
        if newest < 0:
            await self._register()
            return 0, NO_BATCH
        data = await self._anchor.get(head_name(self._writer_id, newest)) or b""
        anchored = AnchoredHead.from_bytes(data, self._writer_id).said
        if anchored.number > batch.said.number:
            raise AuditError(
                "the anchor has a newer batch of this writer", expected=f"at most {batch.said.number}",
                found=str(anchored.number), hint="Was its spool, or the database, put back to an earlier state?",
            )  # fmt: skip
        return newest + 1, anchor_hash(data)

    async def _register(self) -> None:
        data = msgspec.json.encode(AnchoredKey.of(self._writer_id, self._public_key, now_us()))
        index = await newest_index(self._anchor, writer_name) + 1
        while not await self._anchor.put(writer_name(index), data):
            index += 1  # another writer came at the same time

    def _tell(self, error: AuditError | None) -> None:
        with suppress(Exception):  # a report that fails must not end the anchoring
            self._report(error)
