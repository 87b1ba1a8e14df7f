"""What an application wraps its models and tools with."""

from __future__ import annotations

from llama_index.callbacks.axonflow.enforcing import Enforcing
from llama_index.callbacks.axonflow.llm import GuardedLLM, guarded_llm
from llama_index.callbacks.axonflow.tool import GuardedTool, guarded_tool
from llama_index.core.llms import LLM
from llama_index.core.tools import AsyncBaseTool, BaseTool

__all__ = ["Guard"]


class Guard(Enforcing):
    """Wraps models and tools so that every call of them is enforced.

    Event handlers and callbacks are not used for this: one that raises does not stop the call it observes.
    """

    def tool(self, tool: BaseTool | AsyncBaseTool) -> GuardedTool:
        """`tool`, each call of it enforced as ``tool.call`` and ``tool.result`` on ``tool:<name>``."""
        return guarded_tool(tool, self)

    def llm(self, llm: LLM, name: str | None = None) -> GuardedLLM:
        """`llm`, each call enforced as ``llm.request`` and ``llm.response`` on ``model:<name>``; what it took (time,
        and the tokens that the provider counted) is recorded as ``model_call``.

        The name is the model's own unless given.
        """
        return guarded_llm(llm, self, name or llm.metadata.model_name)
