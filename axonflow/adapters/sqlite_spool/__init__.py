"""The durable audit spool: one SQLite file, written by one thread, owned by one process."""

from axonflow.adapters.sqlite_spool.proofs import SpoolAuditProofs
from axonflow.adapters.sqlite_spool.spool import SqliteAuditSpool

__all__ = ["SpoolAuditProofs", "SqliteAuditSpool"]
