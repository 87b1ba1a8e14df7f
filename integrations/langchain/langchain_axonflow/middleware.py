"""The middleware. It enforces in the wrappers around calls: a LangChain callback that raises is only logged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest
from langchain.agents.middleware.types import ModelResponse, ToolCallRequest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.types import Command

from axonflow import AxonFlow, Decision, Denied, Principal, Request, Resource
from langchain_axonflow.content import message_json, with_content

__all__ = ["AxonFlowMiddleware"]

PrincipalSource = Principal | dict[str, Any] | str | Callable[[Any], "Principal | dict[str, Any] | str"]
ToolResult = ToolMessage | Command[Any]


class AxonFlowMiddleware(AgentMiddleware[Any, Any]):
    """Every model call is enforced as ``llm.request`` and ``llm.response`` on ``model:<name>``, every tool call as
    ``tool.call`` and ``tool.result`` on ``tool:<name>``.

    `principal` is who the agent acts for, or a function from LangGraph's runtime to that; `context` goes into every
    request. Redacted messages, arguments and results are what goes on.

    Raises axonflow.Denied when a model call or its reply is not allowed (held for approval included). A tool call that
    is not allowed is answered by a ToolMessage with status ``error`` and the reasons, as LangChain's tools report
    failures. Errors of AxonFlow itself, such as AuditError, propagate: what cannot be judged does not happen.
    """

    def __init__(self, flow: AxonFlow, *, principal: PrincipalSource, context: dict[str, Any] | None = None) -> None:
        super().__init__()
        self._flow = flow
        self._principal = principal if callable(principal) else Principal.of(principal)
        self._context = dict(context or {})

    # -- model calls

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Enforce around a model call in synchronous use."""
        allowed = self._flow.wait(self._before_model(request))
        return self._flow.wait(self._after_model(request, handler(allowed)))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Enforce around a model call in asynchronous use."""
        allowed = await self._before_model(request)
        return await self._after_model(request, await handler(allowed))

    async def _before_model(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        system: list[BaseMessage] = [request.system_message] if request.system_message is not None else []
        messages = [*system, *request.messages]
        judged = [message_json(message) for message in messages]
        decision = await self._allowed("llm.request", _model(request), judged, request.runtime)
        if decision.redacted is None:
            return request
        redacted: list[Any] = with_content(messages, judged, decision.redacted)
        if system:
            return request.override(system_message=redacted[0], messages=redacted[1:])
        return request.override(messages=redacted)

    async def _after_model(self, request: ModelRequest[Any], response: ModelResponse[Any]) -> ModelResponse[Any]:
        messages = [response] if isinstance(response, AIMessage) else response.result
        judged = [message_json(message) for message in messages]
        decision = await self._allowed("llm.response", _model(request), judged, request.runtime)
        if decision.redacted is None or decision.redacted == judged:
            return response
        structured = getattr(response, "structured_response", None)
        if structured is not None:
            # The object was parsed from the text that has just been masked; only its maker could mask it too.
            raise Denied("a structured reply cannot be redacted", decision=decision)
        return ModelResponse(result=with_content(messages, judged, decision.redacted))

    # -- tool calls

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolResult]) -> ToolResult:
        """Enforce around a tool call in synchronous use."""
        try:
            allowed = self._flow.wait(self._before_tool(request))
            return self._flow.wait(self._after_tool(request, handler(allowed)))
        except _ToolRefused as refused:
            return refused.message

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolResult]]
    ) -> ToolResult:
        """Enforce around a tool call in asynchronous use."""
        try:
            allowed = await self._before_tool(request)
            return await self._after_tool(request, await handler(allowed))
        except _ToolRefused as refused:
            return refused.message

    async def _before_tool(self, request: ToolCallRequest) -> ToolCallRequest:
        call = request.tool_call
        decision = await self._tool_decision("tool.call", request, call["args"])
        if decision.redacted is None:
            return request
        return request.override(tool_call={**call, "args": decision.redacted})

    async def _after_tool(self, request: ToolCallRequest, result: ToolResult) -> ToolResult:
        if isinstance(result, ToolMessage):
            return await self._judged_result(request, result)
        update = result.update
        if isinstance(update, dict) and isinstance(update.get("messages"), list):
            messages = [
                await self._judged_result(request, message) if isinstance(message, ToolMessage) else message
                for message in update["messages"]
            ]
            return Command(
                graph=result.graph, update={**update, "messages": messages}, resume=result.resume, goto=result.goto
            )
        return result

    async def _judged_result(self, request: ToolCallRequest, message: ToolMessage) -> ToolMessage:
        judged = [message_json(message)]
        decision = await self._tool_decision("tool.result", request, judged[0]["content"])
        if decision.redacted is None:
            return message
        return with_content([message], judged, [{**judged[0], "content": decision.redacted}])[0]

    async def _tool_decision(self, action: str, request: ToolCallRequest, content: Any) -> Decision:
        tool = Resource("tool", request.tool_call["name"])
        try:
            return await self._allowed(action, tool, content, request.runtime)
        except Denied as denied:
            raise _ToolRefused(request, denied) from None

    # -- decisions

    async def _allowed(self, action: str, resource: Resource, content: Any, runtime: Any) -> Decision:
        principal = self._principal(runtime) if callable(self._principal) else self._principal
        decision = await self._flow.enforce(Request(principal, action, resource, self._context, content))
        if not decision.allowed:
            held = "is held for approval" if decision.effect == "require_approval" else "is denied"
            raise Denied(f"{action} on {resource.id} {held}: {' '.join(decision.reasons)}", decision=decision)
        return decision


class _ToolRefused(Exception):  # noqa: N818  an answer on its way out, not a fault
    def __init__(self, request: ToolCallRequest, denied: Denied) -> None:
        super().__init__(denied.message)
        call = request.tool_call
        self.message = ToolMessage(denied.message, tool_call_id=call["id"], name=call["name"], status="error")


def _model(request: ModelRequest[Any]) -> Resource:
    return Resource("model", model_name(request.model))


def model_name(model: BaseChatModel) -> str:
    """What the provider calls the model, or else the kind of the class that speaks to it."""
    for field in ("model_name", "model", "model_id"):
        name = getattr(model, field, None)
        if isinstance(name, str) and name:
            return name
    return str(model._llm_type)  # noqa: SLF001  LangChain's own documented name for a model's kind
