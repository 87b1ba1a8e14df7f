"""A JSON value as a sequence of leaves and as one folded text, walked without recursion."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Container, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from axonflow.detect.encodings import Decoded
from axonflow.detect.escapes import blank_escapes
from axonflow.detect.folding import fold
from axonflow.detect.labels import blank_labels
from axonflow.errors import DetectionError

__all__ = [
    "MAX_VISITS",
    "Decode",
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

_MAX_NUMBER_BITS = 14_000
"""Python refuses to write out more than 4,300 digits (CVE-2020-10735)."""
_WORDS = bytes(ord(chr(code).lower()) if chr(code).isalnum() else ord(" ") for code in range(128)) + b" " * 128


class Leaf(NamedTuple):
    """A string, the text of a whole number, or the name of an object member."""

    text: str
    kind: Kind
    place: Place


def number_text(value: float) -> str | None:
    """The digits of a whole number (a card number may be a JSON number), None for a fraction.

    Raises DetectionError for a number of thousands of digits.
    """
    if isinstance(value, int):
        if value.bit_length() > _MAX_NUMBER_BITS:
            raise DetectionError("number too long", expected=f"at most {_MAX_NUMBER_BITS} bits", found="more")
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


Decode = Callable[[str], Decoded | None]
"""None where a text is what it seems."""


class Document:
    """Leaves of a content as one text, made once and searched by every detector.

    Leaves are joined by newlines, which is white space and no word character like the ends of a text: where a
    pattern matches in a leaf, some match in the joined text touches that leaf.
    """

    def __init__(
        self,
        leaves: tuple[Leaf, ...],
        text: str,
        numbers: Sequence[int] = (),
        read: Sequence[Decoded] = (),
    ) -> None:
        """`numbers` and `read` say of each leaf which of the content it is, and where its characters come from."""
        self.leaves = leaves
        self.text = text
        self.data = text.encode("ascii")
        self.has_names = any(leaf.kind == "key" for leaf in leaves)
        self._numbers = numbers
        self._read = read
        self._starts = [0, *accumulate(len(leaf.text) + 1 for leaf in self.leaves)]

    def original(self, leaf: int, start: int, end: int) -> tuple[int, int, int]:
        """A span of a leaf, as leaf and span of the content."""
        if not self._read:
            return leaf, start, end
        return self._numbers[leaf], *self._read[leaf].span(start, end)

    @cached_property
    def words(self) -> frozenset[str]:
        """The runs of letters and digits in the text, in lower case."""
        return frozenset(self.data.translate(_WORDS).decode("ascii").split())

    def leaf_at(self, offset: int) -> int:
        """Index of the leaf that holds the character at `offset` of the text."""
        return bisect_right(self._starts, offset) - 1

    def start_of(self, index: int) -> int:
        """Where a leaf begins in the text."""
        return self._starts[index]

    def extent(self, index: int) -> tuple[int, int]:
        """Where a leaf begins and ends in the text."""
        return self._starts[index], self._starts[index + 1] - 1


def readings_of(content: JsonValue, masks: Container[str], decode: Sequence[Decode] = ()) -> tuple[Document, ...]:
    """`content` as it is, folded; then, when there are any, with the escapes of string literals blanked; then, for each
    of `decode`, the leaves that it reads otherwise.

    The first two are of the same leaves and lengths. Raises DetectionError as `leaves` does.
    """
    parts = (Leaf(content, "string", None),) if isinstance(content, str) else tuple(leaves(content))
    joined = blank_labels(parts[0].text if len(parts) == 1 else "\n".join([leaf.text for leaf in parts]), masks)
    text = fold(joined)
    blanked = blank_escapes(text)
    readings = [Document(parts, text)] if blanked == text else [Document(parts, text), Document(parts, blanked)]
    for one in decode:
        if one(joined) is not None:  # most texts are what they seem, and one look tells
            readings.extend(_decoded(readings[0], joined, one))
    return tuple(readings)


def _decoded(document: Document, joined: str, decode: Decode) -> Iterator[Document]:
    extents = [document.extent(number) for number in range(len(document.leaves))]
    reads = [(number, decode(joined[start:end])) for number, (start, end) in enumerate(extents)]
    found = [(number, read) for number, read in reads if read is not None]
    if not found:
        return
    yield Document(
        tuple([document.leaves[number]._replace(text=read.text) for number, read in found]),
        fold("\n".join([read.text for _, read in found])),
        [number for number, _ in found],
        [read for _, read in found],
    )


def folded(text: str, masks: Container[str]) -> str:
    """`text` as patterns see it: in ASCII, one character for one, and without the labels that are ours."""
    return fold(blank_labels(text, masks))
