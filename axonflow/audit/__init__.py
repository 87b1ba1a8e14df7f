"""The audit trail: what an event says, and the chains, trees and signatures that make a later change visible."""

from axonflow.audit.batch import NO_BATCH, SealedBatch, Segment, batch_hash, seal
from axonflow.audit.chain import GENESIS, AuditRecord, ChainHead, link, verify_chain
from axonflow.audit.event import IN_PROCESS, AuditEvent, Origin
from axonflow.audit.query import AuditPage, AuditQuery

__all__ = [
    "GENESIS",
    "IN_PROCESS",
    "NO_BATCH",
    "AuditEvent",
    "AuditPage",
    "AuditQuery",
    "AuditRecord",
    "ChainHead",
    "Origin",
    "SealedBatch",
    "Segment",
    "batch_hash",
    "link",
    "seal",
    "verify_chain",
]
