"""In-process adapters: for development, for tests, and for one process that needs no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from axonflow.lazy_names import names_from

if TYPE_CHECKING:
    from axonflow.adapters.memory.api_policy_store import MemoryApiPolicyStore, MemoryOverrideStore
    from axonflow.adapters.memory.audit_anchor import MemoryAuditAnchor
    from axonflow.adapters.memory.audit_history import MemoryAuditHistory
    from axonflow.adapters.memory.audit_log import MemoryAuditLog
    from axonflow.adapters.memory.audit_proofs import MemoryAuditProofs
    from axonflow.adapters.memory.audit_store import MemoryAuditStore
    from axonflow.adapters.memory.audit_tail import MemoryAuditTail
    from axonflow.adapters.memory.chat_model import MemoryChatModel
    from axonflow.adapters.memory.command_batches import MemoryCommandBatches
    from axonflow.adapters.memory.keys import MemoryKeyLookup, MemoryKeys
    from axonflow.adapters.memory.ledger import MemoryLedger
    from axonflow.adapters.memory.mailbox import MailboxLimits, MemoryMailbox
    from axonflow.adapters.memory.person_keys import MemoryPersonKeys
    from axonflow.adapters.memory.plan_store import MemoryPlanStore
    from axonflow.adapters.memory.policy_store import MemoryPolicyFeed, MemoryPolicyStore
    from axonflow.adapters.memory.roles import MemoryGrants, MemoryRoles
    from axonflow.adapters.memory.step_cache import MemoryStepCache
    from axonflow.adapters.memory.tenants import MemoryTenantData, MemoryTenants
    from axonflow.adapters.memory.vault import MemoryVault
    from axonflow.adapters.memory.workflow_store import MemoryWorkflows, MemoryWorkflowSteps

__all__ = [
    "MailboxLimits",
    "MemoryApiPolicyStore",
    "MemoryAuditAnchor",
    "MemoryAuditHistory",
    "MemoryAuditLog",
    "MemoryAuditProofs",
    "MemoryAuditStore",
    "MemoryAuditTail",
    "MemoryChatModel",
    "MemoryCommandBatches",
    "MemoryGrants",
    "MemoryKeyLookup",
    "MemoryKeys",
    "MemoryLedger",
    "MemoryMailbox",
    "MemoryOverrideStore",
    "MemoryPersonKeys",
    "MemoryPlanStore",
    "MemoryPolicyFeed",
    "MemoryPolicyStore",
    "MemoryRoles",
    "MemoryStepCache",
    "MemoryTenantData",
    "MemoryTenants",
    "MemoryVault",
    "MemoryWorkflowSteps",
    "MemoryWorkflows",
]

# Imported when first used (PEP 562): who decides needs none of those for plans, tenants and published policies.
_HOMES: Final = {
    "MemoryApiPolicyStore": "api_policy_store",
    "MemoryOverrideStore": "api_policy_store",
    "MemoryAuditAnchor": "audit_anchor",
    "MemoryAuditHistory": "audit_history",
    "MemoryAuditLog": "audit_log",
    "MemoryAuditProofs": "audit_proofs",
    "MemoryAuditStore": "audit_store",
    "MemoryAuditTail": "audit_tail",
    "MemoryChatModel": "chat_model",
    "MemoryCommandBatches": "command_batches",
    "MemoryKeyLookup": "keys",
    "MemoryKeys": "keys",
    "MemoryLedger": "ledger",
    "MailboxLimits": "mailbox",
    "MemoryMailbox": "mailbox",
    "MemoryPersonKeys": "person_keys",
    "MemoryPlanStore": "plan_store",
    "MemoryPolicyFeed": "policy_store",
    "MemoryPolicyStore": "policy_store",
    "MemoryGrants": "roles",
    "MemoryRoles": "roles",
    "MemoryStepCache": "step_cache",
    "MemoryTenantData": "tenants",
    "MemoryTenants": "tenants",
    "MemoryVault": "vault",
    "MemoryWorkflows": "workflow_store",
    "MemoryWorkflowSteps": "workflow_store",
}

__getattr__ = names_from({name: f"{__name__}.{home}" for name, home in _HOMES.items()}, __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
