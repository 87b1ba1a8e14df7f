"""Who asks, in which context: what all guarded models and tools of one application share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from axonflow import AxonFlow, Decision, Denied, Principal, Request, Resource

if TYPE_CHECKING:
    from llama_index.callbacks.axonflow.llm import GuardedLLM
    from llama_index.callbacks.axonflow.tool import GuardedTool
    from llama_index.core.llms import LLM
    from llama_index.core.tools import AsyncBaseTool, BaseTool

__all__ = ["Guard"]


class Guard:
    """Wraps models and tools so that every call of them is enforced.

    Event handlers and callbacks are not used for this: one that raises does not stop the call it observes.
    """

    def __init__(
        self, flow: AxonFlow, *, principal: Principal | dict[str, Any] | str, context: dict[str, Any] | None = None
    ) -> None:
        self.flow = flow
        self._principal = Principal.of(principal)
        self._context = dict(context or {})

    def tool(self, tool: BaseTool | AsyncBaseTool) -> GuardedTool:
        """`tool`, each call of it enforced as ``tool.call`` and ``tool.result`` on ``tool:<name>``."""
        from llama_index.callbacks.axonflow.tool import GuardedTool

        return GuardedTool(tool, self)

    def llm(self, llm: LLM, name: str | None = None) -> GuardedLLM:
        """`llm`, each call enforced as ``llm.request`` and ``llm.response`` on ``model:<name>``.

        The name is the model's own unless given.
        """
        from llama_index.callbacks.axonflow.llm import GuardedLLM

        return GuardedLLM(inner=llm, guard=self, model=name or llm.metadata.model_name)

    async def judged(self, action: str, resource: Resource, content: Any) -> Any:
        """The content that may go on: `content` itself or redacted. Raises axonflow.Denied, and AxonFlow's errors."""
        decision = await self.flow.enforce(Request(self._principal, action, resource, self._context, content))
        if not decision.allowed:
            raise Denied(_refusal(action, resource, decision), decision=decision)
        return content if decision.redacted is None else decision.redacted


def _refusal(action: str, resource: Resource, decision: Decision) -> str:
    held = "is held for approval" if decision.effect == "require_approval" else "is denied"
    return f"{action} on {resource.id} {held}: {' '.join(decision.reasons)}"
