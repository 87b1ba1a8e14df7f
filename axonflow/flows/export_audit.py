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
    Line,
    write_line,
)
from axonflow.audit.merkle import merkle_path
from axonflow.audit.proof import ProofKey
from axonflow.audit.stored import StoredBatch, StoredChain, StoredSegment
from axonflow.ids import now_us
from axonflow.ports import AuditProofs

__all__ = ["export_audit", "export_parts"]

_PAGE: Final = 1_000
_BATCHES: Final = 100
_HASH_BYTES: Final = 32


async def export_audit(proofs: AuditProofs, tenant_id: str) -> AsyncIterator[bytes]:
    """The lines, each with its end; see :func:`export_parts`."""
    async for part in export_parts(proofs, tenant_id):
        yield write_line(part)


async def export_parts(proofs: AuditProofs, tenant_id: str) -> AsyncIterator[Line | ExportedRecord]:
    """What the lines say: all records that are there, as they are stored, whether they are in order or not. Raises
    AuditError when the store does not answer: what was given is then not complete, as its last line shows."""
    yield ExportedHeader(tenant_id=tenant_id, exported_us=now_us())
    keys = {writer.writer_id: writer.keys for writer in await proofs.stored_writers()}
    chains, records = await proofs.stored_chains(tenant_id), 0
    for chain in chains:
        cut = chain.cut
        yield ExportedChain(
            chain=chain.writer_id, removed=cut.records if cut else 0, hash=cut.hash if cut else GENESIS.hex(),
            keys=tuple(map(ProofKey.of, keys.get(chain.writer_id, ()))),
        )  # fmt: skip
        async for part in _chain_parts(proofs, chain):
            records += isinstance(part, ExportedRecord)
            yield part
    yield ExportedEnd(chains=len(chains), records=records)


async def _chain_parts(proofs: AuditProofs, chain: StoredChain) -> AsyncIterator[ExportedSegment | ExportedRecord]:
    segments: deque[StoredSegment] = deque()
    batches = _Batches(proofs, chain.writer_id)
    begin = first = chain.cut.records if chain.cut else 0
    after, is_all = (-1, -1), False
    last = bytes.fromhex(chain.cut.hash) if chain.cut else GENESIS
    while True:
        page = await proofs.stored_records(chain.tenant_id, chain.writer_id, first, _PAGE)
        until = page[-1].sequence if len(page) == _PAGE else None
        while not is_all and (until is None or after[0] <= until):
            some = await proofs.stored_segments(chain.tenant_id, chain.writer_id, after, _PAGE)
            for one in some:  # of those before the cut, the last is enough: it is signed, and says where it ends
                if segments and max(one.segment.end, segments[-1].segment.end) <= begin:
                    segments.pop()
                segments.append(one)
            is_all = len(some) < _PAGE
            after = (some[-1].segment.first, some[-1].number) if some else after
        for record in page:
            while segments and segments[0].segment.first <= record.sequence:
                yield await batches.part(segments.popleft())
            other = "" if record.previous == last else record.previous.hex()
            last = record.hash
            yield ExportedRecord(record.sequence, chain.writer_id, last.hex(), Raw(record.canonical), other)
        if until is None:
            break
        first = until + 1
    for one in segments:
        yield await batches.part(one)


class _Batches:
    """Those of one writer, of which a chain has segments, some at a time."""

    def __init__(self, proofs: AuditProofs, writer_id: str) -> None:
        self._proofs = proofs
        self._writer_id = writer_id
        self._page: dict[int, StoredBatch] = {}

    async def part(self, one: StoredSegment) -> ExportedSegment:
        """Of a segment. Of a batch that is not there, nothing is said."""
        if one.number not in self._page:
            page = await self._proofs.stored_batches(self._writer_id, one.number, _BATCHES)
            self._page = {batch.number: batch for batch in page}
        batch = self._page.get(one.number, StoredBatch(one.number, b"", b"", b""))
        leaves = [batch.leaves[start : start + _HASH_BYTES] for start in range(0, len(batch.leaves), _HASH_BYTES)]
        path = merkle_path(leaves, one.position) if one.position < len(leaves) else ()
        return ExportedSegment(
            segment=one.segment.canonical().decode(), position=one.position,
            batch_path=tuple(each.hex() for each in path), batch=batch.statement.decode("utf-8", "replace"),
            signature=batch.signature.hex(), removed=one.removed.hex(),
        )  # fmt: skip
