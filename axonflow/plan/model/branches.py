"""What a condition leaves out of a plan."""

from __future__ import annotations

from axonflow.errors import PlanError
from axonflow.plan.model.step import Step
from axonflow.plan.model.words import shown

__all__ = ["not_chosen"]


def not_chosen(step: Step, result: object) -> list[str]:
    """The steps that the condition `step` leaves out with this `result`. Raises PlanError when it has no branch for
    that."""
    branches = step.branches or {}
    if not isinstance(result, str) or result not in branches:
        expected, at = " or ".join(branches), f"step {step.name!r}, branches"
        raise PlanError("the condition has no branch", expected=expected, found=shown(result), at=at)
    named = dict.fromkeys(name for names in branches.values() for name in names)
    return [name for name in named if name not in branches[result]]
