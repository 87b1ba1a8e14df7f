"""`axonflow demo`, which the sidecar brings."""

from __future__ import annotations

from axonflow.cli.sidecar import sidecar_command

__all__ = ["command"]

command = sidecar_command("demo", "Start everything on free ports, show what it does, and clean up.")
