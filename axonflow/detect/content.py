"""A JSON value as a sequence of leaves and as one folded text, walked without recursion."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from axonflow.detect.escapes import blank_escapes
from axonflow.detect.folding import fold
from axonflow.errors import DetectionError

__all__ = [
    "MAX_VISITS",
    "Document",
    "JsonValue",
    "Leaf",
    "Place",
    "folded",
    "leaves",
    "number_text",
    "path_of",
    "readings_of",
]

JsonValue = Any
"""None, bool, int, float, str, list of JsonValue, dict of str to JsonValue."""
Place = tuple[Any, "str | int"] | None
"""The place of the parent and the name or position in it; None is the root. Cheap to make, rendered on demand."""
Kind = Literal["string", "number", "key"]

MAX_VISITS = 250_000
"""Values and member names looked at in one content; twice what a request may hold (see `policy.json_value`)."""


_AS_ZERO = bytes.maketrans(b"123456789", b"000000000")


class Leaf(NamedTuple):
    """A string, the text of a whole number, or the name of an object member."""

    text: str
    kind: Kind
    place: Place


def number_text(value: float) -> str | None:
    """The digits of a whole number (a card number may be a JSON number), None for a fraction."""
    if isinstance(value, int):
        return str(value)
    return str(int(value)) if value.is_integer() else None


def leaves(content: JsonValue) -> Iterator[Leaf]:
    """The leaves in document order, each member's name before its value.

    Raises DetectionError for what is not JSON and for more than `MAX_VISITS` values, so also for a container
    that holds itself.
    """
    visits = 0
    stack: list[tuple[Any, Place, bool]] = [(content, None, False)]
    while stack:
        value, place, is_key = stack.pop()
        visits += 1
        if isinstance(value, str):
            yield Leaf(value, "key" if is_key else "string", place)
        elif isinstance(value, (dict, list)):
            if visits + len(stack) + len(value) > MAX_VISITS:
                raise DetectionError("content too large", expected=f"at most {MAX_VISITS} values", found="more")
            _push_children(stack, value, place)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            text = number_text(value)
            if text is not None:
                yield Leaf(text, "number", place)
        elif value is not None and not isinstance(value, bool):
            raise DetectionError(
                "not a JSON value",
                expected="null, boolean, number, string, list or object",
                found=type(value).__name__,
                at=path_of(place),
            )


def _push_children(stack: list[tuple[Any, Place, bool]], value: dict[Any, Any] | list[Any], place: Place) -> None:
    if isinstance(value, list):
        stack.extend((value[i], (place, i), False) for i in range(len(value) - 1, -1, -1))
        return
    for name, item in reversed(value.items()):
        if not isinstance(name, str):
            raise DetectionError("wrong key", expected="a string key", found=type(name).__name__, at=path_of(place))
        child = (place, name)
        stack.append((item, child, False))
        stack.append((name, child, True))


def path_of(place: Place) -> str:
    """`place` in the notation of RFC 9535, with the short form of a name where there is one."""
    steps: list[str] = []
    while place is not None:
        place, step = place
        steps.append(step_text(step))
    return "$" + "".join(reversed(steps))


def step_text(step: str | int) -> str:
    """One segment of a path."""
    if isinstance(step, int):
        return f"[{step}]"
    if step.isidentifier() and step.isascii():
        return f".{step}"
    escaped = step.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"


def name_at(place: Place) -> str:
    """The name of the innermost object member that `place` is in; empty when there is none."""
    while place is not None:
        place, step = place
        if isinstance(step, str):
            return step
    return ""


class Document:
    """All leaves of a content as one text, made once and searched by every detector.

    Leaves are joined by newlines, which is white space and no word character like the ends of a text: where a
    pattern matches in a leaf, some match in the joined text touches that leaf.
    """

    def __init__(self, leaves: tuple[Leaf, ...], text: str) -> None:
        self.leaves = leaves
        self.text = text
        self._starts = [0, *accumulate(len(leaf.text) + 1 for leaf in self.leaves)]

    @cached_property
    def lower(self) -> str:
        """The text in lower case."""
        return self.text.lower()

    @cached_property
    def _digit_runs(self) -> bytes:
        return self.text.encode("ascii").translate(_AS_ZERO, b" +-.()/")

    def has_digit_run(self, digits: int) -> bool:
        """Whether so many digits follow each other with nothing but ``+-.()/`` and spaces between."""
        return b"0" * digits in self._digit_runs

    def leaf_at(self, offset: int) -> int:
        """Index of the leaf that holds the character at `offset` of the text."""
        return bisect_right(self._starts, offset) - 1

    def start_of(self, index: int) -> int:
        """Where a leaf begins in the text."""
        return self._starts[index]

    def leaf_text(self, index: int) -> str:
        """The folded text of a leaf."""
        start = self._starts[index]
        return self.text[start : self._starts[index + 1] - 1]


def readings_of(content: JsonValue, masks: Iterable[str]) -> tuple[Document, ...]:
    """`content` as it is, folded; then, when there are any, with the escapes of string literals blanked.

    All are of the same leaves and lengths. Raises DetectionError as `leaves` does.
    """
    parts = tuple(leaves(content))
    text = folded("\n".join([leaf.text for leaf in parts]), masks)
    blanked = blank_escapes(text)
    return (Document(parts, text),) if blanked == text else (Document(parts, text), Document(parts, blanked))


def folded(text: str, masks: Iterable[str]) -> str:
    """`text` as patterns see it: in ASCII, one character for one, and without the masks that are ours."""
    return fold(_without_masks(text, masks))


def _without_masks(text: str, masks: Iterable[str]) -> str:
    # A mask is ours: it must be neither a finding nor a context word ("phone") for the number beside it.
    # Only whole known masks are blanked, else an attacker would write [REDACTED:...] around an attack.
    if "[REDACTED:" in text:
        for mask in masks:
            text = text.replace(mask, "\x1a" * len(mask))
    return text
