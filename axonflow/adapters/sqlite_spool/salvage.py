"""What can still be read of a damaged spool, put into a sound one of the same writer, to be drained from there.

That writer writes no more: how far its chains had come is not certain, and a place that is given twice is a chain that
contradicts itself. Whoever goes on is a new writer, with chains of its own.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from axonflow.adapters.sqlite_spool.aside import KEYS_FILE, SPOOL_FILE, DamageReport, finish, sync_folder
from axonflow.adapters.sqlite_spool.mark import Mark, Reached
from axonflow.adapters.sqlite_spool.rows import Row
from axonflow.adapters.sqlite_spool.spool_file import as_text, open_database
from axonflow.adapters.sqlite_spool.statements import SOUND_AHEAD, SOUND_BATCH
from axonflow.errors import AuditError
from axonflow.ids import now_us

__all__ = ["SALVAGED", "salvage"]

SALVAGED: Final = "salvaged"
_ROWS: Final = "SELECT position, tenant_id, sequence, previous, hash, canonical FROM records"
_ADD: Final = """
INSERT OR IGNORE INTO records (position, tenant_id, sequence, previous, hash, canonical) VALUES (?, ?, ?, ?, ?, ?)"""
_QUARANTINED: Final = "SELECT tenant_id, sequence, previous, hash, canonical, reason FROM quarantine ORDER BY position"
_ADD_QUARANTINED: Final = """
INSERT INTO quarantine (tenant_id, sequence, previous, hash, canonical, reason) VALUES (?, ?, ?, ?, ?, ?)"""
_SET_BATCH: Final = "UPDATE batch SET number = ?, previous = ?, statement = ?, signature = ?, last_position = ?"
_SET_AHEAD: Final = "INSERT OR REPLACE INTO batch_ahead (id, statement, signature, last_position) VALUES (0, ?, ?, ?)"
_PERSON_KEYS: Final = "SELECT tenant_id, key_id, tag, wrapped, created_us FROM person_key"
_ADD_PERSON_KEY: Final = """
INSERT OR IGNORE INTO person_key (tenant_id, key_id, tag, wrapped, created_us) VALUES (?, ?, ?, ?, ?)"""
_PAGE_BYTES: Final = 4_096
_COMMITTED_ROWS: Final = 10_000
_MAX_FAILURES: Final = 100_000
"""Reads that fail before the rest is given up: of what is below a page that cannot be read, each record is tried."""


def salvage(folder: Path, place: Path, found: str) -> DamageReport:
    """Put what can be read of the spool at `place` into a spool of its own below `folder`, and leave a report there.

    Raises AuditError and OSError when that cannot be written; the next start tries again.
    """
    reached = Mark.read(place)
    target = folder / SALVAGED / place.name
    part = target.with_name(f"{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a try that came to no end
    shutil.rmtree(target, ignore_errors=True)
    kept = _Kept(part, reached.writer_id if reached else "")
    try:
        kept.take(place / SPOOL_FILE, reached)
        if kept.records == 0 and (place / SPOOL_FILE).exists():
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                kept.take(_with_another_first_page(place / SPOOL_FILE, Path(scratch)), reached)
    finally:
        kept.close()
    if part.exists():
        for file in (folder / "audit.key", folder / "audit.pub", place / KEYS_FILE):
            with suppress(FileNotFoundError):
                shutil.copy2(file, part)  # with its mode
        part.rename(target)
        sync_folder(target.parent)
        sync_folder(folder)
    report = DamageReport(
        time_us=now_us(), found=found, writer_id=kept.writer_id, kept=kept.records,
        missing=max(reached.pending - kept.records, 0) if reached else 0, at=str(place),
    )  # fmt: skip
    finish(place, report)
    return report


def _opened(path: Path) -> sqlite3.Connection:
    # read-only, so that nothing of the file or its log is changed: https://www.sqlite.org/wal.html#read_only_databases
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.text_factory = as_text
    connection.execute("PRAGMA writable_schema = ON")  # else nothing is read of a file that was cut off
    return connection


def _with_another_first_page(path: Path, scratch: Path) -> Path:
    """A copy of the file with the first page of a new spool, whose tables begin on the same pages: without that page,
    nothing says where they are. https://www.sqlite.org/fileformat2.html#the_database_header"""
    (scratch / "new").mkdir()
    connection, _ = open_database(scratch / "new" / SPOOL_FILE)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    page = bytearray((scratch / "new" / SPOOL_FILE).read_bytes()[:_PAGE_BYTES])
    page[28:32] = (path.stat().st_size // _PAGE_BYTES).to_bytes(4, "big")
    page[32:40] = bytes(8)  # no free pages
    page[92:96] = page[24:28]  # so that the size is believed
    copy = scratch / SPOOL_FILE
    for ending in ("", "-wal"):
        with suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{ending}", f"{copy}{ending}")
    with copy.open("r+b") as stream:
        stream.write(page)
    return copy


class _Kept:
    """The spool that what is readable goes into; made in `folder` when there is something. `records` of `writer_id`
    were kept."""

    def __init__(self, folder: Path, writer_id: str) -> None:
        self._folder = folder
        self._connection: sqlite3.Connection | None = None
        self.writer_id = writer_id
        self.records = 0

    def take(self, path: Path, reached: Reached | None) -> None:
        """What can be read of the spool file at `path`."""
        with suppress(sqlite3.Error), closing(_opened(path)) as connection:
            self._take_records(connection, reached.position if reached else 0)
            self._take_rest(connection)
            self._take_ahead(connection)

    def _take_records(self, source: sqlite3.Connection, last_position: int) -> None:
        """All that are as they were hashed: from the first one up to what cannot be read, from the last one back, and
        what is between."""
        first = self._take_each(source, f"{_ROWS} ORDER BY position")
        if first is not None:
            last = self._take_each(source, f"{_ROWS} ORDER BY position DESC") or last_position + 1
            self._take_between(source, first + 1, last - 1)

    def _take_each(self, source: sqlite3.Connection, query: str) -> int | None:
        """Take rows until one cannot be read; the position before that, 0 without any, or None when all were read."""
        position = 0
        try:
            for row in source.execute(query):
                self._take(row)
                position = row[0]
        except sqlite3.Error:
            return position
        return None

    def _take_between(self, source: sqlite3.Connection, low: int, high: int) -> None:
        """Take what can be read from position `low` to `high`, halving what cannot."""
        left, failures = [(low, high)], 0
        while left and failures < _MAX_FAILURES:
            low, high = left.pop()
            try:
                for row in source.execute(f"{_ROWS} WHERE position BETWEEN ? AND ?", (low, high)):
                    self._take(row)
            except sqlite3.Error:
                failures += 1
                if low < high:
                    middle = (low + high) // 2
                    left += [(low, middle), (middle + 1, high)]

    def _take(self, row: tuple[Any, ...]) -> None:
        """Keep the record, if it is one: what a damaged page gives may be anything."""
        try:
            writer_id = Row(*row).record().event.writer_id
        except AuditError:
            return
        self.writer_id = self.writer_id or writer_id
        if writer_id == self.writer_id:
            self.records += self._put(_ADD, row)
            if self.records % _COMMITTED_ROWS == 0:
                self._put("COMMIT")

    def _take_rest(self, source: sqlite3.Connection) -> None:
        """What is in quarantine, keys of persons, and the batch that comes next."""
        with suppress(sqlite3.Error):
            for row in source.execute(_QUARANTINED):
                self._put(_ADD_QUARANTINED, row)
        for order in ("", " ORDER BY tenant_id DESC, key_id DESC"):  # up to what cannot be read, from both ends
            with suppress(sqlite3.Error):
                for row in source.execute(_PERSON_KEYS + order):
                    self._put(_ADD_PERSON_KEY, row)
        with suppress(sqlite3.Error):
            row = source.execute(SOUND_BATCH).fetchone()
            if row is not None and self._connection is not None:
                self._put(_SET_BATCH, row)

    def _put(self, statement: str, row: tuple[Any, ...] = ()) -> int:
        """Write; how many rows that changed. Raises OSError: what cannot be written must not pass for unreadable. That
        a row is none, as of a damaged page, stays an error of SQLite."""
        try:
            return self._to().execute(statement, row).rowcount
        except sqlite3.OperationalError as error:
            raise OSError(str(error)) from None

    def _to(self) -> sqlite3.Connection:
        """What is being written to, in a transaction."""
        if self._connection is None:
            self._folder.mkdir(mode=0o700, parents=True)
            self._folder.parent.chmod(0o700)
            self._connection, self.writer_id = open_database(self._folder / SPOOL_FILE, self.writer_id or None)
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN")
        return self._connection

    def _take_ahead(self, source: sqlite3.Connection) -> None:
        """The batch ahead: a store may have it."""
        with suppress(sqlite3.Error):
            row = source.execute(SOUND_AHEAD).fetchone()
            if row is not None and self._connection is not None:
                self._put(_SET_AHEAD, row)

    def close(self) -> None:
        """Make it durable."""
        if self._connection is not None:
            with closing(self._connection) as connection:
                if connection.in_transaction:
                    connection.execute("COMMIT")
