"""Verb: export_audit. The trail of one tenant as lines that can be verified where nothing else is."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from msgspec import Raw

from axonflow.audit import GENESIS
from axonflow.audit.export import (
    ExportedChain,
    ExportedEnd,
    ExportedHeader,
    ExportedRecord,
    ExportedSegment,
    write_line,
)
from axonflow.audit.merkle import merkle_path
from axonflow.audit.proof import ProofKey
from axonflow.audit.stored import StoredBatch, StoredChain, StoredSegment
from axonflow.ids import now_us
from axonflow.ports import AuditProofs

__all__ = ["export_audit"]

_PAGE: Final = 1_000
_BATCHES: Final = 100
_HASH_BYTES: Final = 32


async def export_audit(proofs: AuditProofs, tenant_id: str) -> AsyncIterator[bytes]:
    """The lines, each with its end: all records that are there, as they are stored, whether they are in order or not.
    Raises AuditError when the store does not answer: what was given is then not complete, as its last line shows."""
    yield write_line(ExportedHeader(tenant_id=tenant_id, exported_us=now_us()))
    keys = {writer.writer_id: writer.keys for writer in await proofs.stored_writers()}
    chains, records = await proofs.stored_chains(tenant_id), 0
    for chain in chains:
        cut = chain.cut
        yield write_line(
            ExportedChain(
                chain=chain.writer_id, removed=cut.records if cut else 0, hash=cut.hash if cut else GENESIS.hex(),
                keys=tuple(map(ProofKey.of, keys.get(chain.writer_id, ()))),
            )
        )  # fmt: skip
        async for line, is_record in _chain_lines(proofs, chain):
            records += is_record
            yield line
    yield write_line(ExportedEnd(chains=len(chains), records=records))


async def _chain_lines(proofs: AuditProofs, chain: StoredChain) -> AsyncIterator[tuple[bytes, bool]]:
    """Of one chain, and of each whether it is a record."""
    segments: deque[StoredSegment] = deque()
    batches = _Batches(proofs, chain.writer_id)
    after, first, is_all = (-1, -1), chain.cut.records if chain.cut else 0, False
    last = bytes.fromhex(chain.cut.hash) if chain.cut else GENESIS
    while True:
        page = await proofs.stored_records(chain.tenant_id, chain.writer_id, first, _PAGE)
        until = page[-1].sequence if len(page) == _PAGE else None
        while not is_all and (until is None or after[0] <= until):
            some = await proofs.stored_segments(chain.tenant_id, chain.writer_id, after, _PAGE)
            segments += some
            is_all = len(some) < _PAGE
            after = (some[-1].segment.first, some[-1].number) if some else after
        for record in page:
            while segments and segments[0].segment.first <= record.sequence:
                yield await batches.line(segments.popleft()), False
            other = "" if record.previous == last else record.previous.hex()
            last = record.hash
            line = ExportedRecord(record.sequence, chain.writer_id, last.hex(), Raw(record.canonical), other)
            yield write_line(line), True
        if until is None:
            break
        first = until + 1
    for one in segments:
        yield await batches.line(one), False


class _Batches:
    """Those of one writer, of which a chain has segments, some at a time."""

    def __init__(self, proofs: AuditProofs, writer_id: str) -> None:
        self._proofs = proofs
        self._writer_id = writer_id
        self._page: dict[int, StoredBatch] = {}

    async def line(self, one: StoredSegment) -> bytes:
        """Of a segment. Of a batch that is not there, nothing is said."""
        if one.number not in self._page:
            page = await self._proofs.stored_batches(self._writer_id, one.number, _BATCHES)
            self._page = {batch.number: batch for batch in page}
        batch = self._page.get(one.number, StoredBatch(one.number, b"", b"", b""))
        leaves = [batch.leaves[start : start + _HASH_BYTES] for start in range(0, len(batch.leaves), _HASH_BYTES)]
        path = merkle_path(leaves, one.position) if one.position < len(leaves) else ()
        return write_line(
            ExportedSegment(
                segment=one.segment.canonical().decode(), position=one.position,
                batch_path=tuple(each.hex() for each in path), batch=batch.statement.decode("utf-8", "replace"),
                signature=batch.signature.hex(), removed=one.removed.hex(),
            )
        )  # fmt: skip
