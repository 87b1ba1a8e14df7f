"""Text that stands in a pattern of RE2 as it is: ``\\Q`` to ``\\E``."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["unquoted"]

_ESCAPED: Final = re.compile(r"\\Q(.*?)(?:\\E|\Z)|\\.", re.DOTALL)


def unquoted(pattern: str) -> str:
    r"""`pattern` with each such text escaped character by character, as RE2 reads it: a repetition behind it is one of
    the last character alone, and in ``C:\\Quarantine`` nothing is quoted, for the backslash before the Q is escaped."""
    return _ESCAPED.sub(lambda found: found[0] if found[1] is None else re.escape(found[1]), pattern)
