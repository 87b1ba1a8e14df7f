"""Where chains were cut, as a place of another owner was told before their records went.

Objects are added and numbered as those of :mod:`axonflow.audit.anchor`; all are read, for each may name another chain.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from axonflow.audit.anchor import anchor_hash
from axonflow.audit.batch import NO_BATCH
from axonflow.audit.chain import ChainHead
from axonflow.audit.stored import Finding
from axonflow.errors import AuditError

__all__ = ["AnchoredCuts", "CutNotice", "cut_name"]

CUT_FORMAT: Final = "axonflow.audit.cut.v1"


class CutNotice(Struct, frozen=True, forbid_unknown_fields=True):
    """That chains are about to be cut behind these heads, told at `time_us` (microseconds since the Unix epoch, by the
    clock of whoever cuts). `accepted`: they had been cut already, and an administrator believed the database that it
    was for their time. `previous` is the hash of the object before (64 zeros for the first)."""

    format: str
    cuts: tuple[ChainHead, ...]
    accepted: bool
    time_us: int
    previous: str

    @classmethod
    def of(cls, cuts: tuple[ChainHead, ...], time_us: int, previous: bytes, *, accepted: bool) -> CutNotice:
        """Behind the object with the hash `previous`."""
        return cls(CUT_FORMAT, cuts, accepted, time_us, previous.hex())


class AnchoredCuts:
    """All that an anchor has of cuts. `next` is the number of the next object, `previous` the hash of the last."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], ChainHead] = {}
        self._accepted: dict[tuple[str, str], int] = {}
        self.next = 0
        self.previous = NO_BATCH

    def take(self, data: bytes) -> None:
        """The object that comes next. Raises AuditError for what is none."""
        try:
            said = _decode(data)
        except msgspec.MsgspecError as error:
            raise self._refused(str(error)) from None
        if (said.format, said.previous) != (CUT_FORMAT, self.previous.hex()):
            raise self._refused(f"{said.format} behind {said.previous}")
        for cut in filter(self.is_news, said.cuts):
            place = (cut.tenant_id, cut.writer_id)
            self._newest[place] = cut
            if said.accepted:
                self._accepted[place] = cut.records
        self.next, self.previous = self.next + 1, anchor_hash(data)

    def is_news(self, cut: ChainHead) -> bool:
        """Whether more goes with `cut` than the anchor was told of."""
        newest = self._newest.get((cut.tenant_id, cut.writer_id))
        return newest is None or newest.records < cut.records

    def has(self, cut: ChainHead) -> bool:
        """Whether the anchor was told of `cut`, or of one behind it: who was stopped between telling and cutting, or
        between two parts of a long cut, has cut less."""
        newest = self._newest.get((cut.tenant_id, cut.writer_id))
        return newest is not None and (cut.records < newest.records or cut == newest)

    def accepted(self, cut: ChainHead) -> int:
        """How many of the records that went with `cut` had gone before the anchor was told."""
        return min(self._accepted.get((cut.tenant_id, cut.writer_id), 0), cut.records)

    def findings(self, cuts: Iterable[ChainHead]) -> tuple[Finding, ...]:
        """One for each of the cuts that the anchor does not have."""
        return tuple(self._finding(cut) for cut in cuts if not self.has(cut))

    def _finding(self, cut: ChainHead) -> Finding:
        newest = self._newest.get((cut.tenant_id, cut.writer_id))
        first = newest.records if newest else 0
        what = (
            f"records {first} to {cut.records - 1} were removed without a word to the anchor: by somebody, or by"
            " maintenance without --anchor; only if you know it was that, axonflow db maintain --accept-cuts"
        )
        if not self.is_news(cut):
            what = "the anchor was told that the chain is cut behind another record"
        return Finding(
            kind="cut", what=what, tenant_id=cut.tenant_id, writer_id=cut.writer_id, sequence=cut.records - 1
        )  # fmt: skip

    def _refused(self, found: str) -> AuditError:
        return AuditError(
            "not the object that follows in an audit anchor", expected=f"{CUT_FORMAT} behind {self.previous.hex()}",
            found=found[:200], at=cut_name(self.next),
        )  # fmt: skip


def cut_name(index: int) -> str:
    """Under which name the notice stands that was kept as number `index`."""
    return f"cuts/{index:012}.json"


_decode: Final = msgspec.json.Decoder(CutNotice).decode
