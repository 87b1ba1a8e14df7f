"""Along the batches of one writer: is each signed, and behind the one that it names? Pure, as the chain's walk."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Final

from axonflow.audit.batch import BatchStatement, batch_hash
from axonflow.audit.commands import is_command_writer
from axonflow.audit.merkle import leaf_hash, merkle_root
from axonflow.audit.stored import Finding, FindingKind, StoredBatch, StoredSegment, StoredWriter
from axonflow.audit.trust import KeyCheck, SignatureCheck, Trust
from axonflow.errors import AuditError

__all__ = ["BatchWalk", "unknown_to_anchor"]

MAX_FINDINGS: Final = 100
"""Of one writer."""
_HASH_BYTES: Final = 32


class BatchWalk:
    """Takes the batches of `writer` in the order of their numbers; then the segments of its chains find their places.

    `next` is the number behind the newest that was taken.
    About 40 bytes a batch and 33 a segment are held meanwhile.
    """

    def __init__(self, writer: StoredWriter, trust: Trust, verify: SignatureCheck | None) -> None:
        self._writer_id = writer.writer_id
        self._previous = writer.previous
        self._keys = KeyCheck(writer.writer_id, writer.keys, trust, verify)
        self._anchored = trust.anchored(writer.writer_id)
        self._has_to_be_known = trust.writers is not None and trust.expects(writer.writer_id)
        self._newest: BatchStatement | None = None
        self._numbers = array("q")
        self._sealed_us = array("q")
        self._ends = array("q", [0])  # how many leaves there are up to the end of each batch, from none on
        self._leaves = bytearray()
        self._seen = bytearray()  # of each leaf, whether its segment was met
        self.next = writer.first_number
        self.findings: list[Finding] = []
        for kind, what, number in self._keys.problems:
            self._find(kind, what, number)
        if self._anchored is not None and self._anchored.statement:
            self._newest = BatchStatement.from_bytes(self._anchored.statement)

    @property
    def batches(self) -> int:
        """How many were taken."""
        return len(self._numbers)

    @property
    def signed(self) -> int:
        """How many of them have a good signature of a key that is trusted."""
        return self._keys.signed

    @property
    def sealed_us(self) -> int | None:
        """When the newest was sealed, in microseconds since the Unix epoch by the writer's clock; None without any."""
        return self._sealed_us[-1] if self._sealed_us else None

    @property
    def anchored_us(self) -> int | None:
        """When that was sealed up to which the anchor proves everything; None when it proves nothing."""
        return self._newest.sealed_us if self._newest else None

    def take(self, batch: StoredBatch) -> None:
        """The batch that comes next."""
        number, is_behind_a_gap = batch.number, batch.number > self.next
        if is_behind_a_gap:
            self._find("batch_missing", f"batches {self.next} to {number - 1} are missing", self.next)
        if batch.altered:
            self._find("batch_altered", f"{batch.altered} does not say what was sealed", number)
        digest, leaves = batch_hash(batch.statement), batch.leaves
        try:
            said = BatchStatement.from_bytes(batch.statement)
        except AuditError as error:
            self._find("batch_unreadable", str(error), number)
        else:
            self._sealed_us.append(said.sealed_us)
            self._check_place(batch, said, is_behind_a_gap=is_behind_a_gap)
            problem = self._keys.problem(said, batch.statement, batch.signature)
            if problem is not None:
                self._find(*problem, number)
            if not _are_leaves_of(leaves, said):
                self._find("batch_altered", "its segments are not those that were sealed", number)
        whole = len(leaves) // _HASH_BYTES
        self._sealed_us.extend([0] * (len(self._numbers) + 1 - len(self._sealed_us)))
        self._numbers.append(number)
        self._leaves += leaves[: whole * _HASH_BYTES]
        self._seen += bytes(whole)
        self._ends.append(len(self._seen))
        self._previous, self.next = digest, number + 1
        if self._newest is not None and self._newest.number == number and digest != self._anchored_hash():
            self._find("anchor_broken", "the anchor has another batch under this number", number)

    def finish(self) -> None:
        """All batches were taken."""
        newest = self._newest
        if self._has_to_be_known and self._anchored is None and self.batches:
            self._find("writer_unknown", unknown_to_anchor(self._writer_id), None)
        if newest is not None and newest.number >= self.next:
            what = f"batches {self.next} to {newest.number} are missing, which the anchor knows of"
            self._find("batch_missing" if self.batches else "writer_missing", what, self.next)

    def place(self, one: StoredSegment) -> int | None:
        """When the batch was sealed whose segment `one` is, in microseconds since the Unix epoch; None, and a finding,
        when it is no segment of it."""
        index = bisect_left(self._numbers, one.number)
        segment = one.segment
        where = f"records {segment.first} to {segment.end - 1}"
        if index == len(self._numbers) or self._numbers[index] != one.number:
            self._find("batch_missing", f"{where} are said to be in this batch, which is not there", one.number, one)
            return None
        leaf = self._ends[index] + one.position
        held = bytes(self._leaves[leaf * _HASH_BYTES : (leaf + 1) * _HASH_BYTES])
        if leaf >= self._ends[index + 1] or held != leaf_hash(segment.canonical()):
            self._find("segment_altered", f"what is said of {where} is not what this batch sealed", one.number, one)
            return None
        self._seen[leaf] = 1
        return self._sealed_us[index]

    def find_unseen(self) -> None:
        """All chains of the writer were walked: what is in its batches, and was nowhere?"""
        for index, number in enumerate(self._numbers):
            first, end = self._ends[index], self._ends[index + 1]
            unseen = self._seen.count(0, first, end)
            if unseen > 0:
                self._find("segment_missing", f"{unseen} of its segments are missing, each a part of a chain", number)

    def _anchored_hash(self) -> bytes:
        return batch_hash(self._anchored.statement) if self._anchored else b""

    def _check_place(self, batch: StoredBatch, said: BatchStatement, *, is_behind_a_gap: bool) -> None:
        if (said.writer_id, said.number) != (self._writer_id, batch.number):
            what = f"it is batch {said.number} of writer {said.writer_id[:64]!a}, put into another place"
            self._find("batch_misplaced", what, batch.number)
        elif not is_behind_a_gap and said.previous != self._previous.hex():
            what = "it does not follow the batch before: one of both was written anew"
            self._find("batch_unlinked", what, batch.number)

    def _find(self, kind: FindingKind, what: str, number: int | None, at: StoredSegment | None = None) -> None:
        if len(self.findings) < MAX_FINDINGS:
            segment = at.segment if at else None
            self.findings.append(
                Finding(
                    kind=kind, what=what, writer_id=self._writer_id, number=number,
                    tenant_id=segment.tenant_id if segment else "", sequence=segment.first if segment else None,
                )
            )  # fmt: skip


def unknown_to_anchor(writer_id: str) -> str:
    """What is said of a writer that the anchor does not know."""
    said = "the anchor does not know this writer: it was put in, or never anchored"
    late = "; a command is told of within seconds by services that have this anchor, or by itself (AXONFLOW_ANCHOR)"
    return said + late if is_command_writer(writer_id) else said


def _are_leaves_of(leaves: bytes, said: BatchStatement) -> bool:
    each = [leaves[start : start + _HASH_BYTES] for start in range(0, len(leaves), _HASH_BYTES)]
    return len(leaves) == said.segments * _HASH_BYTES and merkle_root(each).hex() == said.root
