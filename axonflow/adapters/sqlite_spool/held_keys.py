"""The keys of persons that a spool file holds until a store has them. For the thread that owns the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from axonflow.audit import AuditEvent
from axonflow.audit.persons import KeptKey, PersonKey, sealed

__all__ = ["KEY_BYTES", "HeldKeys", "KeyOf"]

KeyOf = Callable[[str, str], PersonKey]
"""The key to seal with, of a person of a tenant."""

KEY_BYTES: Final = 200
"""What a key takes on the disk (measured: 167 to 194 with a tenant's id of 1 and 22 characters)."""
_COUNT: Final = "SELECT count(*) FROM person_key"
_ADD: Final = """
INSERT OR IGNORE INTO person_key (tenant_id, key_id, tag, wrapped, created_us) VALUES (?, ?, ?, ?, ?)"""
_ALL: Final = """
SELECT CAST(tenant_id AS BLOB), CAST(key_id AS BLOB), tag, wrapped, created_us FROM person_key
WHERE typeof(tenant_id) = 'text' AND typeof(key_id) = 'text' AND typeof(tag) = 'blob' AND typeof(wrapped) = 'blob'
AND typeof(created_us) = 'integer'"""
"""But for those that a damaged file has instead of keys: they stay, and are in nobody's way."""
_REMOVE: Final = "DELETE FROM person_key WHERE tenant_id = ? AND key_id = ?"


class HeldKeys:
    """`count` of them are held. It, and `key_of`, which is None while persons are not sealed, may be used by any
    thread. Methods raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._needed: dict[PersonKey, KeptKey] = {}
        self._changed_by = 0
        self._passed_over: set[KeptKey] = set()
        self.key_of: KeyOf | None = None
        self.count: int = connection.execute(_COUNT).fetchone()[0]  # of many that wait, it takes longer than to add one

    @property
    def size_bytes(self) -> int:
        """About what they take on the disk."""
        return self.count * KEY_BYTES

    def sealed(self, event: AuditEvent) -> tuple[AuditEvent, Sequence[PersonKey]]:
        """`event` as it is to be recorded, and the keys that it is sealed with. Raises AuditError."""
        return (event, ()) if self.key_of is None else sealed(event, self.key_of)

    def begin(self) -> None:
        """Of what was not recorded before, nothing is needed any more: keys of what is refused, or of a disk that
        refuses all, would become more and more."""
        self._needed.clear()

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
            self._changed_by = self._connection.executemany(_ADD, values).rowcount

    def added(self) -> None:
        """That is durable."""
        if self._needed:
            for key in self._needed:
                key.unkept = None
            self._needed.clear()
            self.count += self._changed_by

    def remove(self, keys: Sequence[KeptKey]) -> None:
        """Within a transaction."""
        values = [(key.tenant_id, key.key_id) for key in keys]
        self._changed_by = self._connection.executemany(_REMOVE, values).rowcount

    def removed(self) -> int:
        """That is durable; how many they were."""
        self.count -= self._changed_by
        return self._changed_by

    def some(self, limit: int) -> list[KeptKey]:
        """Up to `limit` of them, but for those that are passed over."""
        found = _readable(self._connection.execute(_ALL))
        return list(islice((key for key in found if key not in self._passed_over), limit))

    def pass_over(self, keys: Sequence[KeptKey]) -> None:
        """Give these no more: they are in the way of others."""
        self._passed_over.update(keys)


def _readable(rows: Iterable[tuple[bytes, bytes, bytes, bytes, int]]) -> Iterator[KeptKey]:
    for tenant_id, key_id, tag, wrapped, created_us in rows:
        with suppress(UnicodeDecodeError):
            yield KeptKey(tenant_id.decode(), key_id.decode(), tag, wrapped, created_us)
