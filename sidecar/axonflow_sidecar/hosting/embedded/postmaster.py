"""The file postmaster.pid, and the processes it speaks of: whether a PostgreSQL still works on a cluster."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.embedded.folder import open_own, read_start

__all__ = ["POLL_S", "PidFile", "end", "end_survivor", "read_pid_file"]

POLL_S: Final = 0.01
PID_FILE: Final = "postmaster.pid"
READY: Final = "ready"
SURVIVOR_TIMEOUT_S: Final = 30.0
IMMEDIATE_S: Final = 5.0
# Above every pid that Linux (2**22) and macOS give, and still a pid_t.
PID: Final = re.compile(r"-?[0-9]{1,10}", re.ASCII)
NOBODYS_PID: Final = 2**31 - 1


@dataclass(frozen=True)
class PidFile:
    """What postmaster.pid says (its lines: postgres' src/include/utils/pidfile.h).

    A negative pid is that of a person's single-user session; 0 stands for one that is none.
    """

    pid: int
    is_ready: bool


def read_pid_file(data: Path) -> PidFile | None:
    """The pid file of the cluster in `data`; None when there is none."""
    text = read_start(data / PID_FILE)
    if text is None:
        return None
    lines = text.splitlines()
    return PidFile(
        pid=int(lines[0]) if lines and PID.fullmatch(lines[0]) else 0,
        is_ready=len(lines) > 7 and lines[7].strip() == READY,
    )


def end(send: Callable[[signal.Signals], None], has_ended: Callable[[], bool], timeout_s: float) -> bool:
    """End a postmaster: a fast shutdown, after `timeout_s` an immediate one, then a kill. Whether it has ended."""
    for number, patience_s in (
        (signal.SIGINT, timeout_s),
        (signal.SIGQUIT, min(timeout_s, IMMEDIATE_S)),
        (signal.SIGKILL, IMMEDIATE_S),
    ):
        send(number)
        deadline = time.monotonic() + patience_s
        while not has_ended():
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        else:
            return True
    return False


def end_survivor(data: Path, uid: int) -> None:
    """End a postmaster of `uid` that still works on `data` (it outlived its supervisor), and let no stale pid file stop
    the next start. Only under the folder's lock. Raises ConfigurationError when it does not end."""
    said = read_pid_file(data)
    if said is None or said.pid < 0:
        return
    pid = said.pid
    if _works_on(pid, data, uid) and not end(
        lambda number: _signal(pid, number), lambda: not _works_on(pid, data, uid), SURVIVOR_TIMEOUT_S
    ):
        raise ConfigurationError(
            "an earlier PostgreSQL on this folder does not end",
            found=f"process {pid}",
            at=str(data),
            hint="End that process, then start again.",
        )
    if (data / PID_FILE).exists():  # a server that was shut down took it away
        _retire(data / PID_FILE, pid)


def _retire(path: Path, pid: int) -> None:
    """Put a pid that nobody has into a stale pid file. A stranger may have the one in it by now, and PostgreSQL would
    take that for a server; or our next server gets it, and we would take what the file says for its word.

    The file stays, for it names the shared memory by which PostgreSQL notices that backends of a killed server are
    still at work (CreateLockFile in postgres' src/backend/utils/init/miscinit.c). One without a pid names nothing.
    """
    if pid == 0:
        path.unlink()
        return
    with open(open_own(path, os.O_RDWR), "r+b") as file:
        rest = file.read().partition(b"\n")[2]
        file.seek(0)
        file.write(b"%d\n" % NOBODYS_PID + rest)
        file.truncate()


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _works_on(pid: int, data: Path, uid: int) -> bool:
    """Whether `pid` is a living postmaster of `uid` on the cluster in `data`, and not a stranger with its number."""
    if pid <= 1:
        return False
    return _works_on_linux(pid, data, uid) if sys.platform == "linux" else _works_on_elsewhere(pid, data, uid)


def _works_on_linux(pid: int, data: Path, uid: int) -> bool:
    process = Path("/proc", str(pid))
    try:
        # Its children call themselves "postgres: checkpointer" and the like; a process that is dead has no arguments.
        name = (process / "cmdline").read_bytes().partition(b"\0")[0]
        # A postmaster works inside its cluster, however that was spelled when it was started.
        return (
            os.path.basename(name) == b"postgres" and process.stat().st_uid == uid and (process / "cwd").samefile(data)
        )
    except OSError:
        return False


def _works_on_elsewhere(pid: int, data: Path, uid: int) -> bool:
    said = subprocess.run(  # noqa: S603  fixed program, a number as its argument
        ["/bin/ps", "-ww", "-o", "uid=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    owner, _, command = said.strip().partition(" ")
    # server.py starts it as: .../postgres -D <data> -c ...
    return owner == str(uid) and f"/postgres -D {data} -c " in f"{command.strip()} "
