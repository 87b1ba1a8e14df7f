"""Where the events of a process go."""

from __future__ import annotations

import os
import warnings

from axonflow.adapters.memory import MemoryAuditLog
from axonflow.audit import AuditModes
from axonflow.errors import ConfigurationError
from axonflow.ports import AuditLog

__all__ = ["audit_log"]


def audit_log(audit: AuditLog | str | os.PathLike[str] | None, modes: AuditModes) -> AuditLog:
    """What ``AxonFlow.open(audit=...)`` means: a folder is a spool, and nothing the memory. Warns of a spool that was
    damaged. Raises ConfigurationError for a mode that is not that of a spool, and as ``SqliteAuditSpool.open``."""
    if isinstance(audit, (str, os.PathLike)):
        from axonflow.adapters.sqlite_spool import SqliteAuditSpool  # who records nothing need not wait for it
        from axonflow.app.spooling import told_damage

        spool = SqliteAuditSpool.open(audit, modes=modes)
        for damage in spool.damage:
            warnings.warn(told_damage(damage), RuntimeWarning, stacklevel=3)  # where AxonFlow.open is called
        return spool
    if modes.usual != "durable":
        found = "none" if audit is None else type(audit).__name__
        raise ConfigurationError("the audit mode is that of a spool", expected="audit=<a folder>", found=found)
    return MemoryAuditLog() if audit is None else audit  # not "or": a log may be empty, and so falsy
