"""`axonflow up`, which the sidecar brings."""

from __future__ import annotations

from axonflow.cli.sidecar import sidecar_command

__all__ = ["command"]

command = sidecar_command("up", "Start everything: PostgreSQL, the agent and the orchestrator.")
