"""The keys of persons that a spool file holds until a store has them. For the thread that owns the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from axonflow.adapters.sqlite_spool.rows import Entry
from axonflow.audit import AuditRecord
from axonflow.audit.persons import KeptKey, PersonKey
from axonflow.errors import AuditError

__all__ = ["HeldKeys", "unkept_of"]

_COUNT: Final = "SELECT count(*) FROM person_key"
_ADD: Final = """
INSERT OR IGNORE INTO person_key (tenant_id, key_id, tag, wrapped, created_us) VALUES (?, ?, ?, ?, ?)"""
_SOME: Final = "SELECT tenant_id, key_id, tag, wrapped, created_us FROM person_key LIMIT ?"
_REMOVE: Final = "DELETE FROM person_key WHERE tenant_id = ? AND key_id = ?"


class HeldKeys:
    """`count` of them are held; it may be read by any thread. Methods raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.count = 0
        self.recount()

    def recount(self) -> None:
        """Once what was added or removed is durable."""
        (self.count,) = self._connection.execute(_COUNT).fetchone()

    def add(self, keys: Iterable[KeptKey]) -> None:
        """Within a transaction; one that is held is passed over."""
        values = [(key.tenant_id, key.key_id, key.tag, key.wrapped, key.created_us) for key in keys]
        self._connection.executemany(_ADD, values)

    def remove(self, keys: Sequence[KeptKey]) -> None:
        """Within a transaction."""
        self._connection.executemany(_REMOVE, [(key.tenant_id, key.key_id) for key in keys])

    def some(self, limit: int) -> list[KeptKey]:
        """Up to `limit` of them."""
        return [KeptKey(*row) for row in self._connection.execute(_SOME, (limit,))]

    def are_kept(self, keys: Sequence[PersonKey]) -> None:
        """What was added of these is durable."""
        for key in keys:
            key.unkept = None
        self.recount()


def unkept_of(entries: Sequence[Entry], outcomes: Sequence[AuditRecord | AuditError]) -> dict[PersonKey, KeptKey]:
    """Keys that what is recorded is sealed with, and that are not on the disk. Not those of what is refused: no store
    may be able to keep them."""
    recorded = [one for one, outcome in zip(entries, outcomes, strict=False) if isinstance(outcome, AuditRecord)]
    return {key: kept for one in recorded for key in one.keys if (kept := key.unkept) is not None}
