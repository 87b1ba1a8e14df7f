"""The gateway mode of the wire contract: ``POST /api/policy/pre-check`` before a model is called, and
``POST /api/audit/llm-call`` after.

The context id that joins the two is a signed statement, so that any agent of the installation takes it, after a restart
too, and none has to remember it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow import Principal, Request, RequestError, Resource
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.keys import Client
from axonflow_sidecar.http.services import AgentServices, enforced
from axonflow_sidecar.http.translate import PreCheckBody, pre_check_request, pre_check_response

__all__ = ["llm_call", "pre_check"]

CONTEXT_LIFE_US: Final = 5 * 60 * 1_000_000
_PURPOSE: Final = "pre-check"
MAX_FACT_CHARS: Final = 256
MAX_COUNT: Final = 10**12


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
    latency_ms: int | float = 0
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
    """The handler of ``/api/audit/llm-call``. What the model said is not recorded, only how long the summary was."""

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
            "llm.call", request, decision_id=context.decision_id, details=_details(body, context), origin=call.origin
        )
        return Reply(msgspec.json.encode({"success": True, "audit_id": event.event_id}))

    return handler


def _is_callers(context: _Context, caller: Client) -> bool:
    return context.client_id == caller.client_id and caller.may_act_for(context.tenant_id)


def _details(body: _LlmCallBody, context: _Context) -> dict[str, str | int | bool]:
    usage = body.token_usage or _TokenUsage()
    counts = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "latency_ms": body.latency_ms,
    }
    for name, count in counts.items():
        if not 0 <= count <= MAX_COUNT:
            raise RequestError("out of range", expected=f"0 to {MAX_COUNT}", found="another number", at=f"$..{name}")
    for name in ("provider", "model"):
        if len(getattr(body, name)) > MAX_FACT_CHARS or "\0" in getattr(body, name):
            raise RequestError("not a name", expected=f"at most {MAX_FACT_CHARS} characters, no NUL", at=f"$.{name}")
    return {
        "provider": body.provider,
        "model": body.model,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "latency_us": int(body.latency_ms * 1000),
        "approved": context.approved,
        "response_summary_chars": len(body.response_summary or ""),
    }
