"""Patterns that are not literals: compiled when they are met, which a request may choose to be costly."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from axonflow.policy.cel.values import CelError

__all__ = ["MAX_PATTERN_CHARS", "PATTERN_STEPS", "Patterns"]

MAX_PATTERN_CHARS: Final = 256
PATTERN_STEPS: Final = 1_000
"""Steps of an evaluation that compiling one pattern counts for."""
_MAX_PATTERNS: Final = 32
"""Kept at a time. Each may take as much memory as the engine of patterns allows."""


class Patterns:
    """The patterns met last. `compile_pattern` gives something that searches in linear time, or raises ValueError."""

    def __init__(self, compile_pattern: Callable[[str], Any]) -> None:
        self._compiled = lru_cache(maxsize=_MAX_PATTERNS)(compile_pattern)

    def search(self, evaluation: Any, text: str, pattern: str) -> bool:
        """Whether `pattern` is found in `text`. Raises CelError when it is no pattern, or too long."""
        if len(pattern) > MAX_PATTERN_CHARS:
            raise CelError(f"a pattern of more than {MAX_PATTERN_CHARS} characters")
        evaluation.spend(PATTERN_STEPS)
        try:
            return bool(self._compiled(pattern).search(text))
        except ValueError:
            raise CelError("not a pattern") from None
