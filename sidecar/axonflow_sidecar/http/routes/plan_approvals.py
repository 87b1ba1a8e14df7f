"""Plans that wait for somebody, at the orchestrator: what waits, and what is said to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow import Principal
from axonflow.errors import Denied, PlanConflict, TenancyForbidden
from axonflow.ids import now_us
from axonflow.plan import HeldRun, PlanExecution, Waiting
from axonflow.plan.keeping.execution import PlanQuery
from axonflow.plan.planner.modes import MODE_APPROVAL
from axonflow.policy.approving import may_approve, standing_of
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.administration import limit_of, offset_of, shown
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.plan_shapes import WHOLE_PLAN, approvals_of, status_of
from axonflow_sidecar.http.routes.plan_changes import refused_plan, short_text
from axonflow_sidecar.http.routes.plans import Asked, OrchestratorServices, asked_by, found_plan, keeping
from axonflow_sidecar.http.translate import rfc3339
from axonflow_sidecar.http.workflow_shapes import pending_approval
from axonflow_sidecar.plans.catalogue import APPROVER

__all__ = ["answered_step", "pending_approvals", "resume_plan"]


class _ResumeBody(Struct, kw_only=True):
    """`step_id` and `hold_version` are ours: what the caller looked at, as ``.../approvals/pending`` lists it."""

    approved: bool
    comment: str | None = None
    step_id: str | None = None
    hold_version: int | None = None


_resume: Final = msgspec.json.Decoder(_ResumeBody)


def resume_plan(services: OrchestratorServices) -> Handler:
    """The handler of ``POST /api/v1/plan/{id}/resume``: what the caller saw waiting is approved or refused, a step or
    all of it, and it goes on. The published clients cannot say what they saw: that is enough for what came first, and
    for what waits because its caller wanted to be asked at each step."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        body = decode_json(await call.json_body(), _resume)
        after = await _resumed(services, asked, await found_plan(services, asked, call.value), body)
        told = status_of(after)
        return shown(
            {
                "plan_id": after.plan_id, "workflow_id": after.plan_id, "status": told["status"],
                "approved": body.approved, "result": told["result"], "step_results": told["step_results"],
                "message": told["error"], "total_steps": len(after.steps),
            }
        )  # fmt: skip

    return handler


async def answered_step(
    services: OrchestratorServices,
    asked: Asked,
    execution: PlanExecution,
    step_id: str,
    comment: str,
    *,
    approved: bool,
) -> dict[str, Any]:
    """What the contract tells of a step that was approved or refused by its name, of a plan that goes on then. Raises
    Refused, as `resume_plan`."""
    body = _ResumeBody(approved=approved, comment=comment or None, step_id=step_id)
    after = await _resumed(services, asked, execution, body)
    word = "approved" if approved else "rejected"
    return {
        "workflow_id": after.plan_id, "step_id": step_id, "status": word, "approval_status": word,
        "decision": "allow" if approved else "block", "reason": comment or None, f"{word}_by": asked.name,
        f"{word}_at": rfc3339(now_us()), "policies_matched": [], "plan_status": status_of(after)["status"],
        "message": f"The step is {word}.",
    }  # fmt: skip


async def _resumed(
    services: OrchestratorServices, asked: Asked, execution: PlanExecution, body: _ResumeBody
) -> PlanExecution:
    comment = short_text(body.comment, "$.comment")
    try:
        said = _said(execution, body)
        if execution.held is not None:
            _check_approver(execution.held, said, asked.approver)
        return await _go_on(services, asked, execution, said, comment)
    except PlanConflict as conflict:
        raise refused_plan(conflict, execution, execution.version) from None
    except Denied as denied:
        raise Refused(403, denied) from None


