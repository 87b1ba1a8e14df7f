"""What each process is told once, at its start: by the command line, or by the supervisor over standard input."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from msgspec import Struct

from axonflow.app.durable import DatabaseSettings, SpoolSettings
from axonflow.audit import AuditMode
from axonflow.audit.content import ContentMode
from axonflow.installation import default_folder
from axonflow.plan import Limits
from axonflow_sidecar.http.keys import ApiKey
from axonflow_sidecar.http.server import Listener
from axonflow_sidecar.plans.making import PlanningSettings

__all__ = ["ServiceSettings", "UpSettings", "default_data_folder"]


class ServiceSettings(Struct, frozen=True, kw_only=True):
    """Of one service. Secrets are in it: it travels over a pipe, never on a command line or in the environment.

    `secret` (32 bytes, hex) signs statements and `credential` opens the orchestrator to its agents; both are the same
    in all processes of an installation. So are `redaction_key` (hex), empty when none was given, and `peppers`, the
    text of their file. `inactive_file` remembers suspended tenants for when the database is away. `policies` are files,
    none when empty; with `stand_in` they count only where nobody has published any. `snapshots` is the folder of what
    was last published, empty when the database is no source of policies. `policy_key` is the file of the private key
    that signs what is published through this service, empty when it publishes nothing. `anchor` is the address to which
    heads of the audit trail go, empty for none, and `anchor_token` what its server wants to hear. `persons_key` (hex)
    opens what the trail tells of persons, empty where there is none; with `seals_persons` that is sealed.
    """

    role: Literal["agent", "orchestrator"]
    listeners: list[Listener]
    policies: str
    spool: str
    database_url: str
    database_settings: DatabaseSettings = DatabaseSettings()
    spool_settings: SpoolSettings = SpoolSettings()
    keys: list[ApiKey]
    secret: str
    credential: str
    orchestrator_url: str = ""
    plans: str | None = None
    planning: PlanningSettings | None = None
    plan_limits: Limits | None = None
    trusted_keys: list[str] = []
    redaction_key: str = ""
    audit_content: ContentMode = "digest"
    stand_in: bool = False
    snapshots: str = ""
    policy_key: str = ""
    anchor: str = ""
    anchor_token: str = ""
    persons_key: str = ""
    seals_persons: bool = False
    peppers: str = ""
    inactive_file: str = ""
    log_level: str = "INFO"
    access_log: bool = False
    drain_timeout_s: float = 20


class UpSettings(Struct, frozen=True, kw_only=True):
    """Of `axonflow up`. A port of 0 is any free one. `host` is where TLS is served; the plain listener stays on
    loopback unless `insecure`."""

    data: Path
    policies: str
    stand_in: bool = False
    policy_source: Literal["both", "files", "database"] = "both"
    host: str = "127.0.0.1"
    port: int = 8080
    tls_port: int = 8443
    orchestrator_port: int = 8081
    database_url: str | None = None
    database_connections: int = DatabaseSettings().max_connections
    statement_timeout_s: float = DatabaseSettings().statement_timeout_s
    replica_url: str = ""
    anchor: str = ""
    anchor_token: str = ""
    keys_file: Path | None = None
    plans: str | None = None
    plan_limits_file: Path | None = None
    agents: Path | None = None
    model: str = ""
    model_options_file: Path | None = None
    bind: str = ""
    trusted_keys: list[str] = []
    redaction_key_file: Path | None = None
    audit_content: ContentMode = "digest"
    audit_mode: AuditMode = "durable"
    audit_when_full: Literal["refuse", "shed"] = "refuse"
    audit_spool_mib: int = SpoolSettings().max_bytes >> 20
    audit_persons: Literal["plain", "sealed"] = "plain"
    persons_key_file: Path | None = None
    pepper_file: Path | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    insecure: bool = False
    log_level: str = "INFO"
    access_log: bool = False


def default_data_folder() -> Path:
    """Where the environment says that everything is kept, or the usual place."""
    return default_folder(os.environ, root=os.geteuid() == 0)  # noqa: TID251  this is where settings are read
