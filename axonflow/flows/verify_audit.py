"""Verb: verify_audit. Walk the batches of all writers, then the chains of all tenants, and name what was changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from axonflow.audit import ChainHead
from axonflow.audit.batch_walk import BatchWalk
from axonflow.audit.chain_walk import ChainWalk
from axonflow.audit.commands import UNSIGNED_COMMANDS, HandOver, is_command_writer
from axonflow.audit.stored import Finding, StoredChain, StoredRecord, StoredSegment, StoredWriter
from axonflow.audit.trust import SignatureCheck, Trust
from axonflow.ports import AuditProofs

__all__ = ["AuditVerification", "VerifiedWriter", "Verifier", "verify_audit"]

_PAGE: Final = 1_000
_MOST_PAGES: Final = 4
_READ_BYTES: Final = 3 << 20
"""Of canonical bytes in a page, where records are as long as those before: what PostgreSQL sorts in memory. In pages of
1,000, a record takes a tenth more of our processor time than in pages of 4,000."""
_LEAST: Final = 100
"""Records in a page, however long they are."""
_STEP: Final = 500
"""Records that are walked before others get their turn: 2 ms. What the store sends meanwhile waits as well."""
_NOTHING_YET: Final = (-1, -1)
_LOWEST: Final = -(2**63)

Progress = Callable[[int, int, int], None]


class VerifiedWriter(Struct, frozen=True):
    """A writer: how many `batches` it sealed and how many of them have a good signature, when the newest was sealed,
    and when the newest that an anchor has (None: none), in microseconds since the Unix epoch by its own clock. What
    came later than that may have been cut off unseen."""

    writer_id: str
    batches: int
    signed: int
    sealed_us: int | None = None
    anchored_us: int | None = None


class AuditVerification(Struct, frozen=True):
    """How many `chains` and `records` were walked, what is `broken`, and the `heads` of chains in which nothing is.

    `removed` records were past their time: a chain is verified from there on. `shed` ones their writer let go for want
    of room, as its chain says. `unsealed` wait in a spool for their batch, `first_version` are older than batches are:
    nobody signed either. `trust` says whose word it is which keys are right: "named", "anchor" or "store". `cuts` are
    where chains were cut; of what went there, the anchor was told of `accepted` records only afterwards. None: no
    anchor was asked.
    """

    chains: int
    records: int
    broken: tuple[Finding, ...]
    heads: tuple[ChainHead, ...] = ()
    removed: int = 0
    unsealed: int = 0
    shed: int = 0
    first_version: int = 0
    writers: tuple[VerifiedWriter, ...] = ()
    trust: str = "store"
    cuts: tuple[ChainHead, ...] = ()
    accepted: int | None = None


async def verify_audit(
    proofs: AuditProofs,
    tenant_id: str | None = None,
    *,
    trust: Trust = Trust(),  # noqa: B008  frozen
    verify: SignatureCheck | None = None,
    heads: Iterable[ChainHead] = (),
    tail_may_wait: bool = False,
    kept_since_us: int | None = None,
    progress: Progress | None = None,
) -> AuditVerification:
    """Verify the chains of `tenant_id`, or of all tenants, and all batches of their writers.

    What is broken is reported, and the walk goes on. `heads`, which an earlier verification gave, have to be held
    still. `verify` checks signatures; without it none is checked. With `tail_may_wait`, as in a spool, records at the
    end of a chain may be in no batch yet. Nothing that was sealed at `kept_since_us` (microseconds since the Unix
    epoch) or later may be past its time. `progress` is called with the number of chains that are done, of all chains,
    and of records so far, after every page. Raises AuditError when the store does not answer: nothing was found then.
    """
    return await Verifier(proofs, trust, verify, tail_may_wait, kept_since_us, progress).verify(tenant_id, heads)


class Verifier:
    """One verification, see :func:`verify_audit`."""

    def __init__(
        self,
        proofs: AuditProofs,
        trust: Trust,
        verify: SignatureCheck | None,
        tail_may_wait: bool,  # noqa: FBT001  passed on
        kept_since_us: int | None,
        progress: Progress | None,
    ) -> None:
        self._proofs = proofs
        self._trust = trust
        self._verify = verify
        self._tail_may_wait = tail_may_wait
        self._kept_since_us = kept_since_us
        self._progress = progress
        self._writers: dict[str, BatchWalk] = {}
        self._hand_over = HandOver()
        self._in_disorder: set[str] = set()
        self._done = self._chains = self._records = 0
        self._removed = self._unsealed = self._shed = self._first_version = 0
        self._findings: list[Finding] = []
        self._heads: list[ChainHead] = []
        self._cuts: list[ChainHead] = []

    async def verify(self, tenant_id: str | None, heads: Iterable[ChainHead]) -> AuditVerification:
        known = {(head.tenant_id, head.writer_id): head for head in heads if tenant_id in (None, head.tenant_id)}
        # Batches first: what comes while chains are walked is beyond them, and left for next time. All of them, also
        # for one tenant: of which there may be nothing left but that they are not whole.
        await self._walk_batches()
        chains = {(one.tenant_id, one.writer_id): one for one in await self._proofs.stored_chains(tenant_id)}
        for place in known:
            chains.setdefault(place, StoredChain(*place))
        self._chains = len(chains)
        for place, chain in sorted(chains.items()):
            await self._walk_chain(chain, known.get(place))
        if tenant_id is None:
            for writer_id in self._writers.keys() - self._in_disorder:
                self._writers[writer_id].find_unseen()
        return self._report()

    async def _walk_batches(self) -> None:
        writers = {one.writer_id: one for one in await self._proofs.stored_writers()}
        for writer_id in sorted({*writers, *(self._trust.writers or {})}):
            writer = writers.get(writer_id, StoredWriter(writer_id))
            walk = await self._walked_batches(writer)
            if walk.findings:
                now = {one.writer_id: one for one in await self._proofs.stored_writers()}.get(writer_id, writer)
                if now.keys != writer.keys:  # it was given another meanwhile, and signs with that
                    walk = await self._walked_batches(now)
            self._writers[writer_id] = walk

    async def _walked_batches(self, writer: StoredWriter) -> BatchWalk:
        writer_id = writer.writer_id
        page = await self._proofs.stored_batches(writer_id, writer.first_number, _PAGE)
        if is_command_writer(writer_id):  # by what is walked: what comes meanwhile is left for next time
            writer = self._hand_over.begun(writer, page[0] if page else None)
        walk = BatchWalk(writer, self._trust, self._verify)
        while True:
            for batch in page:
                walk.take(batch)
                if writer_id == UNSIGNED_COMMANDS:
                    self._hand_over.saw(batch)
            await asyncio.sleep(0)  # others get their turn between pages
            if len(page) < _PAGE:
                break
            page = await self._proofs.stored_batches(writer_id, walk.next, _PAGE)
        walk.finish()
        return walk

    async def _walk_chain(self, chain: StoredChain, known: ChainHead | None) -> None:
        while True:
            walk, early = await self._walked(chain, known)
            if not walk.findings:
                break
            now = [one for one in await self._proofs.stored_chains(chain.tenant_id) if one.writer_id == chain.writer_id]
            if not now or now[0].cut == chain.cut:
                break
            chain = now[0]  # it was cut meanwhile
        self._done += 1
        self._records += walk.records
        if chain.cut is not None:
            self._removed += chain.cut.records
            self._cuts.append(chain.cut)
        self._unsealed += walk.unsealed
        self._shed += walk.shed
        self._first_version += walk.first_version_unsealed
        self._findings += walk.findings + early
        if walk.is_hopeless:
            self._in_disorder.add(chain.writer_id)
        if walk.head is not None and not walk.findings:
            self._heads.append(walk.head)
        self._tell(0)

    async def _walked(self, chain: StoredChain, known: ChainHead | None) -> tuple[ChainWalk, list[Finding]]:
        trust = self._trust
        administers = trust.administers(chain.writer_id)
        walk = ChainWalk(chain, known, trusts_first_version=trust.is_of_the_store, administers=administers)
        segments = _Segments(self._proofs, chain, self._batches_of(chain.writer_id))
        early: list[Finding] = []
        pages = _Pages(self._proofs, chain)
        try:
            while not walk.is_hopeless:
                page, is_last = await pages.following(walk.next)
                # Segments that are read after the records: so none is in a batch that is not seen.
                for one, sealed_us in await segments.up_to(None if is_last else page[-1].sequence):
                    walk.give((one,))
                    early += self._removed_early(chain, one, sealed_us)
                beyond = segments.beyond
                seen = page if beyond is None else [one for one in page if one.sequence < beyond]
                await self._take(walk, seen)
                if is_last or len(seen) < len(page):
                    walk.finish(tail_may_wait=self._tail_may_wait)
                    break
        finally:
            await pages.close()
        return walk, early

    async def _take(self, walk: ChainWalk, page: Sequence[StoredRecord]) -> None:
        for start in range(0, len(page) or 1, _STEP):
            walk.take(page[start : start + _STEP])
            self._tell(walk.records)
            await asyncio.sleep(0)

    def _batches_of(self, writer_id: str) -> BatchWalk:
        if writer_id not in self._writers:  # there is nothing of it but its chain
            self._writers[writer_id] = BatchWalk(StoredWriter(writer_id), self._trust, self._verify)
        return self._writers[writer_id]

    def _removed_early(self, chain: StoredChain, one: StoredSegment, sealed_us: int | None) -> list[Finding]:
        since_us = self._kept_since_us
        if chain.cut is None or since_us is None or sealed_us is None or sealed_us < since_us:
            return []
        segment = one.segment
        if segment.first >= chain.cut.records:
            return []
        last = min(segment.end, chain.cut.records) - 1
        what = f"records {segment.first} to {last} were removed as past their time, and are not"
        return [
            Finding(
                kind="removed_early", what=what, tenant_id=chain.tenant_id, writer_id=chain.writer_id,
                sequence=segment.first, number=one.number,
            )
        ]  # fmt: skip

    def _tell(self, records: int) -> None:
        if self._progress is not None:
            self._progress(self._done, self._chains, self._records + records)

    def _report(self) -> AuditVerification:
        walks = sorted(self._writers.items())
        trust = self._trust
        return AuditVerification(
            chains=self._chains, records=self._records, heads=tuple(self._heads), removed=self._removed,
            broken=(
                *(one for _, walk in walks for one in walk.findings), *self._hand_over.findings, *self._findings,
            ),
            unsealed=self._unsealed, shed=self._shed, first_version=self._first_version,
            writers=tuple(
                VerifiedWriter(name, walk.batches, walk.signed, walk.sealed_us, walk.anchored_us)
                for name, walk in walks
            ),
            trust="anchor" if trust.writers is not None else "store" if trust.public_keys is None else "named",
            cuts=tuple(self._cuts),
        )  # fmt: skip


class _Pages:
    """Reads the records of a chain, also what stands ahead of where it begins. While a page is walked, the store reads
    the one behind."""

    def __init__(self, proofs: AuditProofs, chain: StoredChain) -> None:
        self._proofs = proofs
        self._chain = chain
        self._limit = _PAGE
        self._reading = self._read(_LOWEST)

    async def following(self, first: int) -> tuple[list[StoredRecord], bool]:
        """The page that comes next, and whether it is the last. What is behind it is read from sequence `first` on, if
        that is further on."""
        page = await self._reading
        if len(page) < self._limit:
            return page, True
        page = _of_whole_places(page)
        fitting = _READ_BYTES * len(page) // (sum(len(one.canonical) for one in page) + 1)
        self._limit = min(max(fitting, _LEAST), _PAGE * _MOST_PAGES)
        self._reading = self._read(max(first, page[-1].sequence + 1))
        await asyncio.sleep(0)  # it begins
        return page, False

    async def close(self) -> None:
        """Nobody wants any more."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    def _read(self, first: int) -> asyncio.Task[list[StoredRecord]]:
        chain = self._chain
        return asyncio.create_task(self._proofs.stored_records(chain.tenant_id, chain.writer_id, first, self._limit))


