"""Verb: verify_export. Walk the chains in an export of one tenant, with nothing else at hand."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from axonflow.audit import ChainHead
from axonflow.audit.batch import BatchStatement, Segment
from axonflow.audit.batch_walk import unknown_to_anchor
from axonflow.audit.chain_walk import ChainWalk
from axonflow.audit.export import (
    RECORD_START,
    ExportedChain,
    ExportedEnd,
    ExportedHeader,
    ExportedSegment,
    read_line,
    read_records,
)
from axonflow.audit.merkle import leaf_hash, root_by_path
from axonflow.audit.stored import Finding, FindingKind, StoredChain, StoredSegment
from axonflow.audit.trust import KeyCheck, SignatureCheck, Trust
from axonflow.errors import AuditError
from axonflow.flows.verify_audit import AuditVerification, VerifiedWriter

__all__ = ["verify_export"]

_PAGE: Final = 1_000
_is_record: Final = operator.methodcaller("startswith", RECORD_START)
T = TypeVar("T")


def verify_export(
    lines: Iterable[bytes],
    *,
    trust: Trust = Trust(),  # noqa: B008  frozen
    verify: SignatureCheck | None = None,
    progress: Callable[[int], None] | None = None,
) -> AuditVerification:
    """Verify all chains in `lines`, as :func:`axonflow.flows.verify_audit.verify_audit` does those of a store.

    What an export cannot show: batches in which the tenant has no part. So it proves that nothing in it was changed,
    put in or taken out in between, and who signed it; how far it goes, only an anchor or a later one tells. `progress`
    is called with the number of records so far. Raises AuditError for what is no export, or not all of one.
    """
    walk = _ExportWalk(trust, verify)
    number = 1
    for are_records, some in itertools.groupby(lines, _is_record):
        if not are_records:
            for line in some:
                _take(number, walk.take, line)
                number += 1
            continue
        while page := list(itertools.islice(some, _PAGE)):
            _take(number, walk.take_records, page)
            number += len(page)
            if progress is not None:
                progress(walk.records)
    return walk.finish()


def _take(number: int, take: Callable[[T], None], what: T) -> None:
    """Hand on what begins at line `number`."""
    try:
        take(what)
    except (AuditError, ValueError) as error:  # ValueError: no hexadecimal digits
        raise AuditError("the export cannot be read", found=str(error)[:300], at=f"line {number}") from None


class _ExportWalk:
    """From line to line."""

    def __init__(self, trust: Trust, verify: SignatureCheck | None) -> None:
        self._trust = trust
        self._verify = verify
        self._tenant_id: str | None = None
        self._chain: _ChainPart | None = None
        self._end: ExportedEnd | None = None
        self._parts: list[_ChainPart] = []
        self.records = 0

    def take_records(self, lines: Sequence[bytes]) -> None:
        """Lines of records that follow each other."""
        if self._chain is None or self._end is not None:
            raise AuditError("a line in the wrong place", expected="a chain before its segments and records")
        self._chain.take(lines)
        self.records += len(lines)

    def take(self, line: bytes) -> None:
        """A line of another kind."""
        said = read_line(line)
        if self._end is not None or (self._tenant_id is None) != isinstance(said, ExportedHeader):
            raise AuditError("a line in the wrong place", expected="a header first, and an end last")
        if isinstance(said, ExportedHeader):
            self._tenant_id = said.tenant_id
        elif isinstance(said, ExportedChain):
            if any(part.writer_id == said.chain for part in self._parts):
                raise AuditError("a chain that was there before", found=ascii(said.chain)[:80])
            self._chain = _ChainPart(self._tenant_id or "", said, self._trust, self._verify)
            self._parts.append(self._chain)
        elif isinstance(said, ExportedSegment) and self._chain is not None:
            self._chain.give(said)
        elif isinstance(said, ExportedEnd):
            self._end = said
        else:
            raise AuditError("a line in the wrong place", expected="a chain before its segments and records")

    def finish(self) -> AuditVerification:
        if self._end is None:
            raise AuditError("the export is not complete", expected="its last line", found="none")
        for part in self._parts:
            part.finish()
        walks = [part.walk for part in self._parts]
        trust = self._trust
        return AuditVerification(
            chains=len(walks), records=sum(walk.records for walk in walks),
            broken=(
                *(one for part in self._parts for one in (*part.findings, *part.walk.findings)),
                *self._miscounted(self._end),
            ),
            heads=tuple(walk.head for walk in walks if walk.head is not None and not walk.findings),
            removed=sum(part.removed for part in self._parts), unsealed=sum(walk.unsealed for walk in walks),
            shed=sum(walk.shed for walk in walks), first_version=sum(walk.first_version_unsealed for walk in walks),
            writers=tuple(
                VerifiedWriter(part.writer_id, part.batches, part.signed, part.sealed_us) for part in self._parts
            ),
            trust="anchor" if trust.writers is not None else "store" if trust.public_keys is None else "named",
            cuts=tuple(part.cut for part in self._parts if part.cut is not None),
        )  # fmt: skip

    def _miscounted(self, end: ExportedEnd) -> Iterable[Finding]:
        """That the last line speaks of others: the only sign of a chain, or an end of one, that was taken out whole."""
        chains, records = len(self._parts), self.records
        if (end.chains, end.records) == (chains, records):
            return
        told = f"{end.records} records of {end.chains} chains"
        yield Finding(
            kind="missing" if chains < end.chains or records < end.records else "unsealed", writer_id="",
            tenant_id=self._tenant_id or "", what=f"the last line tells of {told}, and here are {records} of {chains}",
        )  # fmt: skip


class _ChainPart:
    """One chain of the export."""

    def __init__(self, tenant_id: str, said: ExportedChain, trust: Trust, verify: SignatureCheck | None) -> None:
        self._tenant_id = tenant_id
        self.writer_id = said.chain
        self.removed = said.removed
        hashed = bytes.fromhex(said.hash).hex() if said.removed else ""
        self.cut = ChainHead(tenant_id, said.chain, said.removed, hashed) if said.removed else None
        keys = [key.registered(said.chain) for key in said.keys]
        self._keys = KeyCheck(said.chain, keys, trust, verify)
        self.walk = ChainWalk(
            StoredChain(tenant_id, said.chain, self.cut), trusts_first_version=trust.is_of_the_store,
            administers=trust.administers(said.chain),
        )  # fmt: skip
        self.batches = 0
        self.sealed_us: int | None = None
        self.findings: list[Finding] = []
        for kind, what, number in self._keys.problems:
            self._find(kind, what, number)
        if trust.writers is not None and trust.expects(said.chain) and trust.anchored(said.chain) is None:
            self._find("writer_unknown", unknown_to_anchor(said.chain), None)

    @property
    def signed(self) -> int:
        """How many of its batches have a good signature."""
        return self._keys.signed

    def take(self, lines: Sequence[bytes]) -> None:
        """The records that come next."""
        self.walk.take(read_records(lines, self._tenant_id, self.writer_id, self.walk.previous))

    def give(self, said: ExportedSegment) -> None:
        """The segment that comes next."""
        data, statement = said.segment.encode(), said.batch.encode()
        segment = Segment.from_canonical(data)
        where = f"records {segment.first} to {segment.end - 1}"
        if not statement:
            self._find("batch_missing", f"{where} are said to be in a batch, which is not there", None, segment)
            return
        batch = BatchStatement.from_bytes(statement)
        root = root_by_path(leaf_hash(data), said.position, batch.segments, [*map(bytes.fromhex, said.batch_path)])
        chain = (self._tenant_id, self.writer_id)
        if root is None or root.hex() != batch.root or (segment.tenant_id, segment.writer_id) != chain:
            self._find(
                "segment_altered", f"what is said of {where} is not what this batch sealed", batch.number, segment
            )
        if batch.writer_id != self.writer_id:
            self._find("batch_misplaced", f"{where} are in a batch of another writer", batch.number, segment)
        problem = self._keys.problem(batch, statement, bytes.fromhex(said.signature))
        if problem is not None:
            self._find(*problem, batch.number)
        self.batches += 1
        self.sealed_us = batch.sealed_us
        self.walk.give((StoredSegment(segment, batch.number, said.position, bytes.fromhex(said.removed)),))

    def finish(self) -> None:
        """There are no more."""
        self.walk.finish(tail_may_wait=False)

    def _find(self, kind: FindingKind, what: str, number: int | None, segment: Segment | None = None) -> None:
        self.findings.append(
            Finding(
                kind=kind, what=what, writer_id=self.writer_id, number=number,
                tenant_id=self._tenant_id if segment else "", sequence=segment.first if segment else None,
            )
        )  # fmt: skip
