"""A tool, guarded."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction, signature
from typing import Any, TypeVar

from llama_index.callbacks.axonflow.content import overlay, shown, text_of_blocks
from llama_index.callbacks.axonflow.enforcing import Enforcing, Question
from llama_index.core.tools import AsyncBaseTool, BaseTool, FunctionTool, ToolMetadata, ToolOutput
from llama_index.core.tools.types import adapt_to_async_tool

from axonflow import Resource

__all__ = ["GuardedTool", "guarded_tool"]

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
F = TypeVar("F", bound=Callable[..., Any])


def guarded_tool(tool: BaseTool | AsyncBaseTool, guard: Enforcing) -> GuardedTool:
    """`tool`, of its own family: agents give a workflow's context to tools made of functions only."""
    return GuardedFunctionTool(tool, guard) if isinstance(tool, FunctionTool) else GuardedTool(tool, guard)


class GuardedTool(AsyncBaseTool):
    """Behaves like the tool it wraps; raises axonflow.Denied where a call or its result is not allowed.

    LlamaIndex's agents report what a tool raises to the model, as they do for every failure, and go on.
    """

    def __init__(self, inner: BaseTool | AsyncBaseTool, guard: Enforcing) -> None:
        self._inner = adapt_to_async_tool(inner)
        self._guard = guard

    @property
    def metadata(self) -> ToolMetadata:
        """The wrapped tool's own."""
        return self._inner.metadata

    def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """Judge the arguments, call, judge the result."""
        args, kwargs = self._guard.enforced(self._arguments(args, kwargs))
        return self._guard.enforced(self._output(self._inner.call(*args, **kwargs)))

    async def acall(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """The same, for asynchronous use."""
        args, kwargs = await self._guard.aenforced(self._arguments(args, kwargs))
        return await self._guard.aenforced(self._output(await self._inner.acall(*args, **kwargs)))

    @property
    def _resource(self) -> Resource:
        return Resource("tool", self.metadata.get_name())

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Question[Arguments]:
        # Parameters bound when the tool was made reach the function too, so they are judged like the others.
        named = {**getattr(self._inner, "partial_params", {}), **kwargs}
        # Policies see the arguments by name, as they see those of every other door; positions only where there are any.
        if args:
            content = {"args": shown(args), "kwargs": shown(named)}
            return self._guard.question(
                "tool.call",
                self._resource,
                (args, named),
                content,
                lambda after: (
                    overlay(args, content["args"], after["args"]),
                    overlay(named, content["kwargs"], after["kwargs"]),
                ),
            )
        content = shown(named)
        return self._guard.question(
            "tool.call", self._resource, (args, named), content, lambda after: (args, overlay(named, content, after))
        )

    def _output(self, output: ToolOutput) -> Question[ToolOutput]:
        """What the model gets to read are the blocks; the raw output goes with them, so it may not tell more."""
        content = text_of_blocks(output.blocks)

        def masked(after: Any) -> ToolOutput:
            blocks = overlay(output.blocks, content, after)
            whole = ToolOutput(
                tool_name=output.tool_name, blocks=blocks, raw_input=output.raw_input, is_error=output.is_error
            )
            whole.raw_output = whole.content
            return whole

        return self._guard.question("tool.result", self._resource, output, content, masked)


class GuardedFunctionTool(GuardedTool, FunctionTool):
    """A tool made of a function. The functions that it gives away are guarded as well."""

    def __init__(self, inner: FunctionTool, guard: Enforcing) -> None:
        GuardedTool.__init__(self, inner, guard)
        self.requires_context = inner.requires_context
        self.ctx_param_name = inner.ctx_param_name
        self.partial_params = inner.partial_params

    @property
    def fn(self) -> Callable[..., Any]:
        """The function, guarded."""

        def function(*args: Any, **kwargs: Any) -> Any:
            return self.call(*args, **kwargs).raw_output

        return self._resembling(function)

    @property
    def async_fn(self) -> Callable[..., Coroutine[Any, Any, Any]]:
        """The asynchronous function, guarded."""

        async def function(*args: Any, **kwargs: Any) -> Any:
            return (await self.acall(*args, **kwargs)).raw_output

        return self._resembling(function)

    @property
    def real_fn(self) -> Callable[..., Any]:
        """The function of the kind that was given, guarded: there is no way around the guard."""
        return self.async_fn if iscoroutinefunction(self._function.real_fn) else self.fn

    def _resembling(self, function: F) -> F:
        # LlamaIndex reads names and signatures of functions. Not functools.wraps: that hands out the function itself.
        real: Any = self._function.real_fn
        for name, value in (
            ("__name__", getattr(real, "__name__", self.metadata.name)),
            ("__doc__", real.__doc__),
            ("__signature__", signature(real)),
        ):
            setattr(function, name, value)
        return function

    @property
    def _function(self) -> FunctionTool:
        assert isinstance(self._inner, FunctionTool)
        return self._inner
