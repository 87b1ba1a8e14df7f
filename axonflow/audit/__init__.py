"""The audit trail: what an event says, and the chains, trees and signatures that make a later change visible."""

from axonflow.audit.batch import NO_BATCH, BatchSigner, BatchStatement, SealedBatch, Segment, batch_hash, seal
from axonflow.audit.chain import GENESIS, AuditRecord, ChainHead, link, verify_chain
from axonflow.audit.event import AUDIT_EFFECTS, AUDIT_KINDS, IN_PROCESS, AuditEvent, AuditKind, Detected, Origin, Usage
from axonflow.audit.modes import AuditMode, AuditModes
from axonflow.audit.query import MAX_TOTAL, AuditPage, AuditQuery
from axonflow.audit.storable import Storable, storable, storable_facts
from axonflow.audit.told_usage import usage_told
from axonflow.audit.writer_key import WriterKey

__all__ = [
    "AUDIT_EFFECTS",
    "AUDIT_KINDS",
    "GENESIS",
    "IN_PROCESS",
    "MAX_TOTAL",
    "NO_BATCH",
    "AuditEvent",
    "AuditKind",
    "AuditMode",
    "AuditModes",
    "AuditPage",
    "AuditQuery",
    "AuditRecord",
    "BatchSigner",
    "BatchStatement",
    "ChainHead",
    "Detected",
    "Origin",
    "SealedBatch",
    "Segment",
    "Storable",
    "Usage",
    "WriterKey",
    "batch_hash",
    "link",
    "seal",
    "storable",
    "storable_facts",
    "usage_told",
    "verify_chain",
]
