"""What a redactor of streams has to know of detectors: what may still become a finding, and how far that reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from axonflow.detect.detector import Detector, Shape
from axonflow.detect.folding import STAND_IN
from axonflow.detect.open_patterns import OpenPattern, open_pattern

__all__ = ["CompileStreamPattern", "Look", "Match", "StreamPattern", "StreamShapes", "unbounded"]

_NEVER: Final = r"[^\s\S]"
_NEUTRAL: Final = (STAND_IN, *"|~<\"'=")
_MOST_STEPS: Final = 4
_GROUP: Final = 8
"""Shapes that are looked for together before each is by itself."""
_MAX_JOINED_HOLD: Final = 256
"""From here on each shape is asked by itself: joined, the one that reaches farthest would speak for all."""


class StreamPattern(Protocol):
    """A compiled regular expression that takes time linear in the text, which is ASCII."""

    def first_from(self, text: bytes, start: int) -> int:
        """Where the first match in ``text[start:]`` begins, seen with what is before `start`; -1 for none."""
        ...

    def all_from(self, text: bytes, start: int) -> Iterable[tuple[int, int]]:
        """The non-empty, non-overlapping matches in ``text[start:]``, from left to right."""
        ...

    def spans(self, text: bytes, group: int, start: int, end: int) -> Iterable[tuple[int, int]]:
        """See `axonflow.detect.patterns`."""
        ...


CompileStreamPattern = Callable[[str], StreamPattern]
"""From RE2 syntax; raises an AxonFlowError when it is not."""


class Match(NamedTuple):
    """Where a shape's pattern matched, and up to where its checks may look."""

    start: int
    end: int
    reach: int
    detector: str
    is_void: bool = False
    """Whether its checks say that it is no finding, whatever stands around it."""
    is_refuted: bool = False
    """Whether they say so for what does stand around it."""


class Look(NamedTuple):
    """What a text has of shapes."""

    matches: list[Match]
    has_heads: bool
    """Whether there are literals that matches begin with."""


_NOTHING: Final = Look([], has_heads=False)


class _Shape:
    """A shape of a detector that is in force; its patterns are compiled when they are first needed."""

    def __init__(
        self, detector: Detector, shape: Shape, opened: OpenPattern, compile_pattern: CompileStreamPattern
    ) -> None:
        self._detector = detector
        self._shape = shape
        self._opened = opened
        self._compile = compile_pattern
        self.longest_chars = opened.longest_chars or 0
        self.after_chars = shape.window_chars if shape.in_context is not None else 0
        self.triggers = tuple(trigger.encode() for trigger in shape.triggers)
        self.heads = tuple(head.encode() for head in opened.heads)

    @cached_property
    def pattern(self) -> StreamPattern:
        return self._compile(self._shape.pattern)

    @cached_property
    def open(self) -> StreamPattern:
        return self._compile(rf"(?:{self._opened.beginnings})\z")

    def open_from(self, text: bytes, start: int) -> int:
        """The first place in ``text[start:]`` from which more text could complete a match; its end if there is none."""
        return self.open.first_from(text, max(start, len(text) - self.longest_chars))

    def matches(self, text: bytes, start: int, lower: bytes) -> Iterator[Match]:
        if not self.triggers or any(trigger in lower for trigger in self.triggers):
            for first, end in self.pattern.all_from(text, start):
                is_void, is_refuted = self._judged(text, first, end)
                yield Match(first, end, end + self.after_chars, self._detector.id, is_void, is_refuted)

    def _judged(self, text: bytes, first: int, end: int) -> tuple[bool, bool]:
        """Whether a match is void, and whether it is refuted."""
        try:
            spans = list(self._spans(text, first, end))
            return not spans, not any(self._is_confirmed(text, *span) for span in spans)
        except Exception:  # noqa: BLE001  a check may be anybody's code, and of a match that goes on it sees but a part
            return False, False

    def _spans(self, text: bytes, first: int, end: int) -> Iterator[tuple[int, int]]:
        """What of a match may be a finding, whatever stands around it; as `axonflow.detect.matching` sees it."""
        shape = self._shape
        for start, last in self.pattern.spans(text, shape.group, first, end) if shape.group else [(first, end)]:
            whole = text[start:last].decode("ascii")
            for at, to in [(0, last - start)] if shape.carve is None else shape.carve(whole):
                if shape.validate is None or shape.validate(whole[at:to]):
                    yield start + at, start + to

    def _is_confirmed(self, text: bytes, start: int, end: int) -> bool:
        """Whether what stands around it confirms it, or has not come yet."""
        shape = self._shape
        if shape.in_context is None or end + shape.window_chars > len(text):
            return True
        parts = text[max(0, start - shape.window_chars) : start], text[start:end], text[end : end + shape.window_chars]
        before, span, after = [part.decode("ascii") for part in parts]
        return bool(shape.in_context(before, span, after))


def unbounded(detectors: Iterable[Detector]) -> list[str]:
    """The ids of those that cannot be looked for in a text that is still arriving."""
    return [
        detector.id
        for detector in detectors
        if detector.batch_only or any(open_pattern(shape.pattern).longest_chars is None for shape in detector.shapes)
    ]


