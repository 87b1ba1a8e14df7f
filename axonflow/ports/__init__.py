"""What the flows need from outside, as Protocols. Each has a memory adapter and one suite that all adapters pass."""

from axonflow.ports.audit_log import AuditLog
from axonflow.ports.ledger import Ledger, Quota, Reservation

__all__ = ["AuditLog", "Ledger", "Quota", "Reservation"]
