"""Plans at the orchestrator: made, kept, run, looked up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from time import perf_counter
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow import AxonFlow, Plan, Principal, Request, RequestError, Resource
from axonflow.app.changes import Came, Change, recorded_change
from axonflow.app.durable import SpoolFigures, Trouble
from axonflow.app.following import PolicyStatus
from axonflow.app.plan_shelf import PlanShelf
from axonflow.app.plans import foresee_plan
from axonflow.app.workflows import Workflows
from axonflow.audit import Origin
from axonflow.errors import Denied, ModelError, PlanError
from axonflow.ids import new_id, now_us
from axonflow.plan import PlanExecution
from axonflow.plan.planner.modes import ExecutionMode
from axonflow.policy.json_value import check_json_value
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.identity import Identity, identified
from axonflow_sidecar.http.plan_shapes import duration_of, status_of, text_of
from axonflow_sidecar.http.signing import Signer
from axonflow_sidecar.http.translate import required_actions
from axonflow_sidecar.plans.catalogue import APPROVER
from axonflow_sidecar.plans.describing import described
from axonflow_sidecar.plans.making import PlanMaker, Written
from axonflow_sidecar.plans.runs import PlanRuns

__all__ = [
    "Asked", "OrchestratorServices", "asked_by", "execute_plan", "found_plan", "generate_plan", "keeping",
    "plan_status", "recorded_for",
]  # fmt: skip

MAX_QUERY_CHARS: Final = 100_000
"""Lists of plans show it."""


class OrchestratorServices(Struct, frozen=True, kw_only=True):
    """What the orchestrator's handlers work with."""

    flow: AxonFlow
    runs: PlanRuns
    plans: PlanShelf
    workflows: Workflows
    maker: PlanMaker
    signer: Signer
    credential: str
    unwell: Callable[[], str | None] = lambda: None
    troubles: Callable[[], Sequence[Trouble]] = list
    spool: Callable[[], SpoolFigures | None] = lambda: None
    policies: Callable[[], PolicyStatus | None] = lambda: None


class Asked(Struct, frozen=True):
    """Who asks, and what is recorded of where that came from."""

    identity: Identity
    origin: Origin

    @property
    def tenant_id(self) -> str:
        """The tenant that it is for."""
        return self.identity.tenant_id

    @property
    def name(self) -> str:
        """Who asks, in short form."""
        return f"service:{self.identity.client_id}"

    @property
    def principal(self) -> Principal:
        """In whose name plans run."""
        user = Principal(self.identity.user_id or "anonymous", "user", self.tenant_id)
        return Principal(self.identity.client_id, "service", self.tenant_id, on_behalf_of=user)

    @property
    def approver(self) -> Principal:
        """In whose name approvals are given: with the roles of the key, and that of whoever may give any."""
        roles = tuple(sorted({*self.identity.roles, APPROVER}))
        principal = self.principal
        return Principal(principal.id, "service", self.tenant_id, roles, on_behalf_of=principal.on_behalf_of)


class _PlanContext(Struct):
    domain: str = ""
    execution_mode: ExecutionMode = "auto"


def asked_by(services: OrchestratorServices, call: Call) -> Asked:
    """Whom `call` is for. Raises Refused (401) when it does not come from one of our agents."""
    identity = identified(call, services.credential, services.signer, now_us())
    return Asked(identity, Origin(identity.client_id, call.origin.request_id, call.origin.trace_id))


@contextmanager
def keeping() -> Iterator[None]:
    """Where plans are kept cannot be reached: that is no fault of the caller's."""
    try:
        yield
    except PlanError as error:
        raise Refused(503, error) from None


async def found_plan(services: OrchestratorServices, asked: Asked, plan_id: str) -> PlanExecution:
    """The plan of this id. Raises Refused (404) when the tenant has none."""
    with keeping():
        execution = await services.plans.kept.get(asked.tenant_id, plan_id)
    if execution is None:
        raise Refused(404, RequestError("no such plan", expected="the id of a plan of this tenant"))
    return execution


@asynccontextmanager
async def recorded_for(
    services: OrchestratorServices, asked: Asked, action: str, plan_id: str, reason: str = ""
) -> AsyncIterator[Came]:
    """What the block changes is in the trail, before it is done and when it is. Raises AuditError."""
    change = Change(
        tenant_id=asked.tenant_id, principal=asked.name, action=action, resource=f"plan:{plan_id}", reason=reason,
        origin=asked.origin,
    )  # fmt: skip
    async with recorded_change(services.flow.audit, change) as came:
        yield came


