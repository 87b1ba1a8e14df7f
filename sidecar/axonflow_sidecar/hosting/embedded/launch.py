"""Running PostgreSQL's programs: as the right account, in a clean environment, and never longer than we live."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.embedded.account import Account

__all__ = ["run", "spawn"]

# Whoever starts us may have keys in the environment, and PGPORT or LC_* that change the server: none of it goes in.
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def run(argv: Sequence[str], account: Account, *, timeout_s: float, given: str = "") -> tuple[int, str]:
    """Run a program to its end with `given` as its input; its exit status, and all that it said.

    Raises ConfigurationError when it cannot be run, or takes longer than `timeout_s`.
    """
    try:
        done = subprocess.run(  # noqa: S603  a program of the wheel, no shell
            argv,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            check=False,
            **_child(account, signal.SIGKILL),
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            "a program of PostgreSQL takes too long", expected=f"an end within {timeout_s:g} s", at=argv[0]
        ) from None
    except OSError as error:
        raise _cannot_run(error, argv[0], account) from error
    return done.returncode, done.stdout


def spawn(argv: Sequence[str], account: Account, *, log_fd: int) -> subprocess.Popen[bytes]:
    """Start a server that says what it has to say to `log_fd`. On Linux it shuts down cleanly when we die.

    Linux counts the thread that calls as the parent: call it from one that lives as long as the process.
    """
    try:
        return subprocess.Popen(  # noqa: S603  a program of the wheel, no shell
            argv, stdin=subprocess.DEVNULL, stdout=log_fd, stderr=log_fd, **_child(account, signal.SIGINT)
        )
    except OSError as error:
        raise _cannot_run(error, argv[0], account) from error


def _child(account: Account, at_our_death: signal.Signals) -> dict[str, Any]:
    """What every child is started with. A session of its own: Ctrl-C at the terminal is for us, not for it."""
    switch = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.is_other else {}
    return {
        "env": ENVIRONMENT,
        "cwd": "/",
        "umask": 0o077,
        "start_new_session": True,
        "preexec_fn": _signalled_at_our_death(at_our_death),
        **switch,
    }


def _signalled_at_our_death(number: signal.Signals) -> Callable[[], None] | None:
    """What asks the kernel, in the child, for `number` when its parent dies. It runs after the change of user, which
    would take the request back (prctl(2))."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()
    wanted = ctypes.c_ulong(number)

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, wanted)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask


def _cannot_run(error: OSError, program: str, account: Account) -> ConfigurationError:
    return ConfigurationError(
        f"a program of PostgreSQL cannot be run as {account.name}",
        expected="a file system that allows programs, this machine's kind of program, the right to become that user",
        found=error.strerror or type(error).__name__,
        at=program,
        hint="Start AxonFlow as an ordinary user, or bring a PostgreSQL of your own with --database-url URL.",
    )