class StreamShapes:
    """The shapes of bounded detectors. Immutable. Texts are ASCII, as patterns see them.

    Most shapes begin with literals of their own, so that one search for all literals says that none of them is there.
    The others are looked for together.
    """

    def __init__(self, detectors: Sequence[Detector], compile_pattern: CompileStreamPattern) -> None:
        shapes = [(detector, shape) for detector in detectors for shape in detector.shapes]
        opened = [open_pattern(shape.pattern) for _, shape in shapes]
        made = [_Shape(*each, one, compile_pattern) for each, one in zip(shapes, opened, strict=True)]
        self.longest_chars = max((shape.longest_chars for shape in made), default=0)
        self.after_chars = max((shape.after_chars for shape in made), default=0)
        self.before_chars = max((shape.window_chars for _, shape in shapes), default=1)
        self._by_head: dict[bytes, list[_Shape]] = {}
        for shape in made:
            for head in shape.heads:
                self._by_head.setdefault(head, []).append(shape)
        self._head_sizes = sorted({len(head) for head in self._by_head})
        self._others = [shape for shape in made if not shape.heads]
        heads = sorted({head for one in opened for head in one.heads})
        self._head_beginnings = frozenset(head[:size].encode() for head in heads for size in range(1, len(head)))
        self._longest_beginning = max(map(len, self._head_beginnings), default=0)
        self._beginnings_across = tuple(each for each in self._head_beginnings if each[-2:-1] == b" ")
        self._any_head = compile_pattern(_any_case(map(_literal, heads)))
        loose = [one.loose for one in opened if not one.heads]
        self._groups = [
            (compile_pattern(_joined(loose[at : at + _GROUP])), self._others[at : at + _GROUP])
            for at in range(0, len(loose), _GROUP)
        ]
        self._any_open = compile_pattern(rf"(?:{_joined(one.beginnings for one in opened if not one.heads)})\z")
        self._any = compile_pattern(f"{_any_case(map(_literal, heads))}|{_joined(loose) or _NEVER}")
        self._knows_edges = not any("\\B" in shape.pattern for _, shape in shapes)
        self.amid = self._neutral() if any(one.sees_lines for one in opened) else ""
        """What has to stand before a stretch of a line so that it does not begin one; None if there is nothing that no
        match may begin with."""

    def _neutral(self) -> str | None:
        return next((mark for mark in _NEUTRAL if self._any_open.first_from(mark.encode(), 0) > 0), None)

    def open_from(self, text: bytes, start: int) -> int:
        """The first place in ``text[start:]`` from which more text could complete a match; its end if there is none."""
        size = len(text)
        found = max(self._any_open.first_from(text, start), size - self.longest_chars)
        if size - found > _MAX_JOINED_HOLD:
            found = min([shape.open_from(text, start) for shape in self._others])
        lower = text[max(start, size - self._longest_beginning) :].lower()
        for at in range(len(lower)):
            if lower[at:] in self._head_beginnings:
                found = min(found, size - len(lower) + at)
                break
        for shape in self._headed_in(text, start):
            found = min(found, shape.open_from(text, start))
        return found

    def settled_until(self, text: bytes, start: int, place: int, mask: bytes) -> int:
        """A quick look at a text without a head. The last place up to `place`, which is behind a space and not the end,
        that no match which begins in ``text[start:]`` before it, and is not complete, can reach beyond: neither as the
        text goes on, nor if `mask` and more comes to stand anywhere from there on. `start` where that is hard to tell.
        """
        for _ in range(_MOST_STEPS if self._knows_edges else 0):
            until_next = text[: place + 1]
            open_from = self._any_open.first_from(until_next, start)
            if open_from >= place:
                if until_next.lower().endswith(self._beginnings_across):
                    return start
                return place if self._any_open.first_from(text[:place] + mask, start) >= place else start
            place = open_from
            if text[place - 1 : place] != b" ":
                return start
        return start

    def look(self, text: bytes, start: int) -> Look:
        """What ``text[start:]`` has of the shapes that have a trigger in `text`, or need none."""
        if self._any.first_from(text, start) < 0:
            return _NOTHING
        headed = self._headed_in(text, start)
        shapes = list(headed)
        for any_match, group in self._groups:
            if any_match.first_from(text, start) >= 0:
                shapes += group
        lower = text.lower()
        return Look([match for shape in shapes for match in shape.matches(text, start, lower)], bool(headed))

    def _headed_in(self, text: bytes, start: int) -> list[_Shape]:
        """The shapes with a head in ``text[start:]``."""
        at = self._any_head.first_from(text, start)
        if at < 0:
            return []
        lower = text.lower()
        found: dict[_Shape, None] = {}
        while at >= 0:
            for size in self._head_sizes:
                found |= dict.fromkeys(self._by_head.get(lower[at : at + size], ()))
            at = self._any_head.first_from(text, at + 1)
        return list(found)


def _joined(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)


def _any_case(patterns: Iterable[str]) -> str:
    return f"(?i:{'|'.join(patterns) or _NEVER})"


def _literal(text: str) -> str:
    return "".join(char if char.isalnum() or char in "_ " else f"\\{char}" for char in text)
