"""Verb: roll back a policy set to what was in force before."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from axonflow.errors import PolicyMissing
from axonflow.flows.activate_policy import CheckTogether, activate_policy
from axonflow.policy.publication import Change, SetState
from axonflow.ports import PolicyStore

__all__ = ["rollback_policy"]

_MAX_LOOKED_AT: Final = 1_000


async def rollback_policy(store: PolicyStore, change: Change, *, check: CheckTogether) -> SetState:
    """Put in force what was before the activation in force; nothing of the set, if there was nothing.

    Rollbacks are steps back, not forth: one after another goes on to what was before that, as undoing does. Raises what
    activating raises, and PolicyMissing when there is nothing to go back from.
    """
    history = await store.history(change.tenant_id, change.set_name, _MAX_LOOKED_AT)
    undone: list[int | None] = []  # what was in force at each time that is not undone yet, oldest first
    for one in reversed(history.activations):
        if one.kind == "rollback" and one.version in undone[:-1]:
            while undone[-1] != one.version:
                undone.pop()
        elif not undone or undone[-1] != one.version:
            undone.append(one.version)
    if not undone or undone == [None]:
        raise PolicyMissing(
            "nothing to roll back", expected="a version in force", found="none",
            at=f"{change.tenant_id}: {change.set_name}",
        )  # fmt: skip
    before = undone[-2] if len(undone) > 1 else None
    if change.expected_sequence is None:
        change = replace(change, expected_sequence=history.activations[0].sequence)
    return await activate_policy(store, change, before, check=check, kind="rollback")
