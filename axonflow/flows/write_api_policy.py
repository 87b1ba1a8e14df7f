"""Verb: write a policy of the wire contract. Checked, kept with what was changed, and then put in force."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from axonflow.errors import PolicyError
from axonflow.policy.api.policy import ApiPolicy, Change
from axonflow.policy.json_value import check_json_value
from axonflow.ports import ApiPolicyStore

__all__ = ["Apply", "CheckPolicy", "write_api_policy"]

CheckPolicy = Callable[[ApiPolicy], None]
"""Raises PolicyError for a policy that could not be enforced. Called in a thread."""
Apply = Callable[[str, str], Awaitable[None]]
"""``(scope, author)``: puts in force what is stored for the scope, on this agent before it returns."""


async def write_api_policy(
    store: ApiPolicyStore, policy: ApiPolicy, change: Change, summary: str, *, check: CheckPolicy, apply: Apply
) -> ApiPolicy:
    """Keep `policy` as `change` says. Raises PolicyError, PolicyConflict and PolicyStoreError.

    When it raises because the policy could not be put in force, it is kept nevertheless: the next change of a policy of
    the scope, or the same one again, puts in force all that is kept.
    """
    if change != "deleted":
        _check_text(policy)
        await asyncio.to_thread(check, policy)
    await store.write(policy, change, summary)
    await apply(policy.tenant_id, policy.updated_by)
    return policy


def _check_text(policy: ApiPolicy) -> None:
    """What PostgreSQL cannot hold, or no page could show, is refused before anybody has stored it."""
    texts = [policy.name, policy.category, policy.policy_id, *policy.tags]
    if not all(text.isprintable() for text in texts) or "\0" in policy.description:
        raise PolicyError("text that cannot be shown", expected="printable characters", at="$")
    check_json_value([*texts, policy.description], "$")
