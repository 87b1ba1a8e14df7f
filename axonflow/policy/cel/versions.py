"""Versions as values of expressions. Source: https://semver.org/spec/v2.0.0.html, sections 2, 9, 10 and 11."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

__all__ = ["SemVer", "read_semver"]

_MAX_CHARS: Final = 256
_NUMBER: Final = "(0|[1-9][0-9]{0,17})"
_IDENTIFIERS: Final = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION: Final = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_IDENTIFIERS}))?(?:\+{_IDENTIFIERS})?", re.ASCII)
"""Each character decides what it belongs to, so this reads a text once."""


class SemVer(Struct, frozen=True, order=True):
    """Ordered by precedence: its fields are compared one after the other. What follows ``+`` is not part of it.

    `release` is false for a version with a pre-release, which comes before the one without. Of the identifiers of a
    pre-release, numbers come before words: (0, number, "") and (1, 0, word).
    """

    major: int
    minor: int
    patch: int
    release: bool = True
    identifiers: tuple[tuple[int, int, str], ...] = ()

    def __str__(self) -> str:
        words = self.prerelease
        return f"{self.major}.{self.minor}.{self.patch}{'-' if words else ''}{words}"

    @property
    def prerelease(self) -> str:
        """Its identifiers as they are written; empty for a release."""
        return ".".join(str(number) if kind == 0 else word for kind, number, word in self.identifiers)


def read_semver(text: str) -> SemVer:
    """Raises ValueError."""
    match = _VERSION.fullmatch(text) if len(text) <= _MAX_CHARS else None
    if match is None:
        raise ValueError("not a version such as 1.2.3 or 1.2.3-rc.1")
    major, minor, patch, words = match.groups()
    identifiers = tuple(_identifier(word) for word in words.split(".")) if words else ()
    return SemVer(int(major), int(minor), int(patch), not words, identifiers)


def _identifier(word: str) -> tuple[int, int, str]:
    if not word.isdigit():
        return 1, 0, word
    if word[0] == "0" and word != "0":
        raise ValueError("a number in a pre-release starts with 0")
    return 0, int(word), ""
