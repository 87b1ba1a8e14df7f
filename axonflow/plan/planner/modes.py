"""How a plan is to be gone through: beside each other, one by one, or with somebody asked before."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, get_args

from msgspec.structs import replace

from axonflow.errors import PlanError
from axonflow.plan.model.options import PlanMode
from axonflow.plan.model.plan import Plan
from axonflow.plan.model.step import Step
from axonflow.plan.model.words import shown

__all__ = ["MODE_APPROVAL", "ExecutionMode", "plan_in_mode"]

ExecutionMode = Literal["auto", "sequential", "parallel", "balanced", "confirm", "step"]
"""`auto` leaves the plan as it is. `confirm` waits for approval before the first step, `step` before each; the others
are the plan's own modes."""

MODE_APPROVAL: Final = "approve_"
"""How the names of the approvals begin that a mode adds."""


def plan_in_mode(plan: Plan, mode: ExecutionMode, *, approver: str = "operator", done: Collection[str] = ()) -> Plan:
    """`plan` in `mode`. Who is to approve is the target of its approvals. Of the steps that are `done`, in a plan that
    goes on, none is approved again. Raises PlanError."""
    if mode not in get_args(ExecutionMode):
        raise PlanError("unknown mode", expected=" or ".join(get_args(ExecutionMode)), found=shown(mode))
    if mode == "auto":
        return plan
    steps = list(plan.check().steps.values())
    if mode == "confirm":
        return _remade(plan, _confirmed(steps, approver, done), plan.mode)
    if mode == "step":
        return _remade(plan, _approved_each(steps, approver, done), plan.mode)
    return _remade(plan, steps, mode)


def _remade(plan: Plan, steps: list[Step], mode: PlanMode) -> Plan:
    return Plan(
        plan.name, steps, inputs=plan.inputs, deadline_ms=plan.deadline_ms, budget=plan.budget, mode=mode,
        on_failure=plan.on_failure,
    )  # fmt: skip


def _confirmed(steps: list[Step], approver: str, done: Collection[str]) -> list[Step]:
    name = _new_name("plan", {step.name for step in steps})
    approval = Step(name=name, kind="approval", target=approver)
    due = {step.name for step in steps if step.name not in done and all(one in done for one in step.waits_for)}
    return [approval, *(replace(step, after=(*step.after, name)) if step.name in due else step for step in steps)]


def _approved_each(steps: list[Step], approver: str, done: Collection[str]) -> list[Step]:
    """Before each step one that waits for what the step waits for, so that somebody is asked when it is due. Where a
    condition chooses the step, it chooses its approval as well."""
    taken = {step.name for step in steps}
    approvals: dict[str, str] = {}
    for step in (step for step in steps if step.name not in done):
        approvals[step.name] = _new_name(step.name, taken)
        taken.add(approvals[step.name])
    made: list[Step] = []
    for step in steps:
        changes: dict[str, object] = {}
        own = approvals.get(step.name)
        if own is not None:
            made.append(Step(name=own, kind="approval", target=approver, after=step.waits_for))
            changes["after"] = (*step.after, own)
        if step.branches is not None:
            changes["branches"] = {
                result: [one for name in names for one in (approvals.get(name), name) if one]
                for result, names in step.branches.items()
            }
        made.append(replace(step, **changes) if changes else step)
    return made


def _new_name(name: str, taken: set[str]) -> str:
    new = MODE_APPROVAL + name
    while new in taken:
        new += "_"
    return new
