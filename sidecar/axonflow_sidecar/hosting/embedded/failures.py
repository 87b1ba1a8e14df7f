"""What goes wrong around an embedded PostgreSQL, said so that a person can mend it."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from axonflow.errors import ConfigurationError

__all__ = ["OTHER_FOLDER", "described", "failed_output", "last_lines"]

OTHER_FOLDER: Final = "Choose another folder, or bring a PostgreSQL of your own with --database-url URL."
MAX_LINES: Final = 12
MAX_LINE_CHARS: Final = 300
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
# strerror(3) of the two in the C locale, which every program of PostgreSQL runs in here; and the hint that PostgreSQL
# gives when a write was cut short (src/backend/storage/smgr/md.c).
FULL_TEXTS: Final = ("No space left on device", "Disk quota exceeded", "Check free disk space")


def last_lines(text: str) -> str:
    """The end of a program's output, each line indented on one of its own; "" when it said nothing."""
    lines = [line.strip()[:MAX_LINE_CHARS] for line in text.splitlines() if line.strip()]
    return "".join(f"\n  {line}" for line in lines[-MAX_LINES:])


def disk_full(folder: Path, said: str = "") -> ConfigurationError:
    """The error for a file system without room for `folder`."""
    return ConfigurationError(
        f"no room for PostgreSQL's files{said}",
        expected="about 200 MB of free space",
        found="a full disk or quota",
        at=str(folder),
        hint="Free space on that file system, or choose a folder on another one.",
    )


def failed_output(message: str, output: str, folder: Path, hint: str) -> ConfigurationError:
    """The error for a program of PostgreSQL that failed and said `output`."""
    said = last_lines(output)
    if any(text in output for text in FULL_TEXTS):
        return disk_full(folder, f"; PostgreSQL said:{said}")
    return ConfigurationError(
        f"{message}; PostgreSQL said:{said}" if said else f"{message} and said nothing", at=str(folder), hint=hint
    )


@contextlib.contextmanager
def described(folder: Path) -> Iterator[None]:
    """Inside, an OSError about the files in `folder` becomes a ConfigurationError."""
    try:
        yield
    except OSError as error:
        raise _mendable(error, folder) from error


def _mendable(error: OSError, folder: Path) -> ConfigurationError:
    # shutil.Error gathers what went wrong with many files, in words only.
    if error.errno in FULL or (isinstance(error, shutil.Error) and any(text in str(error) for text in FULL_TEXTS)):
        return disk_full(folder)
    reason = error.strerror or type(error).__name__
    at = error.filename if isinstance(error.filename, str) else str(folder)
    if error.errno in REFUSED:
        return ConfigurationError(
            "the folder of the embedded PostgreSQL cannot be used",
            expected="a folder that this user may write to, on a file system that is not read-only",
            found=reason,
            at=at,
            hint=OTHER_FOLDER,
        )
    return ConfigurationError(
        "the folder of the embedded PostgreSQL cannot be used",
        expected="a folder",
        found=reason,
        at=at,
        hint=OTHER_FOLDER,
    )
