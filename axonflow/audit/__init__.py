"""The audit trail: what an event says, and the hash chain that makes a later change visible."""

from axonflow.audit.chain import GENESIS, AuditRecord, ChainHead, link, verify_chain
from axonflow.audit.event import AUDIT_KINDS, IN_PROCESS, AuditEvent, AuditKind, Detected, Origin, Usage
from axonflow.audit.query import AuditPage, AuditQuery
from axonflow.audit.storable import Storable, storable, storable_facts

__all__ = [
    "AUDIT_KINDS",
    "GENESIS",
    "IN_PROCESS",
    "AuditEvent",
    "AuditKind",
    "AuditPage",
    "AuditQuery",
    "AuditRecord",
    "ChainHead",
    "Detected",
    "Origin",
    "Storable",
    "Usage",
    "link",
    "storable",
    "storable_facts",
    "verify_chain",
]
