"""The folder that holds all that an installation keeps.

::

    DATA/            0711 for root (PostgreSQL's account passes through), else 0700
      lock           held by the supervisor while it lives; its pid is in it
      api-key        0600, one line: the operator's key
      secret         0600, what the processes sign their statements with
      pepper         0600, what the keys of tenants are hashed with
      audit-persons.key  0600, what the keys of persons in the audit trail are wrapped under
      inactive.json  0600, the tenants that were suspended when the database was last seen
      tls/           the certificate and the authority to trust
      postgres/      the embedded server
      spool/agent/   spool/orchestrator/    audit records on their way to the database
      policies/agent/   policies/orchestrator/    the last good policies, for when the database is away
      policy.key     0600, what policies published here are signed with; policy.pub, its public half
      endpoints.json where everything listens, while it does
      database-url   0600, of the server in use, while it is
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from axonflow.app.bundles import keep_key_pair
from axonflow.app.persons import read_persons_key
from axonflow.errors import ConfigurationError
from axonflow.installation import Installation
from axonflow_sidecar.hosting.atomic_files import write_atomically
from axonflow_sidecar.http.keys import new_key

__all__ = ["DataFolder"]

MAX_LINE_BYTES: Final = 4096
LOCK_TIMEOUT_S: Final = 60.0


class DataFolder(Installation):
    """The folder at `path`, made if it is not there. Raises ConfigurationError when it cannot be used."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock: int | None = None
        try:
            self._make(self.path, 0o711 if os.geteuid() == 0 else 0o700)
            self.lock_path.touch(mode=0o600)
        except OSError as error:
            raise self._unusable(error) from None

    @property
    def lock_path(self) -> Path:
        return self.path / "lock"

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    def spool(self, role: str) -> Path:
        """Where a service keeps its audit records until the database has them."""
        folder = self.path / "spool"
        try:
            self._make(folder, 0o700)
        except OSError as error:
            raise self._unusable(error) from None
        return folder / role

    def snapshots(self, role: str) -> Path:
        """Where a service keeps the policies that it last had from the database. Made when there are some."""
        return self.path / "policies" / role

    def policy_key(self) -> Path:
        """The public half of what policies published here are signed with, made at the first start."""
        keep_key_pair(self.policy_key_file, self.policy_public_file)
        return self.policy_public_file

    def lock(self, timeout_s: float = LOCK_TIMEOUT_S) -> int:
        """Take the folder for this process and those that it hands the returned descriptor to, until all have ended.

        When a supervisor was killed, its services still drain for a moment and hold the folder and its ports: that is
        waited for, for `timeout_s`. Raises ConfigurationError when another supervisor has it.
        """
        descriptor = os.open(self.lock_path, os.O_RDWR | os.O_CLOEXEC)
        until_s = monotonic() + timeout_s
        while not _locked(descriptor):
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            if _lives(holder) or monotonic() > until_s:
                os.close(descriptor)
                raise ConfigurationError(
                    "AxonFlow is already up with this folder", expected="one at a time",
                    found=f"process {holder or 'unknown'}, or services that it left", at=str(self.path),
                    hint=f"Stop it (kill {holder}), or name another folder with --data.",
                )  # fmt: skip
            sleep(0.1)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock = descriptor
        return descriptor

    def api_key(self) -> str:
        """The operator's key, made at the first start."""
        return self._kept(self.key_file, new_key)

    def secret(self) -> str:
        """What statements are signed with, in hex, made at the first start."""
        text = self._kept(self.path / "secret", lambda: secrets.token_hex(32))
        if not re.fullmatch(r"(?:[0-9a-f]{2}){32,}", text):
            raise _damaged(self.path / "secret", "hexadecimal digits", "something else")
        return text

    def peppers(self) -> str:
        """The text of the file of peppers, made at the first start."""
        return self._kept(self.pepper_file, lambda: f"1 {secrets.token_hex(32)}")

    def persons_key(self, *, made: bool) -> bytes | None:
        """What the keys of persons in the audit trail are wrapped under; if it is not there and to be `made`, it is."""
        if not made and not self.persons_key_file.exists():
            return None
        self._kept(self.persons_key_file, lambda: secrets.token_hex(32))
        return read_persons_key(self.persons_key_file)

    def write(self, path: Path, text: str, mode: int = 0o600) -> None:
        """Put `text` into `path`, all of it or nothing."""
        try:
            write_atomically(path, text.encode(), mode)
        except OSError as error:
            raise self._unusable(error) from None

    def close(self) -> None:
        """Remove what holds only while everything runs, and give the folder back."""
        for path in (self.endpoints_file, self.database_url_file):
            path.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _kept(self, path: Path, make: Callable[[], str]) -> str:
        try:
            with path.open("rb") as stream:
                text = stream.read(MAX_LINE_BYTES).decode("ascii", "replace").strip()
        except FileNotFoundError:
            text = make()
            self.write(path, text + "\n")
        except OSError as error:
            raise self._unusable(error) from None
        if len(text) < 32:
            raise _damaged(path, "at least 32 characters", str(len(text)))
        return text

    def _make(self, path: Path, mode: int) -> None:
        if not path.parent.exists():
            self._make(path.parent, 0o755)
        if not path.is_dir():
            path.mkdir()
            path.chmod(mode)

    def _unusable(self, error: OSError) -> ConfigurationError:
        hint = "Free some space, or name another folder with --data."
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            hint = "Name a folder that this user may write to, with --data or AXONFLOW_DATA."
        return ConfigurationError("the data folder cannot be used", found=error.strerror, at=str(self.path), hint=hint)


def _damaged(path: Path, expected: str, found: str) -> ConfigurationError:
    return ConfigurationError(
        "a secret is damaged", expected=expected, found=found, at=str(path),
        hint="Remove the file, and a new one is made; clients then need the new one.",
    )  # fmt: skip


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(pid: str) -> bool:
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, and so alive
        return True
    return True
