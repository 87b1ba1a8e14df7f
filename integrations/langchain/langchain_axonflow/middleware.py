"""The middleware. It enforces in the wrappers around calls: a LangChain callback that raises is only logged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from langchain.agents.middleware import AgentMiddleware, ModelRequest
from langchain.agents.middleware.types import ModelResponse, ToolCallRequest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, ToolMessage
from langgraph.constants import TAG_NOSTREAM
from langgraph.types import Command

from axonflow import AxonFlow, Decision, Denied, Principal, Request, RequestError, Resource
from langchain_axonflow.content import overlay, shown
from langchain_axonflow.model_call import ModelCall, model_name

__all__ = ["AxonFlowMiddleware"]

PrincipalSource = Principal | dict[str, Any] | str | Callable[[Any], "Principal | dict[str, Any] | str"]
ToolResult = ToolMessage | Command[Any]
"""As LangChain declares it; LangGraph hands on a list of both too."""
T = TypeVar("T")

_PARTS: Final[dict[type[Any], tuple[str, ...]]] = {
    ToolMessage: ("content", "artifact", "additional_kwargs"),
    Command: ("update", "goto", "resume"),
}
"""What goes on of a result. The first is what policies see, by itself unless there is more."""


@dataclass(frozen=True)
class _Question(Generic[T]):
    """A request to enforce, and what to go on with once it is answered (or what to raise)."""

    request: Request
    answered: Callable[[Decision], T]


class AxonFlowMiddleware(AgentMiddleware[Any, Any]):
    """Every model call is enforced as ``llm.request`` and ``llm.response`` on ``model:<name>``, every tool call as
    ``tool.call`` and ``tool.result`` on ``tool:<name>``.

    `principal` is who the agent acts for, or a function from LangGraph's runtime to that; `context` goes into every
    request. Redacted messages, arguments and results are what goes on. Replies are not streamed token by token: what
    has left cannot be judged any more. What a call took (time, and the tokens that the provider counted) is recorded as
    ``model_call``, also of one that fails. Give this middleware last, so that no other changes what it has judged.

    Raises axonflow.Denied when a model call or its reply is not allowed (held for approval included). A tool call that
    is not allowed, or is no well-formed request, is answered by a ToolMessage with status ``error`` and the reasons, as
    LangChain's tools report failures. Errors of AxonFlow itself, such as AuditError, propagate: what cannot be judged
    does not happen.
    """

    def __init__(self, flow: AxonFlow, *, principal: PrincipalSource, context: dict[str, Any] | None = None) -> None:
        super().__init__()
        self._flow = flow
        self._principal = principal if callable(principal) else Principal.of(principal)
        self._context = dict(context or {})

    # -- the calls: only the enforcing differs between plain and asynchronous use

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Enforce around a model call in synchronous use."""
        call = self._enforced(self._prompt(request))
        try:
            response = handler(call.request)
        except Exception as error:
            self._flow.wait(call.failed(error))
            raise
        self._flow.wait(call.answered(response))
        return self._enforced(self._reply(request, response))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Enforce around a model call in asynchronous use."""
        call = await self._aenforced(self._prompt(request))
        try:
            response = await handler(call.request)
        except Exception as error:
            await call.failed(error)
            raise
        await call.answered(response)
        return await self._aenforced(self._reply(request, response))

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolResult]) -> ToolResult:
        """Enforce around a tool call in synchronous use."""
        try:
            allowed = self._enforced(self._call(request))
            return self._enforced(self._result(request, handler(allowed)))
        except _ToolRefusedError as refused:
            return refused.message

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolResult]]
    ) -> ToolResult:
        """Enforce around a tool call in asynchronous use."""
        try:
            allowed = await self._aenforced(self._call(request))
            return await self._aenforced(self._result(request, await handler(allowed)))
        except _ToolRefusedError as refused:
            return refused.message

    def _enforced(self, question: _Question[T]) -> T:
        # Only the enforcing goes to the loop of `wait`: a principal's function may use its own thread, and enforce too.
        return question.answered(self._flow.wait(self._flow.enforce(question.request)))

    async def _aenforced(self, question: _Question[T]) -> T:
        return question.answered(await self._flow.enforce(question.request))

    # -- the questions

    def _prompt(self, request: ModelRequest[Any]) -> _Question[ModelCall]:
        system: list[BaseMessage] = [request.system_message] if request.system_message is not None else []
        messages = [*system, *request.messages]
        content = shown(messages)
        asked = self._model_request("llm.request", request, content)

        def answered(decision: Decision) -> ModelCall:
            _check(decision, "llm.request", model_name(request.model))
            judged: list[Any] = messages if decision.redacted is None else overlay(messages, content, decision.redacted)
            quiet = request.override(model=_unstreamed(request.model), messages=judged[len(system) :])
            allowed = quiet.override(system_message=judged[0]) if system else quiet
            return ModelCall(self._flow, asked, decision.decision_id, allowed)

        return _Question(asked, answered)

    def _reply(self, request: ModelRequest[Any], response: ModelResponse[Any]) -> _Question[ModelResponse[Any]]:
        content = shown(response.result)

        def answered(decision: Decision) -> ModelResponse[Any]:
            _check(decision, "llm.response", model_name(request.model))
            if decision.redacted is None or decision.redacted == content:
                return response
            if response.structured_response is not None:
                # The object was parsed from the text that has just been masked; only its maker could mask it too.
                raise Denied("a structured reply cannot be redacted", decision=decision)
            return ModelResponse(result=overlay(response.result, content, decision.redacted))

        return _Question(self._model_request("llm.response", request, content), answered)

    def _call(self, request: ToolCallRequest) -> _Question[ToolCallRequest]:
        call = request.tool_call
        content = shown(call["args"])

        def judged(redacted: Any) -> ToolCallRequest:
            return request.override(tool_call={**call, "args": overlay(call["args"], content, redacted)})

        return self._tool_question("tool.call", request, content, request, judged)

    def _result(self, request: ToolCallRequest, result: ToolResult) -> _Question[ToolResult]:
        before = shown(result, stored=True)
        names = next((names for kind, names in _PARTS.items() if isinstance(result, kind)), ())
        beside = [name for name in names[1:] if before.get(name)]
        content = {name: before[name] for name in (names[0], *beside)} if beside else before
        if names and not beside:
            content = before[names[0]]  # alone, as at every other door

        def judged(redacted: Any) -> ToolResult:
            after = {**before, **(redacted if beside else {names[0]: redacted})} if names else redacted
            masked: ToolResult = overlay(result, before, after)
            return masked

        return self._tool_question("tool.result", request, content, result, judged)

    # -- requests and answers

    def _who(self, runtime: Any) -> Principal:
        return Principal.of(self._principal(runtime) if callable(self._principal) else self._principal)

    def _model_request(self, action: str, request: ModelRequest[Any], content: Any) -> Request:
        model = Resource("model", model_name(request.model))
        return Request(self._who(request.runtime), action, model, self._context, content)

    def _tool_question(
        self, action: str, request: ToolCallRequest, content: Any, unchanged: T, judged: Callable[[Any], T]
    ) -> _Question[T]:
        principal, name = self._who(request.runtime), request.tool_call["name"]
        try:
            question = Request(principal, action, Resource("tool", name), self._context, content)
        except RequestError as error:  # a name or a value that only a model makes up: no reason to end the agent
            raise _ToolRefusedError(request, str(error)) from None

        def answered(decision: Decision) -> T:
            try:
                _check(decision, action, name)
            except Denied as denied:
                raise _ToolRefusedError(request, denied.message) from None
            return unchanged if decision.redacted is None else judged(decision.redacted)

        return _Question(question, answered)


class _ToolRefusedError(Exception):
    """An answer on its way out. Not Denied: a tool may raise that for a guard of its own, and then it is its error."""

    def __init__(self, request: ToolCallRequest, text: str) -> None:
        super().__init__(text)
        call = request.tool_call
        self.message = ToolMessage(text, tool_call_id=call["id"], name=call["name"], status="error")


def _check(decision: Decision, action: str, name: str) -> None:
    if not decision.allowed:
        held = "is held for approval" if decision.effect == "require_approval" else "is denied"
        raise Denied(f"{action} on {name} {held}: {' '.join(decision.reasons)}", decision=decision)


def _unstreamed(model: BaseChatModel) -> BaseChatModel:
    """`model` with its tokens kept back: LangGraph hands them and the whole reply to whoever streams messages, at once.

    The tag makes LangGraph wait for the node, and so for the judged reply.
    """
    tags = [*(model.tags or []), TAG_NOSTREAM]
    return model.model_copy(update={"tags": tags, "disable_streaming": True})
