"""The file that a backup is: a ZIP archive (so that anybody can look into it) with one member for each table, in the
text format of COPY, and a manifest behind them.

Written and read as a stream: neither the file nor a table is ever in memory as a whole.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from axonflow.errors import ConfigurationError

__all__ = ["FORMAT", "ArchiveReader", "ArchiveWriter", "Digest", "Manifest", "TableEntry", "opened_archive", "written"]

FORMAT: Final = "axonflow-backup/1"
_MANIFEST: Final = "manifest.json"
_MAX_MANIFEST_BYTES: Final = 16 * 1024 * 1024
_CHUNK_BYTES: Final = 256 * 1024


class TableEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One table: its columns in the order of the text, its rows, and the length and SHA-256 (hex) of that text."""

    name: str
    columns: tuple[str, ...]
    rows: int
    size_bytes: int
    sha256: str


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is in the archive. `time_us` is the moment whose state it holds (Unix epoch, UTC, by the server's clock);
    `schema_sha256` is of the last migration."""

    format: str
    time_us: int
    schema_version: int
    schema_sha256: str
    server: str
    database: str
    tables: tuple[TableEntry, ...]


class Digest:
    """The SHA-256, the length and the rows of COPY text, as it passes by."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        self.rows = 0

    def update(self, data: bytes) -> None:
        """The next piece. Each row ends in the only line feed there is: those in values are escaped."""
        self._hash.update(data)
        self.size_bytes += len(data)
        self.rows += data.count(b"\n")

    @property
    def sha256(self) -> str:
        """In hexadecimal digits."""
        return self._hash.hexdigest()

    def entry(self, name: str, columns: tuple[str, ...]) -> TableEntry:
        """What the manifest says of the table whose text this was."""
        return TableEntry(name, columns, self.rows, self.size_bytes, self.sha256)


class ArchiveWriter:
    """An archive in the making: tables one after another, then the manifest."""

    def __init__(self, archive: zipfile.ZipFile, at: str) -> None:
        self._archive = archive
        self._at = at

    @contextmanager
    def table(self, name: str) -> Iterator[Callable[[bytes], None]]:
        """What takes the text of the table `name`, in pieces."""
        # Its size is not known before it is written, and may be beyond 4 GiB.
        with self._archive.open(_member(name), "w", force_zip64=True) as file:

            def put(data: bytes) -> None:
                try:
                    file.write(data)
                except OSError as error:
                    raise _unwritten(error, self._at) from None

            yield put

    def finish(self, manifest: Manifest) -> None:
        """Nothing more is written after the manifest: an archive without one was interrupted."""
        self._archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))


@contextmanager
def written(path: Path) -> Iterator[ArchiveWriter]:
    """A new archive at `path`, readable for its owner only, which is there when the block ends well and not before.

    Raises ConfigurationError when the file is there already or cannot be written.
    """
    if path.exists():
        raise ConfigurationError("the file is there already", expected="the name of a new file", at=str(path))
    making = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        handle = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                    yield ArchiveWriter(archive, str(path))
                file.flush()
                os.fsync(file.fileno())
            os.link(making, path)  # unlike a rename, it never replaces what somebody has put there meanwhile
        finally:
            making.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritten(error, str(path)) from None


def _unwritten(error: OSError, at: str) -> ConfigurationError:
    return ConfigurationError("the backup cannot be written", found=error.strerror or type(error).__name__, at=at)


class ArchiveReader:
    """An archive whose manifest could be read."""

    def __init__(self, archive: zipfile.ZipFile, at: str) -> None:
        self._archive = archive
        self._at = at
        with self._refusing():
            if archive.getinfo(_MANIFEST).file_size > _MAX_MANIFEST_BYTES:
                raise zipfile.BadZipFile("manifest too large")
            self.manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
        if self.manifest.format != FORMAT:
            raise ConfigurationError(
                "a backup of another format", expected=FORMAT, found=ascii(self.manifest.format[:80]), at=at
            )

    def chunks(self, entry: TableEntry) -> Iterator[bytes]:
        """The text of a table in pieces. Raises ConfigurationError when it is not what was written."""
        digest = Digest()
        with self._refusing(), self._archive.open(_member(entry.name)) as file:
            while piece := file.read(_CHUNK_BYTES):
                digest.update(piece)
                yield piece
        if digest.entry(entry.name, entry.columns) != entry:
            raise ConfigurationError(
                "the backup was changed or is damaged", expected=f"SHA-256 {entry.sha256} and {entry.rows} rows",
                found=f"{digest.sha256} and {digest.rows}", at=f"{self._at}, table {entry.name}",
            )  # fmt: skip

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, RuntimeError, msgspec.MsgspecError) as error:
            # RuntimeError: said to be encrypted, or (NotImplementedError) made by what nobody has heard of
            raise ConfigurationError(
                "not a whole backup", expected="what axonflow db backup wrote", found=str(error)[:200], at=self._at
            ) from None


@contextmanager
def opened_archive(path: Path) -> Iterator[ArchiveReader]:
    """The archive at `path`. Raises ConfigurationError when it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield ArchiveReader(archive, str(path))
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ConfigurationError("not a backup", expected="a ZIP archive", found=str(error), at=str(path)) from None
    except OSError as error:
        raise ConfigurationError(
            "the backup cannot be read", found=error.strerror or type(error).__name__, at=str(path)
        ) from None


def _member(table: str) -> str:
    return f"tables/{table}.copy"
