"""The durable audit spool: one SQLite file, written by one thread, owned by one process."""

from axonflow.adapters.sqlite_spool.aside import DamageReport
from axonflow.adapters.sqlite_spool.looking import SpoolView, look_at
from axonflow.adapters.sqlite_spool.proofs import SpoolAuditProofs
from axonflow.adapters.sqlite_spool.spool import SqliteAuditSpool

__all__ = ["DamageReport", "SpoolAuditProofs", "SpoolView", "SqliteAuditSpool", "look_at"]
