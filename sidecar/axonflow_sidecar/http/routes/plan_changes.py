"""Plans as people change them, at the orchestrator: other settings, an earlier version, the end, an approval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow import Principal, RequestError
from axonflow.errors import Denied, ModelError, PlanConflict, TenancyForbidden
from axonflow.ids import now_us
from axonflow.plan import HeldRun, PlanExecution
from axonflow.plan.keeping.execution import PlanQuery
from axonflow.plan.keeping.versions import MAX_VERSIONS, Made, PlanVersion, VersionKind, next_version
from axonflow.plan.planner.modes import ExecutionMode
from axonflow.policy.approving import may_approve, standing_of
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.administration import limit_of, offset_of, shown
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.plan_shapes import WHOLE_PLAN, approvals_of, status_of, version_of
from axonflow_sidecar.http.routes.plans import (
    Asked,
    OrchestratorServices,
    asked_by,
    found_plan,
    keeping,
    recorded_for,
)
from axonflow_sidecar.http.workflow_shapes import pending_approval
from axonflow_sidecar.plans.describing import described

__all__ = [
    "cancel_plan",
    "cancel_reason",
    "cancelled",
    "pending_approvals",
    "plan_versions",
    "resume_plan",
    "roll_back_plan",
    "update_plan",
]

MAX_METADATA_BYTES: Final = 64 * 1024
MAX_REASON_CHARS: Final = 2_000


class _UpdateBody(Struct, kw_only=True):
    version: int
    execution_mode: ExecutionMode | None = None
    domain: str | None = None
    metadata: dict[str, Any] | None = None


class _ResumeBody(Struct, kw_only=True):
    """`step_id` and `hold_version` are ours: what the caller looked at, as ``.../approvals/pending`` lists it."""

    approved: bool
    comment: str | None = None
    step_id: str | None = None
    hold_version: int | None = None


class _CancelBody(Struct, kw_only=True):
    reason: str | None = None


_update = msgspec.json.Decoder(_UpdateBody)
_resume = msgspec.json.Decoder(_ResumeBody)
_cancel = msgspec.json.Decoder(_CancelBody)


def update_plan(services: OrchestratorServices) -> Handler:
    """The handler of ``PUT /api/v1/plan/{id}``: what is not said stays."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        body = decode_json(await call.json_body(), _update)
        if body.metadata is not None and len(msgspec.json.encode(body.metadata)) > MAX_METADATA_BYTES:
            raise RequestError("metadata too large", expected=f"at most {MAX_METADATA_BYTES} bytes", at="$.metadata")
        execution = await found_plan(services, asked, call.value)
        made = await _updated(services, asked, execution, body)
        after = await _changed(services, asked, execution, made, body.version, "updated")
        return shown({"plan_id": after.plan_id, "version": after.version, "status": after.status, "success": True})

    return handler


def roll_back_plan(services: OrchestratorServices) -> Handler:
    """The handler of ``POST /api/v1/plan/{id}/rollback/{version}``: a new version that is as that one was."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        plan_id, wanted = call.values
        execution = await found_plan(services, asked, plan_id)
        with keeping():
            versions = await services.plans.changes.versions(asked.tenant_id, plan_id)
        there = ", ".join(str(one.version) for one in versions[:20])
        target = next((one for one in versions if str(one.version) == wanted), None)
        if target is None:
            raise Refused(404, RequestError("no such version", expected=there or "none", found=ascii(wanted)[:20]))
        plan = services.maker.again(
            target.domain, execution.query, execution.context, target.execution_mode, target.definition
        )
        made = Made(
            plan.name, target.domain, target.execution_mode, target.metadata, described(plan), target.definition
        )
        summary = f"back to version {target.version}"
        after = await _changed(services, asked, execution, made, execution.version, "rolled_back", summary)
        return shown(
            {
                "plan_id": plan_id, "version": after.version, "previous_version": execution.version,
                "status": after.status,
            }
        )  # fmt: skip

    return handler


def plan_versions(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/plan/{id}/versions``: the newest first."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        await found_plan(services, asked, call.value)
        with keeping():
            versions = await services.plans.changes.versions(asked.tenant_id, call.value)
        return shown({"plan_id": call.value, "versions": [version_of(one) for one in versions]})

    return handler


def cancel_plan(services: OrchestratorServices) -> Handler:
    """The handler of ``POST /api/v1/plan/{id}/cancel``."""

    async def handler(call: Call) -> Reply:
        execution = await cancelled(services, call)
        status = "cancelling" if execution.status == "running" else execution.status
        return shown({"plan_id": execution.plan_id, "status": status, "success": True})

    return handler


async def cancel_reason(call: Call) -> str:
    """Why whoever calls cancels it: nobody has to say."""
    data = await call.json_body()
    return _short(decode_json(data, _cancel).reason if data else None, "$.reason")


async def cancelled(services: OrchestratorServices, call: Call) -> PlanExecution:
    """The plan of the call's id, which is to stop, as it is then. Raises Refused: 404, or 409 for one that has
    ended."""
    asked = asked_by(services, call)
    reason = await cancel_reason(call)
    execution = await found_plan(services, asked, call.value)
    try:
        async with recorded_for(services, asked, "plan.cancel", execution.plan_id, reason) as came:
            told = await _stop(services, execution, reason)
            came.facts = {"status": told.status}
    except PlanConflict as conflict:
        raise _refused(conflict, execution, execution.version) from None
    return told


def resume_plan(services: OrchestratorServices) -> Handler:
    """The handler of ``POST /api/v1/plan/{id}/resume``: what the caller saw waiting is approved or refused, a step or
    all of it, and it goes on. The published clients cannot say what they saw: that is enough for what came first."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        body = decode_json(await call.json_body(), _resume)
        comment = _short(body.comment, "$.comment")
        execution = await found_plan(services, asked, call.value)
        try:
            said = _said(execution, body)
            if execution.held is not None:
                _check_approver(execution.held, said, asked.approver)
            after = await _go_on(services, asked, execution, said, comment)
        except PlanConflict as conflict:
            raise _refused(conflict, execution, execution.version) from None
        except Denied as denied:
            raise Refused(403, denied) from None
        told = status_of(after)
        return shown(
            {
                "plan_id": after.plan_id, "workflow_id": after.plan_id, "status": told["status"],
                "approved": body.approved, "result": told["result"], "step_results": told["step_results"],
                "message": told["error"], "total_steps": len(after.steps),
            }
        )  # fmt: skip

    return handler


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
    if body.hold_version is None and execution.holds > 1:
        raise PlanConflict(
            "nobody says what they saw, and other steps waited before", expected="a step_id or a hold_version",
            found=found, hint="Look at what waits, then name it.",
        )  # fmt: skip
    return dict.fromkeys(waiting, body.approved)


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


