"""Where somebody stands who reads the trail of a tenant as it grows.

Events of several writers arrive late, and not in the order of their ids: a writer that could not reach the store brings
hours at once. So a position is no event id; it says of each chain how far it was read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from axonflow.audit.event import AuditEvent
from axonflow.audit.event_ids import ids_between, time_part
from axonflow.errors import RequestError

__all__ = ["MAX_WRITERS", "TailPosition", "TailedEvent"]

MAX_WRITERS: Final = 100
"""Whose chains a position counts. Of one more, that which was silent for longest is forgotten: should it speak again,
it is told again from where the tail began."""

_DAY_MS: Final = 86_400_000
_AFTER: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOLD: Final = re.compile(r"(?:([A-Za-z0-9_-]{1,64})|~((?:[0-9a-f]{2}){0,1024})):(\d{1,18})", re.ASCII)
"""A writer by its name, or where that is another text by the bytes of it."""
_MAX_CHARS: Final = 16_384


class TailedEvent(Struct, frozen=True):
    """An event and its place in its chain, which is that of its tenant and writer."""

    sequence: int
    event: AuditEvent


class TailPosition(Struct, frozen=True):
    """All that was told is: of the writers in `next`, what is before that sequence number; of all others, what has an
    event id up to `after`."""

    after: str
    next: Mapping[str, int] = {}

    @classmethod
    def at(cls, time_us: int) -> TailPosition:
        """What happened from this time on is to come. `time_us` is in microseconds since the Unix epoch."""
        return cls(ids_between(time_us, None)[0])

    @classmethod
    def parse(cls, text: str) -> TailPosition:
        """The position in `text`, which is a `token`, or an event id: what has greater ids is to come. Raises
        RequestError."""
        after, _, rest = text[:_MAX_CHARS].partition(";")
        told = [_TOLD.fullmatch(part) for part in rest.split(",")] if rest else []
        if not _AFTER.fullmatch(after) or not all(told) or len(told) > MAX_WRITERS or len(text) > _MAX_CHARS:
            raise _refused(text)
        try:
            return cls(after, {_named(match): int(match[3]) for match in told if match})
        except UnicodeDecodeError:
            raise _refused(text) from None

    @property
    def token(self) -> str:
        """This as text: ASCII, no white space."""
        told = ",".join(f"{_name(writer)}:{number}" for writer, number in self.next.items())
        return f"{self.after};{told}" if told else self.after

    @property
    def floor(self) -> str:
        """What is older is not looked for: the beginning of the day before, as the store's partitions are of days. So
        far may the clock of a writer be behind."""
        ms = int(self.after[:8] + self.after[9:13], 16)
        return time_part((ms // _DAY_MS - 1) * _DAY_MS)

    def past(self, told: TailedEvent) -> TailPosition:
        """Behind this event."""
        following = {writer: number for writer, number in self.next.items() if writer != told.event.writer_id}
        following[told.event.writer_id] = told.sequence + 1
        if len(following) > MAX_WRITERS:
            del following[next(iter(following))]
        return TailPosition(self.after, following)


def _name(writer: str) -> str:
    return writer if _PLAIN.fullmatch(writer) else f"~{writer.encode().hex()}"


def _named(match: re.Match[str]) -> str:
    return match[1] or bytes.fromhex(match[2]).decode()


def _refused(text: str) -> RequestError:
    return RequestError(
        "not a position in the trail", expected="the id of an event of a tail, or an event_id", found=ascii(text[:60])
    )
