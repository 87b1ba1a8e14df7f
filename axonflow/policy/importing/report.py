"""What an import found that is not carried over as it stands, and what it was turned into."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

__all__ = ["Finding", "ImportedRule", "ImportedSet", "UnsupportedError"]

Kind = Literal["left out", "widened", "assumed", "ignored"]


class Finding(Struct, frozen=True):
    """One construct that is not carried over exactly. `at` is ``file:line:column``, `policy` the id of the rule that it
    would be, or is, part of; `loosens` tells whether less is refused here than where it comes from, unless somebody
    does something about it."""

    at: str
    policy: str
    kind: Kind
    found: str
    why: str
    done: str
    loosens: bool = False
    hint: str | None = None


class ImportedRule(Struct, frozen=True):
    """A rule as a document has it, with what stands above it as a comment."""

    rule: dict[str, Any]
    comment: str
    at: str


class ImportedSet(Struct, frozen=True):
    """A policy set to be written. `head` is all of it but for the rules; `comments` stand above it."""

    comments: tuple[str, ...]
    head: dict[str, Any]
    rules: tuple[ImportedRule, ...]

    @property
    def document(self) -> dict[str, Any]:
        """The set as plain values."""
        return {**self.head, "rules": [one.rule for one in self.rules]}


class UnsupportedError(Exception):
    """What cannot be said in our language, or not exactly: `found` at `offset`, and `why`."""

    def __init__(self, offset: int, found: str, why: str, hint: str | None = None) -> None:
        super().__init__(why)
        self.offset = offset
        self.found = found
        self.why = why
        self.hint = hint
