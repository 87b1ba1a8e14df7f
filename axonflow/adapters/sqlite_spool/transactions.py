"""How a spool's file is changed: one durable transaction at a time, also on a disk that is full."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from axonflow.adapters.sqlite_spool.reserve import Reserve

__all__ = ["Transactions"]

_VACUUM_FROM_PAGES: Final = 4_096  # 16 MiB
_VACUUM_PAGES: Final = 512


class Transactions:
    """On `connection`, by the thread that uses it. Methods raise sqlite3.Error, and then nothing has changed."""

    def __init__(self, connection: sqlite3.Connection, reserve: Reserve) -> None:
        self._connection = connection
        self._reserve = reserve

    def commit(self, change: Callable[[], object]) -> None:
        """Do `change` in a transaction; it is on the disk when this returns."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            change()
            connection.execute("COMMIT")
        except BaseException:  # whatever ends it: an open transaction would take in what comes next
            with suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            raise

    def commit_from_reserve(self, change: Callable[[], object]) -> None:
        """As `commit`, for what frees space, or soon lets some be freed: also on a disk that is full."""
        try:
            self.commit(change)
        except sqlite3.Error:
            if not self._reserve.release():
                raise
            self.checkpoint()
            self.commit(change)

    def checkpoint(self) -> None:
        """Write what is in the log into the file, as far as that is possible."""
        with suppress(sqlite3.Error):  # all of it is durable where it is
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def take_reserve(self) -> None:
        """Take the reserve again if it was given up, now that nothing is held."""
        if not self._reserve.held:
            self.checkpoint()
            self._reserve.take()

    def give_back_space(self) -> None:
        """Discarded pages are used again; after an outage, when most are free, the file also shrinks step by step."""
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        if free > _VACUUM_FROM_PAGES and free * 2 > pages:
            # execute() steps a statement without columns once, and so gives back one page
            self._connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
