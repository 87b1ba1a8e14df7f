"""What a redactor of streams has to know of detectors: what may still become a finding, and how far that reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from axonflow.detect.detector import Detector, Shape
from axonflow.detect.folding import STAND_IN
from axonflow.detect.open_patterns import OpenPattern, open_pattern

__all__ = ["CompileStreamPattern", "Match", "StreamPattern", "StreamShapes", "unbounded"]

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


CompileStreamPattern = Callable[[str], StreamPattern]
"""From RE2 syntax; raises an AxonFlowError when it is not."""


class Match(NamedTuple):
    """Where a shape's pattern matched, and up to where its checks may look."""

    start: int
    end: int
    reach: int


class _Shape:
    """A shape of a detector that is in force."""

    __slots__ = ("after_chars", "longest_chars", "open", "pattern", "triggers")

    def __init__(self, shape: Shape, opened: OpenPattern, compile_pattern: CompileStreamPattern) -> None:
        self.pattern = compile_pattern(shape.pattern)
        self.open = compile_pattern(rf"(?:{opened.beginnings})\z")
        self.longest_chars = opened.longest_chars or 0
        self.after_chars = shape.window_chars if shape.in_context is not None else 0
        self.triggers = tuple(trigger.encode() for trigger in shape.triggers)


def unbounded(detectors: Iterable[Detector]) -> list[str]:
    """The ids of those that cannot be looked for in a text that is still arriving."""
    return [
        detector.id
        for detector in detectors
        if detector.batch_only or any(open_pattern(shape.pattern).longest_chars is None for shape in detector.shapes)
    ]


class StreamShapes:
    """The shapes of bounded detectors. Immutable. Texts are ASCII, as patterns see them."""

    def __init__(self, detectors: Sequence[Detector], compile_pattern: CompileStreamPattern) -> None:
        shapes = [shape for detector in detectors for shape in detector.shapes]
        opened = [open_pattern(shape.pattern) for shape in shapes]
        self._shapes = [_Shape(shape, one, compile_pattern) for shape, one in zip(shapes, opened, strict=True)]
        self.longest_chars = max((shape.longest_chars for shape in self._shapes), default=0)
        self.after_chars = max((shape.after_chars for shape in self._shapes), default=0)
        self.before_chars = max((shape.window_chars for shape in shapes), default=1)
        self.sees_lines = any(one.sees_lines for one in opened)
        self.can_begin_amid_stand_ins = any(shape.open.first_from(STAND_IN.encode(), 0) == 0 for shape in self._shapes)
        self._any_open = compile_pattern(rf"(?:{_joined(one.beginnings for one in opened)})\z")
        self._any_match = compile_pattern(_joined(one.loose for one in opened) or r"[^\s\S]")

    def open_from(self, text: bytes, start: int) -> int:
        """The first place in ``text[start:]`` from which more text could complete a match; its end if there is none."""
        size = len(text)
        found = max(self._any_open.first_from(text, start), size - self.longest_chars)
        if size - found > _MAX_JOINED_HOLD:
            found = min(shape.open.first_from(text, max(start, size - shape.longest_chars)) for shape in self._shapes)
        return found

    def matches(self, text: bytes, start: int) -> list[Match]:
        """All matches in ``text[start:]`` of the shapes that have a trigger in `text`, or need none."""
        if self._any_match.first_from(text, start) < 0:
            return []
        lower = text.lower()
        return [
            Match(first, end, end + shape.after_chars)
            for shape in self._shapes
            if not shape.triggers or any(trigger in lower for trigger in shape.triggers)
            for first, end in shape.pattern.all_from(text, start)
        ]


def _joined(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)
