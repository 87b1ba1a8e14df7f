"""The policies of the wire contract's routes in memory, and what tenants override of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec.structs import replace

from axonflow.detect.finding import SEVERITIES
from axonflow.errors import PolicyConflict
from axonflow.policy.api.policy import (
    ApiPolicy,
    ApiPolicyPage,
    ApiPolicyQuery,
    ApiPolicyVersion,
    Change,
    Override,
    Pattern,
    tier_of,
)

__all__ = ["MemoryApiPolicyStore", "MemoryOverrideStore"]

_SORT_KEYS: dict[str, Callable[[ApiPolicy], Any]] = {
    "created_at": lambda policy: policy.created_us,
    "updated_at": lambda policy: policy.updated_us,
    "name": lambda policy: policy.name,
    "category": lambda policy: policy.category,
    "priority": lambda policy: policy.priority,
    "severity": lambda policy: SEVERITIES.index(policy.severity),
}


class MemoryApiPolicyStore:
    """An ApiPolicyStore. `organizations` says which organization (``@name``) a tenant belongs to."""

    def __init__(
        self, organizations: Mapping[str, str] = MappingProxyType({}), *, max_policies: int | None = None
    ) -> None:
        self._organizations = organizations
        self._max_policies = max_policies
        self._policies: dict[tuple[str, str], ApiPolicy] = {}
        self._versions: list[ApiPolicyVersion] = []

    async def page(self, query: ApiPolicyQuery) -> ApiPolicyPage:
        found = [policy for policy in self._visible(query.tenant_id) if _is_asked_for(policy, query)]
        found.sort(key=lambda policy: policy.id)
        found.sort(key=_SORT_KEYS[query.sort_by], reverse=query.descending)
        return ApiPolicyPage(tuple(found[query.offset : query.offset + query.limit]), len(found))

    async def get(self, tenant_id: str, policy_id: str) -> ApiPolicy | None:
        found = [policy for policy in self._visible(tenant_id) if policy_id in (policy.id, policy.policy_id)]
        found.sort(key=lambda policy: policy.tenant_id, reverse=True)
        found.sort(key=lambda policy: (policy.id != policy_id, policy.tenant_id != tenant_id))
        return found[0] if found else None

    async def write(self, policy: ApiPolicy, change: Change, summary: str) -> None:
        key = (policy.tenant_id, policy.id)
        own = [one for one in self._policies.values() if one.tenant_id == policy.tenant_id]
        known = self._policies.get(key)
        if change == "created" and self._max_policies is not None and len(own) >= self._max_policies:
            raise PolicyConflict("the tenant has as many policies as it may", hint="Delete one first.")
        is_next = policy.version == (known.version if known else 0) + 1
        is_taken = any(one.policy_id == policy.policy_id and one.id != policy.id for one in own)
        if not is_next or is_taken or (change == "created") != (known is None):
            raise PolicyConflict(
                "the policy was changed meanwhile, or its name is taken", expected=f"version {policy.version - 1}",
                found="another", hint="Read it again, and repeat the change.",
            )  # fmt: skip
        if change == "deleted":
            del self._policies[key]
        else:
            self._policies[key] = policy
        self._versions.append(
            ApiPolicyVersion(
                tenant_id=policy.tenant_id, id=policy.id, version=policy.version, change=change, summary=summary,
                snapshot=msgspec.to_builtins(policy), changed_us=policy.updated_us, changed_by=policy.updated_by,
            )
        )  # fmt: skip

    async def versions(self, tenant_id: str, policy_id: str) -> Sequence[ApiPolicyVersion]:
        scopes = self._scopes(tenant_id)
        found = [one for one in self._versions if one.tenant_id in scopes and one.id == policy_id]
        return sorted(found, key=lambda one: one.version, reverse=True)

    async def enabled(self, tenant_id: str) -> Sequence[ApiPolicy]:
        return sorted((one for one in self._visible(tenant_id) if one.enabled), key=lambda policy: policy.id)

    def _scopes(self, tenant_id: str) -> set[str]:
        return {tenant_id, "*", self._organizations.get(tenant_id, tenant_id)}

    def _visible(self, tenant_id: str) -> list[ApiPolicy]:
        scopes = self._scopes(tenant_id)
        return [policy for policy in self._policies.values() if policy.tenant_id in scopes]


class MemoryOverrideStore:
    """An OverrideStore."""

    def __init__(self) -> None:
        self._standing: dict[tuple[str, str], Override] = {}
        self.revoked: list[Override] = []

    async def standing(self, tenant_id: str) -> Sequence[Override]:
        own = [one for one in self._standing.values() if one.tenant_id == tenant_id]
        return sorted(own, key=lambda one: (one.created_us, one.override_id), reverse=True)

    async def put(self, override: Override) -> None:
        await self.revoke(override.tenant_id, override.policy_id, override.created_by, override.created_us)
        self._standing[override.tenant_id, override.policy_id] = override

    async def revoke(self, tenant_id: str, policy_id: str, revoked_by: str, revoked_us: int) -> bool:
        ended = self._standing.pop((tenant_id, policy_id), None)
        if ended is not None:
            self.revoked.append(replace(ended, revoked_by=revoked_by, revoked_us=revoked_us))
        return ended is not None


def _is_asked_for(policy: ApiPolicy, query: ApiPolicyQuery) -> bool:
    kind = "" if isinstance(policy.definition, Pattern) else policy.definition.type
    wanted = (
        (query.kind, policy.kind),
        (query.category, policy.category),
        (query.tier, tier_of(policy.tenant_id)),
        (None if query.organization_id is None else f"@{query.organization_id}", policy.tenant_id),
        (query.type, kind),
        (query.enabled, policy.enabled),
    )
    if any(asked is not None and asked != found for asked, found in wanted):
        return False
    texts = (policy.name, policy.description, policy.policy_id)
    return query.search is None or any(_lowered(query.search) in _lowered(text) for text in texts)


def _lowered(text: str) -> str:
    """With a to z for A to Z, as PostgreSQL has it under collation C."""
    return "".join([character.lower() if character.isascii() else character for character in text])
