"""Verb: override a policy of the wire contract, for one tenant and for a while."""

from __future__ import annotations

from axonflow.errors import PolicyError, PolicyForbidden, PolicyMissing
from axonflow.flows.write_api_policy import Apply
from axonflow.policy.api.policy import Override
from axonflow.policy.api.rules import may_override
from axonflow.policy.json_value import check_text
from axonflow.ports import ApiPolicyStore, OverrideStore

__all__ = ["MAX_LIFE_US", "override_api_policy"]

MAX_LIFE_US = 366 * 86_400 * 1_000_000
_MAX_REASON_CHARS = 1_000


async def override_api_policy(
    policies: ApiPolicyStore, overrides: OverrideStore, override: Override, *, apply: Apply
) -> Override:
    """Have `override` stand, in place of the one that stood for the same policy.

    Raises PolicyForbidden where it would loosen a policy of a layer above, PolicyMissing, PolicyError and
    PolicyStoreError.
    """
    policy = await policies.get(override.tenant_id, override.policy_id)
    if policy is None:
        raise PolicyMissing("no such policy", expected="the id of one that applies to the tenant")
    check_text(override.reason, "$.override_reason", _MAX_REASON_CHARS)
    if not 0 < override.expires_us - override.created_us <= MAX_LIFE_US:
        raise PolicyError("an override ends", expected="a time to come, within 366 days", at="$.expires_at")
    if not may_override(policy, override):
        raise PolicyForbidden(
            "a policy of a layer above cannot be loosened",
            expected="an action at least as strict",
            found=override.action,
        )
    await overrides.put(override)
    await apply(override.tenant_id, override.created_by)
    return override
