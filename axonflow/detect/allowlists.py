"""Values that detectors find and that are known to be harmless: an address of one's own, a sample number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from axonflow.detect.custom import Fault
from axonflow.detect.detector import Validate
from axonflow.detect.faults import MAX_PATTERNS, faults_of_pattern
from axonflow.detect.folding import fold
from axonflow.detect.patterns import CompilePattern

__all__ = ["Allowlist", "faults_of_allowlist", "never_of"]

MAX_ALLOWED_VALUES: Final = 10_000


class Allowlist(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is never a finding of `detectors` (ids or categories): a span that is a value, or is matched as a whole."""

    detectors: tuple[str, ...]
    values: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


def faults_of_allowlist(allowlist: Allowlist, compile_pattern: CompilePattern) -> Iterator[Fault]:
    """Everything that is wrong with `allowlist` but the detectors it names."""
    if not (allowlist.values or allowlist.patterns):
        yield Fault((), "an allowlist that lists nothing", "values or patterns", "neither")
    if len(allowlist.values) > MAX_ALLOWED_VALUES or len(allowlist.patterns) > MAX_PATTERNS:
        most = f"at most {MAX_ALLOWED_VALUES} values and {MAX_PATTERNS} patterns"
        yield Fault((), "an allowlist too long", most, f"{len(allowlist.values)} and {len(allowlist.patterns)}")
        return
    for position, pattern in enumerate(allowlist.patterns):
        for fault in faults_of_pattern(pattern, compile_pattern, None):
            yield fault._replace(path=("patterns", position))


def never_of(allowlists: Sequence[Allowlist], compile_pattern: Callable[[str], Any]) -> Validate:
    """Whether a span (folded) is on one of `allowlists`, which are without faults.

    `compile_pattern` makes a pattern something with ``search(text) -> bool``.
    """
    values = frozenset(_compared(value) for allowlist in allowlists for value in allowlist.values)
    whole = [compile_pattern(rf"\A(?:{fold(pattern)})\z") for allowlist in allowlists for pattern in allowlist.patterns]

    def never(span: str) -> bool:
        return _compared(span) in values or any(pattern.search(span) for pattern in whole)

    return never


def _compared(text: str) -> str:
    return fold(text).lower()
