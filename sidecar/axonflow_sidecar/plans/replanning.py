"""Another way on for a plan of a model's that failed: what is done stays done, and policies judge the rest afresh."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from axonflow import AxonFlow, AxonFlowError, Principal
from axonflow.app.changes import Change, recorded_change
from axonflow.app.plan_shelf import PlanShelf
from axonflow.app.planner import failure_of
from axonflow.audit import Origin
from axonflow.errors import PlanConflict
from axonflow.ids import now_us
from axonflow.plan import Plan, PlanExecution, PlanResult, StepEvent, StepRecord, StepState
from axonflow.plan.keeping.versions import replanned_version
from axonflow_sidecar.plans.describing import described_anew
from axonflow_sidecar.plans.making import PlanMaker

__all__ = ["Came", "Running", "Work", "replanned"]

Watch = Callable[[StepEvent], None]
Work = Callable[[Plan, Watch], Awaitable[PlanResult]]
"""Runs a plan, or goes on with one that was held."""


class Running(Struct, frozen=True):
    """In whose name and with what a plan is run; `before_step` is called before each step."""

    flow: AxonFlow
    principal: Principal
    context: dict[str, Any]
    origin: Origin
    before_step: Callable[[], None]

    async def begin(self, plan: Plan, watch: Watch, done: PlanResult | None = None) -> PlanResult:
        """Run it, but for what came of the steps that are `done`."""
        return await self.flow.run(
            plan, principal=self.principal, context=self.context, origin=self.origin, before_step=self.before_step,
            watch=watch, done=done,
        )  # fmt: skip


class Came:
    """What a run has come to: the plan as it is then, the `result`, and the steps of all that was run for it."""

    __slots__ = ("execution", "result", "steps")

    def __init__(self, execution: PlanExecution, result: PlanResult, before: Mapping[str, StepRecord] = {}) -> None:
        self.execution = execution
        self.result = result
        # Of a step that was done before, the first record says when.
        done = {name: one for name, one in before.items() if one.state is StepState.SUCCEEDED}
        self.steps: dict[str, StepRecord] = {**before, **result.steps, **done}


async def replanned(came: Came, run: Running, shelf: PlanShelf, maker: PlanMaker, watch: Watch) -> Came:
    """What it came to by another way, as long as it failed and one may be written. Where there is none, it has failed
    as it did, and says why there is none."""
    while came.result.status == "failed" and maker.can_replan(came.execution):
        try:
            came.execution, plan = await _made_anew(came, run, shelf, maker)
            result = await run.begin(plan, watch, came.result)
        except AxonFlowError as none:  # what does not fit its budget is not begun, either
            came.result = replace(came.result, error=f"there is no other way: {none}"[:2_000])
            return came
        came = Came(came.execution, result, came.steps)
    return came


async def _made_anew(came: Came, run: Running, shelf: PlanShelf, maker: PlanMaker) -> tuple[PlanExecution, Plan]:
    """The plan with another way on, kept and in the trail. Raises AxonFlowError."""
    run.before_step()
    failed, error = failure_of(came.result)
    written = await maker.replan(came.execution, came.result.outputs, run.principal, failed, error)
    begun = {name for name, one in came.steps.items() if one.started_us is not None}
    steps = described_anew(came.execution.steps, begun, written.plan)
    after, version = replanned_version(
        came.execution, steps, written.definition or {}, changed_us=now_us(),
        summary=f"made anew after {failed or 'the plan'} failed",
    )  # fmt: skip
    change = Change(
        tenant_id=after.tenant_id, principal=f"{run.principal.type}:{run.principal.id}", action="plan.replan",
        resource=f"plan:{after.plan_id}", reason=version.summary, origin=run.origin,
    )  # fmt: skip
    async with recorded_change(run.flow.audit, change) as recorded:
        recorded.facts = {"version": after.version, "done": len(came.result.outputs), "steps": len(steps)}
        if not await shelf.changes.replan(after, version):
            raise PlanConflict("the plan is not what it was", expected="one that runs here, and is not to stop")
    return after, written.plan
