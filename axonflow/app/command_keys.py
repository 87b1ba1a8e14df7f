"""What commands sign with: a key of the machine, kept in the data folder for each database; or one for a process alone.

FOLDER/audit.key, ...   as beside a spool, see axonflow.app.audit_keys
FOLDER/newest.json      the newest batch that is known to be signed with it
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from axonflow.audit import WriterKey
from axonflow.audit.commands import command_writer
from axonflow.errors import ConfigurationError

if TYPE_CHECKING:  # it needs cryptography, and there may be none
    from axonflow.adapters.ed25519 import Signer

__all__ = ["KeptCommandKey", "PassingCommandKey"]

_NEWEST: Final = "newest.json"


class PassingCommandKey:
    """A CommandWriter with a key that is kept nowhere: nobody signs with it later, and nothing follows from it who
    did. Made when it is needed."""

    newest: tuple[int, bytes] | None = None

    def __init__(self) -> None:
        self._signer: Signer | None = None

    @property
    def writer_id(self) -> str:
        return command_writer(self._made().key_id)

    def signing(self, next_number: int) -> tuple[Signer, tuple[WriterKey, ...]]:
        del next_number
        signer = self._made()
        return signer, (WriterKey(self.writer_id, 0, signer.key_id, signer.public_bytes),)

    def signed(self, number: int, digest: bytes) -> None:
        self.newest = (number, digest)

    def _made(self) -> Signer:
        if self._signer is None:
            with _cryptography():
                from axonflow.adapters.ed25519 import Signer
            self._signer = Signer.made()
        return self._signer


class KeptCommandKey:
    """A CommandWriter whose key is in `folder`, made when it is needed: what reads only needs none.

    It knows the newest batch that it signed: behind that it goes on, whatever the database says. That is noted after
    the database has it: a process that is killed in between takes the database's word for one batch.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer_id = ""

    @property
    def writer_id(self) -> str:
        if not self._writer_id:
            with _cryptography():
                from axonflow.app.audit_keys import first_key_id
            with self._alone():
                writer_id = command_writer(first_key_id(self.folder))
            self.newest  # noqa: B018  what cannot be read says so before anything is made
            self._writer_id = writer_id
        return self._writer_id

    def signing(self, next_number: int) -> tuple[Signer, tuple[WriterKey, ...]]:
        writer_id = self.writer_id
        from axonflow.app.audit_keys import signing_keys

        with self._alone():  # read each time: another command may have changed it, and what was before signs no more
            return signing_keys(self.folder, writer_id, next_number)

    @property
    def newest(self) -> tuple[int, bytes] | None:
        file = self.folder / _NEWEST
        try:
            said = _decode(file.read_bytes())
            return said.number, bytes.fromhex(said.hash)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            raise ConfigurationError(
                "what commands signed last cannot be read", expected="the file as it was written",
                found=_why(error), at=str(file), hint="Remove it to go on behind what the database has.",
            ) from None  # fmt: skip

    def signed(self, number: int, digest: bytes) -> None:
        with self._alone():
            known = self.newest
            if known is not None and known[0] >= number:
                return  # another command was faster
            beside = self.folder / f"{_NEWEST}.new"
            with beside.open("wb") as file:
                file.write(msgspec.json.encode(_Newest(number, digest.hex())))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.folder / _NEWEST)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Of all commands on this machine, one at a time. Raises ConfigurationError where there is no place."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK):  # it is noted there what was signed, and that before it is too late
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ConfigurationError(
                "what is done by command is signed, and there is no place for the key",
                expected="a folder that this login may write to", found=_why(error), at=str(self.folder),
                hint="Name another: AXONFLOW_COMMAND_KEYS=FOLDER; or AXONFLOW_COMMAND_KEYS=none: a key kept nowhere.",
            ) from None  # fmt: skip


class _Newest(Struct, frozen=True, forbid_unknown_fields=True):
    number: int
    hash: str


_decode: Final = msgspec.json.Decoder(_Newest).decode


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


@contextmanager
def _cryptography() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError:
        raise ConfigurationError(
            "what is done by command is signed", expected="the package cryptography", found="none",
            hint="pip install 'axonflow[bundles]'",
        ) from None  # fmt: skip
