"""PostgreSQL's log: a file that stays small."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

from axonflow_sidecar.hosting.embedded.folder import open_own

__all__ = ["bound", "open_log", "said_since"]

MAX_LOG_BYTES: Final = 4 * 1024 * 1024
MAX_SHOWN_BYTES: Final = 16 * 1024


def open_log(path: Path) -> int:
    """The log, opened so that every write goes to its end, wherever that is after `bound`."""
    return open_own(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def bound(path: Path) -> None:
    """When the log has grown too long, keep what it holds as ``<log>.1`` and begin anew. Never raises OSError."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > MAX_LOG_BYTES:
            with contextlib.suppress(OSError):  # a full disk: then without the copy
                shutil.copy2(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)


def said_since(path: Path, offset_bytes: int) -> str:
    """What the log says from `offset_bytes` on; its end, when that is long."""
    with open(open_own(path, os.O_RDONLY), "rb") as file:
        end_bytes = file.seek(0, os.SEEK_END)
        file.seek(max(offset_bytes, end_bytes - MAX_SHOWN_BYTES))
        return file.read().decode("utf-8", "replace")
