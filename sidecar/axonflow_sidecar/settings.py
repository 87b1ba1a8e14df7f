"""What each process is told, once, when it starts: by the command line, and by the supervisor through standard input."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

from axonflow_sidecar.keys import ApiKey
from axonflow_sidecar.server import Listener

__all__ = ["ServiceSettings", "UpSettings", "default_data_folder"]


class ServiceSettings(Struct, frozen=True, kw_only=True):
    """Of one service. Secrets are in it: it travels over a pipe, never on a command line or in the environment.

    `secret` (32 bytes, hex) signs statements and `credential` opens the orchestrator to its agents; both are the same
    in all processes of an installation.
    """

    role: Literal["agent", "orchestrator"]
    listeners: list[Listener]
    policies: str
    spool: str
    database_url: str
    keys: list[ApiKey]
    secret: str
    credential: str
    orchestrator_url: str = ""
    plans: str | None = None
    log_level: str = "INFO"
    access_log: bool = False
    drain_timeout_s: float = 20


class UpSettings(Struct, frozen=True, kw_only=True):
    """Of `axonflow up`. A port of 0 is any free one. `host` is where TLS is served; the plain listener stays on
    loopback unless `insecure`."""

    data: Path
    policies: str
    host: str = "127.0.0.1"
    port: int = 8080
    tls_port: int = 8443
    orchestrator_port: int = 8081
    database_url: str | None = None
    keys_file: Path | None = None
    plans: str | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    insecure: bool = False
    log_level: str = "INFO"
    access_log: bool = False


def default_data_folder(environment: Mapping[str, str] | None = None) -> Path:
    """AXONFLOW_DATA; or /var/lib/axonflow for root, whose home PostgreSQL's account could not enter; or the user's own
    folder for data (XDG Base Directory Specification)."""
    known = os.environ if environment is None else environment  # noqa: TID251  this is where settings are read
    if known.get("AXONFLOW_DATA"):
        return Path(known["AXONFLOW_DATA"])
    if os.geteuid() == 0:
        return Path("/var/lib/axonflow")
    home = known.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "axonflow"
