"""The gateway mode of the wire contract: ``POST /api/policy/pre-check`` before a model is called, and
``POST /api/audit/llm-call`` after.

The context id that joins the two is a signed statement, so that any agent of the installation takes it, after a restart
too, and none has to remember it.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow import Principal, Request, RequestError, Resource
from axonflow.audit import Usage
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.keys import Client
from axonflow_sidecar.http.services import AgentServices, enforced
from axonflow_sidecar.http.translate import PreCheckBody, pre_check_request, pre_check_response

__all__ = ["llm_call", "microseconds", "pre_check"]

CONTEXT_LIFE_US: Final = 5 * 60 * 1_000_000
_PURPOSE: Final = "pre-check"
MAX_FACT_CHARS: Final = 256
MAX_COUNT: Final = 10**12
MAX_COST_USD: Final = 10**6


class _Context(Struct):
    """What a context id says."""

    decision_id: str
    tenant_id: str
    client_id: str
    user_id: str
    model: str
    approved: bool
    expires_us: int


class _TokenUsage(Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class _LlmCallBody(Struct, kw_only=True):
    context_id: str
    client_id: str | None = None
    response_summary: str | None = None
    provider: str = ""
    model: str = ""
    token_usage: _TokenUsage | None = None
    latency_ms: float = 0
    metadata: dict[str, Any] | None = None


_pre_check_decoder = msgspec.json.Decoder(PreCheckBody)
_llm_call_decoder = msgspec.json.Decoder(_LlmCallBody)


def pre_check(services: AgentServices) -> Handler:
    """The handler of ``/api/policy/pre-check``."""

    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _pre_check_decoder)
        request = pre_check_request(body, call.caller, services.signer)
        decision = await enforced(services, call, request)
        expires_us = services.clock_us() + CONTEXT_LIFE_US
        user = request.principal.on_behalf_of
        context = _Context(
            decision.decision_id, request.principal.tenant, call.caller.client_id, user.id if user else "",
            request.resource.id, decision.allowed, expires_us,
        )  # fmt: skip
        context_id = services.signer.sign(_PURPOSE, context)
        return Reply(msgspec.json.encode(pre_check_response(decision, context_id, expires_us)))

    return handler


def llm_call(services: AgentServices) -> Handler:
    """The handler of ``/api/audit/llm-call``. What the model said is not recorded, only how long the summary was; of
    the metadata, `cost_usd`."""

    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _llm_call_decoder)
        context = services.signer.check(_PURPOSE, body.context_id, _Context, services.clock_us())
        if context is None or not _is_callers(context, call.caller):
            raise Refused(
                400,
                RequestError(
                    "an unknown or expired context", at="$.context_id",
                    expected="a context_id of /api/policy/pre-check, at most 5 min old",
                ),
            )  # fmt: skip
        call.check_active(context.tenant_id)
        user = Principal(context.user_id, "user", context.tenant_id)
        caller = Principal(context.client_id, "service", context.tenant_id, on_behalf_of=user)
        request = Request(caller, "llm.response", Resource("model", context.model))
        event = await services.flow.record(
            "model_call",
            request,
            decision_id=context.decision_id,
            usage=_usage(body),
            duration_us=microseconds(body.latency_ms, "$.latency_ms"),
            details={"approved": context.approved, "response_summary_chars": len(body.response_summary or "")},
            origin=call.origin,
        )
        return Reply(msgspec.json.encode({"success": True, "audit_id": event.event_id}))

    return handler


def _is_callers(context: _Context, caller: Client) -> bool:
    return context.client_id == caller.client_id and caller.may_act_for(context.tenant_id)


def _usage(body: _LlmCallBody) -> Usage:
    told = body.token_usage or _TokenUsage()
    for name in _TokenUsage.__struct_fields__:
        if not 0 <= getattr(told, name) <= MAX_COUNT:
            raise _out_of_range(f"$.token_usage.{name}")
    for name in ("provider", "model"):
        if len(getattr(body, name)) > MAX_FACT_CHARS or "\0" in getattr(body, name):
            raise RequestError("not a name", expected=f"at most {MAX_FACT_CHARS} characters, no NUL", at=f"$.{name}")
    return Usage(
        provider=body.provider,
        model=body.model,
        input_tokens=told.prompt_tokens,
        output_tokens=told.completion_tokens,
        total_tokens=told.total_tokens,
        cost_usd_micros=_cost_usd_micros((body.metadata or {}).get("cost_usd")),
    )


def _cost_usd_micros(cost_usd: object) -> int | None:
    """The contract has no field for the cost: whoever knows it says it in the metadata."""
    if cost_usd is None:
        return None
    if isinstance(cost_usd, bool) or not isinstance(cost_usd, (int, float)) or not 0 <= cost_usd <= MAX_COST_USD:
        raise RequestError("not a cost", expected=f"US dollars, 0 to {MAX_COST_USD}", at="$.metadata.cost_usd")
    return round(cost_usd * 1_000_000)


def microseconds(milliseconds: float, at: str) -> int:
    """Raises RequestError for what is no duration."""
    if not math.isfinite(milliseconds) or not 0 <= milliseconds <= MAX_COUNT:
        raise _out_of_range(at)
    return int(milliseconds * 1000)


def _out_of_range(at: str) -> RequestError:
    return RequestError("out of range", expected=f"0 to {MAX_COUNT}", found="another number", at=at)
