"""Values that are to be shown to people, without the secrets that detectors find in them."""

from __future__ import annotations

from typing import Any, Final

from axonflow.detect.labels import LABEL_START
from axonflow.detect.scanner import Scanner

__all__ = ["WITHHELD", "Secrecy"]

WITHHELD: Final = f"{LABEL_START[:-1]}]"
"""Stands for a value of which nobody can say that it is no secret."""
_SHORT_CHARS: Final = 16
"""What is no longer is not looked at, unless its name speaks of a secret: no generated key is as short."""
_MOST_KNOWN: Final = 4_096
_CONTAINERS: Final = frozenset({list, dict})


class Secrecy:
    """Masks the secrets in values, each under the name that it has; safe to share between threads.

    To look at a text takes some 25 us, so those in which there was nothing are remembered, up to a bound.
    """

    __slots__ = ("_harmless", "_ids", "_scanner")

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._ids = tuple(sorted(one.id for one in scanner.detectors if one.category == "secret"))
        self._harmless: dict[tuple[str, str], None] = {}

    def masked(self, name: str, value: Any) -> Any:
        """`value`, a JSON value, with masks for what is secret in it; `WITHHELD` when that cannot be told."""
        kind = value.__class__
        if kind is str:
            if len(value) <= _SHORT_CHARS or (name, value) in self._harmless:
                return value
        elif kind not in _CONTAINERS or not _has_long_text(value):
            return value
        try:
            looked_at = self._scanner.inspect({name: value}).redact(self._ids)
        except Exception:  # noqa: BLE001  a detector may be anybody's code; what it chokes on is not shown
            return WITHHELD
        (masked,) = looked_at.values()
        if kind is str and masked == value:
            if len(self._harmless) >= _MOST_KNOWN:
                self._harmless.clear()
            self._harmless[name, value] = None
        return masked


def _has_long_text(value: Any) -> bool:
    """Whether a list holds more than short texts and numbers; members of objects have names, which may say more."""
    return isinstance(value, dict) or any(
        isinstance(item, (list, dict)) or (isinstance(item, str) and len(item) > _SHORT_CHARS) for item in value
    )
