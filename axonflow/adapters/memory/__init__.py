"""In-process adapters: for development, for tests, and for one process that needs no more."""

from axonflow.adapters.memory.audit_log import MemoryAuditLog
from axonflow.adapters.memory.ledger import MemoryLedger

__all__ = ["MemoryAuditLog", "MemoryLedger"]
