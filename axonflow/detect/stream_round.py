"""One round of redacting a text that is still arriving; see `axonflow.detect.streaming` for the whole."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from axonflow.detect.content import folded
from axonflow.detect.encodings import MARKS, decoded, decoded_so_far
from axonflow.detect.escapes import blank_escapes, end_of_whole_escapes, start_of_escapes
from axonflow.detect.finding import Finding
from axonflow.detect.folding import STAND_IN, fold
from axonflow.detect.labels import LABEL_START, blank_labels, longest_label_chars, mask_of
from axonflow.detect.redaction import redact
from axonflow.detect.scanner import MAX_ROUNDS, Scanner
from axonflow.detect.stream_reading import BEYOND, Reading
from axonflow.detect.stream_shapes import Match, StreamShapes
from axonflow.detect.styles import Replacing
from axonflow.errors import DetectionError

__all__ = ["Setting", "StreamRound"]

_SLACK_CHARS: Final = 512
"""Kept beyond need, so that not every chunk moves what is kept."""


_MARK: Final = re.compile(f"[{MARKS}]")
_LOOKS_AT_ALL: Final = 32
"""Times that each character is looked at, at most, in a text without a place to cut."""


class Setting:
    """What the rounds of all streams with the same detectors share."""

    __slots__ = ("ids", "longest_mask_chars", "masks", "memory_chars", "scanner", "shapes", "stride_chars")

    def __init__(self, scanner: Scanner, ids: tuple[str, ...], shapes: StreamShapes, stride_chars: int) -> None:
        self.ids = ids
        self.scanner = scanner
        self.shapes = shapes
        self.stride_chars = stride_chars
        self.masks = frozenset([mask_of(detector.id) for detector in scanner.detectors])
        self.longest_mask_chars = max((longest_label_chars(detector.id) for detector in scanner.detectors), default=0)
        self.memory_chars = shapes.before_chars + self.longest_mask_chars
        """How far back a place is that what comes next cannot depend on."""


class StreamRound:
    """What it lets go is what one inspection of the whole text would have made of it; later rounds take it from there.

    All places are offsets in `_raw`, the text from some place on; `_text` is the same as patterns see it, in ASCII. Up
    to `_done` it was let go, up to `_looked` it had come at the last look. No match crosses `_base`, where the search
    goes on, nor any of `_cuts`, from which on an inspection finds the same as one of the whole text. From `_needed` on
    it matters to what has not been let go. The last sign that something is encoded ends at `_marked`. Before the text
    comes up to `_awaited` nothing can be let go.
    """

    __slots__ = (
        "_arrived",
        "_awaited",
        "_base",
        "_cuts",
        "_depth",
        "_done",
        "_marked",
        "_mask",
        "_needed",
        "_next",
        "_raw",
        "_replacing",
        "_setting",
        "_text",
    )

    def __init__(self, setting: Setting, replacing: Replacing, depth: int = 0) -> None:
        self._setting = setting
        self._replacing = replacing
        self._mask = STAND_IN.encode() if replacing.writes_labels else b""
        self._depth = depth
        self._next: StreamRound | None = None
        self._raw = ""
        self._text = b""
        self._done = self._base = self._marked = self._needed = self._awaited = 0
        self._cuts = [0]
        self._arrived = ""

    @property
    def held_chars(self) -> int:
        """How much is held back, later rounds included."""
        return len(self._raw) + len(self._arrived) - self._done + (0 if self._next is None else self._next.held_chars)

    def feed(self, chunk: str, *, is_last: bool) -> str:
        """What can be let go. Raises DetectionError as `axonflow.detect.scanner.Inspection.redact` does."""
        self._arrived += chunk
        if not is_last and len(self._arrived) < self._stride_chars():
            return ""
        done = self._done
        self._append(self._arrived)
        self._arrived = ""
        end = len(self._raw) if is_last else _end_of_settled(self._raw, self._setting)
        if end <= done and not is_last:
            return ""
        readings, settled = self._readings(end, is_last=is_last)
        looks = [reading.look(self._setting.shapes, self._base) for reading in readings]
        matches = [match for look in looks for match in look.matches]
        if not (is_last or any(look.has_heads for look in looks)) and self._is_plain(readings, settled, matches):
            return self._let_go(self._raw[done : self._done])
        frontier = end if is_last else self._frontier(readings, matches, settled)
        found = self._found(matches, frontier, end) if matches else []
        if found and not is_last:
            frontier, found = _whole_clusters(frontier, found)
        if not found and self._next is None and not is_last:
            frontier = self._frontier_of_later(matches, frontier)
        piece = self._raw[self._done : frontier]
        if found:
            piece = self._redacted(piece, found)
        self._go_to(frontier, matches, readings)
        return self._let_go(piece, is_last=is_last, is_changed=bool(found))

    def _stride_chars(self) -> int:
        """How much more has to come before a look. Longer where much is kept, all of which may have to be read again:
        the work stays linear in the text.
        """
        least = 1 if self._depth else self._setting.stride_chars
        return max(least, len(self._raw) // _LOOKS_AT_ALL, self._awaited - len(self._raw))

    def _is_plain(self, readings: list[Reading], settled: int, matches: list[Match]) -> bool:
        """Go on to the last word, where a quick look says that all before it is settled, and no finding."""
        shapes, text = self._setting.shapes, readings[0].data
        place = text.rfind(b" ", self._done, settled - 1) + 1
        if place > self._done:
            place = shapes.settled_until(text, self._base, place, self._mask)
        if place <= self._done or start_of_escapes(self._raw, place) < place:
            return False
        for match in matches:
            is_none = match.is_void or (match.is_refuted and match.reach <= place)
            if match.start < place and (match.end > place or not is_none):
                return False
        if any(not reading.is_settled(shapes, self._base, place, self._mask) for reading in readings[1:]):
            return False
        self._go_to(place, matches, readings)
        return True

    def _let_go(self, piece: str, *, is_last: bool = False, is_changed: bool = False) -> str:
        """What later rounds let go of `piece`."""
        if self._next is not None:
            piece = self._next.feed(piece, is_last=is_last)
            if not is_changed:
                self._take_back(self._next)
        self._forget()
        return piece

    def _append(self, chunk: str) -> None:
        for mark in _MARK.finditer(chunk):
            self._marked = len(self._raw) + mark.end()
        self._raw += chunk
        # A mask may have begun in an earlier chunk.
        if LABEL_START in self._raw:
            self._text = folded(self._raw, self._setting.masks).encode("ascii")
        else:
            self._text += fold(chunk).encode("ascii")

    def _readings(self, end: int, first: int | None = None, *, is_last: bool = False) -> tuple[list[Reading], int]:
        """All readings of the text up to `end`, encodings from a cut at `first` on; and up to where they are read."""
        text = self._text[:end]
        readings = [Reading(text)]
        if b"\\" in text:
            blanked = blank_escapes(text.decode("ascii")).encode("ascii")
            if blanked != text:
                readings.append(Reading(blanked))
        first = self._cut() if first is None else first
        if self._marked <= first:
            return readings, end
        part = blank_labels(self._raw[first:end], self._setting.masks)
        read, length_chars = (decoded(part), len(part)) if is_last else decoded_so_far(part)
        settled = first + length_chars
        if read is not None:
            readings.append(Reading(fold(read.text).encode("ascii"), first, read))
        elif settled < end:
            readings.append(Reading(text[:settled]))  # which may go on otherwise than the text does
        return readings, settled

    def _frontier(self, readings: list[Reading], matches: list[Match], settled: int) -> int:
        """Up to where nothing that is still to come can change what is found."""
        frontier = min([reading.open_from(self._setting.shapes, self._done, settled) for reading in readings])
        self._awaited = 0
        for match in matches:
            if match.reach > settled and match.start < frontier and not match.is_void:
                frontier = match.start
                self._awaited = match.reach if match.reach < BEYOND else 0
        return max(self._done, start_of_escapes(self._raw, min(frontier, settled)))

    def _found(self, matches: list[Match], frontier: int, end: int) -> list[Finding]:
        """What is found in what has not been let go, before the frontier."""
        ids = tuple({match.detector: None for match in matches if match.start < frontier and not match.is_refuted})
        if not ids:
            return []
        cut = self._cut()
        amid = (self._setting.shapes.amid or "") if cut and self._raw[cut - 1] != "\n" else ""
        found = self._setting.scanner.inspect(amid + self._raw[cut:end]).findings(ids)
        moved = [_moved(finding, cut - len(amid)) for finding in found]
        return [finding for finding in moved if self._done <= finding.start < frontier]

    def _frontier_of_later(self, matches: list[Match], frontier: int) -> int:
        """Up to where later rounds would let go of the text, each of which sees what the one before it lets go.

        Before anything is found they see the same text as this one, and so need not exist.
        """
        shapes = self._setting.shapes
        for _ in range(self._depth + 1, MAX_ROUNDS):
            raw = self._raw[:frontier]
            readings, settled = self._readings(_end_of_settled(raw, self._setting))
            places = [match.start for match in matches if match.start < frontier < match.reach and not match.is_void]
            places += [reading.open_from(shapes, self._done, settled) for reading in readings]
            places += [settled, start_of_escapes(raw, frontier)]
            earlier = max(self._done, min(places))
            if earlier == frontier:
                break
            frontier = earlier
        return frontier

    def _redacted(self, piece: str, found: list[Finding]) -> str:
        """`piece`, which is next to be let go, with what is found in it replaced; the next round has to see that."""
        before = self._replacing.changes
        redacted: str = redact(piece, [_moved(finding, -self._done) for finding in found], self._replacing)
        if self._depth + 1 < MAX_ROUNDS:
            self._next = self._next or self._later()
        elif self._replacing.changes > before:
            raise DetectionError(
                "content could not be redacted",
                expected=f"nothing left to find after {MAX_ROUNDS} rounds",
                found="more findings",
            )
        return redacted

    def _later(self) -> StreamRound:
        """The next round, from when on there has to be one: so far it has let go of what this one did."""
        later = StreamRound(self._setting, self._replacing, self._depth + 1)
        later._raw = self._raw[: self._done]
        later._text = self._text[: self._done]
        later._cuts = self._cuts[: bisect_right(self._cuts, self._done)]
        later._done, later._base, later._needed = self._done, self._base, self._needed
        later._marked = min(self._marked, self._done)
        return later

    def _take_back(self, later: StreamRound) -> None:
        """Do without the next round once it sees the same text again, and hold back here what that holds back."""
        held, cut = len(later._raw) - later._done, later._cut()
        size = self._setting.memory_chars + held
        if later._marked > cut:
            size = max(size, len(later._raw) - cut)
        seen = self._raw[: self._done]
        if later._next is not None or later._arrived or later._base != later._done:
            return
        if later._raw[-size:] != seen[-size:]:
            return
        place = self._done - held
        start = self._cuts[max(0, bisect_right(self._cuts, place) - 1)]
        for reading in self._readings(self._done, start)[0]:
            if any(match.start < place < match.end for match in reading.look(self._setting.shapes, start).matches):
                return
        self._needed = max(0, self._done - len(later._raw) + later._needed)
        self._done = self._base = place
        self._next = None

    def _go_to(self, frontier: int, matches: Sequence[Match], readings: Sequence[Reading]) -> None:
        """Let go of the text up to the frontier, and search on from where no match crosses."""
        before, base = self._base, frontier
        crossed = bool(matches)
        while crossed:
            starts = [match.start for match in matches if match.start < base < match.end]
            crossed = bool(starts)
            base = min(starts, default=base)
        self._done, self._base = frontier, base
        self._needed = max(0, min([reading.before(base, self._setting.shapes.before_chars) for reading in readings]))
        for place in (base, self._text.rfind(b" ", before, base) + 1):
            if (
                place > max(before, self._cuts[-1])
                and self._is_cut(place)
                and not any(match.start < place < match.end for match in matches)
                and all(reading.is_literal_before(place) for reading in readings)
            ):
                self._cuts.append(place)
                break

    def _is_cut(self, place: int) -> bool:
        """Whether patterns cannot tell what stands before `place` from the beginning of a text or what is put there."""
        last = chr(self._text[place - 1])
        if self._setting.shapes.amid is None:
            return last == "\n"
        if last == STAND_IN:  # within a mask?
            return self._raw[place - 1] == "]" or not self._raw[place - 1].isascii()
        return not (last.isalnum() or last in "_\\@.+-")  # of which the last ones stand before what is not seen

    def _cut(self) -> int:
        """The last of the cuts from which on all is seen that matters to what has not been let go."""
        return self._cuts[max(0, bisect_right(self._cuts, self._needed) - 1)]

    def _forget(self) -> None:
        cut = self._cut()
        if cut > _SLACK_CHARS:
            self._raw, self._text = self._raw[cut:], self._text[cut:]
            self._done -= cut
            self._base -= cut
            self._needed -= cut
            self._marked -= cut
            self._awaited -= cut
            self._cuts = [place - cut for place in self._cuts if place >= cut]


def _end_of_settled(raw: str, setting: Setting) -> int:
    """The place from which on more text may make another thing of the end of `raw`: a mask or an escape."""
    end = len(raw)
    bracket = raw.rfind("[", max(0, end - setting.longest_mask_chars))
    if bracket >= 0 and _may_be_label(raw[bracket:]):
        end = bracket
    return end if raw.find("\\", max(0, end - 10), end) < 0 else end_of_whole_escapes(raw[:end])


def _may_be_label(rest: str) -> bool:
    return LABEL_START.startswith(rest) or (rest.startswith(LABEL_START) and "]" not in rest)


def _whole_clusters(frontier: int, found: list[Finding]) -> tuple[int, list[Finding]]:
    """Without the findings that touch the frontier, before which it then is: more may touch them."""
    for finding in sorted(found, key=lambda one: -one.end):
        if finding.end >= frontier:
            frontier = min(frontier, finding.start)
    return frontier, [finding for finding in found if finding.end < frontier]


def _moved(finding: Finding, by_chars: int) -> Finding:
    return replace(finding, start=finding.start + by_chars, end=finding.end + by_chars)
