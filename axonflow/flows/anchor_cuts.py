"""Verb: anchor_cuts. Tell an anchor which chains are about to be cut, and where, before their records go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from axonflow.audit import ChainHead
from axonflow.audit.anchored_cuts import AnchoredCuts, CutNotice, cut_name
from axonflow.errors import AuditError, ConfigurationError
from axonflow.ids import now_us
from axonflow.ports import AuditAnchor

__all__ = ["CutAnchoring", "read_cuts"]

_MAX_CUTS: Final = 10_000
"""In one object."""
_MAX_NAMED: Final = 10


async def read_cuts(anchor: AuditAnchor) -> AnchoredCuts:
    """What the anchor was told of. Raises AuditError when it does not answer, or holds what is none of its objects."""
    known = AnchoredCuts()
    await _read_on(anchor, known)
    return known


class CutAnchoring:
    """A CutWitness at `anchor`, for one run. What stands already and the anchor does not have is refused, unless it
    `accepts` it: on the database's word, which the objects say for ever. `accepted` are those."""

    def __init__(self, anchor: AuditAnchor, *, accepts: bool = False) -> None:
        self._anchor = anchor
        self._accepts = accepts
        self._known = AnchoredCuts()
        self.accepted: tuple[ChainHead, ...] = ()

    async def check(self, standing: Sequence[ChainHead]) -> None:
        with _has_to_answer():
            await _read_on(self._anchor, self._known)
            if self._accepts:
                self.accepted += await self._bring(standing, accepted=True)
        unknown = [cut for cut in standing if not self._known.has(cut)]
        if unknown:
            raise _refused(unknown)

    async def announce(self, cuts: Sequence[ChainHead]) -> None:
        with _has_to_answer():
            await self._bring(cuts, accepted=False)

    async def _bring(self, cuts: Sequence[ChainHead], *, accepted: bool) -> tuple[ChainHead, ...]:
        """Those that the anchor had not been told of."""
        news = tuple(filter(self._known.is_news, cuts))
        for first in range(0, len(news), _MAX_CUTS):
            await self._put(news[first : first + _MAX_CUTS], accepted=accepted)
        return news

    async def _put(self, cuts: tuple[ChainHead, ...], *, accepted: bool) -> None:
        known = self._known
        while True:
            index = known.next
            data = msgspec.json.encode(CutNotice.of(cuts, now_us(), known.previous, accepted=accepted))
            if await self._anchor.put(cut_name(index), data):
                known.take(data)
                return
            await _read_on(self._anchor, known)  # another told it something at the same time
            if known.next == index:
                raise AuditError("the anchor takes no object, and has none", at=cut_name(index))


async def _read_on(anchor: AuditAnchor, known: AnchoredCuts) -> None:
    while (data := await anchor.get(cut_name(known.next))) is not None:
        known.take(data)


@contextmanager
def _has_to_answer() -> Iterator[None]:
    try:
        yield
    except AuditError as error:
        raise ConfigurationError(
            "no audit record is removed while the anchor cannot be told of it", expected="an anchor that answers",
            found=str(error), hint="Run it again then.",
        ) from None  # fmt: skip


def _refused(unknown: Sequence[ChainHead]) -> ConfigurationError:
    named = [f"{cut.records} records of {cut.tenant_id}, {cut.writer_id}"[:120] for cut in unknown[:_MAX_NAMED]]
    more = [f"{len(unknown) - _MAX_NAMED} chains more"] if len(unknown) > _MAX_NAMED else []
    return ConfigurationError(
        "records were removed without a word to the anchor; until that is settled, none are",
        expected="that it was told of each cut before", found=ascii("; ".join(named + more)),
        hint="If you know that it was maintenance without --anchor, or before there was this one: "
        "axonflow db maintain --anchor PLACE --accept-cuts, once. Else somebody removed them.",
    )  # fmt: skip
