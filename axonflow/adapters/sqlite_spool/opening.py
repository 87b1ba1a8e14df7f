"""A spool's folder put in order before it is used: what is damaged is moved aside, and what can be read of it kept."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from axonflow.adapters.sqlite_spool.aside import SPOOL_FILE, move_aside, unfinished
from axonflow.adapters.sqlite_spool.salvage import SALVAGED, salvage
from axonflow.adapters.sqlite_spool.spool_file import SUSPECT_FILE, Damaged, open_database
from axonflow.errors import AuditError

__all__ = ["mended", "salvaged_folders"]

_UNFINISHED: Final = "the file was moved aside, and the process ended before more was done"


def mended(folder: Path) -> tuple[sqlite3.Connection, str]:
    """The open spool file of `folder`, and its writer id: a new file by a new writer where the old one was damaged.

    Raises as `open_database`, but for a damaged file, and AuditError when a new one cannot be made.
    """
    path = folder / SPOOL_FILE
    if unfinished(folder) is not None:
        _keep(folder, _UNFINISHED)
    try:
        return open_database(path)
    except Damaged as damage:
        _keep(folder, str(damage.found))
    return open_database(path)


def _keep(folder: Path, found: str) -> None:
    place = move_aside(folder)
    try:
        salvage(folder, place, found)
        (folder / SUSPECT_FILE).unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise AuditError(
            "what can be read of the damaged audit spool cannot be kept", expected="room for it", found=str(error),
            at=str(place), hint="Free space. Nothing was deleted; the next start tries again.",
        ) from None  # fmt: skip


def salvaged_folders(folder: Path) -> list[Path]:
    """Those of spools that hold what could be read, the oldest first."""
    found = folder.joinpath(SALVAGED).glob("*/")
    return sorted(place for place in found if not place.name.endswith(".part"))
