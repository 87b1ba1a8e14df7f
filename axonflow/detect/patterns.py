"""What is asked of the engine of regular expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

__all__ = ["CompilePattern", "Pattern"]


class Pattern(Protocol):
    """A compiled regular expression that takes time linear in the text."""

    def spans(self, text: bytes, group: int, start: int, end: int) -> Iterable[tuple[int, int]]:
        """The non-empty, non-overlapping matches of `group` in ``text[start:end]``, from left to right.

        Word boundaries see the characters beyond `start` and `end`.
        """
        ...


CompilePattern = Callable[[str], Pattern]
"""From RE2 syntax; raises an AxonFlowError when it is not."""
