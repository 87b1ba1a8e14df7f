"""``POST /api/request`` at the orchestrator: plans are made, run, changed and cancelled by the type of the request."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow import RequestError
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.administration import shown
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.routes.plan_changes import UpdateBody, short_text, told_of_cancel, told_of_update
from axonflow_sidecar.http.routes.plans import OrchestratorServices, asked_by, execute_plan, generate_plan

__all__ = ["plan_requests"]


class _Named(Struct, kw_only=True):
    plan_id: str = ""


class _CancelContext(_Named, kw_only=True):
    reason: str | None = None


class _UpdateContext(UpdateBody, kw_only=True):
    plan_id: str = ""


class _Body(Struct, kw_only=True, tag_field="request_type"):
    query: str


class _Generate(_Body, kw_only=True, tag="generate-plan"):
    context: dict[str, Any] | None = None


class _Plan(_Generate, kw_only=True, tag="multi-agent-plan"):
    """The other name of the same."""


class _Execute(_Body, kw_only=True, tag="execute-plan"):
    context: _Named


class _Cancel(_Body, kw_only=True, tag="cancel-plan"):
    context: _CancelContext


class _Update(_Body, kw_only=True, tag="update-plan"):
    context: _UpdateContext


_PlanRequest = _Generate | _Plan | _Execute | _Cancel | _Update
_decoder: Final[msgspec.json.Decoder[_PlanRequest]] = msgspec.json.Decoder(_PlanRequest)
_AT: Final = "$.context"


def plan_requests(services: OrchestratorServices) -> Handler:
    """The handler. What it does to a plan that there is, the plan's own routes do alike."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        match decode_json(await call.json_body(), _decoder):
            case _Generate(query=query, context=said):
                return await generate_plan(services, asked, query, said or {})
            case _Execute(context=said):
                return await execute_plan(services, asked, _named(said.plan_id))
            case _Cancel(context=said):
                reason = short_text(said.reason, f"{_AT}.reason")
                return _told(await told_of_cancel(services, asked, _named(said.plan_id), reason))
            case _Update(context=said):
                return _told(await told_of_update(services, asked, _named(said.plan_id), said, _AT))

    return handler


def _named(plan_id: str) -> str:
    if not plan_id:
        raise RequestError("no plan is named", expected="the plan_id of a plan that was made", at=f"{_AT}.plan_id")
    return plan_id


def _told(data: dict[str, Any]) -> Reply:
    return shown({"success": True, "plan_id": data["plan_id"], "blocked": False, "data": data})
