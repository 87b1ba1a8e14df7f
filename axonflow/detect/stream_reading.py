"""What patterns see of a text that is still arriving, and where in it they see it."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

from axonflow.detect.encodings import Decoded
from axonflow.detect.stream_shapes import Look, StreamShapes

__all__ = ["BEYOND", "Reading"]

BEYOND: Final = 1 << 62
"""A place that is not known yet."""


class Reading(NamedTuple):
    """One way to read a text, in ASCII. Places are of the text, also where what is read is another one."""

    data: bytes
    first: int = 0
    """Where in the text it begins, if it is `read`."""
    read: Decoded | None = None

    def open_from(self, shapes: StreamShapes, place: int, end: int) -> int:
        """The first place from `place` on from which more text could complete a match; `end` if there is none."""
        at = shapes.open_from(self.data, self._at(place))
        return end if at == len(self.data) else self._place(at)

    def is_settled(self, shapes: StreamShapes, start: int, place: int, mask: bytes) -> bool:
        """Whether all that begins before `place`, which is behind a space, ends there: see `StreamShapes`."""
        at = self._at(place)
        return (
            self.is_literal_before(place)
            and self.is_literal_before(place + 1)
            and shapes.settled_until(self.data, self._at(start), at, mask) == at
        )

    def look(self, shapes: StreamShapes, place: int) -> Look:
        """What it has from `place` on, as `StreamShapes.look`."""
        look = shapes.look(self.data, self._at(place))
        if self.read is None or not look.matches:
            return look
        matches = [
            match._replace(start=self._place(match.start), end=self._end(match.end), reach=self._end(match.reach))
            for match in look.matches
        ]
        return look._replace(matches=matches)

    def before(self, place: int, size_chars: int) -> int:
        """Where the `size_chars` characters before `place` begin that are read, or all of them if they are fewer."""
        at = self._at(place) - size_chars
        return self._place(at) if at > 0 else self.first

    def is_literal_before(self, place: int) -> bool:
        """Whether the character before `place` stands for itself, so that no encoding crosses `place`."""
        if self.read is None:
            return True
        at = self._at(place) - 1
        return at >= 0 and self._place(at) == place - 1 and self._end(at + 1) == place

    def _at(self, place: int) -> int:
        return place if self.read is None else bisect_left(self.read.starts, place - self.first)

    def _place(self, at: int) -> int:
        return at if self.read is None else self.first + self.read.starts[at]

    def _end(self, at: int) -> int:
        ends = () if self.read is None else self.read.ends
        return self.first + ends[at - 1] if at <= len(ends) else BEYOND
