"""Along one chain and its segments, page by page: is each record the one that was written, and signed?

Pure: whoever reads hands pages over. Nothing is encoded anew; the bytes that are stored are hashed. Behind a place that
is broken the walk goes on from what is stored there, for a later segment ties it to a signature again.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from axonflow.audit.chain import GENESIS, LEAF_AND_DOMAIN, ChainHead, is_first_version, is_record_hash
from axonflow.audit.event import AuditEvent
from axonflow.audit.merkle import merkle_root
from axonflow.audit.shed import Shed
from axonflow.audit.stored import Finding, FindingKind, StoredChain, StoredRecord, StoredSegment
from axonflow.errors import AuditError

__all__ = ["MAX_FINDINGS", "ChainWalk"]

MAX_FINDINGS: Final = 100
"""Of one chain. Who has put that much into disorder has made a person look."""
_HASH_BYTES: Final = 32


class ChainWalk:
    """Takes the segments of `chain` and its records, both in order, from where it was cut on. A segment has to be given
    before its records are taken. `known` is what the chain was earlier.

    Of a writer that `administers`, all events are of administration: whatever else is there was put in.

    `records` counts those that were taken. `unsealed` of them are at the end and in no batch yet;
    `first_version_unsealed` are of the first version, which had no batches: believed only
    if `trusts_first_version`.
    """

    def __init__(
        self,
        chain: StoredChain,
        known: ChainHead | None = None,
        *,
        trusts_first_version: bool = True,
        administers: bool = False,
    ) -> None:
        self._chain = chain
        self._cut = cut = chain.cut.records if chain.cut else 0
        self._cut_hash = bytes.fromhex(chain.cut.hash) if chain.cut else GENESIS
        self._known = known
        self._trusts_first_version = trusts_first_version
        self._administers = administers
        self._last = self._cut_hash
        self._next = cut
        self._first = cut  # of those whose hashes are held: all from there up to `_next`, without a gap
        self._hashes: list[bytes] = []
        self._segments: deque[StoredSegment] = deque()
        self._sealed_until = self._accounted = cut
        self._sealed_before_cut = 0
        self._gaps: list[tuple[int, int]] = []
        self._unexplained: list[tuple[int, int, str, Finding]] = []
        self._shed: dict[int, Shed] = {}
        self._between_gaps: list[tuple[int, int]] = []
        self._faulty: deque[int] = deque()
        self._first_version_until = 0
        self.records = 0
        self.unsealed = 0
        self.shed = 0
        self.first_version_unsealed = 0
        self.findings: list[Finding] = []
        if known is not None and cut == known.records and self._cut_hash.hex() != known.hash:
            self._find("rewritten", _anew(known, self._cut_hash), cut)

    @property
    def is_hopeless(self) -> bool:
        """Whether so much was found that looking any further is of no use."""
        return len(self.findings) >= MAX_FINDINGS

    @property
    def previous(self) -> bytes:
        """What the next record has to name as its predecessor."""
        return self._last

    @property
    def next(self) -> int:
        """The sequence number behind the last record that was taken."""
        return self._next

    @property
    def head(self) -> ChainHead | None:
        """Where the chain ends; None when there is nothing of it."""
        chain = self._chain
        return ChainHead(chain.tenant_id, chain.writer_id, self._next, self._last.hex()) if self._next else None

    def give(self, segments: Iterable[StoredSegment]) -> None:
        """Segments of this chain that come next."""
        for one in segments:
            segment = one.segment
            self._sealed_before_cut = max(self._sealed_before_cut, min(segment.end, self._cut))
            if segment.end > self._cut:
                self._segments.append(one)
                gone = max(self._cut - segment.first, 0)
                if len(one.removed) > gone * _HASH_BYTES:
                    said = f"more of its records are noted as removed than the {gone} that are past their time"
                    self._find("segment_altered", said, segment.first, number=one.number)
            elif segment.end == self._cut and segment.head != self._cut_hash:
                said = f"the chain is said to be cut behind another record than the one that batch {one.number} signed"
                self._find("cut", said, segment.end - 1)

    def take(self, page: Sequence[StoredRecord]) -> None:
        """The records that come next."""
        sha256, last, expected, hashes = hashlib.sha256, self._last, self._next, self._hashes
        passed_over = 0
        for record in page:
            digest = record.hash
            is_sound = record.sequence == expected and record.previous == last and not record.altered
            if is_sound:  # in two parts: to copy all of it into one took .2 us of 1.1
                hashed = sha256(LEAF_AND_DOMAIN + last + expected.to_bytes(8, "big"))
                hashed.update(record.canonical)
                is_sound = hashed.digest() == digest
            if not is_sound:
                self._last, self._next = last, expected
                if not self._look_closely(record):
                    passed_over += 1
                    continue
                expected, hashes = self._next, self._hashes
            hashes.append(digest)
            last = digest
            expected += 1
        self._last, self._next = last, expected
        self.records += len(page) - passed_over
        if self._administers:
            self._check_kinds(page)
        if self._unexplained:
            self._explain(page)
        self._compare_with_known()
        self._check_segments()

    def finish(self, *, tail_may_wait: bool) -> None:
        """Nothing comes any more. Unless `tail_may_wait`, as in a spool, which holds no more than the newest, records
        at the end have to be in a batch too, and the batches be here of those that were cut."""
        believes_cut = tail_may_wait or (self._trusts_first_version and not self._sealed_before_cut)
        if self._sealed_before_cut < self._cut and not believes_cut:
            first = self._sealed_before_cut
            said = (
                f"records {first} to {self._cut - 1} are said to be past their time, and nobody signed that they were"
            )
            self._find("cut", said, first)
        known = self._known
        if known is not None and self._next < known.records and not self._segments:
            said = f"records {self._next} to {known.records - 1} were there and are missing"
            self._find("missing", said, self._next)
        for one in self._segments:
            first = max(one.segment.first, self._next)
            said = f"records {first} to {one.segment.end - 1} are missing, which batch {one.number} sealed"
            self._find("missing", said, first, number=one.number)
        if tail_may_wait:
            self.unsealed += self._next - max(self._accounted, self._sealed_until)
            self.unsealed += sum(max(until - first, 0) for first, until in self._between_gaps)
        else:
            self._account(self._accounted if self._segments else self._next)
        self._segments.clear()

    def _look_closely(self, record: StoredRecord) -> bool:
        """What is the matter with `record`, which does not simply follow. Whether it has a place in the chain."""
        sequence, previous = record.sequence, record.previous
        if sequence < max(self._cut, 0):
            said = "it stands ahead of where the chain begins: put in, or not past its time as it is said to be"
            self._find("cut", said, sequence, record)
            self._faulty.pop()  # it excuses none of those that have a place
            return False
        if sequence < self._next:
            self._find("altered", f"record {sequence} stands here twice, or out of order", sequence, record)
            return False
        if sequence > self._next:
            self._note_gap(sequence, previous)
            self._last = previous
        follows = previous == self._last or (self._faulty and self._faulty[-1] == sequence - 1)
        if not is_record_hash(record.hash, sequence, previous, record.canonical):
            said = "what is stored is not what was hashed: its bytes, its predecessor or its hash were changed"
            self._find("altered", said, sequence, record)
        elif record.altered:
            self._find("column", f"{record.altered} does not say what was hashed", sequence, record)
        elif not follows:
            self._find("unlinked", "it does not follow the one before: one of both was written anew", sequence, record)
        elif is_first_version(record.hash, sequence, previous, record.canonical):
            self._first_version_until = sequence + 1
        return True

    def _check_kinds(self, page: Sequence[StoredRecord]) -> None:
        for record in page:
            with suppress(AuditError):  # of what is no event, it is said that it is altered
                kind = AuditEvent.from_canonical(record.canonical).kind
                if kind != "admin":
                    said = f"an event of kind {kind[:64]!a}, where nothing is but what was administered by command"
                    self._find("unsigned", said, record.sequence, record)

    def _explain(self, page: Sequence[StoredRecord]) -> None:
        """Take back that records are missing where their writer said that it let them go, and behind which hash it went
        on. It says so at the end of the chain: in this page, or in one that comes."""
        for record in page:
            shed = Shed.told_by(record.canonical)
            if shed is not None and shed.records > 0:
                self._shed[shed.end] = shed
        for gap in list(self._unexplained):
            first, end, digest, finding = gap
            told = self._shed.get(end)
            if told is None or told.hash != digest:
                continue
            while told is not None and told.first > first:
                told = self._shed.get(told.first)
            if told is not None:
                self.shed += end - first
                self._unexplained.remove(gap)
                self.findings.remove(finding)

    def _note_gap(self, sequence: int, previous: bytes) -> None:
        """What is from `_next` up to `sequence` is missing."""
        first = self._next
        self._check_segments()
        within = [one.number for one in self._segments if one.segment.first < sequence and one.segment.end > first]
        why = f"batch {within[0]} sealed" if within else "no batch has: quarantined by their writer, or lost"
        number = within[0] if within else None
        self._find("missing", f"records {first} to {sequence - 1} are missing, which {why}", first, number=number)
        if number is None and not self.is_hopeless:
            self._unexplained.append((first, sequence, previous.hex(), self.findings[-1]))
        if self._segments:
            self._account(min(first, *(one.segment.first for one in self._segments)))
        else:  # they may still wait for their batch, as in a spool from which records between them went
            self._between_gaps.append((self._accounted, first))
        self._accounted = max(self._accounted, sequence)
        self._gaps.append((first, sequence))
        self._hashes = []
        self._first = self._next = sequence

    def _compare_with_known(self) -> None:
        known = self._known
        if known is not None and self._first < known.records <= self._next:
            found = self._hashes[known.records - 1 - self._first]
            if found.hex() != known.hash:
                self._find("rewritten", _anew(known, found), known.records - 1)

    def _check_segments(self) -> None:
        """Those whose records were all taken; then let go of what no later one needs."""
        while self._segments and self._segments[0].segment.end <= self._next:
            self._check_segment(self._segments.popleft())
        needed = min(self._segments[0].segment.first, self._next) if self._segments else self._next
        if self._segments:
            self._account(needed)
        if needed > self._first:
            del self._hashes[: needed - self._first]
            self._first = needed

    def _check_segment(self, one: StoredSegment) -> None:
        segment = one.segment
        if segment.first < self._sealed_until and segment.first >= self._cut:
            said = f"batch {one.number} sealed it, and one before had it already"
            self._find("sealed_twice", said, segment.first, number=one.number)
        self._account(segment.first)
        faulty = False
        while self._faulty and self._faulty[0] < segment.end:
            faulty = self._faulty.popleft() >= segment.first or faulty
        faulty = faulty or any(first < segment.end and end > segment.first for first, end in self._gaps)
        if not faulty and not self._is_as_signed(one):
            said = (
                f"records {segment.first} to {segment.end - 1} are not those that batch {one.number} signed:"
                " at least one was written anew, put in or moved"
            )
            self._find("rewritten", said, segment.first, number=one.number)
        self._gaps = [gap for gap in self._gaps if gap[1] > segment.end]
        self._sealed_until = max(self._sealed_until, segment.end)
        self._accounted = max(self._accounted, segment.end)

    def _is_as_signed(self, one: StoredSegment) -> bool:
        segment = one.segment
        hashes = self._hashes[max(segment.first - self._first, 0) : max(segment.end - self._first, 0)]
        if not hashes or hashes[-1] != segment.head:
            return False
        gone = segment.records - len(hashes)
        if gone == 0:
            return merkle_root(hashes) == segment.root
        if segment.end - len(hashes) != self._cut:  # they were here, before they were looked for
            return False
        removed = one.removed[: gone * _HASH_BYTES]
        if len(removed) < gone * _HASH_BYTES:
            return True  # its head is signed, and names all before it
        before = [removed[start : start + _HASH_BYTES] for start in range(0, len(removed), _HASH_BYTES)]
        return merkle_root(before + hashes) == segment.root

    def _account(self, until: int) -> None:
        """No segment has what is from `_accounted` up to `until`, nor what is between gaps before."""
        runs = [*self._between_gaps, (self._accounted, until)]
        self._between_gaps.clear()
        self._accounted = max(self._accounted, until)
        for first, end in runs:
            if first < end:
                self._note_unsealed(first, end)

    def _note_unsealed(self, first: int, until: int) -> None:
        older = max(min(until, self._first_version_until) - first, 0) if self._is_older_than_batches else 0
        self.first_version_unsealed += older
        first += older
        if first < until:
            self._find("unsealed", f"records {first} to {until - 1} are in no batch: nobody signed them", first)

    @property
    def _is_older_than_batches(self) -> bool:
        return self._trusts_first_version and self._sealed_until == self._cut

    def _find(
        self, kind: FindingKind, what: str, sequence: int, record: StoredRecord | None = None, *,
        number: int | None = None,
    ) -> None:  # fmt: skip
        if record is not None:
            self._faulty.append(sequence)
        if not self.is_hopeless:
            self.findings.append(
                Finding(
                    kind=kind, what=what, tenant_id=self._chain.tenant_id, writer_id=self._chain.writer_id,
                    sequence=sequence, number=number, event_id=record.event_id if record else "",
                )
            )  # fmt: skip


def _anew(known: ChainHead, found: bytes) -> str:
    return f"the chain was written anew: expected {known.hash}, found {found.hex()}"
