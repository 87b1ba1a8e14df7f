"""Verb: anchor_commands. Tell an anchor what was signed by command: the command itself, or a service that comes next.

A command ends, and may not reach the anchor. Services look for what is new in the store, and bring it once it follows
what the anchor has: so what was rewritten, cut off or signed by another is reported, and never blessed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from axonflow.audit import NO_BATCH, batch_hash
from axonflow.audit.anchor import AnchoredHead, AnchoredKey, anchor_hash, head_name, writer_name
from axonflow.audit.batch import BatchStatement
from axonflow.audit.stored import StoredBatch, StoredWriter
from axonflow.audit.trust import AnchoredWriter, KeyCheck, SignatureCheck, Trust
from axonflow.errors import AuditError
from axonflow.flows.read_anchor import newest_index
from axonflow.ids import now_us
from axonflow.ports import AuditAnchor, CommandBatches

__all__ = ["CommandAnchoring", "bring_head", "bring_writer"]

_EVERY_S: Final = 10.0
_PAGE: Final = 1_000


async def bring_head(anchor: AuditAnchor, public_key: bytes, statement: bytes, signature: bytes) -> None:
    """Put the newest `statement` of a writer, whose first key is `public_key`, behind what `anchor` has of it; unless
    that is as new. Others may do the same at once. Raises AuditError."""
    said = BatchStatement.from_bytes(statement)
    while True:
        index, anchored, previous = await _newest(anchor, said.writer_id)
        if anchored is None:
            await _register(anchor, said.writer_id, public_key)
        elif anchored.said.number >= said.number:
            return
        head = AnchoredHead.of(said.writer_id, statement, signature, (), previous)
        if await anchor.put(head_name(said.writer_id, index + 1), msgspec.json.encode(head)):
            return


async def bring_writer(
    anchor: AuditAnchor,
    batches: CommandBatches,
    verify: SignatureCheck,
    writer_id: str,
    public_key: bytes | None = None,
) -> None:
    """Put the newest head of a writer, once all that it signed since the anchor was told follows that. `public_key` is
    its first, where the anchor knows it. Raises AuditError, also for what does not follow: the anchor is not told."""
    _, anchored, _ = await _newest(anchor, writer_id)
    walk = _Walk(await batches.writer(writer_id), public_key, anchored, verify)
    while True:
        page = await batches.stored_batches(writer_id, walk.next, _PAGE)
        for batch in page:
            walk.take(batch)
        if len(page) < _PAGE:
            break
    newest = walk.newest()
    await bring_head(anchor, walk.public_key, newest.statement, newest.signature)


async def _newest(anchor: AuditAnchor, writer_id: str) -> tuple[int, AnchoredHead | None, bytes]:
    """The number of the newest head of a writer, the head and its hash; -1, None and NO_BATCH when there is none."""
    index = await newest_index(anchor, lambda number: head_name(writer_id, number))
    if index < 0:
        return -1, None, NO_BATCH
    data = await anchor.get(head_name(writer_id, index)) or b""
    return index, AnchoredHead.from_bytes(data, writer_id), anchor_hash(data)


async def _register(anchor: AuditAnchor, writer_id: str, public_key: bytes) -> None:
    data = msgspec.json.encode(AnchoredKey.of(writer_id, public_key, now_us()))
    index = await newest_index(anchor, writer_name) + 1
    while not await anchor.put(writer_name(index), data):
        index += 1  # another writer came at the same time


class CommandAnchoring:
    """Runs beside a service, from :meth:`start` to :meth:`stop`: looks every `every_s` seconds at what `batches` has.

    `report` is called with an AuditError when something cannot be brought, and again only when that is another; with
    None when all can.
    """

    def __init__(
        self,
        anchor: AuditAnchor,
        batches: CommandBatches,
        verify: SignatureCheck,
        report: Callable[[AuditError | None], None],
        *,
        every_s: float = _EVERY_S,
    ) -> None:
        self._anchor = anchor
        self._batches = batches
        self._verify = verify
        self._report = report
        self._every_s = every_s
        self._brought: dict[str, int] = {}
        self._keys: dict[str, bytes] = {}
        self._writers_read = 0
        self._told = ""
        self.failing_since_us: int | None = None
        """Since when something cannot be brought, whatever it is by now."""
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="axonflow-anchor-commands")

    async def stop(self, timeout_s: float) -> None:
        """End, after a last look that takes up to `timeout_s` seconds. The anchor is the caller's to close."""
        if self._task is not None:
            self._stopping.set()
            done, _ = await asyncio.wait([self._task], timeout=timeout_s)
            if not done:
                self._task.cancel()
                await asyncio.wait([self._task])

    async def look(self) -> None:
        """Bring what is new. Raises AuditError for the first that cannot be brought, when all others were."""
        newest = await self._batches.newest()
        moved = sorted(name for name, number in newest.items() if self._brought.get(name) != number)
        if moved:  # else the anchor, which may charge for it, is not asked
            await self._read_writers()
        failures = []
        for writer_id in moved:
            try:
                await bring_writer(self._anchor, self._batches, self._verify, writer_id, self._keys.get(writer_id))
            except AuditError as error:
                failures.append(error)
            else:
                self._brought[writer_id] = newest[writer_id]
        if failures:
            raise failures[0]

    async def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping.is_set()
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001  it goes on as long as the service does, whatever fails
                told = error if isinstance(error, AuditError) else AuditError(
                    "anchoring failed", found=type(error).__name__
                )  # fmt: skip
                self._tell(told)
            else:
                self._tell(None)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._stopping.wait()

    def _tell(self, error: AuditError | None) -> None:
        if error is None:
            self.failing_since_us = None
        elif self.failing_since_us is None:
            self.failing_since_us = now_us()
        said = "" if error is None else str(error)
        if said != self._told:
            self._told = said
            with suppress(Exception):  # a report that fails must not end it
                self._report(error)

    async def _read_writers(self) -> None:
        while (data := await self._anchor.get(writer_name(self._writers_read))) is not None:
            key = AnchoredKey.from_bytes(data)
            self._keys.setdefault(key.writer_id, bytes.fromhex(key.public_key))
            self._writers_read += 1


