"""How large a value a function may build."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.values import CelError
from axonflow.policy.json_value import MAX_TEXT_CHARS

__all__ = ["MAX_BUILT", "check_chars", "check_elements"]

MAX_BUILT: Final = 1_048_576


def check_chars(chars: int) -> None:
    """Raises CelError for a text, or bytes, of more than MAX_TEXT_CHARS."""
    if chars > MAX_TEXT_CHARS:
        raise CelError(f"a text of more than {MAX_TEXT_CHARS} characters")


def check_elements(elements: int) -> None:
    """Raises CelError for a list of more than MAX_BUILT."""
    if elements > MAX_BUILT:
        raise CelError(f"a list of more than {MAX_BUILT} elements")
