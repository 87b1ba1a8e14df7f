"""What a spool holds, for a person to look at: read beside the process that owns it, which is not disturbed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec import Struct

from axonflow.adapters.sqlite_spool.aside import SPOOL_FILE, DamageReport, reports
from axonflow.adapters.sqlite_spool.opening import salvaged_folders
from axonflow.adapters.sqlite_spool.spool_file import as_text, check_readable, refused
from axonflow.audit import AuditEvent
from axonflow.errors import AuditError, ConfigurationError

__all__ = ["QuarantinedRecord", "SpoolView", "look_at"]

_COUNTS: Final = """
SELECT count(*), coalesce(sum(length(canonical)), 0), count(DISTINCT tenant_id), coalesce(sum(may_go), 0)
FROM records"""
_NEXT: Final = """
SELECT value, number, (statement IS NOT NULL) + (SELECT count(*) FROM batch_ahead) FROM meta, batch
WHERE name = 'writer_id'"""
_OLDEST: Final = "SELECT canonical FROM records ORDER BY position LIMIT 1"
_QUARANTINE: Final = "SELECT tenant_id, sequence, canonical, reason FROM quarantine ORDER BY position LIMIT ?"


class QuarantinedRecord(Struct, frozen=True):
    """`sequence` is None for what never was in a chain, and `event_id` empty for what cannot be read."""

    tenant_id: str
    sequence: int | None
    event_id: str
    reason: str


class SpoolView(Struct, frozen=True, kw_only=True):
    """`records` of `tenants` wait, of `size_bytes` (canonical); `may_go` of them nobody waited for. `oldest_us` is the
    time of the first (microseconds since the Unix epoch, UTC). `next_batch` is the number of the next; so many, from
    that one on, are `sealed`. Of the `quarantined`, the first are in `quarantine`. `salvaged` are further folders of
    spools."""

    folder: str
    writer_id: str
    records: int
    size_bytes: int
    tenants: int
    may_go: int
    oldest_us: int | None
    next_batch: int
    sealed: int
    quarantined: int
    quarantine: list[QuarantinedRecord]
    damage: list[DamageReport]
    salvaged: list[str]


def look_at(folder: Path, limit: int) -> SpoolView:
    """The spool in `folder`, with up to `limit` of its quarantine. Raises ConfigurationError where there is none, and
    AuditError for one that cannot be read."""
    path = folder / SPOOL_FILE
    if not path.is_file():
        raise ConfigurationError("there is no audit spool", expected=f"a folder with {SPOOL_FILE}", at=str(folder))
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.text_factory = as_text
            return _view(connection, folder, limit)
    except sqlite3.Error as error:
        raise refused(error, path) from None


def _view(connection: sqlite3.Connection, folder: Path, limit: int) -> SpoolView:
    connection.execute("BEGIN")  # all of it as of one moment
    check_readable(connection, folder / SPOOL_FILE)
    found = connection.execute(_NEXT).fetchone()
    if found is None:
        raise AuditError(
            "the audit spool is damaged", expected="a writer, and the batch that comes next", found="none",
            at=str(folder),
        )  # fmt: skip
    writer_id, number, sealed = found
    records, size_bytes, tenants, may_go = connection.execute(_COUNTS).fetchone()
    (quarantined,) = connection.execute("SELECT count(*) FROM quarantine").fetchone()
    oldest = connection.execute(_OLDEST).fetchone()
    return SpoolView(
        folder=str(folder), writer_id=writer_id, records=records, size_bytes=size_bytes, tenants=tenants,
        may_go=may_go, oldest_us=_time_us(oldest[0]) if oldest else None, next_batch=number, sealed=sealed,
        quarantined=quarantined,
        quarantine=[
            QuarantinedRecord(str(tenant_id), _place(sequence), _id(canonical), reason)
            for tenant_id, sequence, canonical, reason in connection.execute(_QUARANTINE, (limit,))
        ],
        damage=reports(folder), salvaged=[str(place) for place in salvaged_folders(folder)],
    )  # fmt: skip


def _place(sequence: object) -> int | None:
    return sequence if isinstance(sequence, int) and sequence >= 0 else None


def _event(canonical: object) -> AuditEvent | None:
    try:
        return AuditEvent.from_canonical(canonical) if isinstance(canonical, bytes) else None
    except AuditError:
        return None


def _time_us(canonical: object) -> int | None:
    event = _event(canonical)
    return event.time_us if event else None


def _id(canonical: object) -> str:
    event = _event(canonical)
    return event.event_id if event else ""
