"""Verb: diff. What one version of a policy set has that another has not."""

from __future__ import annotations

import asyncio

from axonflow.flows.activate_policy import found_version
from axonflow.policy.differing import PolicyDiff, difference
from axonflow.ports import PolicyStore

__all__ = ["diff_policy"]


async def diff_policy(
    store: PolicyStore, tenant_id: str, set_name: str, from_version: int, to_version: int
) -> PolicyDiff:
    """The difference between two versions. Raises PolicyMissing for one that is not there, PolicyStoreError."""
    before = await found_version(store, tenant_id, set_name, from_version)
    after = await found_version(store, tenant_id, set_name, to_version)
    return await asyncio.to_thread(difference, before, after)
