"""A PostgreSQL of our own: made when new, started, watched and stopped."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.embedded import binaries, cluster, log, socket_folder
from axonflow_sidecar.hosting.embedded.account import Account, account_to_run_as
from axonflow_sidecar.hosting.embedded.failures import described, failed_output
from axonflow_sidecar.hosting.embedded.folder import Folder, FolderLock, prepare
from axonflow_sidecar.hosting.embedded.launch import spawn
from axonflow_sidecar.hosting.embedded.postmaster import POLL_S, end, end_survivor, read_pid_file

__all__ = ["EmbeddedPostgres"]

# Given on the command line, so that a newer AxonFlow changes them for clusters that exist.
SETTINGS: Final = {
    "listen_addresses": "",  # the Unix socket only
    "port": str(socket_folder.PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log is about the server. Statements and their errors go to whoever sent them: they may hold secrets.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
# Backends of a postmaster that was killed see that at their next wait; until then no other may start.
STILL_AT_WORK: Final = "pre-existing shared memory block"
RETRY_S: Final = 0.2


class EmbeddedPostgres:
    """One PostgreSQL in one folder (`Folder` says what lies there), for one process.

    As root it runs as `nobody`. The folder is locked from `start` to `stop`, or to the end of our process. On Linux
    PostgreSQL shuts down when our process dies, however it dies; elsewhere the next `start` ends it first.

    `start` from a thread that lives as long as the process (the main one): Linux takes that thread for the parent.
    `start_timeout_s` bounds one start, with the recovery after a crash in it, in seconds.
    """

    def __init__(self, folder: Path, *, start_timeout_s: float = 120.0) -> None:
        self._folder = Folder(folder.absolute())
        self._start_timeout_s = start_timeout_s
        self._lock: FolderLock | None = None
        self._account: Account | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._dsn = ""
        self._version: str | None = None

    @property
    def pid(self) -> int | None:
        """The postmaster's process id; None before `start` and after `stop`."""
        return self._process.pid if self._process else None

    @property
    def log_path(self) -> Path:
        """Where PostgreSQL's log lies."""
        return self._folder.log

    @property
    def version(self) -> str | None:
        """PostgreSQL's version, such as ``18.6``; None before the first `start`."""
        return self._version

    def running(self) -> bool:
        """Whether the process lives. To be asked every now and then: asking also keeps the log short."""
        if self._process is None or self._process.poll() is not None:
            return False
        log.bound(self._folder.log)
        return True

    def start(self) -> str:
        """Start it, having made it when it is new, and wait until it takes connections. While it runs, does nothing.

        Returns the superuser's address (it holds the password) of the database ``axonflow``, as asyncpg and libpq take
        it. Raises ConfigurationError for what a person can mend; then nothing runs and nothing is locked.
        """
        if self.running():
            return self._dsn
        try:
            with described(self._folder.root):
                self._start()
        except BaseException:
            self.stop()
            raise
        return self._dsn

    def stop(self, timeout_s: float = 30.0) -> None:
        """Stop it and let go of the folder: after `timeout_s` seconds without ado. Does nothing when it does not run.

        What was committed stays in every case.
        """
        process = self._process
        try:
            if process is not None:
                end(process.send_signal, lambda: process.poll() is not None, timeout_s)
        finally:
            self._process = None
            if self._lock is not None:
                self._let_go(self._lock)

    def _let_go(self, lock: FolderLock) -> None:
        try:
            if self._account is not None:
                with contextlib.suppress(OSError):  # whatever is left, the next start removes or complains of
                    socket_folder.remove(self._folder, self._account)
        finally:
            lock.release()
            self._lock = None

    def _start(self) -> None:
        self._folder = folder = Folder(self._folder.root.resolve())
        installed = binaries.find_installed()
        self._account = account = account_to_run_as()
        prepare(folder, account)
        lock = self._lock or FolderLock(folder.lock)
        lock.acquire()
        self._lock = lock
        end_survivor(folder.data, account.uid)
        folder.sweep()
        usable = binaries.usable_by(account, installed, folder)
        self._version = binaries.server_version(usable, account, folder)
        password = cluster.ensure_password(folder)
        if folder.data.exists():
            cluster.check(folder, account, self._version)
        else:
            cluster.create(folder, usable, account, password)
        socket = socket_folder.make(folder, account)
        self._launch(usable.program("postgres"), socket, account)
        self._dsn = (
            f"postgresql://{cluster.SUPERUSER}:{password}@/{cluster.DATABASE}"
            f"?host={quote(str(socket))}&port={socket_folder.PORT}"
        )

    def _launch(self, program: str, socket: Path, account: Account) -> None:
        argv = [program, "-D", str(self._folder.data)]
        for name, value in {**SETTINGS, "unix_socket_directories": str(socket)}.items():
            argv += ["-c", f"{name}={value}"]
        log.bound(self._folder.log)
        log_fd = log.open_log(self._folder.log)
        try:
            start_bytes = os.fstat(log_fd).st_size
            deadline = time.monotonic() + self._start_timeout_s
            while True:
                try_bytes = os.fstat(log_fd).st_size
                self._process = process = spawn(argv, account, log_fd=log_fd)
                if self._is_ready(process, deadline):
                    return
                said = log.said_since(self._folder.log, try_bytes)
                if process.poll() is None or time.monotonic() > deadline or STILL_AT_WORK not in said:
                    raise self._not_started(process, log.said_since(self._folder.log, start_bytes))
                time.sleep(RETRY_S)
        finally:
            os.close(log_fd)

    def _is_ready(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """Wait until it takes connections. False when it ended, or the deadline has passed."""
        while process.poll() is None and time.monotonic() < deadline:
            said = read_pid_file(self._folder.data)
            if said is not None and said.is_ready and said.pid == process.pid:
                return True
            time.sleep(POLL_S)
        return False

    def _not_started(self, process: subprocess.Popen[bytes], said: str) -> ConfigurationError:
        late = process.poll() is None
        hint = f"Its log is {self._folder.log}"
        if STILL_AT_WORK in said:
            hint = f"Processes of an earlier PostgreSQL on this folder are still at work: end them. {hint}"
        what = f"was not ready within {self._start_timeout_s:g} s" if late else "did not start"
        return failed_output(f"PostgreSQL {what}", said, self._folder.root, hint)
