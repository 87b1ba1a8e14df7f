"""Verb: plan a query. A language model writes the plan, and mends what is wrong with it, at most twice."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from axonflow.chat import ChatMessage, ChatRequest
from axonflow.errors import PlanError
from axonflow.plan.model.plan import Plan
from axonflow.plan.model.step import Step
from axonflow.plan.planner.catalogue import AgentConfig
from axonflow.plan.planner.growing import GrowingPlan
from axonflow.plan.planner.modes import ExecutionMode, plan_in_mode
from axonflow.plan.planner.planning import (
    MAX_REPAIRS,
    Progress,
    Prompt,
    plan_of_reply,
    plan_with_answer,
    prompt_of,
    repair_of,
)
from axonflow.plan.planner.replanning import kept_steps, replanned
from axonflow.ports import ChatModel

__all__ = ["grow_plan", "plan_query", "replan_query"]

MAX_PLAN_TOKENS: Final = 16_384
_TEMPERATURE: Final = 0.0
_MAX_SHOWN: Final = 20
"""Of what is wrong with a plan, in the message; its `problems` are all."""


async def plan_query(
    query: str, config: AgentConfig, model: ChatModel, *, mode: ExecutionMode = "auto", approver: str = "operator"
) -> Plan:
    """A plan for `query` with what `config` has, bound to nothing yet.

    Raises PlanError with all that was wrong with the last plan when the model wrote none that can run, and what `model`
    raises.
    """
    plan = await _written(prompt_of(query, config), query, config, model, ())
    return plan_in_mode(plan_with_answer(plan, config), mode, approver=approver)


async def replan_query(
    plan: Plan,
    outputs: Mapping[str, Any],
    config: AgentConfig,
    model: ChatModel,
    *,
    failed: str = "",
    error: str = "",
    mode: ExecutionMode = "auto",
    approver: str = "operator",
) -> Plan:
    """`plan`, whose steps in `outputs` are done, with another way from there to what its query asks for. The model is
    told which step `failed` with what `error`, and the names and types of what was given, nothing else of it.

    Approvals that `mode` takes are asked for anew, for what is new. Raises as `plan_query`.
    """
    query = plan.inputs.get("query")
    if not isinstance(query, str):
        raise PlanError("not a plan of a query", expected="an input 'query'", found="none", at=f"plan {plan.name!r}")
    kept = kept_steps(plan, outputs)
    prompt = prompt_of(query, config, Progress(outputs, failed, error))
    written = await _written(prompt, query, config, model, kept)
    other = replanned(plan, outputs, [step for step in written.steps if step.name not in outputs])
    return plan_in_mode(plan_with_answer(other, config), mode, approver=approver, done=outputs.keys())


async def grow_plan(query: str, config: AgentConfig, model: ChatModel) -> AsyncGenerator[Step | Plan, None]:
    """The steps of a plan for `query` while it is being written, each as soon as it may start, and at last the plan.

    What is wrong is not mended here, since steps may have run by then: raises PlanError, and `replan_query` goes on.
    """
    prompt = prompt_of(query, config)
    growing = GrowingPlan(query, config)
    cut = False
    async with aclosing(model.stream(_request(prompt, ()))) as deltas:
        async for delta in deltas:
            for step in growing.feed(delta.text):
                yield step
            cut = delta.reply is not None and delta.reply.finish == "length"
    yield growing.finish(cut=cut)


async def _written(prompt: Prompt, query: str, config: AgentConfig, model: ChatModel, done: Sequence[Step]) -> Plan:
    repairs: tuple[ChatMessage, ...] = ()
    problems: tuple[PlanError, ...] = ()
    for _ in range(MAX_REPAIRS + 1):
        reply = await model.complete(_request(prompt, repairs))
        try:
            return plan_of_reply(reply.text, query, config, cut=reply.finish == "length", done=done)
        except PlanError as error:
            problems = error.problems
            said, wrong = repair_of(reply.text, error)
        repairs = (ChatMessage("assistant", said or "{}"), ChatMessage("user", wrong))  # the last alone: it has to end
    lines = "".join(f"\n  {problem}" for problem in problems[:_MAX_SHOWN])
    raise PlanError(
        f"the planner wrote no plan that can run, in {MAX_REPAIRS + 1} attempts; of the last:{lines}", problems=problems
    )


def _request(prompt: Prompt, repairs: tuple[ChatMessage, ...]) -> ChatRequest:
    messages = (ChatMessage("system", prompt.system), ChatMessage("user", prompt.user), *repairs)
    return ChatRequest(
        messages=messages, schema=prompt.schema, max_output_tokens=MAX_PLAN_TOKENS, temperature=_TEMPERATURE
    )
