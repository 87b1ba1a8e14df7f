"""The folder an embedded PostgreSQL lives in, and the lock that keeps a second one out."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.embedded.account import Account, first_barrier
from axonflow_sidecar.hosting.embedded.failures import OTHER_FOLDER

__all__ = ["Folder", "FolderLock", "open_own", "prepare", "read_start"]

# What a fresh volume or a desktop leaves in a folder that is empty to its owner.
NOBODYS_FILES: Final = frozenset({"lost+found", ".DS_Store"})
MAX_PID_CHARS: Final = 20


@dataclass(frozen=True)
class Folder:
    """Where everything of one embedded PostgreSQL lies::

    <root>/             0711 when root made it (the account must get through), else 0700
      lock              held as long as the server lives; holds our pid; never removed
      password          0600, ours: the password of the superuser
      data/             0700, the account's: the cluster. Appears by a rename, so it is whole or not there
      data.new-*/       the account's: a cluster in the making; what a kill left behind is thrown away
      binaries-<v>/     only when the account cannot read the installed wheel: a copy of it
      binaries.new-*/   such a copy in the making
      socket/           0700, the account's; or a link to a folder with a shorter path
      postgres.log      0600, ours; postgres.log.1 is what it held before it grew too long
    """

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def password(self) -> Path:
        return self.root / "password"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def socket(self) -> Path:
        return self.root / "socket"

    @property
    def log(self) -> Path:
        return self.root / "postgres.log"

    def sweep(self) -> None:
        """Throw away what a killed start left half-made. Only under the lock."""
        for pattern in ("data.new-*", "binaries.new-*"):
            for leftover in self.root.glob(pattern):
                shutil.rmtree(leftover, ignore_errors=True)


def open_own(path: Path, flags: int) -> int:
    """Open a file of ours for its owner only. A link in its place is refused: root may be the one who opens."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def read_start(path: Path, max_bytes: int = 4096) -> str | None:
    """The first bytes of a small file, or None when there is no such file."""
    try:
        fd = open_own(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:
        return file.read(max_bytes).decode("utf-8", "replace")


def prepare(folder: Folder, account: Account) -> None:
    """Make the folder where it is missing. What we did not make keeps its permissions.

    Raises ConfigurationError when `account` cannot get there, or when something else lives there.
    """
    missing: list[Path] = []
    place = folder.root
    while not place.exists():
        missing.append(place)
        place = place.parent
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
    if account.is_other and (barrier := first_barrier(place, account)):
        raise ConfigurationError(
            f"PostgreSQL does not run as root, and the account it runs as instead ({account.name}) cannot get there",
            expected="a folder whose parents everybody may enter, such as /var/lib/axonflow",
            found=f"{barrier}, mode {barrier.stat().st_mode & 0o7777:04o}",
            at=str(folder.root),
            hint="Choose such a folder, or start AxonFlow as an ordinary user.",
        )
    for path in reversed(missing):
        path.mkdir()
        path.chmod(0o711 if account.is_other else 0o700)  # mkdir's own mode is cut by the umask
    _check_ours(folder)


def _check_ours(folder: Folder) -> None:
    entries = {entry.name for entry in folder.root.iterdir()} - NOBODYS_FILES
    if not entries or folder.lock.name in entries:
        return
    found = "a PostgreSQL cluster that is not AxonFlow's" if "PG_VERSION" in entries else ", ".join(sorted(entries)[:5])
    raise ConfigurationError(
        "the folder holds something else",
        expected="an empty or missing folder, or one of an embedded PostgreSQL",
        found=found,
        at=str(folder.root),
        hint=OTHER_FOLDER,
    )


class FolderLock:
    """An exclusive lock on a folder. It dies with its process, so it is never stale."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock, or keep it. Raises ConfigurationError that names the process which has it."""
        if self._fd is not None:
            return
        fd = open_own(self._path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError:
            holder = os.pread(fd, MAX_PID_CHARS, 0).decode("ascii", "replace").strip()
            os.close(fd)
            raise ConfigurationError(
                "the folder is in use by another embedded PostgreSQL",
                expected="a folder of its own for each",
                found=f"process {holder}" if holder else "another process",
                at=str(self._path.parent),
                hint="Stop that process, or choose another folder.",
            ) from None
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def release(self) -> None:
        """Let go of the lock, if it is held."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None
