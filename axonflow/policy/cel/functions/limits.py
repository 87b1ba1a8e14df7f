"""How large a value a function may build, and what it counts for to prepare an argument."""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.values import CelError
from axonflow.policy.json_value import MAX_TEXT_CHARS

__all__ = ["MAX_BUILT", "PREPARED_STEPS", "check_chars", "check_elements"]

MAX_BUILT: Final = 1_048_576
PREPARED_STEPS: Final = {"blocks": 2, "to_glob": 32, "to_range": 32, "to_windows": 64, "to_zone": 32}
"""Steps of an evaluation that the functions which rows name in `prepares` count for when an argument is no literal, for
each text in it: in proportion to the time for one as long as it may be. The others take next to none."""


def check_chars(chars: int) -> None:
    """Raises CelError for a text, or bytes, of more than MAX_TEXT_CHARS."""
    if chars > MAX_TEXT_CHARS:
        raise CelError(f"a text of more than {MAX_TEXT_CHARS} characters")


def check_elements(elements: int) -> None:
    """Raises CelError for a list of more than MAX_BUILT."""
    if elements > MAX_BUILT:
        raise CelError(f"a list of more than {MAX_BUILT} elements")
