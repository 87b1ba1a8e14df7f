"""A tool, guarded."""

from __future__ import annotations

from typing import Any

from llama_index.callbacks.axonflow.guard import Guard
from llama_index.core.base.llms.types import TextBlock
from llama_index.core.tools import AsyncBaseTool, BaseTool, ToolMetadata, ToolOutput
from llama_index.core.tools.types import adapt_to_async_tool

from axonflow import Resource

__all__ = ["GuardedTool"]


class GuardedTool(AsyncBaseTool):
    """Behaves like the tool it wraps; raises axonflow.Denied where a call or its result is not allowed."""

    def __init__(self, inner: BaseTool | AsyncBaseTool, guard: Guard) -> None:
        self._inner = adapt_to_async_tool(inner)
        self._guard = guard

    @property
    def metadata(self) -> ToolMetadata:
        """The wrapped tool's own."""
        return self._inner.metadata

    def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """Judge the arguments, call, judge the result."""
        wait = self._guard.flow.wait
        arguments = wait(self._judged_arguments(args, kwargs))
        return wait(self._judged_output(self._inner.call(*arguments["args"], **arguments["kwargs"])))

    async def acall(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """The same, for asynchronous use."""
        arguments = await self._judged_arguments(args, kwargs)
        return await self._judged_output(await self._inner.acall(*arguments["args"], **arguments["kwargs"]))

    @property
    def _resource(self) -> Resource:
        return Resource("tool", self.metadata.get_name())

    async def _judged_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        # Policies see the arguments by name, as they see those of every other door; positions only where there are any.
        content: Any = {"args": list(args), "kwargs": kwargs} if args else kwargs
        judged = await self._guard.judged("tool.call", self._resource, content)
        return {"args": judged["args"], "kwargs": judged["kwargs"]} if args else {"args": [], "kwargs": judged}

    async def _judged_output(self, output: ToolOutput) -> ToolOutput:
        """What the model gets to read are the text blocks; the raw output goes with them, so it may not tell more."""
        texts = [block.text for block in output.blocks if isinstance(block, TextBlock)]
        judged = await self._guard.judged("tool.result", self._resource, texts)
        if judged == texts:
            return output
        remaining = iter(judged)
        blocks = [TextBlock(text=next(remaining)) if isinstance(block, TextBlock) else block for block in output.blocks]
        return ToolOutput(
            tool_name=output.tool_name,
            blocks=blocks,
            raw_input=output.raw_input,
            raw_output="\n".join(judged),
            is_error=output.is_error,
        )