def plan_status(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/plan/{id}``."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        return Reply(msgspec.json.encode(status_of(await found_plan(services, asked, call.value))))

    return handler


async def generate_plan(services: OrchestratorServices, asked: Asked, query: str, context: dict[str, Any]) -> Reply:
    """Make a plan for `query`, and keep it."""
    if len(query) > MAX_QUERY_CHARS:
        raise RequestError("the query is too long", expected=f"at most {MAX_QUERY_CHARS} characters", at="$.query")
    check_json_value(context, "$.context")  # policies would refuse it once the plan is kept
    told = _told(context)
    try:
        plan, domain, definition = await _written(services, asked, query, context, told)
    except _NoPlan as none:
        return Reply(msgspec.json.encode({"success": False, **none.said}))
    steps = described(plan)
    execution = PlanExecution(
        tenant_id=asked.tenant_id, plan_id=new_id(now_us()), name=plan.name, domain=domain, query=query,
        principal=asked.name, status="pending", steps=steps, created_us=now_us(), context=context,
        execution_mode=told.execution_mode, definition=definition,
    )  # fmt: skip
    async with recorded_for(services, asked, "plan.create", execution.plan_id) as came:
        came.facts = {"plan": plan.name, "domain": domain, "steps": len(steps)}
        with keeping():
            await services.plans.kept.add(execution)
    data = {
        "plan_id": execution.plan_id, "domain": domain, "complexity": len(steps),
        "parallel": told.execution_mode not in ("sequential", "step"), "version": 1, "status": "pending",
        "workflow_execution_id": execution.plan_id, "steps": steps,
        "policy_info": await _chances(services, asked, context, plan),
    }  # fmt: skip
    return Reply(msgspec.json.encode({"success": True, "plan_id": execution.plan_id, "data": data, "blocked": False}))


async def _chances(services: OrchestratorServices, asked: Asked, context: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """What policy would say to the start of `plan`: nothing is counted or recorded."""
    begun_s, flow = perf_counter(), services.flow
    request = Request(asked.principal, "plan.start", Resource("plan", plan.name), _start_context(context, plan))
    decision = flow.decide(request)
    foreseen = await asyncio.to_thread(foresee_plan, flow, plan, asked.principal, context)
    due = {*required_actions(decision), *(["block"] if foreseen.reasons else [])}
    return {
        "allowed": decision.allowed and not foreseen.reasons, "applied_policies": decision.policies, "risk_score": 0.0,
        "required_actions": sorted(due), "reasons": [*foreseen.reasons, *decision.reasons],
        "processing_time_ms": int((perf_counter() - begun_s) * 1000), "database_accessed": False,
    }  # fmt: skip


class _NoPlan(Exception):  # noqa: N818  an answer on its way out, not a fault
    def __init__(self, error: str, **said: Any) -> None:
        super().__init__()
        self.said = {"error": error, "blocked": False, **said}


async def _written(
    services: OrchestratorServices, asked: Asked, query: str, context: dict[str, Any], told: _PlanContext
) -> Written:
    """The plan, or why there is none, as the contract wants to hear it."""
    domain = next((one for one in (told.domain or "generic", "") if services.maker.has(one)), None)
    if domain is None or (not domain and told.domain not in ("", "generic")):
        known = ", ".join(services.maker.domains) or "none"
        name = told.domain or "generic"
        raise _NoPlan(f"LLM routing is not set up, and the catalogue of plans has no {name[:64]!a}; there is: {known}.")
    try:
        return await services.maker.make(domain, query, context, told.execution_mode, asked.principal)
    except Denied as denied:
        raise _NoPlan(str(denied), blocked=True, block_reason=str(denied)) from None
    except ModelError as error:
        raise _NoPlan(f"No plan was written: {error}") from None


def _told(context: dict[str, Any]) -> _PlanContext:
    try:
        return msgspec.convert({name: value for name, value in context.items() if value is not None}, _PlanContext)
    except msgspec.ValidationError as error:
        raise RequestError("wrong type", expected="a domain and an execution_mode", found=str(error)[:200],
                           at="$.context") from None  # fmt: skip


def _start_context(context: dict[str, Any], plan: Plan) -> dict[str, Any]:
    return {**context, "plan": plan.name, "steps": len(plan.steps)}


async def execute_plan(services: OrchestratorServices, asked: Asked, plan_id: str) -> Reply:
    """Run the plan of this id to its end, or until it is held."""
    with keeping():
        execution = await services.runs.run(asked.tenant_id, plan_id, asked.principal, asked.origin)
    if execution is None:
        known = await found_plan(services, asked, plan_id)
        error = f"The plan is {known.status}: each plan runs once."
        return Reply(
            msgspec.json.encode({"success": False, "error": error, "plan_id": plan_id, "data": status_of(known)})
        )
    return Reply(msgspec.json.encode(executed(execution)))


def executed(execution: PlanExecution) -> dict[str, Any]:
    """What whoever has a plan run is told of how far it came."""
    blocked = execution.status == "denied"
    answer = {
        "success": execution.status in ("completed", "awaiting_approval"), "plan_id": execution.plan_id,
        "blocked": blocked, "data": status_of(execution), "result": text_of(execution.result),
        "metadata": {"step_results": execution.step_results, "duration": duration_of(execution)},
    }  # fmt: skip
    if execution.error:
        answer["block_reason" if blocked else "error"] = execution.error
    return answer