def _said(execution: PlanExecution, body: _ResumeBody) -> dict[str, bool]:
    """The answer to each step that the caller looked at. Raises PlanConflict when that is not what waits."""
    if execution.status != "awaiting_approval" or execution.held is None:
        return {}
    waiting = [one.step for one in execution.held.waiting]
    found = ", ".join(step or WHOLE_PLAN for step in waiting)[:400]
    found = f"{found} (hold_version {execution.holds})"
    if body.hold_version is not None and body.hold_version != execution.holds:
        raise PlanConflict("something else waits by now", expected=f"hold_version {body.hold_version}", found=found)
    if body.step_id is not None:
        step = "" if body.step_id == WHOLE_PLAN and "" in waiting else body.step_id
        if step not in waiting:
            raise PlanConflict("the step does not wait", expected=ascii(body.step_id)[:80], found=found)
        return {step: body.approved}
    if body.hold_version is None and execution.holds > 1 and not _asks_at_each_step(execution):
        raise PlanConflict(
            "nobody says what they saw, and other steps waited before", expected="a step_id or a hold_version",
            found=found, hint="Look at what waits, then name it.",
        )  # fmt: skip
    return dict.fromkeys(waiting, body.approved)


def _asks_at_each_step(execution: PlanExecution) -> bool:
    """Whether what waits does so only because its caller wanted to be asked before every step. To say yes again and
    again, to one step after the other, is what that mode is for; what policy or the plan holds has to be looked at."""
    if execution.execution_mode != "step" or execution.held is None:
        return False
    names = {step["id"] for step in execution.steps}
    return all(_is_of_mode(one, names) for one in execution.held.waiting)


def _is_of_mode(waiting: Waiting, names: Collection[str]) -> bool:
    """Whether the mode added it, and nobody but the mode asks. Before each step of the plan's own it asks, so before
    its approvals, too; never before what it added itself. Steps of plans within are never its."""
    step, asks = waiting.step, waiting.resource == f"approval:{APPROVER}" and waiting.approvers == (APPROVER,)
    return asks and step in names and step.startswith(MODE_APPROVAL) and MODE_APPROVAL + step not in names


def _check_approver(held: HeldRun, said: Mapping[str, bool], by: Principal) -> None:
    """Raise Refused (403) unless all that is answered may be approved by this one."""
    standing = standing_of(by)
    for one in (one for one in held.waiting if one.step in said):
        if not may_approve(one.approvers, standing):
            raise Refused(
                403,
                TenancyForbidden(
                    "not an approver", expected=" or ".join(one.approvers)[:400], found=f"{by.type}:{by.id}",
                    at=one.step or None, hint="Ask one of them.",
                ),
            )  # fmt: skip


async def _go_on(
    services: OrchestratorServices, asked: Asked, execution: PlanExecution, said: Mapping[str, bool], comment: str
) -> PlanExecution:
    found: str = execution.status
    if found == "awaiting_approval":
        with keeping():
            await services.runs.leases.check()
        after = await services.runs.resume(
            execution, approved=said, by=asked.approver, comment=comment, origin=asked.origin
        )
        if after is not None:
            return after
        found = "one that somebody else decided on meanwhile"
    raise PlanConflict("nothing waits", expected="a plan that is held for approval", found=found)


def pending_approvals(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/plans/approvals/pending``: what waits for somebody, in held plans, the newest first,
    and behind them in workflows of others, the most urgent first. A plan counts as one, whatever waits in it."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        told = call.query("limit", "offset", "plan_id")
        limit, offset = limit_of(told), offset_of(told)
        query = PlanQuery(
            tenant_id=asked.tenant_id, statuses=("awaiting_approval",), plan_id=told.get("plan_id"), limit=limit,
            offset=offset,
        )  # fmt: skip
        with keeping():
            page = await services.plans.kept.page(query)
        waiting = [one for listed in page.plans for one in approvals_of(listed.execution)]
        has_more = offset + len(page.plans) < page.total
        if "plan_id" not in told:
            left, passed = limit - len(page.plans), max(0, offset - page.total)
            steps = await services.workflows.held(asked.tenant_id, left + 1, passed)  # one more: is there more?
            waiting += [pending_approval(one) for one in steps[:left]]
            has_more = has_more or len(steps) > left
        return shown({"pending_approvals": waiting, "count": len(waiting), "has_more": has_more})

    return handler
