"""A detector as data: the shapes of text it looks for and the checks that confirm them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from axonflow.detect.finding import Category, Severity

__all__ = ["Carve", "Detector", "InContext", "Shape", "Validate"]

Validate = Callable[[str], bool]
"""Whether the text of a span is what the pattern took it for."""
InContext = Callable[[str, str, str], bool | float]
"""Whether a span is one, given the text before it, the span and the text after it; a fraction is how sure that is, in
place of the shape's `confidence`."""
Carve = Callable[[str], Iterable[tuple[int, int]]]
"""The spans, relative to a match, that are candidates; for patterns that match a maximal run."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One pattern with its cheap prechecks before and its exact checks after.

    Patterns see text folded to ASCII, one character for one (`axonflow.detect.folding`), so they need no
    Unicode classes, and ``\\b`` is a word boundary in every Latin-script language. They must not use
    ``\\A``, ``\\z`` nor ``$`` outside of ``(?m)``: leaves are searched joined by newlines.
    """

    pattern: str
    """RE2 syntax."""
    triggers: tuple[str, ...] = ()
    """Lower-case literals; unless one occurs in the case-folded content the pattern is not run. Empty: no precheck."""
    marks: tuple[str, ...] = ()
    """Expressions (see `axonflow.detect.marks.Mark`), one of which is in each match, where the pattern does not show
    them. Looked for in place of triggers."""
    min_digit_run: int = 0
    """Each match has this many digits with nothing but ``+-.()/`` and spaces between, and the last group of them ends
    in it. From five on, it is not run where there are fewer."""
    context_literals: tuple[str, ...] = ()
    """Lower-case literals without one of which in its window `in_context` confirms nothing. Used if no trigger is."""
    words: frozenset[str] = frozenset()
    """Runs of letters and digits in lower case; unless one of them is a whole run of the content, it is not run."""
    group: int = 0
    """The capture group that is the span."""
    carve: Carve | None = None
    validate: Validate | None = None
    in_context: InContext | None = None
    window_chars: int = 64
    """Characters on each side of the span that `in_context` is given. Before the first comes the member's name."""
    confidence: float = 0.9


class Detector(msgspec.Struct, frozen=True, kw_only=True, weakref=True):
    """One kind of thing to find. `examples` and `counter_examples` are its tests."""

    id: str
    """``<category>.<name>``, or ``custom.<name>`` of any category."""
    category: Category
    severity: Severity
    description: str
    shapes: tuple[Shape, ...]
    """Any of them is a finding."""
    max_span_chars: int
    """Longest span that is reported: a longer match that is confirmed is in several, from its start on."""
    batch_only: bool = False
    """Whether it needs the whole text: then it redacts a stream only once that is complete. So does every detector with
    a pattern whose longest match is not known."""
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...]
