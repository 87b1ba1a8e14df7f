"""Who PostgreSQL runs as. It refuses to run as root, so root lends it an account that owns nothing."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from axonflow.errors import ConfigurationError

__all__ = ["Account", "account_to_run_as", "check_known", "first_barrier"]

# Not a uid out of the air: initdb refuses one that has no entry in the user database.
UNPRIVILEGED: Final = "nobody"
MAY_ENTER: Final = 0o1
MAY_READ: Final = 0o4


@dataclass(frozen=True)
class Account:
    """A user of this machine. `is_other` when it is not the user we run as, so children must switch to it."""

    name: str
    uid: int
    gid: int
    is_other: bool

    def may(self, status: os.stat_result, bits: int) -> bool:
        """Whether the mode bits in `status` give this account `bits` (4 read, 1 enter or execute).

        os.access would answer for root, who may everything.
        """
        if status.st_uid == self.uid:
            granted = status.st_mode >> 6
        elif status.st_gid == self.gid:
            granted = status.st_mode >> 3
        else:
            granted = status.st_mode
        return granted & bits == bits

    def own(self, path: Path) -> None:
        """Give `path`, which we made, to this account."""
        if self.is_other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_to_run_as() -> Account:
    """The user we are, or `nobody` when we are root. Raises ConfigurationError when root has no `nobody`."""
    uid = os.geteuid()
    if uid != 0:
        return Account(name=_name(uid), uid=uid, gid=os.getegid(), is_other=False)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise ConfigurationError(
            "PostgreSQL does not run as root, and there is no other account to run it as",
            expected=f"a user named {UNPRIVILEGED}",
            found="none",
            hint="Start AxonFlow as an ordinary user, or bring a PostgreSQL of your own with --database-url URL.",
        ) from None
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, is_other=True)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def check_known(account: Account) -> None:
    """Raise ConfigurationError when the user database lacks `account`: initdb asks for its name."""
    try:
        pwd.getpwuid(account.uid)
    except KeyError:
        raise ConfigurationError(
            "PostgreSQL does not set up a cluster for a user without a name",
            expected="a line for this user in /etc/passwd",
            found=f"none for {account.name}",
            hint="Start as a user who has one (in a container: build the image with one), or use --database-url URL.",
        ) from None


def first_barrier(path: Path, account: Account) -> Path | None:
    """The topmost of `path` and its parents that `account` cannot enter; None when it reaches `path`."""
    for place in (*reversed(path.parents), path):
        if not account.may(place.stat(), MAY_ENTER):
            return place
    return None
