"""The batches that a spool file has sealed: the one that comes next, and the one ahead of it.

A batch is sealed before it is offered to a store, and the store may have it although nobody was told: so what is sealed
is offered again as it is, in order. The one ahead may be offered as soon as the store has the one before, whose records
are let go of meanwhile.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from axonflow.adapters.sqlite_spool import statements
from axonflow.adapters.sqlite_spool.rows import Row
from axonflow.audit import batch_hash

__all__ = ["Batches", "NextBatch", "Sealing"]


class NextBatch(NamedTuple):
    """A batch as it is held: its number, the hash of the one before, and how it was sealed, if it was (`statement` and
    `signature`, else None). Its records are all that are held behind the one before, up to `last_position`."""

    number: int
    previous: bytes
    statement: bytes | None
    signature: bytes | None
    last_position: int
    rows: list[Row]


class Sealing(NamedTuple):
    """How a batch is sealed: its records, so many, are all that are held up to `last_position`; for the one ahead,
    behind those of the batch that is sealed."""

    statement: bytes
    signature: bytes
    last_position: int
    records: int


class Batches:
    """Of the file at `connection`, for the thread that owns it. What changes something is called within a transaction.
    Methods raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def next(self, limit: int) -> NextBatch | None:
        """The batch that is sealed, or else up to `limit` of the oldest records, to be sealed; None without any."""
        number, previous, statement, signature, last = self._connection.execute(statements.BATCH).fetchone()
        if statement is None:
            last, _ = self._connection.execute(statements.LAST_POSITION, (statements.BEFORE_ALL, limit)).fetchone()
        if last is None:
            return None
        return NextBatch(number, previous, statement, signature, last, self._between(statements.BEFORE_ALL, last))

    def behind(self, before: bytes, limit: int) -> NextBatch | None:
        """The batch ahead, or else the `limit` oldest records behind the batch that is sealed. None when there are
        fewer, and when the statement of that which is sealed is not `before`."""
        number, _, sealed, _, after = self._connection.execute(statements.BATCH).fetchone()
        if sealed != before:
            return None
        ahead = self._connection.execute(statements.AHEAD).fetchone()
        if ahead is None:
            last, count = self._connection.execute(statements.LAST_POSITION, (after, limit)).fetchone()
            if count < limit:
                return None
            ahead = (None, None, last)
        statement, signature, last = ahead
        return NextBatch(number + 1, batch_hash(before), statement, signature, last, self._between(after, last))

    def _between(self, after: int, last: int) -> list[Row]:
        return [Row(*row) for row in self._connection.execute(statements.BETWEEN, (after, last))]

    def first_unsealed(self) -> int:
        """The number of the first batch that is not sealed."""
        number, _, statement, *_ = self._connection.execute(statements.BATCH).fetchone()
        ahead = self._connection.execute(statements.AHEAD).fetchone()
        return int(number) + (statement is not None) + (ahead is not None)

    def is_any_sealed(self) -> bool:
        """Whether a batch is sealed that a store may have, or refuse."""
        _, _, statement, *_ = self._connection.execute(statements.BATCH).fetchone()
        return statement is not None

    def last_position(self, statement: bytes) -> int | None:
        """Of the batch that is sealed, if this is its statement."""
        _, _, sealed, _, last = self._connection.execute(statements.BATCH).fetchone()
        return int(last) if sealed == statement else None

    def seal(self, number: int, sealing: Sealing) -> bool:
        """Whether the batch `number` still could be sealed: it comes next, and its records are held."""
        if self._connection.execute(statements.SEAL, (*sealing, number)).rowcount != 1:
            return False  # what is sealed, and the one ahead of it, may be in the store
        self._connection.execute(statements.NO_AHEAD)  # of another batch than this, where a file was changed
        return True

    def seal_ahead(self, before: bytes, sealing: Sealing) -> bool:
        """Whether it still could be: the batch with the statement `before` is sealed, nothing is ahead of it, and the
        records are held."""
        return self._connection.execute(statements.SEAL_AHEAD, (*sealing, before)).rowcount == 1

    def unseal(self) -> None:
        """Whatever is sealed is no longer."""
        self._connection.execute(statements.UNSEAL)
        self._connection.execute(statements.NO_AHEAD)

    def go_on(self, number: int, previous: bytes) -> None:
        """What comes next is batch `number`, behind the one with the hash `previous`; nothing is sealed."""
        self._connection.execute(statements.NEXT, (number, previous))
        self._connection.execute(statements.NO_AHEAD)

    def advance(self, statement: bytes) -> None:
        """The records of the batch that is sealed, whose `statement` this is, are gone: the one ahead is next."""
        self._connection.execute(statements.ADVANCE, (batch_hash(statement),))
        self._connection.execute(statements.NO_AHEAD)
