"""A PostgreSQL that is treated badly: killed, stood still, and restarted."""

import asyncio
import contextlib
import os
import signal

from axonflow.adapters.postgres import migrate
from tests.postgres import execute, own_server, temporary_data_folder
from tests.running import eventually

__all__ = ["RoughServer", "hanging", "processes", "rough_server"]

TENANT = (
    "INSERT INTO axonflow.tenant (tenant_id, name, tier, created_us, created_by, updated_us)"
    " VALUES ('acme', 'Acme', 'enterprise', 1, 'user:ann', 1)"
)


def processes(postmaster):
    """The postmaster and all its children."""
    found = [postmaster]
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", encoding="utf-8") as stat:
                if int(stat.read().rpartition(")")[2].split()[1]) == postmaster:
                    found.append(int(entry))
    return found


@contextlib.contextmanager
def hanging(postmaster):
    """All its processes stand still: connections stay open, and nobody answers."""
    pids = processes(postmaster)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            with contextlib.suppress(ProcessLookupError):  # it may have been killed meanwhile
                os.kill(pid, signal.SIGCONT)


class RoughServer:
    """A migrated database with the tenant acme. `dsn` is its superuser's address."""

    def __init__(self, folder):
        self._server = own_server(folder)
        self.dsn = self._server.start()
        asyncio.run(migrate(self.dsn))
        execute(self.dsn, TENANT)

    @property
    def pid(self):
        return self._server.pid

    def kill(self):
        """kill -9 of the postmaster and of all that it has started, from any thread."""
        for pid in processes(self._server.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not self._server.running(), "the end of PostgreSQL")

    def start(self):
        assert self._server.start() == self.dsn

    def stop(self):
        self._server.stop()


@contextlib.contextmanager
def rough_server():
    with temporary_data_folder() as folder:
        server = RoughServer(folder)
        try:
            yield server
        finally:
            server.stop()
