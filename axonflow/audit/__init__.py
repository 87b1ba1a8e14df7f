"""The audit trail: what an event says, and the hash chain that makes a later change visible."""

from axonflow.audit.chain import GENESIS, AuditRecord, link, verify_chain
from axonflow.audit.event import AuditEvent

__all__ = ["GENESIS", "AuditEvent", "AuditRecord", "link", "verify_chain"]
