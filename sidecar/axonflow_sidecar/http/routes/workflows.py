"""The workflow control plane at the orchestrator: gates for steps that somebody else orchestrates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import msgspec

from axonflow import RequestError
from axonflow.app.workflows import Asking, GateCaller, Workflows
from axonflow.audit import Origin
from axonflow.ids import now_us
from axonflow.plan.workflows import (
    GateEvent,
    IdempotencyMismatch,
    WorkflowEvent,
    WorkflowMissing,
    WorkflowQuery,
    WorkflowSource,
    WorkflowState,
)
from axonflow.policy.json_value import check_json_value
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.administration import limit_of, offset_of, shown
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.identity import identified
from axonflow_sidecar.http.routes.passing_on import review_timeout_s
from axonflow_sidecar.http.routes.plan_approvals import answered_step
from axonflow_sidecar.http.routes.plans import OrchestratorServices, asked_by, keeping
from axonflow_sidecar.http.routing import INTERNAL, Route
from axonflow_sidecar.http.workflow_shapes import (
    CompleteBody,
    GateBody,
    ReasonBody,
    WorkflowBody,
    asked_of,
    checkpoint_shown,
    completion_of,
    gate_shown,
    mismatch_shown,
    pending_approval,
    review_shown,
    went_back_shown,
    workflow_shown,
)

__all__ = ["workflow_routes"]

_PLACE: Final = "/api/v1/workflows"
_STEP: Final = f"{_PLACE}/{{id}}/steps/{{step}}"
_BACK: Final = f"{_PLACE}/{{id}}/checkpoints"
_workflow_body = msgspec.json.Decoder(WorkflowBody)
_gate_body = msgspec.json.Decoder(GateBody)
_complete_body = msgspec.json.Decoder(CompleteBody)
_reason_body = msgspec.json.Decoder(ReasonBody)

Answering = Callable[[Call, GateCaller, Workflows], Awaitable[Reply]]


def workflow_routes(services: OrchestratorServices) -> list[Route]:
    """The routes, for our agents alone."""

    def answered_by(answering: Answering) -> Handler:
        async def handler(call: Call) -> Reply:
            identity = identified(call, services.credential, services.signer, now_us())
            caller = GateCaller(
                tenant_id=identity.tenant_id, client_id=identity.client_id, user_id=identity.user_id,
                roles=identity.roles,
                origin=Origin(identity.client_id, call.origin.request_id, call.origin.trace_id),
            )  # fmt: skip
            try:
                return await answering(call, caller, services.workflows)
            except IdempotencyMismatch as mismatch:
                raise Refused(409, mismatch, more=mismatch_shown(mismatch, *call.values)) from None

        return handler

    ways: list[tuple[str, str, Answering]] = [
        ("POST", _PLACE, _opened),
        ("GET", _PLACE, _listed),
        ("GET", f"{_PLACE}/approvals/pending", _pending),
        ("GET", f"{_PLACE}/{{id}}", _told),
        *[("POST", f"{_PLACE}/{{id}}/{event.value}", _moving(event)) for event in _ENDS],
        ("POST", f"{_STEP}/gate", _gated),
        ("POST", f"{_STEP}/complete", _completed),
        ("POST", f"{_STEP}/approve", _reviewing(services, GateEvent.APPROVE)),
        ("POST", f"{_STEP}/reject", _reviewing(services, GateEvent.REJECT)),
        ("GET", _BACK, _checkpoints),
        ("POST", f"{_BACK}/resume", _went_back),
        ("POST", f"{_BACK}/{{checkpoint}}/resume", _went_back),
    ]
    return [
        Route(method, path, answered_by(answering), INTERNAL, review_timeout_s(path))
        for method, path, answering in ways
    ]


_ENDS: Final = (WorkflowEvent.COMPLETE, WorkflowEvent.ABORT, WorkflowEvent.FAIL, WorkflowEvent.RESUME)


async def _opened(call: Call, caller: GateCaller, workflows: Workflows) -> Reply:
    body = decode_json(await call.json_body(), _workflow_body)
    check_json_value(body.metadata, "$.metadata")  # policies look at it at each gate
    workflow = await workflows.open(
        caller, body.workflow_name, source=body.source or "external", total_steps=body.total_steps,
        metadata=body.metadata, trace_id=body.trace_id or "",
    )  # fmt: skip
    return shown(workflow_shown(workflow, (), now_us()), 201)


async def _listed(call: Call, caller: GateCaller, workflows: Workflows) -> Reply:
    told = call.query("status", "source", "trace_id", "limit", "offset")
    query = WorkflowQuery(
        tenant_id=caller.tenant_id, state=_one_of(told, "status", WorkflowState),
        source=_one_of(told, "source", WorkflowSource), trace_id=told.get("trace_id") or None, limit=limit_of(told),
        offset=offset_of(told),
    )  # fmt: skip
    page = await workflows.page(query)
    rows = [workflow_shown(listed.workflow, (), now_us()) for listed in page.workflows]
    return shown({"workflows": rows, "total": page.total, "limit": query.limit, "offset": query.offset})


async def _pending(call: Call, caller: GateCaller, workflows: Workflows) -> Reply:
    told = call.query("limit", "offset")
    limit = limit_of(told)
    held = await workflows.held(caller.tenant_id, limit + 1, offset_of(told))  # one more says whether there is more
    rows = [pending_approval(one) for one in held[:limit]]
    return shown({"pending_approvals": rows, "count": len(rows), "has_more": len(held) > limit})


async def _told(call: Call, caller: GateCaller, workflows: Workflows) -> Reply:
    return shown(workflow_shown(*await workflows.get(caller.tenant_id, call.value), now_us()))


def _moving(event: WorkflowEvent) -> Answering:
    async def answering(call: Call, caller: GateCaller, workflows: Workflows) -> Reply:
        body = decode_json(await call.json_body() or b"{}", _reason_body)
        workflow = await workflows.move(caller, call.value, event, body.text)
        return shown(workflow_shown(workflow, (), now_us()))

    return answering


async def _gated(call: Call, caller: GateCaller, workflows: Workflows) -> Reply:
    wants_output = _one_of(call.query("include_prior_output"), "include_prior_output", Literal["true", "false"])
    body = decode_json(await call.json_body(), _gate_body)
    asking = Asking(asked_of(body, caller), body.idempotency_key or "", body.retry_policy or "idempotent")
    workflow_id, step_id = call.values
    answer = await workflows.gate(caller, workflow_id, step_id, asking)
    return shown(gate_shown(answer, now_us(), with_output=wants_output == "true"))


async def _completed(call: Call, caller: GateCaller, workflows: Workflows) -> Reply:
    body = decode_json(await call.json_body(), _complete_body)
    workflow_id, step_id = call.values
    step = await workflows.complete_step(
        caller, workflow_id, step_id, completion_of(body), idempotency_key=body.idempotency_key or ""
    )
    told = {"workflow_id": step.workflow_id, "step_id": step.step_id, "status": "completed"}
    return shown(told | {"completion_count": step.completion_count})


def _reviewing(services: OrchestratorServices, event: Literal[GateEvent.APPROVE, GateEvent.REJECT]) -> Answering:
    """What waits is listed alike for plans and workflows, by the id of either and that of the step; so it is answered
    alike."""

    async def answering(call: Call, caller: GateCaller, workflows: Workflows) -> Reply:
        body = decode_json(await call.json_body() or b"{}", _reason_body)
        workflow_id, step_id = call.values
        with keeping():
            plan = await services.plans.kept.get(caller.tenant_id, workflow_id)
        if plan is not None:
            asked, approved = asked_by(services, call), event is GateEvent.APPROVE
            return shown(await answered_step(services, asked, plan, step_id, body.text, approved=approved))
        return shown(review_shown(await workflows.review(caller, workflow_id, step_id, event, body.text), now_us()))

    return answering


async def _checkpoints(call: Call, caller: GateCaller, workflows: Workflows) -> Reply:
    workflow, steps = await workflows.get(caller.tenant_id, call.value)
    rows = [checkpoint_shown(workflow, step, now_us()) for step in steps]
    return shown({"workflow_id": workflow.workflow_id, "checkpoints": rows})


async def _went_back(call: Call, caller: GateCaller, workflows: Workflows) -> Reply:
    decode_json(await call.json_body() or b"{}", _reason_body)
    workflow_id, *chosen = call.values
    if chosen and not (chosen[0].isascii() and chosen[0].isdecimal() and len(chosen[0]) < 10):
        raise WorkflowMissing("no such checkpoint", expected="its id, a number", found=ascii(chosen[0])[:80])
    answer = await workflows.go_back(caller, workflow_id, int(chosen[0]) - 1 if chosen else None)
    return shown(went_back_shown(answer.step))


def _one_of(told: dict[str, str], name: str, kind: Any) -> Any:
    """The parameter as one of the words of `kind`, or None. Raises RequestError."""
    if not told.get(name):
        return None
    try:
        return msgspec.convert(told[name], kind)
    except msgspec.ValidationError as error:
        raise RequestError("no such value", expected=str(error)[:200], found=ascii(told[name])[:80], at=name) from None
