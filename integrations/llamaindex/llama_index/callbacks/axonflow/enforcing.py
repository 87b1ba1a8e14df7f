"""Who asks, in which context, and how: what all guarded models and tools of one application share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from llama_index.callbacks.axonflow.content import overlay
from llama_index.callbacks.axonflow.model_call import ModelCall
from llama_index.core.base.llms.types import ChatResponse, CompletionResponse

from axonflow import AxonFlow, Decision, Denied, Principal, Request, Resource

__all__ = ["Enforcing", "Question"]

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R", ChatResponse, CompletionResponse)


@dataclass(frozen=True)
class Question(Generic[T]):
    """A request to enforce, and what to go on with once it is answered (or what to raise)."""

    request: Request
    answered: Callable[[Decision], T]


class Enforcing:
    """Enforces calls for one principal, in one context, by `flow`."""

    def __init__(
        self, flow: AxonFlow, *, principal: Principal | dict[str, Any] | str, context: dict[str, Any] | None = None
    ) -> None:
        self.flow = flow
        self._principal = Principal.of(principal)
        self._context = dict(context or {})

    def question(
        self, action: str, resource: Resource, value: Any, content: Any, changed: Callable[[Any], T] | None = None
    ) -> Question[T]:
        """Whether `value`, shown to policies as `content`, may go on; answered by `value` or what redaction left of it.

        `changed` makes the answer from a redacted value, where that is not the value itself. Answering raises
        axonflow.Denied when it may not.
        """

        def answered(decision: Decision) -> Any:
            if not decision.allowed:
                raise Denied(_refusal(action, resource, decision), decision=decision)
            if decision.redacted is None or decision.redacted == content:
                return value
            return changed(decision.redacted) if changed else overlay(value, content, decision.redacted)

        return Question(Request(self._principal, action, resource, self._context, content), answered)

    def enforced(self, question: Question[T]) -> T:
        """The answer, for plain code. Raises axonflow.Denied, and AxonFlow's errors."""
        return question.answered(self.flow.wait(self.flow.enforce(question.request)))

    def called(self, question: Question[A], call: Callable[[A], R], provider: str) -> R:
        """What `call`, to a model of this kind, gives for the answer, and what that took recorded. Raises as it does,
        and as :meth:`enforced`."""
        decision = self.flow.wait(self.flow.enforce(question.request))
        allowed = question.answered(decision)
        begun = ModelCall(self.flow, question.request, decision.decision_id, provider)
        try:
            response = call(allowed)
        except Exception as error:
            self.flow.wait(begun.failed(error))
            raise
        self.flow.wait(begun.answered(response))
        return response

    async def acalled(self, question: Question[A], call: Callable[[A], Awaitable[R]], provider: str) -> R:
        """The same, for asynchronous code."""
        decision = await self.flow.enforce(question.request)
        allowed = question.answered(decision)
        begun = ModelCall(self.flow, question.request, decision.decision_id, provider)
        try:
            response = await call(allowed)
        except Exception as error:
            await begun.failed(error)
            raise
        await begun.answered(response)
        return response

    async def aenforced(self, question: Question[T]) -> T:
        """The answer, for asynchronous code. Raises axonflow.Denied, and AxonFlow's errors."""
        return question.answered(await self.flow.enforce(question.request))


def _refusal(action: str, resource: Resource, decision: Decision) -> str:
    held = "is held for approval" if decision.effect == "require_approval" else "is denied"
    return f"{action} on {resource.id} {held}: {' '.join(decision.reasons)}"
