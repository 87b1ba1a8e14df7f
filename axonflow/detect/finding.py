"""What a detector found and where; never the value itself."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["SEVERITIES", "Category", "Finding", "Severity"]

Category = Literal["pii", "secret", "injection", "code", "custom"]
Severity = Literal["low", "medium", "high", "critical"]

SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
"""From the mildest to the worst."""


class Finding(msgspec.Struct, frozen=True):
    """A span of one leaf of the content that a detector recognised.

    It never holds the text of the span. `path` does hold the names of object members, so with `in_key`, or below a
    member that has a finding in its name, do not show it.
    """

    detector: str
    """Id of the detector, such as ``pii.email``."""
    category: Category
    severity: Severity
    path: str
    """JSON path of the leaf in the notation of RFC 9535: ``$``, ``$.args.to[0]``, ``$['odd key']``."""
    start: int
    """First character of the span in the leaf's text (code points, not bytes)."""
    end: int
    """One past the last character of the span."""
    confidence: float
    """0 to 1: how sure the detector is that the span is what its id says."""
    validated: bool
    """True when a checksum, a range check or the words around confirmed the pattern."""
    in_key: bool = False
    """True when the span is in the name of the object member at `path`, not in its value."""
