"""What an agent decides by, in a folder: bundles as they were signed, and an index of what is in force.

::

    FOLDER/index.json                 what is in force, and the file of each bundle
    FOLDER/<sha-256 of the file>.axb  a bundle

A file never changes under its name, and the index takes the place of the old one in one step, when all that it names
is on the disk. The folder itself is synced once, with the index: should a disk keep the new index and lose the name of
a new file, the scope that it is for is refused, not loosened.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from axonflow.errors import PolicyStoreError
from axonflow.policy.compiling.bundle import MAX_BUNDLE_BYTES
from axonflow.policy.publication import InForce, SetState
from axonflow.ports import BundleKey

__all__ = ["FolderSnapshots"]

_INDEX: Final = "index.json"
_MAX_INDEX_BYTES: Final = 64 * 1024 * 1024


class _Index(Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    sets: dict[str, tuple[SetState, ...]]
    organizations: dict[str, str]
    files: list[tuple[str, str, int, str]]


_FORMAT: Final = "axonflow-policies-in-force/1"


class FolderSnapshots:
    """A PolicySnapshots in the folder at `path`, made when something is first kept. For one process."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._written: set[str] = set()

    def save(self, in_force: InForce, bundles: Mapping[BundleKey, bytes]) -> None:
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            files = {key: f"{hashlib.sha256(data).hexdigest()}.axb" for key, data in bundles.items()}
            for key, name in files.items():
                if name not in self._written:
                    self._write(name, bundles[key])
            rows = [(*key, name) for key, name in sorted(files.items())]
            index = _Index(_FORMAT, dict(in_force.sets), dict(in_force.organizations), rows)
            self._write(_INDEX, msgspec.json.encode(index))
            self._sync_folder()
            self._forget_all_but({*files.values(), _INDEX})
            self._written = set(files.values())
        except (OSError, UnicodeEncodeError) as error:
            raise PolicyStoreError(
                "the policies in force cannot be kept on disk", found=getattr(error, "strerror", None) or str(error),
                at=str(self._path), hint="If the database is away at the next start, older ones count.",
            ) from None  # fmt: skip

    def load(self) -> tuple[InForce, dict[BundleKey, bytes]] | None:
        try:
            text = self._read(_INDEX, _MAX_INDEX_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(str(error.strerror)) from None
        try:
            index = msgspec.json.decode(text, type=_Index)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._unreadable(str(error)) from None
        if index.format != _FORMAT:
            raise self._unreadable(f"format {ascii(index.format)[:80]}")
        bundles: dict[BundleKey, bytes] = {}
        for scope, set_name, version, name in index.files:
            try:
                bundles[scope, set_name, version] = self._read(Path(name).name, MAX_BUNDLE_BYTES)
            except OSError:  # whoever needs it finds out, for that scope alone
                continue
        return InForce(index.sets, index.organizations), bundles

    def _unreadable(self, found: str) -> PolicyStoreError:
        return PolicyStoreError("the policies kept on disk cannot be read", found=found[:200], at=str(self._path))

    def _read(self, name: str, most_bytes: int) -> bytes:
        with (self._path / name).open("rb") as file:
            return file.read(most_bytes + 1)

    def _write(self, name: str, data: bytes) -> None:
        path = self._path / name
        beside = path.with_name(f".{name}.part")
        with beside.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)

    def _sync_folder(self) -> None:
        folder = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _forget_all_but(self, names: set[str]) -> None:
        for path in self._path.iterdir():
            if path.name not in names and path.suffix in {".axb", ".part"}:
                path.unlink(missing_ok=True)
