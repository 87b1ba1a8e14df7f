"""Plans from questions: a language model, what it may plan with, and policy over both."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from axonflow.adapters.agent_files import read_agent_configs
from axonflow.app.chat_models import GovernedModel
from axonflow.app.flow import AxonFlow
from axonflow.errors import PlanError
from axonflow.flows.plan_query import grow_plan, plan_query, replan_query
from axonflow.plan import Plan, Step
from axonflow.plan.catalogue import AgentConfig, agent_config_of_document, domain_of
from axonflow.plan.modes import ExecutionMode
from axonflow.policy import Principal
from axonflow.ports import ChatModel

__all__ = ["Planner"]

Who = Principal | dict[str, Any] | str


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
