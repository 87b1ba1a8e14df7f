"""Where a damaged spool file goes: into a folder of its own, as it is, with a report of what was done about it.

Moving takes several steps, and a process may end between any two. A folder without a report is one of which not all was
done: the next start goes on with it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from axonflow.adapters.sqlite_spool.mark import MARK_FILE
from axonflow.errors import AuditError

__all__ = [
    "DAMAGED",
    "KEYS_FILE",
    "SPOOL_FILE",
    "DamageReport",
    "finish",
    "move_aside",
    "reports",
    "sync_folder",
    "unfinished",
]

SPOOL_FILE: Final = "spool.sqlite3"
DAMAGED: Final = "damaged"
_REPORT_FILE: Final = "report.json"
KEYS_FILE: Final = "audit.keys.json"
"""The public keys of the writer. What it signed with stays where it is: the next one signs with that too."""
_FILES: Final = (SPOOL_FILE, f"{SPOOL_FILE}-wal", f"{SPOOL_FILE}-shm", MARK_FILE, KEYS_FILE)


class DamageReport(Struct, frozen=True, kw_only=True):
    """`found` is how the damage showed. `kept` records could be read and go on to the store, as those of `writer_id`
    (empty: nobody knows whose they were); of `missing` it is known that they were there. `at` is where the file is now,
    and `time_us` when that was (microseconds since the Unix epoch, UTC)."""

    time_us: int
    found: str
    writer_id: str
    kept: int
    missing: int
    at: str


def move_aside(folder: Path) -> Path:
    """Move what there is of the spool's files, and return where to. Raises AuditError."""
    try:
        place = unfinished(folder)
        if place is None:
            place = folder / DAMAGED / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            place.parent.mkdir(mode=0o700, exist_ok=True)
            place.mkdir(mode=0o700)
            sync_folder(folder)
            sync_folder(place.parent)
        for name in _FILES:
            if (folder / name).exists() and not (place / name).exists():
                (folder / name).rename(place / name)
        sync_folder(place)
        sync_folder(folder)
    except OSError as error:
        raise AuditError(
            "the damaged audit spool cannot be moved aside", expected="a folder that can be written",
            found=error.strerror, at=str(folder),
        ) from None  # fmt: skip
    return place


def unfinished(folder: Path) -> Path | None:
    """Where files were moved of which no report tells yet."""
    places = sorted(folder.joinpath(DAMAGED).glob("*/"))
    return next((place for place in places if not (place / _REPORT_FILE).exists()), None)


def finish(place: Path, report: DamageReport) -> None:
    """Leave `report` there, durably."""
    part = place / f"{_REPORT_FILE}.part"
    with part.open("wb") as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(place / _REPORT_FILE)
    sync_folder(place)


def reports(folder: Path) -> list[DamageReport]:
    """Of all that was moved aside in `folder` and is still there, the oldest first."""
    found = []
    for file in sorted(folder.joinpath(DAMAGED).glob(f"*/{_REPORT_FILE}")):
        try:
            found.append(msgspec.json.decode(file.read_bytes(), type=DamageReport))
        except (OSError, msgspec.MsgspecError):
            continue
    return found


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, as fsync of a file does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
