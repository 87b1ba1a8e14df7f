"""An anchor that is a folder: of another machine (mounted), another account, or a medium that is written once."""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import suppress
from pathlib import Path

from axonflow.errors import AuditError, ConfigurationError

__all__ = ["FolderAnchor"]


class FolderAnchor:
    """Objects are files below `folder`, which has to be there, or is made by :meth:`make` at the start: a mount that is
    gone later must not be taken for an empty folder."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)

    def make(self) -> None:
        """Make the folder, for its owner alone, unless it is there. Raises ConfigurationError, also when what is to
        hold it is not there: that may be a mount."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                "the folder of the anchor cannot be made", expected="a place for it, of another owner",
                found=error.strerror or type(error).__name__, at=str(self._folder),
            ) from None  # fmt: skip

    async def put(self, name: str, data: bytes) -> bool:
        return await asyncio.to_thread(self._put, name, data)

    async def get(self, name: str) -> bytes | None:
        return await asyncio.to_thread(self._get, name)

    async def close(self) -> None:
        """Nothing is held."""

    def _put(self, name: str, data: bytes) -> bool:
        path = self._folder / name
        making = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            self._check_folder()
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with making.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(making, path)  # unlike a rename, it never replaces what is there
            except FileExistsError:
                return False
            finally:
                making.unlink(missing_ok=True)
            for folder in (path.parent, *path.parent.parents):
                _sync(folder)
                if folder == self._folder:
                    break
        except OSError as error:
            raise _failed("write to", error, path) from None
        return True

    def _get(self, name: str) -> bytes | None:
        path = self._folder / name
        try:
            self._check_folder()
            return path.read_bytes()
        except FileNotFoundError:
            if self._folder.is_dir():
                return None
            raise AuditError("the anchor is not there", expected="a folder", at=str(self._folder)) from None
        except OSError as error:
            raise _failed("read", error, path) from None

    def _check_folder(self) -> None:
        if not self._folder.is_dir():
            raise FileNotFoundError(2, "no such folder", str(self._folder))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems cannot, and then have nothing that could be
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(what: str, error: OSError, path: Path) -> AuditError:
    return AuditError(f"cannot {what} the anchor", found=error.strerror or type(error).__name__, at=str(path))
