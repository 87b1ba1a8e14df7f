"""The workflow control plane: gates for steps that somebody else orchestrates, put together for a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryWorkflows, MemoryWorkflowSteps
from axonflow.app.changes import Change, recorded_change
from axonflow.app.flow import AxonFlow
from axonflow.audit import IN_PROCESS, Origin, Usage
from axonflow.flows.complete_workflow_step import complete_step
from axonflow.flows.gate_workflow_step import (
    Answer,
    Asking,
    Judges,
    StepPlace,
    WorkflowStores,
    asking_principal,
    gate_step,
    seen_workflow,
)
from axonflow.flows.move_workflow import go_back, move_workflow
from axonflow.flows.record import kind_of
from axonflow.flows.review_workflow_step import review_step
from axonflow.ids import new_id, now_us
from axonflow.plan.workflows import (
    Completion,
    GateEvent,
    HeldStep,
    Workflow,
    WorkflowEvent,
    WorkflowPage,
    WorkflowQuery,
    WorkflowSeen,
    WorkflowSource,
    WorkflowStep,
)
from axonflow.plan.workflows.gating import Reviewer
from axonflow.policy import Decision, Request, Resource

__all__ = ["Answer", "Asking", "GateCaller", "WorkflowStores", "Workflows", "memory_workflow_stores"]


class GateCaller(Struct, frozen=True, kw_only=True):
    """Who calls: the client of a key, for a tenant, and the user it acts for; the key's roles, by which somebody may be
    an approver; and through which door."""

    tenant_id: str
    client_id: str
    user_id: str = ""
    roles: frozenset[str] = frozenset()
    origin: Origin = IN_PROCESS


def memory_workflow_stores() -> WorkflowStores:
    """Stores that end with the process."""
    workflows = MemoryWorkflows()
    return WorkflowStores(workflows, MemoryWorkflowSteps(workflows))


class Workflows:
    """Everything that can be done with workflows. Methods raise WorkflowMissing, WorkflowConflict, WorkflowForbidden,
    WorkflowError when the store cannot answer, RequestError for what cannot be as it is asked for, and AuditError when
    something cannot be recorded: then it was not done, or not allowed."""

    def __init__(self, flow: AxonFlow, stores: WorkflowStores) -> None:
        self._flow = flow
        self._stores = stores

    async def open(
        self, caller: GateCaller, name: str, *, source: WorkflowSource = "external", total_steps: int | None = None,
        metadata: dict[str, Any] | None = None, trace_id: str = "",
    ) -> Workflow:  # fmt: skip
        """Make a workflow, in progress."""
        created_us = now_us()
        workflow = Workflow(
            tenant_id=caller.tenant_id, workflow_id=new_id(created_us), name=name, source=source,
            total_steps=total_steps, metadata=metadata or {}, trace_id=trace_id,
            principal=f"service:{caller.client_id}", created_us=created_us,
        )  # fmt: skip
        workflow.check()
        async with recorded_change(self._flow.audit, _change(caller, "create", workflow.workflow_id)):
            await self._stores.workflows.add(workflow)
        return workflow

    async def get(self, tenant_id: str, workflow_id: str) -> tuple[Workflow, Sequence[WorkflowStep]]:
        """A workflow and its steps."""
        seen = await self.seen(tenant_id, workflow_id)
        return seen.workflow, seen.steps or ()

    async def seen(self, tenant_id: str, workflow_id: str, revision: int = -1) -> WorkflowSeen:
        """A workflow and its steps as of one moment; without them, if they are still those of `revision`."""
        return await seen_workflow(self._stores, tenant_id, workflow_id, revision)

    async def page(self, query: WorkflowQuery) -> WorkflowPage:
        """Workflows, newest first."""
        return await self._stores.workflows.page(query)

    async def held(self, tenant_id: str, limit: int, offset: int = 0) -> Sequence[HeldStep]:
        """What somebody has to decide on, the most urgent first: `limit` of it behind the first `offset`."""
        return await self._stores.steps.held(tenant_id, now_us(), limit, offset)

    async def gate(self, caller: GateCaller, workflow_id: str, step_id: str, asking: Asking) -> Answer:
        """May this step start? The decisions are in the trail before this answers."""
        place = StepPlace(caller.tenant_id, workflow_id, step_id)
        return await gate_step(self._stores, place, asking, self._judges(caller))

    async def complete_step(
        self, caller: GateCaller, workflow_id: str, step_id: str, completion: Completion, *, idempotency_key: str = ""
    ) -> WorkflowStep:
        """Keep what came of a step, and record that."""

        async def record(step: WorkflowStep) -> None:
            await self._record(caller, step, completion)

        place = StepPlace(caller.tenant_id, workflow_id, step_id)
        return await complete_step(self._stores, place, completion, idempotency_key=idempotency_key, record=record)

    async def review(
        self, caller: GateCaller, workflow_id: str, step_id: str,
        event: Literal[GateEvent.APPROVE, GateEvent.REJECT], comment: str = "",
    ) -> WorkflowStep:  # fmt: skip
        """Approve or reject a step that is held."""
        change = _change(caller, f"step.{event.value}", f"{workflow_id}/{step_id}", comment)
        reviewer = Reviewer(caller.client_id, caller.roles)
        async with recorded_change(self._flow.audit, change) as came:
            place = StepPlace(caller.tenant_id, workflow_id, step_id)
            step = await review_step(self._stores, place, event, reviewer, comment)
            came.facts = {"approval_id": step.approval_id, "decision_id": step.decision_id}
        return step

    async def move(self, caller: GateCaller, workflow_id: str, event: WorkflowEvent, reason: str = "") -> Workflow:
        """Complete it, give it up, or let it go on."""
        async with recorded_change(self._flow.audit, _change(caller, event.value, workflow_id, reason)):
            return await move_workflow(self._stores, caller.tenant_id, workflow_id, event, reason)

    async def go_back(self, caller: GateCaller, workflow_id: str, index: int | None) -> Answer:
        """Go on from the step of this index (None: the last), which policies judge afresh."""
        change = _change(caller, "go_back", workflow_id)
        async with recorded_change(self._flow.audit, change) as came:
            _, step = await go_back(self._stores, caller.tenant_id, workflow_id, index)
            came.facts = {"step_id": step.step_id, "step_index": step.index}
        asked = replace(step.asked, client_id=caller.client_id, user_id=caller.user_id)
        asking = Asking(asked, retry_policy="reevaluate", goes_back=True)
        return await self.gate(caller, workflow_id, step.step_id, asking)

    def _judges(self, caller: GateCaller) -> Judges:
        async def enforce(request: Request, *, redacts: bool) -> Decision:
            # A rule that redacts matches where there is nothing to redact, too: then nobody has to.
            can = redacts or self._flow.decide(request).redacted in (None, request.content)
            return await self._flow.enforce(request, origin=caller.origin, redacts=can)

        return Judges(enforce, self._effects)

    def _effects(self, request: Request, names: tuple[str, ...]) -> Mapping[str, str]:
        return {rule.id: rule.effect.value for rule in self._flow.policies_for(request).rules if rule.id in names}

    async def _record(self, caller: GateCaller, step: WorkflowStep, completion: Completion) -> None:
        asked = step.asked
        action = "llm.response" if asked.action == "llm.request" else asked.action or "plan.step"
        by = replace(asked, client_id=caller.client_id, user_id=caller.user_id)
        request = Request(asking_principal(by, caller.tenant_id), action, Resource(*asked.target(step.step_id)))
        usage = Usage(
            provider=asked.provider, model=asked.model, input_tokens=completion.tokens_in,
            output_tokens=completion.tokens_out, cost_usd_micros=completion.cost_usd_micros,
        )  # fmt: skip
        details = {"workflow_id": step.workflow_id, "step_id": step.step_id, "step_type": asked.step_type}
        await self._flow.record(
            kind_of(action) if asked.action else "plan_step", request, decision_id=step.decision_id, details=details,
            usage=None if usage == Usage() else usage, origin=caller.origin,
        )  # fmt: skip


def _change(caller: GateCaller, what: str, name: str, reason: str = "") -> Change:
    return Change(
        tenant_id=caller.tenant_id, principal=f"service:{caller.client_id}", action=f"workflow.{what}",
        resource=f"workflow:{name}", reason=reason, origin=caller.origin,
    )  # fmt: skip
