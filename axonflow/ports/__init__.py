"""What the flows need from outside, as Protocols. Each has a memory adapter and one suite that all adapters pass."""

from axonflow.ports.api_policy_store import ApiPolicyStore, OverrideStore
from axonflow.ports.audit_anchor import AuditAnchor, CutWitness
from axonflow.ports.audit_history import AuditHistory
from axonflow.ports.audit_log import AuditLog, AuditSpool
from axonflow.ports.audit_proofs import AuditPlaces, AuditProofs
from axonflow.ports.audit_store import AuditStore
from axonflow.ports.audit_tail import AuditTail
from axonflow.ports.chat_model import ChatModel
from axonflow.ports.command_batches import CommandBatches
from axonflow.ports.command_writer import CommandWriter
from axonflow.ports.key_store import KeyLookup, KeyStore
from axonflow.ports.ledger import Ledger, Quota, Reservation
from axonflow.ports.mailbox import AgentMessage, Delivery, Mailbox
from axonflow.ports.person_keys import PersonKeyStore
from axonflow.ports.plan_store import PlanChanges, PlanLeases, PlanRunning, PlanStore
from axonflow.ports.policy_snapshots import BundleKey, PolicySnapshots
from axonflow.ports.policy_store import PolicyFeed, PolicyStore
from axonflow.ports.role_store import GrantStore, RoleStore
from axonflow.ports.step_cache import StepCache
from axonflow.ports.tenant_feed import Announced, Standing, TenantFeed
from axonflow.ports.tenant_store import Erased, TenantData, TenantRow, TenantStore
from axonflow.ports.vault import Vault
from axonflow.ports.workflow_store import WorkflowStepStore, WorkflowStore

__all__ = [
    "AgentMessage",
    "Announced",
    "ApiPolicyStore",
    "AuditAnchor",
    "AuditHistory",
    "AuditLog",
    "AuditPlaces",
    "AuditProofs",
    "AuditSpool",
    "AuditStore",
    "AuditTail",
    "BundleKey",
    "ChatModel",
    "CommandBatches",
    "CommandWriter",
    "CutWitness",
    "Delivery",
    "Erased",
    "GrantStore",
    "KeyLookup",
    "KeyStore",
    "Ledger",
    "Mailbox",
    "OverrideStore",
    "PersonKeyStore",
    "PlanChanges",
    "PlanLeases",
    "PlanRunning",
    "PlanStore",
    "PolicyFeed",
    "PolicySnapshots",
    "PolicyStore",
    "Quota",
    "Reservation",
    "RoleStore",
    "Standing",
    "StepCache",
    "TenantData",
    "TenantFeed",
    "TenantRow",
    "TenantStore",
    "Vault",
    "WorkflowStepStore",
    "WorkflowStore",
]
