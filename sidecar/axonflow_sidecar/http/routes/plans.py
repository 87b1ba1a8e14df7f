"""Plans at the orchestrator: made, kept, run, looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import msgspec
from msgspec import Struct

from axonflow import AxonFlow, Plan, Principal, Request, RequestError, Resource
from axonflow.app.durable import SpoolFigures, Trouble
from axonflow.app.following import PolicyStatus
from axonflow.audit import Origin
from axonflow.errors import PlanError
from axonflow.ids import new_id, now_us
from axonflow.plan import PlanExecution
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.identity import Identity, identified
from axonflow_sidecar.http.signing import Signer
from axonflow_sidecar.plans.catalogue import PlanCatalogue
from axonflow_sidecar.plans.runs import PlanRuns

__all__ = ["OrchestratorServices", "plan_requests", "plan_status"]


class OrchestratorServices(Struct, frozen=True, kw_only=True):
    """What the orchestrator's handlers work with."""

    flow: AxonFlow
    runs: PlanRuns
    catalogue: PlanCatalogue
    signer: Signer
    credential: str
    unwell: Callable[[], str | None] = lambda: None
    troubles: Callable[[], Sequence[Trouble]] = list
    spool: Callable[[], SpoolFigures | None] = lambda: None
    policies: Callable[[], PolicyStatus | None] = lambda: None


class _PlanBody(Struct, kw_only=True):
    query: str
    request_type: Literal["multi-agent-plan", "generate-plan", "execute-plan"]
    context: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(_PlanBody)


def plan_requests(services: OrchestratorServices) -> Handler:
    """The handler of ``POST /api/request``: makes a plan, or runs one that was made."""

    async def handler(call: Call) -> Reply:
        identity = identified(call, services.credential, services.signer, now_us())
        body = decode_json(await call.json_body(), _decoder)
        if body.request_type == "execute-plan":
            origin = Origin(identity.client_id, call.origin.request_id, call.origin.trace_id)
            return await _execute(services, identity, body, origin)
        return await _generate(services, identity, body)

    return handler


def plan_status(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/plan/{id}``."""

    async def handler(call: Call) -> Reply:
        identity = identified(call, services.credential, services.signer, now_us())
        with _keeping():
            execution = await services.runs.get(identity.tenant_id, call.value)
        if execution is None:
            raise Refused(404, RequestError("no such plan", expected="the id of a plan of this tenant"))
        return Reply(msgspec.json.encode(_status(execution)))

    return handler


@contextmanager
def _keeping() -> Iterator[None]:
    """Where plans are kept cannot be reached: that is no fault of the caller's."""
    try:
        yield
    except PlanError as error:
        raise Refused(503, error) from None


def _principal(identity: Identity) -> Principal:
    user = Principal(identity.user_id or "anonymous", "user", identity.tenant_id)
    return Principal(identity.client_id, "service", identity.tenant_id, on_behalf_of=user)


async def _generate(services: OrchestratorServices, identity: Identity, body: _PlanBody) -> Reply:
    context = body.context or {}
    domain = context.get("domain") or "generic"
    if not isinstance(domain, str):
        raise RequestError("wrong type", expected="a string", found=type(domain).__name__, at="$.context.domain")
    if domain not in services.catalogue:
        known = ", ".join(services.catalogue.domains) or "none"
        error = f"LLM routing is not set up, and the catalogue of plans has no {domain[:64]!a}; there is: {known}."
        return Reply(msgspec.json.encode({"success": False, "error": error, "blocked": False}))
    plan = services.catalogue.plan(domain, body.query, context)
    steps = described(plan)
    execution = PlanExecution(
        tenant_id=identity.tenant_id, plan_id=new_id(now_us()), name=plan.name, domain=domain, query=body.query,
        principal=f"service:{identity.client_id}", status="pending", steps=steps, created_us=now_us(),
    )  # fmt: skip
    with _keeping():
        await services.runs.add(execution, context)
    asked = Request(_principal(identity), "plan.start", Resource("plan", plan.name), _asked(context, plan))
    decision = services.flow.decide(asked)
    data = {
        "plan_id": execution.plan_id, "domain": domain, "complexity": len(steps), "parallel": True, "version": 1,
        "workflow_execution_id": execution.plan_id, "steps": steps,
        "policy_info": {"allowed": decision.allowed, "applied_policies": decision.policies, "risk_score": 0.0},
    }  # fmt: skip
    return Reply(msgspec.json.encode({"success": True, "plan_id": execution.plan_id, "data": data, "blocked": False}))


def _asked(context: dict[str, Any], plan: Plan) -> dict[str, Any]:
    return {**context, "plan": plan.name, "steps": len(plan.steps)}


def described(plan: Plan) -> list[dict[str, Any]]:
    """The steps as the contract shows them: what each is and needs, never a callable."""
    kinds = {"function": "function", "tool": "tool_call", "agent": "agent_task"}
    return [
        {
            "id": step.name,
            "name": step.name,
            "type": kinds.get(step.kind, step.kind),
            "description": "",
            "depends_on": list(step.waits_for),
            "agent": step.target or "",
            "parameters": dict(step.inputs),
        }
        for step in plan.steps
    ]


async def _execute(services: OrchestratorServices, identity: Identity, body: _PlanBody, origin: Origin) -> Reply:
    plan_id = (body.context or {}).get("plan_id")
    if not isinstance(plan_id, str):
        raise RequestError("no plan is named", expected="the plan_id of a plan that was made", at="$.context.plan_id")
    with _keeping():
        execution = await services.runs.run(identity.tenant_id, plan_id, _principal(identity), origin)
        known = execution or await services.runs.get(identity.tenant_id, plan_id)
    if execution is None:
        if known is None:
            raise Refused(404, RequestError("no such plan", expected="the id of a plan of this tenant"))
        error = f"The plan is {known.status}: each plan runs once."
        return Reply(
            msgspec.json.encode({"success": False, "error": error, "plan_id": plan_id, "data": _status(known)})
        )
    blocked = execution.status == "denied"
    answer = {
        "success": execution.status == "completed", "plan_id": plan_id, "blocked": blocked,
        "data": _status(execution), "result": _text(execution.result),
        "metadata": {"step_results": execution.step_results, "duration": _duration(execution)},
    }  # fmt: skip
    if execution.error:
        answer["block_reason" if blocked else "error"] = execution.error
    return Reply(msgspec.json.encode(answer))


def _status(execution: PlanExecution) -> dict[str, Any]:
    return {
        "plan_id": execution.plan_id,
        "workflow_id": execution.plan_id,
        "status": "failed" if execution.status == "denied" else execution.status,
        "result": _text(execution.result),
        "step_results": execution.step_results,
        "error": execution.error,
        "duration": _duration(execution),
        "policy_info": {"allowed": execution.status != "denied"},
    }


def _text(result: object) -> str | None:
    """The contract's result is text: one that is not becomes JSON."""
    return result if result is None or isinstance(result, str) else msgspec.json.encode(result).decode()


def _duration(execution: PlanExecution) -> str | None:
    """As the contract has it: text, such as ``0.215s``."""
    if execution.started_us is None or execution.finished_us is None:
        return None
    return f"{(execution.finished_us - execution.started_us) / 1_000_000:.3f}s"
