"""A plan that goes on by another way: what is done stays done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from axonflow.errors import PlanError
from axonflow.plan.model.plan import Plan
from axonflow.plan.model.step import Step
from axonflow.plan.model.words import shown

__all__ = ["kept_steps", "replanned"]


def replanned(plan: Plan, outputs: Mapping[str, Any], new_steps: Iterable[Step]) -> Plan:
    """`plan` with its steps that are done, those in `outputs`, and in place of all others the `new_steps`, which may
    refer to them. The done steps stay in the plan so that what is known of their results (schemas, labels) goes on
    along the edges. It is to be run with the `outputs` beside, which `run_plan` does not take yet: it would call the
    done steps again, unless their `run` is replaced.

    Raises PlanError for an output of no step, a new step that has the name of a done one, and what `Plan.check` does.
    """
    kept = kept_steps(plan, outputs)
    added = list(new_steps)
    taken = next((step.name for step in added if step.name in outputs), None)
    if taken is not None:
        raise PlanError("the step is done", expected="a new name", found=shown(taken), at=f"plan {plan.name!r}")
    return Plan(
        plan.name, [*kept, *added], inputs=plan.inputs, deadline_ms=plan.deadline_ms, budget=plan.budget,
        mode=plan.mode, on_failure=plan.on_failure,
    )  # fmt: skip


def kept_steps(plan: Plan, outputs: Mapping[str, Any]) -> list[Step]:
    """The steps of `plan` that are done, in its order. What they waited for in vain (a join of the first that comes, a
    branch that was not taken) is not waited for any more. Raises PlanError for an output of no step."""
    steps = plan.check().steps
    unknown = next((name for name in outputs if name not in steps), None)
    if unknown is not None:
        at = f"plan {plan.name!r}"
        raise PlanError("the output of no step", expected="names of its steps", found=shown(unknown), at=at)
    return [_without(step, outputs) for step in steps.values() if step.name in outputs]


def _without(step: Step, outputs: Mapping[str, Any]) -> Step:
    changes: dict[str, Any] = {}
    for name in ("needs", "after"):
        names = getattr(step, name)
        if any(one not in outputs for one in names):
            changes[name] = tuple(one for one in names if one in outputs)
    if step.branches is not None:
        changes["branches"] = {
            result: [one for one in names if one in outputs] for result, names in step.branches.items()
        }
    return replace(step, **changes) if changes else step
