"""Room on the disk that is kept for the moment when there is none.

SQLite needs room in its log to delete, so on a full disk a spool could not even let go of what the database has taken,
and would stay full for good. The reserve is given up then, and taken again when the spool is empty.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["Reserve"]

_SIZES_BYTES: Final = (4 << 20, 1 << 20, 256 << 10)
"""The largest that the disk has room for. Letting go of 256 records takes about 300 KiB of log."""


class Reserve:
    """A file of the folder that holds nothing."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "spool.reserve"
        self.held = False
        self.take()

    def take(self) -> None:
        """Take the room, as much as there is; none on a disk that is full already."""
        for size_bytes in _SIZES_BYTES:
            try:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
                try:
                    os.fchmod(descriptor, 0o600)  # the mode above is subject to the umask
                    _allocate(descriptor, size_bytes)
                finally:
                    os.close(descriptor)
            except OSError:
                self.release()
            else:
                self.held = True
                return

    def release(self) -> bool:
        """Give it up; whether there was any."""
        was_held, self.held = self.held, False
        with suppress(OSError):
            self._path.unlink()
        return was_held


def _allocate(descriptor: int, size_bytes: int) -> None:
    os.ftruncate(descriptor, 0)
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size_bytes)
        return
    for _ in range(size_bytes >> 16):  # macOS has no such call; a hole would reserve nothing
        os.write(descriptor, bytes(1 << 16))