class _Walk:
    """Along what a writer signed since the anchor was told, beginning with that. Raises AuditError for what does not
    follow it."""

    def __init__(
        self, writer: StoredWriter, public_key: bytes | None, anchored: AnchoredHead | None, verify: SignatureCheck
    ) -> None:
        self._writer_id = writer.writer_id
        self._anchored = batch_hash(anchored.statement.encode()) if anchored else None
        first = writer.keys[0].public_key if writer.keys else b""
        self.public_key = first if public_key is None else public_key
        trust = Trust(writers={writer.writer_id: AnchoredWriter(writer.writer_id, self.public_key)})
        self._keys = KeyCheck(writer.writer_id, writer.keys, trust, verify)
        self._previous: str | None = None
        self._newest: StoredBatch | None = None
        self.next = anchored.said.number if anchored else 0
        for _, what, number in self._keys.problems:
            raise self._refused(what, number)

    def take(self, batch: StoredBatch) -> None:
        """The batch that comes next."""
        said, digest = BatchStatement.from_bytes(batch.statement), batch_hash(batch.statement)
        problem = self._keys.problem(said, batch.statement, batch.signature)
        if self._newest is None and self._anchored not in (None, digest):
            raise self._refused("it is another than the one that the anchor has", batch.number)
        if (said.writer_id, said.number, batch.number) != (self._writer_id, self.next, self.next):
            raise self._refused("it is not here", self.next)
        if self._previous not in (None, said.previous):
            raise self._refused("it does not follow the one before", batch.number)
        if problem is not None:
            raise self._refused(problem[1], batch.number)
        self._previous, self.next, self._newest = digest.hex(), self.next + 1, batch

    def newest(self) -> StoredBatch:
        """The last that was taken."""
        if self._newest is None:
            raise self._refused("it is not here", self.next)
        return self._newest

    def _refused(self, found: str, number: int) -> AuditError:
        return AuditError(
            "what was signed by command does not follow what the anchor knows, and is not told to it", found=found,
            expected="each batch behind the one before, signed", at=f"batch {number} of writer {self._writer_id}",
            hint="axonflow audit verify --anchor names what was changed.",
        )  # fmt: skip
