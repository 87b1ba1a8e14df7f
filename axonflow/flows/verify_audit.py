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
    `heads` of those that are whole. `removed` records were past their time: a chain is verified from there on.

    Nothing in the store says that a chain had more records, or others. Who keeps the heads elsewhere, and gives them to
    the next verification, learns of both.
    """

    chains: int
    records: int
    broken: tuple[BrokenChain, ...]
    heads: tuple[ChainHead, ...] = ()
    removed: int = 0


async def verify_audit(
    store: AuditStore,
    tenant_id: str | None = None,
    *,
    heads: Iterable[ChainHead] = (),
    progress: Callable[[int, int, int], None] | None = None,
) -> AuditVerification:
    """Verify the chains of `tenant_id`, or of all tenants, from their first record on (that is left), a page at a time.

    A chain that is broken is reported, and the walk goes on with the next one. So is one that no longer holds what it
    held at its head in `heads`, which an earlier verification gave. `progress` is called with the number of
    chains that are done, of all chains, and of records so far, after every page. Raises AuditError when the store does
    not answer: then nothing was found out.
    """
    known = {(head.tenant_id, head.writer_id): head for head in heads if tenant_id in (None, head.tenant_id)}
    cuts = await _cuts(store, tenant_id)
    chains = sorted({*await store.chains(tenant_id), *known, *cuts})
    broken: list[BrokenChain] = []
    reached: list[ChainHead] = []
    records = removed = 0
    for done, chain in enumerate(chains):
        walk = _Walk(store, chain, known.get(chain), cuts.get(chain))
        while not walk.ended:
            await walk.next_page()
            if progress is not None:
                progress(done + walk.ended, len(chains), records + walk.records)
            if walk.broken is not None:  # or was it cut meanwhile?
                newer = (await _cuts(store, chain[0])).get(chain)
                if newer is not None and newer != walk.cut:
                    walk = _Walk(store, chain, known.get(chain), newer)
        records += walk.records
        removed += walk.cut.records if walk.cut else 0
        if walk.broken is not None:
            broken.append(walk.broken)
        elif walk.head is not None:
            reached.append(walk.head)
    return AuditVerification(len(chains), records, tuple(broken), tuple(reached), removed)


async def _cuts(store: AuditStore, tenant_id: str | None) -> dict[tuple[str, str], ChainHead]:
    return {(cut.tenant_id, cut.writer_id): cut for cut in await store.cuts(tenant_id)}


class _Walk:
    """Along one chain, from where it was cut up to its end or its first break. `known` is what it was earlier."""

    def __init__(
        self, store: AuditStore, chain: tuple[str, str], known: ChainHead | None, cut: ChainHead | None
    ) -> None:
        self._store = store
        self._chain = chain
        self._known = known
        self.cut = cut
        self._last: AuditRecord | ChainHead | None = cut
        self._next = cut.records if cut else 0
        self.records = 0
        self.broken: BrokenChain | None = None
        self.ended = False
        if cut is not None and known is not None and cut.records == known.records and cut.hash != known.hash:
            self._break("", f"the chain was written anew: expected {known.hash}, found {cut.hash}")

    @property
    def head(self) -> ChainHead | None:
        """What the chain is up to here; None when there is nothing of it."""
        return ChainHead.of(self._last) if isinstance(self._last, AuditRecord) else self._last

    async def next_page(self) -> None:
        limit = _PAGE
        while True:
            try:
                page = await self._store.chain(*self._chain, self._next, limit)
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
            self._next += 1
            self.records += 1
        self.ended = len(page) < limit
        if self.ended and self._known is not None and self._next < self._known.records:
            self._break("", f"records {self._next} to {self._known.records - 1} were there and are missing")

    def _fault(self, record: AuditRecord) -> str | None:
        if record.sequence > self._next:
            return f"records {self._next} to {record.sequence - 1} are missing"
        if (record.event.tenant_id, record.event.writer_id) != self._chain:
            return "the record of another chain"
        try:
            verify_chain((record,), self._last)
        except AuditError as error:
            return str(error)
        if self._known is not None and self._known.contradicts(record):
            return f"the chain was written anew: expected {self._known.hash}, found {record.hash.hex()}"
        return None

    def _break(self, event_id: str, what: str) -> None:
        self.broken = BrokenChain(*self._chain, self._next, event_id, what)
        self.ended = True
