"""The audit trail: what an event says, and the hash chain that makes a later change visible."""

from axonflow.audit.chain import GENESIS, AuditRecord, ChainHead, link, verify_chain
from axonflow.audit.event import IN_PROCESS, AuditEvent, Origin
from axonflow.audit.query import AuditPage, AuditQuery

__all__ = [
    "GENESIS",
    "IN_PROCESS",
    "AuditEvent",
    "AuditPage",
    "AuditQuery",
    "AuditRecord",
    "ChainHead",
    "Origin",
    "link",
    "verify_chain",
]
