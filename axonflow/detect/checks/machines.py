"""Hardware addresses, and names with passwords in the addresses of services."""

from __future__ import annotations

__all__ = ["hardware_address", "has_credentials"]

_PLACE_HOLDERS = ("{", "}", "$", "%(", "[")
_MASKING_CHARS = frozenset("*xX.-")


def hardware_address(text: str) -> bool:
    """Whether the twelve digits can be a device's: not none, not all, and no decimal number in groups of four."""
    digits = {char for char in text.lower() if char.isalnum()}
    if text[4] == "." and (digits <= set("0123456789") or digits.isdisjoint("0123456789")):
        return False
    return len(digits) > 2


def has_credentials(text: str) -> bool:
    """Whether ``name:password`` holds a password and no place-holder for one."""
    password = text.partition(":")[2]
    return not (any(mark in text for mark in _PLACE_HOLDERS) or _MASKING_CHARS.issuperset(password))
