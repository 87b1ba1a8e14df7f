"""Where the policies of the wire contract's routes are kept, and what tenants override of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from axonflow.policy.api.policy import (
    ApiPolicy,
    ApiPolicyPage,
    ApiPolicyQuery,
    ApiPolicyVersion,
    Change,
    Override,
)

__all__ = ["ApiPolicyStore", "OverrideStore"]


class ApiPolicyStore(Protocol):
    """A tenant sees its own policies, and those of the organization and the system that it belongs to.

    All methods raise PolicyStoreError when the store cannot answer.
    """

    async def page(self, query: ApiPolicyQuery) -> ApiPolicyPage:
        """Some of the policies that apply to a tenant; of two that sort alike the one of the lower id first."""

    async def get(self, tenant_id: str, policy_id: str) -> ApiPolicy | None:
        """The one that applies to the tenant and has this `id` or, of its own first, this `policy_id`."""

    async def write(self, policy: ApiPolicy, change: Change, summary: str) -> None:
        """Keep `policy`, whose version has to be one more than that of the one there is, and what was changed. With
        ``deleted`` the policy goes and its versions stay.

        Raises PolicyConflict when another has that version already, or has the name `policy_id`, or when there are as
        many policies as the tenant may have; PolicyError when there is no such tenant.
        """

    async def versions(self, tenant_id: str, policy_id: str) -> Sequence[ApiPolicyVersion]:
        """All versions of the policy with this `id`, newest first; also of one that is deleted."""

    async def enabled(self, tenant_id: str) -> Sequence[ApiPolicy]:
        """All that apply to the tenant and are enabled, by id."""


class OverrideStore(Protocol):
    """All methods raise PolicyStoreError when the store cannot answer."""

    async def standing(self, tenant_id: str) -> Sequence[Override]:
        """The tenant's own that are not revoked, newest first; some may have expired."""

    async def put(self, override: Override) -> None:
        """Keep it, in place of the one that stands for the same policy, which is revoked. Raises PolicyError when there
        is no such tenant."""

    async def revoke(self, tenant_id: str, policy_id: str, revoked_by: str, revoked_us: int) -> bool:
        """End the one that stands for this policy; whether there was one."""
