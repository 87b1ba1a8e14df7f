"""Verb: verify_audit. Walk the chains of a store from their first record on, and say where one is broken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from axonflow.audit import AuditRecord, verify_chain
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
    """How many `chains` were walked, how many `records` stand in their places, and where chains are `broken`.

    A chain whose last records were all removed still verifies: nothing in the store says that there were more.
    """

    chains: int
    records: int
    broken: tuple[BrokenChain, ...]


async def verify_audit(
    store: AuditStore,
    tenant_id: str | None = None,
    *,
    progress: Callable[[int, int, int], None] | None = None,
) -> AuditVerification:
    """Verify the chains of `tenant_id`, or of all tenants, from their first record on, a page at a time.

    A chain that is broken is reported, and the walk goes on with the next one. `progress` is called with the number of
    chains that are done, of all chains, and of records so far, after every page. Raises AuditError when the store does
    not answer: then nothing was found out.
    """
    chains = await store.chains(tenant_id)
    broken: list[BrokenChain] = []
    records = 0
    for done, (tenant, writer) in enumerate(chains):
        walk = _Walk(store, tenant, writer)
        while not walk.ended:
            await walk.next_page()
            if progress is not None:
                progress(done + walk.ended, len(chains), records + walk.records)
        records += walk.records
        if walk.broken is not None:
            broken.append(walk.broken)
    return AuditVerification(len(chains), records, tuple(broken))


class _Walk:
    """Along one chain, up to its end or its first break."""

    def __init__(self, store: AuditStore, tenant_id: str, writer_id: str) -> None:
        self._store = store
        self._chain = (tenant_id, writer_id)
        self._last: AuditRecord | None = None
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
            self._last = record
            self.records += 1
        self.ended = len(page) < limit

    def _fault(self, record: AuditRecord) -> str | None:
        if record.sequence > self.records:
            return f"records {self.records} to {record.sequence - 1} are missing"
        if (record.event.tenant_id, record.event.writer_id) != self._chain:
            return "the record of another chain"
        try:
            verify_chain((record,), self._last)
        except AuditError as error:
            return str(error)
        return None

    def _break(self, event_id: str, what: str) -> None:
        self.broken = BrokenChain(*self._chain, self.records, event_id, what)
        self.ended = True