def _short(text: str | None, at: str) -> str:
    if text is not None and len(text) > MAX_REASON_CHARS:
        raise RequestError("too long", expected=f"at most {MAX_REASON_CHARS} characters", found="more", at=at)
    return text or ""


@contextmanager
def _asking_a_model() -> Iterator[None]:
    try:
        yield
    except Denied as denied:
        raise Refused(403, denied) from None
    except ModelError as error:
        raise Refused(503, error) from None


async def _updated(services: OrchestratorServices, asked: Asked, execution: PlanExecution, body: _UpdateBody) -> Made:
    """What the plan is with what `body` says; one of another domain is made, or written, anew."""
    query, context = execution.query, execution.context
    mode = body.execution_mode or execution.execution_mode
    metadata = execution.metadata if body.metadata is None else body.metadata
    domain, definition = execution.domain, execution.definition
    if body.domain is None or body.domain == domain:
        plan = services.maker.again(domain, query, context, mode, definition)
    else:
        if (execution.version, execution.status) != (body.version, "pending"):  # a model would be asked for nothing
            raise _outdated(execution, body.version)
        with _asking_a_model():
            plan, domain, definition = await services.maker.make(body.domain, query, context, mode, asked.principal)
    return Made(plan.name, domain, mode, metadata, described(plan), definition)


async def _changed(
    services: OrchestratorServices,
    asked: Asked,
    execution: PlanExecution,
    made: Made,
    expected: int,
    kind: VersionKind,
    summary: str = "",
) -> PlanExecution:
    """The plan in its next version. Raises Refused (409) when it is in another than `expected`, or was begun."""
    if execution.version >= MAX_VERSIONS:
        conflict = PlanConflict(
            "the plan was changed too often", expected=f"at most {MAX_VERSIONS} versions", hint="Make another plan."
        )
        raise _refused(conflict, execution, expected)
    action = "plan.update" if kind == "updated" else "plan.rollback"
    after, version = next_version(
        execution, made, kind=kind, changed_us=now_us(), changed_by=asked.name, summary=summary
    )
    try:
        async with recorded_for(services, asked, action, execution.plan_id) as came:
            came.facts = {"version": after.version, "summary": version.summary}
            await _revise(services, after, version, expected)
    except PlanConflict:
        raise _outdated(await found_plan(services, asked, execution.plan_id), expected) from None
    return after


async def _stop(services: OrchestratorServices, execution: PlanExecution, reason: str) -> PlanExecution:
    with keeping():
        told = await services.runs.cancel(execution.tenant_id, execution.plan_id, reason)
    if told is None:
        raise PlanConflict("the plan has ended", expected="one that has not")
    return told


async def _revise(services: OrchestratorServices, after: PlanExecution, version: PlanVersion, expected: int) -> None:
    with keeping():
        is_made = after.version == expected + 1 and await services.plans.changes.revise(after, version)
    if not is_made:
        raise PlanConflict("the plan is not what it was")


def _outdated(known: PlanExecution, expected: int) -> Refused:
    hint = "Look at the plan again, then decide." if known.status == "pending" else "Make another plan."
    conflict = PlanConflict(
        "the plan is not what it was", expected=f"version {expected}, not begun",
        found=f"version {known.version}, {known.status}", hint=hint,
    )  # fmt: skip
    return _refused(conflict, known, expected)


def _refused(conflict: PlanConflict, execution: PlanExecution, expected: int) -> Refused:
    more = {"plan_id": execution.plan_id, "expected_version": expected, "current_version": execution.version}
    return Refused(409, conflict, more=more)