def _of_whole_places(page: list[StoredRecord]) -> list[StoredRecord]:
    """What of a full `page` is there with all others of its sequence number: at its end, one more may come."""
    count, last = len(page) - 1, page[-1].sequence
    while count and page[count - 1].sequence == last:
        count -= 1
    return page[:count] or page


class _Segments:
    """Reads the segments of a chain as far as they are needed, and finds their places in `batches`. From `beyond` on
    (None: nowhere) records are in batches that came after those were walked."""

    def __init__(self, proofs: AuditProofs, chain: StoredChain, batches: BatchWalk) -> None:
        self._proofs = proofs
        self._chain = chain
        self._batches = batches
        self._after = _NOTHING_YET
        self._reached = 0
        self._ended = False
        self.beyond: int | None = None

    async def up_to(self, sequence: int | None) -> list[tuple[StoredSegment, int | None]]:
        """Those that begin at `sequence` (None: anywhere) or before it and were not given yet, with when each was
        sealed. Some more may come with them."""
        found: list[tuple[StoredSegment, int | None]] = []
        while self.beyond is None and self._may_be_more(sequence):
            chain = self._chain
            page = await self._proofs.stored_segments(chain.tenant_id, chain.writer_id, self._after, _PAGE)
            self._ended = len(page) < _PAGE
            for one in page:
                self._after = (one.segment.first, one.number)
                self._reached = max(self._reached, one.segment.end)
                if one.number >= self._batches.next and await self._is_there(one.number):
                    self.beyond = one.segment.first
                    return found
                found.append((one, self._batches.place(one)))
            if self._ended:
                break
        return found

    def _may_be_more(self, sequence: int | None) -> bool:
        """Also behind what was the last: a record may have come since then, and its segment with it."""
        if sequence is None or self._reached <= sequence:
            return True
        return not self._ended and self._after[0] <= sequence

    async def _is_there(self, number: int) -> bool:
        page = await self._proofs.stored_batches(self._chain.writer_id, number, 1)
        return bool(page) and page[0].number == number
