"""The keys of persons that a spool file holds until a store has them. For the thread that owns the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from axonflow.audit import AuditEvent
from axonflow.audit.persons import KeptKey, PersonKey, sealed

__all__ = ["HeldKeys", "KeyOf"]

KeyOf = Callable[[str, str], PersonKey]
"""The key to seal with, of a person of a tenant."""

_COUNT: Final = "SELECT count(*) FROM person_key"
_ADD: Final = """
INSERT OR IGNORE INTO person_key (tenant_id, key_id, tag, wrapped, created_us) VALUES (?, ?, ?, ?, ?)"""
_SOME: Final = "SELECT tenant_id, key_id, tag, wrapped, created_us FROM person_key LIMIT ?"
_REMOVE: Final = "DELETE FROM person_key WHERE tenant_id = ? AND key_id = ?"


class HeldKeys:
    """`count` of them are held. It, and `key_of`, which is None while persons are not sealed, may be used by any
    thread. Methods raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._needed: dict[PersonKey, KeptKey] = {}
        self.key_of: KeyOf | None = None
        self.count = 0
        self.recount()

    def sealed(self, event: AuditEvent) -> tuple[AuditEvent, Sequence[PersonKey]]:
        """`event` as it is to be recorded, and the keys that it is sealed with. Raises AuditError."""
        return (event, ()) if self.key_of is None else sealed(event, self.key_of)

    def need(self, keys: Sequence[PersonKey]) -> None:
        """What is recorded next is sealed with these. Not before it is certain that it can be: a key of what no store
        takes may be one that none takes either."""
        for key in keys:
            if key.unkept is not None:
                self._needed[key] = key.unkept

    def add_needed(self) -> None:
        """Within the transaction that records what was sealed with them."""
        if self._needed:
            values = [
                (key.tenant_id, key.key_id, key.tag, key.wrapped, key.created_us) for key in self._needed.values()
            ]
            self._connection.executemany(_ADD, values)

    def added(self) -> None:
        """That is durable."""
        if self._needed:
            for key in self._needed:
                key.unkept = None
            self._needed.clear()
            self.recount()

    def remove(self, keys: Sequence[KeptKey]) -> None:
        """Within a transaction."""
        self._connection.executemany(_REMOVE, [(key.tenant_id, key.key_id) for key in keys])

    def recount(self) -> None:
        """Once what was removed is durable."""
        (self.count,) = self._connection.execute(_COUNT).fetchone()

    def some(self, limit: int) -> list[KeptKey]:
        """Up to `limit` of them."""
        return [KeptKey(*row) for row in self._connection.execute(_SOME, (limit,))]
