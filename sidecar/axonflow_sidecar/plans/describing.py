"""Plans as the contract shows them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from axonflow import Plan

__all__ = ["described", "described_anew"]

_KINDS: Final = {"function": "function", "tool": "tool_call", "agent": "agent_task"}


def described(plan: Plan) -> list[dict[str, Any]]:
    """The steps: what each is and needs, never a callable."""
    return [
        {
            "id": step.name,
            "name": step.name,
            "type": _KINDS.get(step.kind, step.kind),
            "description": "",
            "depends_on": list(step.waits_for),
            "agent": step.target or "",
            "parameters": dict(step.inputs),
        }
        for step in plan.steps
    ]


def described_anew(before: list[dict[str, Any]], begun: Collection[str], plan: Plan) -> list[dict[str, Any]]:
    """The steps of `plan`, which goes on in place of what `before` describes: behind those that were `begun` there, so
    that what failed stays to be seen."""
    now = {step["id"]: step for step in described(plan)}
    first = {step["id"]: now.get(step["id"], step) for step in before if step["id"] in begun}
    return [*first.values(), *(step for name, step in now.items() if name not in first)]
