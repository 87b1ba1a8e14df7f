"""Plans from questions: a language model, what it may plan with, and policy over both."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from axonflow.adapters.agent_files import read_agent_configs
from axonflow.app.chat_models import GovernedModel
from axonflow.app.flow import AxonFlow
from axonflow.errors import AxonFlowError, PlanError
from axonflow.flows.plan_query import grow_plan, plan_query, replan_query
from axonflow.plan import Plan, PlanResult, Step, StepState
from axonflow.plan.model.graph import unbound_calls
from axonflow.plan.planner.catalogue import AgentConfig, agent_config_of_document, domain_of
from axonflow.plan.planner.modes import ExecutionMode
from axonflow.policy import Principal
from axonflow.ports import ChatModel

__all__ = ["PlannedRun", "Planner", "failure_of"]

Who = Principal | dict[str, Any] | str
Calls = Mapping[str, Callable[..., Any]]


class PlannedRun(Struct, frozen=True):
    """What came of a query: the `plan` that was run last, its `result`, and how often it was planned anew."""

    plan: Plan
    result: PlanResult
    replans: int = 0


class Planner:
    """Has `model` write plans with what `agents` has: a file or folder of AgentConfig documents, or a list of
    documents.

    What the model is sent and what it answers is decided on and recorded as any other call of it (``llm.request`` and
    ``llm.response``, in the principal's name); what the plan then does is, when it runs. The plans are bound to
    nothing: ``plan.bind({"tool:search": search})``. Raises PlanError for agents that are none.
    """

    def __init__(
        self,
        flow: AxonFlow,
        model: ChatModel,
        agents: str | os.PathLike[str] | Sequence[Mapping[str, Any] | AgentConfig],
    ) -> None:
        self._flow = flow
        self._model = model
        if isinstance(agents, (str, os.PathLike)):
            configs = read_agent_configs(agents)
        else:
            configs = [one if isinstance(one, AgentConfig) else agent_config_of_document(one) for one in agents]
        self._configs = {config.domain: config for config in configs}
        if len(self._configs) < len(configs):
            raise PlanError("the domain is taken", expected="each domain once", found="a second one of a name")

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that there are plans for."""
        return tuple(self._configs)

    async def plan(
        self, query: str, *, principal: Who, domain: str = "", mode: ExecutionMode = "auto", approver: str = "operator"
    ) -> Plan:
        """A plan for `query`, of the `domain` that it belongs to. `approver` is asked where `mode` is ``confirm`` or
        ``step``. Raises PlanError, Denied, AuditError and ModelError."""
        config = self._config(query, domain)
        return await plan_query(query, config, self._governed(principal), mode=mode, approver=approver)

    async def grow(self, query: str, *, principal: Who, domain: str = "") -> AsyncGenerator[Step | Plan, None]:
        """The steps of such a plan while it is being written, each as soon as it may start, and at last the plan.
        Raises as `plan`, and where what was written is wrong, which nobody mends here."""
        growing = grow_plan(query, self._config(query, domain), self._governed(principal))
        async with aclosing(growing) as parts:
            async for part in parts:
                yield part

    async def run(
        self,
        query: str,
        calls: Calls,
        *,
        principal: Who,
        domain: str = "",
        mode: ExecutionMode | Literal["streamed"] = "auto",
        approver: str = "operator",
        context: dict[str, Any] | None = None,
        max_replans: int = 1,
    ) -> PlannedRun:
        """Have a plan for `query` written and run it; its steps call what `calls` has for them, as for `Plan.bind`. In
        the mode ``streamed`` they start while the rest is still being written.

        When a step fails, or the rest turns out wrong, the planner is asked for another way, at most `max_replans`
        times; what is done is kept. A run that is denied or held is not planned anew. Where there is no other way, the
        result is what it was, and its `error` says why. Raises as `plan`, and as `AxonFlow.run`.
        """
        config = self._config(query, domain)
        ran: PlannedRun | None = None
        if mode == "streamed":
            mode = "auto"
            try:
                ran = await self._run_streamed(query, config, calls, principal, context)
            except PlanError:  # nothing has run yet
                if not max_replans:
                    raise
        if ran is None:
            plan = await self.plan(query, principal=principal, domain=config.domain, mode=mode, approver=approver)
            plan = _bound(plan, calls)
            ran = PlannedRun(plan, await self._flow.run(plan, principal=principal, context=context))
        while ran.result.status == "failed" and ran.replans < max_replans:
            failed, error = failure_of(ran.result)
            try:
                plan = await self.replan(
                    ran.plan, ran.result.outputs, principal=principal, failed=failed, error=error, mode=mode,
                    approver=approver,
                )  # fmt: skip
                plan = _bound(plan, calls)
            except AxonFlowError as none:
                return replace(ran, result=replace(ran.result, error=f"there is no other way: {none}"[:2_000]))
            result = await self._flow.run(plan, principal=principal, context=context, done=ran.result)
            ran = PlannedRun(plan, result, ran.replans + 1)
        return ran

    async def _run_streamed(
        self, query: str, config: AgentConfig, calls: Calls, principal: Who, context: dict[str, Any] | None
    ) -> PlannedRun:
        written: list[Plan] = []
        parts = grow_plan(query, config, self._governed(principal))
        async with aclosing(_growing_plans(parts, query, config, calls, written)) as plans:
            result = await self._flow.run_growing(plans, principal=principal, context=context)
        return PlannedRun(written[-1], result)

    async def replan(
        self,
        plan: Plan,
        outputs: Mapping[str, Any],
        *,
        principal: Who,
        failed: str = "",
        error: str = "",
        mode: ExecutionMode = "auto",
        approver: str = "operator",
    ) -> Plan:
        """`plan`, of which the steps in `outputs` are done, with another way on from there. Raises as `plan`."""
        config = self._config("", plan.name)
        return await replan_query(
            plan, outputs, config, self._governed(principal), failed=failed, error=error, mode=mode, approver=approver
        )

    def _config(self, query: str, domain: str) -> AgentConfig:
        if not domain:
            return domain_of(query, list(self._configs.values()))
        if domain not in self._configs:
            raise PlanError("an unknown domain", expected=", ".join(self._configs)[:400] or "none", found="another")
        return self._configs[domain]

    def _governed(self, principal: Who) -> GovernedModel:
        return GovernedModel(self._flow, self._model, principal=principal)


async def _growing_plans(
    parts: AsyncGenerator[Step | Plan, None], query: str, config: AgentConfig, calls: Calls, written: list[Plan]
) -> AsyncGenerator[Plan, None]:
    """What the plan is with each step that comes, bound to `calls`; kept in `written` as well. The steps stay in the
    order in which they came, whatever it is in the whole plan."""
    steps: dict[str, Step] = {}
    async with aclosing(parts):
        async for part in parts:
            added = part.steps if isinstance(part, Plan) else (part,)
            steps |= {step.name: step for step in added if step.name not in steps}
            written.append(_bound(Plan(config.domain, steps.values(), inputs={"query": query}), calls))
            yield written[-1]


def _bound(plan: Plan, calls: Calls) -> Plan:
    return plan.bind({name: calls[name] for name in unbound_calls(plan.check()) if name in calls})


def failure_of(result: PlanResult) -> tuple[str, str]:
    """The step that failed first, and why; or what was wrong with the rest of the plan."""
    failed = [one for one in result.steps.values() if one.state is StepState.FAILED]
    first = min(failed, key=lambda one: one.finished_us or 0, default=None)
    return ("", result.error or "") if first is None else (first.name, first.error or "")
