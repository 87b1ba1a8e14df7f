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

from axonflow.adapters.sqlite_spool import statements
from axonflow.adapters.sqlite_spool.aside import move_aside, sync_folder
from axonflow.adapters.sqlite_spool.mark import Mark
from axonflow.errors import AuditError, ConfigurationError
from axonflow.ids import new_id, now_us

__all__ = [
    "SUSPECT_FILE",
    "Damaged",
    "as_text",
    "check_readable",
    "is_damage",
    "lock_folder",
    "open_database",
    "refused",
    "suspect",
]

SUSPECT_FILE: Final = "spool.suspect"

SCHEMA_VERSION: Final = 4
_ADDED: Final = {1: "CREATE TABLE batch", 2: "CREATE TABLE person_key", 3: "CREATE TABLE batch_ahead"}
"""By an earlier version: where in the schema begins what it did not have."""
_APPLICATION_ID: Final = 0x4158_5350
"""'AXSP': how a SQLite file says whose it is (https://www.sqlite.org/fileformat2.html#application_id)."""
_BUSY_TIMEOUT_MS: Final = 5_000
_WAL_KEPT_BYTES: Final = 16 << 20
"""A full disk refuses to let the log grow, but not to be written again: so discarding, which frees space, goes on."""
_CHECKED_BYTES: Final = 64 << 20
"""Up to this size the file is checked whole when it is opened: .05 s, or 1.4 s when none of it is in memory. 1 GiB
would take .8 and 23 s at each start; damage in a larger file is found by who reads it, and that start checks it."""
_RETRY_S: Final = 0.05


class Damaged(AuditError):  # noqa: N818  named as the state of the file, which its caller mends
    """The file is no sound database, or what was in it last is missing. `found` says how that shows."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite found the file to be damaged, rather than the disk to be full or away."""
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def suspect(path: Path) -> None:
    """Have the file checked whole at the next start, however large it is."""
    with suppress(OSError):
        path.with_name(SUSPECT_FILE).touch(0o600)


def refused(error: sqlite3.Error, path: Path) -> AuditError:
    """What SQLite reports, in our terms. A fresh one for each caller: an exception carries its own traceback."""
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    found = f"{name} ({error})"
    if name.startswith("SQLITE_FULL"):
        return AuditError(
            "the disk of the audit spool is full", expected="room for one more event", found=found, at=str(path),
            hint="Free space; recording goes on by itself.",
        )  # fmt: skip
    if is_damage(error):
        return _damaged(found, path)
    return AuditError(
        "the audit spool cannot be used", expected="a file that can be read and written", found=found, at=str(path),
        hint="Nothing was acknowledged. Look at the disk and the rights; recording goes on when the cause is gone.",
    )  # fmt: skip


def _damaged(found: str, path: Path) -> Damaged:
    return Damaged(
        "the audit spool is damaged", expected="a sound SQLite database", found=found, at=str(path),
        hint="At the next start what can be read is kept, and recording goes on in a new file.",
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
            sync_folder(folder.parent)
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


def as_text(data: bytes) -> str:
    """For connections, also to damaged files: a name that is no text any more must not keep others from being read."""
    return data.decode("utf-8", "replace")


def open_database(path: Path, writer_id: str | None = None) -> tuple[sqlite3.Connection, str]:
    """The open spool file at `path`, made if absent, for this writer or a new one; and its writer id.

    Raises ConfigurationError for a file that is not a spool or is a newer one, which is left as it is; Damaged for a
    damaged one, which was moved aside.
    """
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            sync_folder(path.parent)
        if path.is_file():
            path.chmod(0o600)  # the mode above is subject to the umask; SQLite gives its log the mode of the file
        connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_MS / 1_000, isolation_level=None, check_same_thread=False
        )
        connection.text_factory = as_text
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(
            "the file of the audit spool cannot be opened", expected="a file that can be read and written",
            found=str(error), at=str(path),
        ) from None  # fmt: skip
    try:
        return connection, _prepared(connection, path, writer_id or new_id(now_us()))
    except (sqlite3.Error, Damaged) as error:
        if isinstance(error, Damaged) or is_damage(error):
            move_aside(path.parent)  # before it is closed: then SQLite would remove the log
        connection.close()
        raise (refused(error, path) if isinstance(error, sqlite3.Error) else error) from None
    except BaseException:
        connection.close()
        raise


