"""The folder of the Unix socket: in the data folder, or where its path is short enough for a socket."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.embedded.account import Account, first_barrier
from axonflow_sidecar.hosting.embedded.folder import Folder

__all__ = ["PORT", "make", "remove"]

PORT: Final = 5432  # only part of the socket's name
SOCKET: Final = f".s.PGSQL.{PORT}"
MAX_SOCKET_PATH_BYTES: Final = 103  # sun_path with its closing NUL: 108 on Linux, 104 on macOS
PREFIX: Final = "axonflow-"


def make(folder: Folder, account: Account) -> Path:
    """An empty socket folder that only `account` (and root) may enter. Raises ConfigurationError when no place does."""
    remove(folder, account)
    if _fits(folder.socket):
        folder.socket.mkdir(mode=0o700)
        account.own(folder.socket)
        return folder.socket
    for parent in dict.fromkeys((Path(tempfile.gettempdir()).resolve(), Path("/tmp"))):  # noqa: S108  its mkdtemp is ours
        if _fits(parent / f"{PREFIX}12345678") and not (account.is_other and first_barrier(parent, account)):
            place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            folder.socket.symlink_to(place)  # so that whoever comes after a kill finds and removes it
            account.own(place)
            return place
    raise ConfigurationError(
        "no place for the Unix socket of the embedded PostgreSQL",
        expected=f"a path of at most {MAX_SOCKET_PATH_BYTES} bytes, without commas and quotes",
        found=f"{len(os.fsencode(folder.socket / SOCKET))} bytes, and no temporary folder open to {account.name}",
        at=str(folder.socket),
        hint="Choose a folder with a shorter path.",
    )


def remove(folder: Folder, account: Account) -> None:
    """Remove the socket folder, and the one in the temporary folder that it may stand for."""
    if not folder.socket.is_symlink():
        _clear(folder.socket)
        return
    place = folder.socket.readlink()
    with contextlib.suppress(FileNotFoundError):  # temporary folders are cleared by others too
        if place.name.startswith(PREFIX) and place.lstat().st_uid == account.uid:
            _clear(place)
    folder.socket.unlink()


def _clear(place: Path) -> None:
    """Remove a folder with nothing but a socket and its lock file."""
    for name in (SOCKET, f"{SOCKET}.lock"):
        (place / name).unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        place.rmdir()


def _fits(place: Path) -> bool:
    """Whether PostgreSQL and its clients can name a socket in `place`: both take a list, split at commas."""
    text = str(place)
    return (
        len(os.fsencode(place / SOCKET)) <= MAX_SOCKET_PATH_BYTES and text.isprintable() and not set(text) & set(',"')
    )
