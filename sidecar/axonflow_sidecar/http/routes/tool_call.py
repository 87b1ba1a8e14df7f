"""``POST /api/v1/audit/tool-call`` of the wire contract: what a tool was called for, told by whoever called it."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from axonflow import Principal, Request, RequestError, Resource
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.routes.gateway import microseconds
from axonflow_sidecar.http.services import AgentServices, check_tenant
from axonflow_sidecar.http.translate import rfc3339, tenant_of

__all__ = ["tool_call"]

MAX_POLICIES = 64
MAX_ID_CHARS = 128


class _ToolCallBody(Struct, kw_only=True):
    tool_name: str
    caller_name: str = ""
    tool_type: str = ""
    input: Raw = Raw(b"")
    output: Raw = Raw(b"")
    workflow_id: str = ""
    step_id: str = ""
    user_id: str = ""
    duration_ms: float | None = None
    policies_applied: list[str] | None = None
    success: bool | None = None
    error_message: str | None = None
    decision_id: str = ""


_decoder = msgspec.json.Decoder(_ToolCallBody)


def tool_call(services: AgentServices) -> Handler:
    """The handler. Of what went in and came out only the size is recorded, and of an error that there was one."""

    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _decoder)
        tenant_id = tenant_of(call.caller, call.header(b"x-tenant-id"))
        check_tenant(call, tenant_id)
        if len(body.decision_id) > MAX_ID_CHARS or not body.decision_id.isprintable():
            raise RequestError("not the id of a decision", expected="what the decision says", at="$.decision_id")
        event = await services.flow.record(
            "tool_call",
            _request(body, call.caller.client_id, tenant_id),
            decision_id=body.decision_id,
            duration_us=None if body.duration_ms is None else microseconds(body.duration_ms, "$.duration_ms"),
            failed="the tool failed" if body.success is False or body.error_message else "",
            details=_details(body),
            origin=call.origin,
        )
        answer = {"audit_id": event.event_id, "status": "recorded", "timestamp": rfc3339(event.time_us)}
        return Reply(msgspec.json.encode(answer))

    return handler


def _request(body: _ToolCallBody, client_id: str, tenant_id: str) -> Request:
    """What was called, and for whom. Raises RequestError, at the field of the body."""
    try:
        user = Principal(body.user_id, "user", tenant_id) if body.user_id else None
        caller = Principal(client_id, "service", tenant_id, on_behalf_of=user)
        return Request(caller, "tool.call", Resource("tool", body.tool_name))
    except RequestError as error:
        at = "$.tool_name" if (error.at or "").startswith("$.resource") else "$.user_id"
        raise RequestError(error.message, expected=error.expected, found=error.found, at=at, hint=error.hint) from None


def _details(body: _ToolCallBody) -> dict[str, object]:
    policies = body.policies_applied or []
    if len(policies) > MAX_POLICIES:
        raise RequestError(
            "too many policies", expected=f"at most {MAX_POLICIES}", found=str(len(policies)), at="$.policies_applied"
        )
    facts: dict[str, object] = {
        "caller_name": body.caller_name,
        "tool_type": body.tool_type,
        "workflow_id": body.workflow_id,
        "step_id": body.step_id,
        "policies_applied": policies,
        "error_chars": len(body.error_message or ""),
        "input_bytes": len(bytes(body.input)),
        "output_bytes": len(bytes(body.output)),
    }
    return {name: fact for name, fact in facts.items() if fact}
