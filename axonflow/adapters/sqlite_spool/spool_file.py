"""The spool's folder, its lock and its database file: made, checked, opened."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Final

from axonflow.errors import AuditError, ConfigurationError
from axonflow.ids import new_id, now_us

__all__ = ["SPOOL_FILE", "lock_folder", "open_database", "refused"]

SPOOL_FILE: Final = "spool.sqlite3"
SCHEMA_VERSION: Final = 2
_BATCHES: Final = "CREATE TABLE batch"
"""Where in the schema begins what version 1 did not have."""
_APPLICATION_ID: Final = 0x4158_5350
"""'AXSP': how a SQLite file says whose it is (https://www.sqlite.org/fileformat2.html#application_id)."""
_BUSY_TIMEOUT_MS: Final = 5_000
_WAL_KEPT_BYTES: Final = 16 << 20
"""A full disk refuses to let the log grow, but not to be written again: so discarding, which frees space, goes on."""
_CHECKED_BYTES: Final = 64 << 20
"""Up to this size the file is checked whole when it is opened: .05 s, or 1.4 s when none of it is in memory. 1 GiB
would take .8 and 23 s at each start; damage in a larger file is told to whoever reads it."""
_RETRY_S: Final = 0.05
_MEND: Final = (
    "Stop AxonFlow and keep a copy of the folder. `sqlite3 {path} .recover` gives what can be read of it. "
    "Move the folder away, and a new one is made at the next start."
)


def refused(error: sqlite3.Error, path: Path) -> AuditError:
    """What SQLite reports, in our terms. A fresh one for each caller: an exception carries its own traceback."""
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    found = f"{name} ({error})"
    if name.startswith("SQLITE_FULL"):
        return AuditError(
            "the disk of the audit spool is full", expected="room for one more event", found=found, at=str(path),
            hint="Free space; recording goes on by itself.",
        )  # fmt: skip
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return AuditError(
            "the audit spool is damaged", expected="a sound SQLite database", found=found, at=str(path),
            hint=_MEND.format(path=path),
        )  # fmt: skip
    return AuditError(
        "the audit spool cannot be used", expected="a file that can be read and written", found=found, at=str(path),
        hint="Nothing was acknowledged. Look at the disk and the rights; recording goes on when the cause is gone.",
    )  # fmt: skip


def lock_folder(folder: Path, timeout_s: float) -> int:
    """A descriptor that owns `folder` (made if absent, for its owner only) until it is closed or its process ends.

    Raises ConfigurationError when the folder cannot be used, or another process holds it after `timeout_s` seconds.
    """
    path = folder / "spool.lock"
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
            folder.chmod(0o700)  # mkdir's mode is subject to the umask
            _sync_folder(folder.parent)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(
            "the folder of the audit spool cannot be used", expected="a folder that can be written",
            found=str(error.strerror), at=str(folder),
        ) from None  # fmt: skip
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            # flock, not lockf: lockf does not keep out another opener in this process. https://man7.org/linux/man-pages/man2/flock.2.html
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if time.monotonic() >= deadline:
                owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
                os.close(lock)
                raise ConfigurationError(
                    "the audit spool is in use", expected="one process for each folder",
                    found=f"process {owner or '(unknown)'} holds it", at=str(folder),
                    hint="Stop that process, or give this one a folder of its own.",
                ) from None  # fmt: skip
            time.sleep(_RETRY_S)
    os.fchmod(lock, 0o600)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, as fsync of a file does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_database(path: Path) -> tuple[sqlite3.Connection, str]:
    """The open spool file at `path`, made if absent, and its writer id.

    Raises ConfigurationError for a file that is not a spool or is a newer one, AuditError for a damaged one. Neither
    changes the file.
    """
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            path.chmod(0o600)  # SQLite gives its log the mode of the file
            _sync_folder(path.parent)
        connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_MS / 1_000, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(
            "the file of the audit spool cannot be opened", expected="a file that can be read and written",
            found=str(error), at=str(path),
        ) from None  # fmt: skip
    try:
        return connection, _prepared(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise refused(error, path) from None
    except BaseException:
        connection.close()
        raise


def _prepared(connection: sqlite3.Connection, path: Path) -> str:
    """Check whose file it is before anything is changed, set it up, and return its writer id."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    is_new = application_id == 0 and objects == 0
    if not is_new and application_id != _APPLICATION_ID:
        raise ConfigurationError(
            "not an audit spool", expected="a file that AxonFlow made, or none", found="another SQLite database",
            at=str(path), hint="Give the spool a folder of its own.",
        )  # fmt: skip
    version = SCHEMA_VERSION if is_new else _check(connection, path)
    if is_new:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only takes effect before the first table
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise ConfigurationError(
            "the disk of the audit spool cannot hold a write-ahead log", expected="journal mode wal", found=mode,
            at=str(path), hint="Put it on a local disk.",
        )  # fmt: skip
    connection.execute("PRAGMA synchronous = FULL")  # each commit is on the disk before it returns
    connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone stops at the drive's cache
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
    if is_new:
        _create(connection)
    elif version < SCHEMA_VERSION:
        _bring_up_to_date(connection)
    (writer_id,) = connection.execute("SELECT value FROM meta WHERE name = 'writer_id'").fetchone()
    return str(writer_id)


def _check(connection: sqlite3.Connection, path: Path) -> int:
    version = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
    if version is None or version[0] not in ("1", str(SCHEMA_VERSION)):
        raise ConfigurationError(
            "an audit spool of another version", expected=f"version {SCHEMA_VERSION}",
            found=f"version {version[0]}" if version else "none", at=str(path),
            hint="Start the AxonFlow that wrote it, and let it drain.",
        )  # fmt: skip
    if path.stat().st_size <= _CHECKED_BYTES:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise AuditError(
                "the audit spool is damaged", expected="a sound SQLite database",
                found=" ".join(found.split())[:200], at=str(path), hint=_MEND.format(path=path),
            )  # fmt: skip
    return int(version[0])


def _create(connection: sqlite3.Connection) -> None:
    """All in one transaction: a process that is killed meanwhile leaves a file that is still new."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in _schema():
        connection.execute(statement)
    values = (("schema_version", str(SCHEMA_VERSION)), ("writer_id", new_id(now_us())))
    connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", values)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute("COMMIT")


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    """From version 1, which had no batches. In one transaction, as above."""
    statements = _schema()
    first = next(number for number, statement in enumerate(statements) if _BATCHES in statement)
    connection.execute("BEGIN IMMEDIATE")
    for statement in statements[first:]:
        connection.execute(statement)
    connection.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", (str(SCHEMA_VERSION),))
    connection.execute("COMMIT")


def _schema() -> list[str]:
    return files(__package__).joinpath("schema.sql").read_text("utf-8").split(";\n")
