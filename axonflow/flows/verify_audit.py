"""Verb: verify_audit. Walk the chains of a store from their first record on, and say where one is broken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from axonflow.audit import AuditRecord, ChainHead, verify_chain
from axonflow.errors import AuditConflict, AuditError
from axonflow.ports import AuditStore

__all__ = ["AuditVerification", "BrokenChain", "verify_audit"]

_PAGE: Final = 1_000
_SLICE: Final = 100
"""Records that are hashed (about 5 us each) before the event loop serves others."""


class BrokenChain(Struct, frozen=True):
    """The first place of a chain where what is stored is not what was written. What is behind it was not looked at.

    `sequence` is the record that should stand there, `event_id` the event that does (empty: it cannot be read).
    """

    tenant_id: str
    writer_id: str
    sequence: int
    event_id: str
    what: str


class AuditVerification(Struct, frozen=True):
    """How many `chains` were walked, how many `records` stand in their places, where chains are `broken`, and the
    `heads` of those that are whole.

    Nothing in the store says that a chain had more records, or others. Who keeps the heads elsewhere, and gives them to
    the next verification, learns of both.
    """

    chains: int
    records: int
    broken: tuple[BrokenChain, ...]
    heads: tuple[ChainHead, ...] = ()


async def verify_audit(
    store: AuditStore,
    tenant_id: str | None = None,
    *,
    heads: Iterable[ChainHead] = (),
    progress: Callable[[int, int, int], None] | None = None,
) -> AuditVerification:
    """Verify the chains of `tenant_id`, or of all tenants, from their first record on, a page at a time.

    A chain that is broken is reported, and the walk goes on with the next one. So is one that no longer holds what it
    held at its head in `heads`, which an earlier verification gave. `progress` is called with the number of
    chains that are done, of all chains, and of records so far, after every page. Raises AuditError when the store does
    not answer: then nothing was found out.
    """
    known = {(head.tenant_id, head.writer_id): head for head in heads if tenant_id in (None, head.tenant_id)}
    chains = sorted({*await store.chains(tenant_id), *known})
    broken: list[BrokenChain] = []
    reached: list[ChainHead] = []
    records = 0
    for done, chain in enumerate(chains):
        walk = _Walk(store, chain, known.get(chain))
        while not walk.ended:
            await walk.next_page()
            if progress is not None:
                progress(done + walk.ended, len(chains), records + walk.records)
        records += walk.records
        if walk.broken is not None:
            broken.append(walk.broken)
        elif walk.last is not None:
            reached.append(ChainHead.of(walk.last))
    return AuditVerification(len(chains), records, tuple(broken), tuple(reached))


class _Walk:
    """Along one chain, up to its end or its first break."""

    def __init__(self, store: AuditStore, chain: tuple[str, str], head: ChainHead | None) -> None:
        self._store = store
        self._chain = chain
        self._head = head
        self.last: AuditRecord | None = None
        self.records = 0
        self.broken: BrokenChain | None = None
        self.ended = False

    async def next_page(self) -> None:
        limit = _PAGE
        while True:
            try:
                page = await self._store.chain(*self._chain, self.records, limit)
                break
            except AuditConflict as conflict:  # of some record in the page: come as close to it as possible
                if limit == 1:
                    self._break("", str(conflict))
                    return
                limit //= 10
        for position, record in enumerate(page):
            if position % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            fault = self._fault(record)
            if fault:
                self._break(record.event.event_id, fault)
                return
            self.last = record
            self.records += 1
        self.ended = len(page) < limit
        if self.ended and self._head is not None and self.records < self._head.records:
            self._break("", f"records {self.records} to {self._head.records - 1} were there and are missing")

    def _fault(self, record: AuditRecord) -> str | None:
        if record.sequence > self.records:
            return f"records {self.records} to {record.sequence - 1} are missing"
        if (record.event.tenant_id, record.event.writer_id) != self._chain:
            return "the record of another chain"
        try:
            verify_chain((record,), self.last)
        except AuditError as error:
            return str(error)
        if self._head is not None and self._head.contradicts(record):
            return f"the chain was written anew: expected {self._head.hash}, found {record.hash.hex()}"
        return None

    def _break(self, event_id: str, what: str) -> None:
        self.broken = BrokenChain(*self._chain, self.records, event_id, what)
        self.ended = True