def _prepared(connection: sqlite3.Connection, path: Path, writer_id: str) -> str:
    """Check whose file it is before anything is changed, set it up, and return its writer id."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    is_new = application_id == 0 and objects == 0
    was_here = Mark.read(path.parent)
    if was_here is not None and application_id != _APPLICATION_ID:
        raise _damaged("an empty file" if is_new else "the header of something else", path)
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
        _create(connection, writer_id)
    elif version < SCHEMA_VERSION:
        _bring_up_to_date(connection, version)
    _check_batches(connection, path)
    (position,) = connection.execute(statements.REACHED).fetchone()
    row = connection.execute("SELECT value FROM meta WHERE name = 'writer_id'").fetchone()
    if row is None:
        raise _damaged("no writer", path)
    if was_here is not None and was_here.writer_id == row[0] and was_here.position > position:
        raise _damaged(f"the last {was_here.position - position} records are missing", path)
    return str(row[0])


def _check(connection: sqlite3.Connection, path: Path) -> int:
    if path.stat().st_size <= _CHECKED_BYTES or path.with_name(SUSPECT_FILE).exists():
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise _damaged(" ".join(found.split())[:200], path)
        path.with_name(SUSPECT_FILE).unlink(missing_ok=True)
    version = _version(connection)
    if version not in (*_ADDED, SCHEMA_VERSION):
        raise _of_another_version(version, path, "Start the AxonFlow that wrote it, and let it drain.")
    return version


def check_readable(connection: sqlite3.Connection, path: Path) -> None:
    """Raises ConfigurationError for a file of another version: who only looks at it brings nothing up to date."""
    version = _version(connection)
    if version != SCHEMA_VERSION:
        raise _of_another_version(
            version, path, "The AxonFlow that wrote it can look at it. To start this one brings it up to date."
        )


def _version(connection: sqlite3.Connection) -> int:
    """0 for none."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
    return int(row[0]) if row and str(row[0]).isdecimal() else 0


def _of_another_version(version: int, path: Path, hint: str) -> ConfigurationError:
    return ConfigurationError(
        "an audit spool of another version", expected=f"version {SCHEMA_VERSION}", found=f"version {version}",
        at=str(path), hint=hint,
    )  # fmt: skip


def _check_batches(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute(statements.SOUND_BATCH).fetchone() is None:
        raise _damaged("no batch that comes next", path)
    if connection.execute(statements.UNSOUND_AHEAD).fetchone() is not None:
        raise _damaged("a batch ahead that cannot be one", path)


def _create(connection: sqlite3.Connection, writer_id: str) -> None:
    """All in one transaction: a process that is killed meanwhile leaves a file that is still new."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in _schema():
        connection.execute(statement)
    values = (("schema_version", str(SCHEMA_VERSION)), ("writer_id", writer_id))
    connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", values)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute("COMMIT")


def _bring_up_to_date(connection: sqlite3.Connection, version: int) -> None:
    """From an earlier version. In one transaction, as above."""
    statements = _schema()
    first = next(number for number, statement in enumerate(statements) if _ADDED[version] in statement)
    connection.execute("BEGIN IMMEDIATE")
    if version == 1:
        connection.execute("ALTER TABLE records ADD COLUMN may_go INTEGER NOT NULL DEFAULT 0")
    for statement in statements[first:]:
        connection.execute(statement)
    connection.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", (str(SCHEMA_VERSION),))
    connection.execute("COMMIT")


def _schema() -> list[str]:
    return files(__package__).joinpath("schema.sql").read_text("utf-8").split(";\n")
