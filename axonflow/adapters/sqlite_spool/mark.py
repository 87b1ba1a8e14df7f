"""How far a spool has come, noted beside its database.

SQLite takes a write-ahead log that is gone, cut off or damaged for a shorter one: what was in it is missing, and
nothing says so. Then the places of the lost records would be given to others, although a store may have them already.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from axonflow.errors import ConfigurationError

__all__ = ["MARK_FILE", "Mark", "Reached"]

MARK_FILE: Final = "spool.mark"
_BYTES: Final = 128


class Reached(NamedTuple):
    """The last `position` that the writer gave to a record, and how many records were `pending` then."""

    writer_id: str
    position: int
    pending: int


class Mark:
    """The file in `folder`. It is written after each commit and never synced, so that it costs next to nothing: a kill
    leaves it whole, and without power it is behind the database rather than ahead of it. Raises ConfigurationError."""

    def __init__(self, folder: Path) -> None:
        path = folder / MARK_FILE
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ConfigurationError(
                "the mark of the audit spool cannot be used", expected="a file that can be read and written",
                found=error.strerror, at=str(path),
            ) from None  # fmt: skip
        with suppress(OSError):
            os.fchmod(self._descriptor, 0o600)  # the mode above is subject to the umask

    def note(self, reached: Reached) -> None:
        """Write it down."""
        text = f"{reached.writer_id} {reached.position} {reached.pending}".encode().ljust(_BYTES - 1) + b"\n"
        with suppress(OSError):  # on a disk that is full it may stay behind
            os.pwrite(self._descriptor, text, 0)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    @staticmethod
    def read(folder: Path) -> Reached | None:
        """What is written there; None without a file, or when it is none of ours."""
        try:
            text = (folder / MARK_FILE).read_bytes()[:_BYTES].decode("ascii")
            writer_id, position, pending = text.split()
            return Reached(writer_id, int(position), int(pending))
        except (OSError, ValueError):
            return None
