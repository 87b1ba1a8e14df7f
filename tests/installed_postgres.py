"""A PostgreSQL of any version, from a folder of its programs, as somebody would run one for others: over TCP alone,
with TLS, and scram-sha-256."""

import os
import secrets
import signal
import threading
import time
from pathlib import Path

from axonflow_sidecar.hosting.certificates import certificate_for
from axonflow_sidecar.hosting.embedded.account import account_to_run_as
from axonflow_sidecar.hosting.embedded.launch import run, spawn
from axonflow_sidecar.hosting.embedded.postmaster import read_pid_file
from tests.lasting_ports import lasting_ports

START_S = 120.0
PAUSE = threading.Event().wait
HOST = "127.0.0.1"
WHO_MAY_CONNECT = "hostssl all all 127.0.0.1/32 scram-sha-256\nhostssl replication all 127.0.0.1/32 scram-sha-256\n"


class InstalledPostgres:
    """One server in `folder`, of the programs in `installation`/bin. Started and stopped as the embedded one is."""

    def __init__(self, folder, installation):
        self._folder = Path(folder)
        self._programs = Path(installation) / "bin"
        self._account = account_to_run_as()
        self._process = None
        (self._port,) = lasting_ports(1)

    @property
    def address(self):
        """How a superuser reaches the database that is always there."""
        password = (self._folder / "password").read_text()
        return f"postgresql://postgres:{password}@{HOST}:{self._port}/postgres?sslmode=require"

    def running(self):
        return self._process is not None and self._process.poll() is None

    def start(self):
        """Its superuser's address, once it takes connections."""
        if self.running():
            return self.address
        if not (self._folder / "data").exists():
            self._create()
        settings = {
            "listen_addresses": HOST, "port": self._port, "unix_socket_directories": "", "ssl": "on",
            "ssl_cert_file": self._folder / "server.pem", "ssl_key_file": self._folder / "server.key",
            "hba_file": self._folder / "hba.conf", "timezone": "UTC", "shared_buffers": "64MB",
        }  # fmt: skip
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = os.open(self._folder / "log", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            data = str(self._folder / "data")
            self._process = spawn([str(self._programs / "postgres"), "-D", data, *given], self._account, log_fd=log)
        finally:
            os.close(log)
        deadline_s = time.monotonic() + START_S
        while not self._is_ready():
            assert self.running(), (self._folder / "log").read_text()
            assert time.monotonic() < deadline_s, (self._folder / "log").read_text()
            PAUSE(0.02)
        return self.address

    def stop(self):
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
            self._process = None

    def _is_ready(self):
        said = read_pid_file(self._folder / "data")
        return said is not None and said.is_ready and said.pid == self._process.pid

    def _create(self):
        self._folder.mkdir(exist_ok=True)
        (self._folder / "password").write_text(secrets.token_hex(16))
        (self._folder / "hba.conf").write_text(WHO_MAY_CONNECT)
        certificate_for(self._folder, (HOST,))
        for path in (self._folder, *self._folder.iterdir()):
            self._account.own(path)
        argv = [
            str(self._programs / "initdb"), "-D", str(self._folder / "data"), "-U", "postgres", "-A", "scram-sha-256",
            "--pwfile", str(self._folder / "password"), "-E", "UTF8", "--locale=C",
        ]  # fmt: skip
        status, said = run(argv, self._account, timeout_s=START_S)
        assert status == 0, said
