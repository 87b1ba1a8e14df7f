"""Executions of both kinds, found by id and listed together: plans of ours, and workflows of other orchestrators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from axonflow import RequestError
from axonflow.app.workflows import GateCaller
from axonflow.errors import PlanError, WorkflowError
from axonflow.ids import now_us
from axonflow.plan import PlanExecution, StepRecord, StepState
from axonflow.plan.keeping.execution import ENDED, PlanQuery, PlanSeen
from axonflow.plan.workflows import (
    GateState,
    Workflow,
    WorkflowEvent,
    WorkflowListed,
    WorkflowMissing,
    WorkflowQuery,
    WorkflowState,
    WorkflowStep,
)
from axonflow_sidecar.http.asgi import Refused
from axonflow_sidecar.http.plan_shapes import STATUSES, execution_of, snapshots_of, summary_of, timeline_of
from axonflow_sidecar.http.routes.plans import Asked, OrchestratorServices, keeping
from axonflow_sidecar.http.workflow_execution_shapes import (
    WORKFLOW_STATES,
    workflow_execution,
    workflow_snapshots,
    workflow_summary,
    workflow_timeline,
)

__all__ = [
    "ExecutionQuery", "KeptExecution", "KeptPlan", "KeptWorkflow", "abort_workflow", "found_execution", "listed",
    "look_again",
]  # fmt: skip


class KeptExecution(Protocol):
    """An execution of either kind, as the contract shows it."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing follows, but that somebody resumes what failed."""

    def unified(self) -> dict[str, Any]:
        """As those of all kinds are shown."""

    def summary(self) -> dict[str, Any]:
        """In a list of what ran."""

    def snapshots(self) -> list[dict[str, Any]]:
        """Each step that was begun."""

    def timeline(self) -> list[dict[str, Any]]:
        """When each step that was begun was at work."""


class KeptPlan(Struct, frozen=True):
    """A plan of ours; `steps` is None in a list."""

    execution: PlanExecution
    succeeded: int
    steps: Mapping[str, StepRecord] | None = None

    @classmethod
    def with_steps(cls, seen: PlanSeen) -> KeptPlan:
        """One of which all is known."""
        succeeded = sum(one.state == StepState.SUCCEEDED for one in seen.steps.values())
        return cls(seen.execution, succeeded, seen.steps)

    @property
    def has_ended(self) -> bool:
        return self.execution.status in ENDED

    def unified(self) -> dict[str, Any]:
        return execution_of(self.execution, self.succeeded, self.steps)

    def summary(self) -> dict[str, Any]:
        summary = summary_of(self.execution, self.succeeded)
        return summary if self.steps is None else summary | {"output_summary": self.execution.result}

    def snapshots(self) -> list[dict[str, Any]]:
        return snapshots_of(self.execution, self.steps or {})

    def timeline(self) -> list[dict[str, Any]]:
        return timeline_of(self.execution, self.steps or {})


class KeptWorkflow(Struct, frozen=True):
    """A workflow of another orchestrator; `steps` is None in a list."""

    listed: WorkflowListed
    steps: Sequence[WorkflowStep] | None = None

    @classmethod
    def with_steps(cls, workflow: Workflow, steps: Sequence[WorkflowStep]) -> KeptWorkflow:
        """One of which all is known."""
        return cls(WorkflowListed(workflow, sum(one.state is GateState.COMPLETED for one in steps)), steps)

    @property
    def has_ended(self) -> bool:
        return self.listed.workflow.state is not WorkflowState.IN_PROGRESS

    def unified(self) -> dict[str, Any]:
        return workflow_execution(self.listed, self.steps, now_us())

    def summary(self) -> dict[str, Any]:
        return workflow_summary(self.listed)

    def snapshots(self) -> list[dict[str, Any]]:
        return workflow_snapshots(self.listed.workflow, self.steps or (), now_us())

    def timeline(self) -> list[dict[str, Any]]:
        return workflow_timeline(self.listed.workflow, self.steps or (), now_us())


async def found_execution(services: OrchestratorServices, asked: Asked, execution_id: str) -> KeptPlan | KeptWorkflow:
    """The one of this id, with its steps. Raises Refused (404) when the tenant has none."""
    with keeping():
        plan = await services.plans.kept.seen(asked.tenant_id, execution_id)
    if plan is not None:
        return KeptPlan.with_steps(plan)
    try:
        workflow, steps = await services.workflows.get(asked.tenant_id, execution_id)
    except WorkflowMissing:
        expected = "the id of a plan or a workflow of this tenant"
        raise Refused(404, RequestError("no such execution", expected=expected)) from None
    return KeptWorkflow.with_steps(workflow, steps)


async def look_again(
    services: OrchestratorServices, kept: KeptPlan | KeptWorkflow, revision: int
) -> tuple[KeptPlan | KeptWorkflow, int] | None:
    """How it stands now, all of it as of one moment, and its steps' revision; None when it is not there any more, or
    nobody can tell. Twice a second is too often for what may be large: a plan is looked at as in a list, and of a
    workflow the steps are read only when they have changed."""
    try:
        if isinstance(kept, KeptPlan):
            return await _plan_again(services, kept)
        return await _workflow_again(services, kept, revision)
    except (PlanError, WorkflowError, WorkflowMissing):
        return None


async def _plan_again(services: OrchestratorServices, kept: KeptPlan) -> tuple[KeptPlan, int] | None:
    seen = await services.plans.kept.seen(kept.execution.tenant_id, kept.execution.plan_id, outline=True)
    return None if seen is None else (KeptPlan.with_steps(seen), 0)


async def _workflow_again(
    services: OrchestratorServices, kept: KeptWorkflow, revision: int
) -> tuple[KeptWorkflow, int]:
    known = kept.listed.workflow
    seen = await services.workflows.seen(known.tenant_id, known.workflow_id, revision)
    steps = kept.steps if seen.steps is None else seen.steps
    return KeptWorkflow.with_steps(seen.workflow, steps or ()), seen.revision


async def abort_workflow(services: OrchestratorServices, asked: Asked, workflow_id: str, reason: str) -> KeptWorkflow:
    """The workflow, which is over now. Raises WorkflowConflict for one that has completed."""
    identity = asked.identity
    caller = GateCaller(
        tenant_id=identity.tenant_id, client_id=identity.client_id, user_id=identity.user_id, roles=identity.roles,
        origin=asked.origin,
    )  # fmt: skip
    workflow = await services.workflows.move(caller, workflow_id, WorkflowEvent.ABORT, reason)
    return KeptWorkflow(WorkflowListed(workflow, 0))


# -- Lists -------------------------------------------------------------------------------------------------------------


class ExecutionQuery(Struct, frozen=True, kw_only=True):
    """Which executions of a tenant, the newest first, of both kinds or one: in the contract's words."""

    tenant_id: str
    limit: int
    offset: int
    kind: str | None = None
    status: str | None = None
    execution_id: str | None = None
    since_us: int | None = None
    until_us: int | None = None


class _Row(NamedTuple):
    """What lists are in the order of, and the execution."""

    created_us: int
    execution_id: str
    kept: KeptExecution


class _Rows(NamedTuple):
    rows: Sequence[_Row]
    total: int


_Source = Callable[[int, int], Awaitable[_Rows]]
"""So many of one kind behind the first so many, the newest first."""


async def listed(services: OrchestratorServices, query: ExecutionQuery) -> tuple[list[KeptExecution], int]:
    """Those of this page, and how many there are in all. Raises RequestError for a status that there is none of, and
    Refused (503)."""
    if query.status is not None and query.status not in (*STATUSES, *WORKFLOW_STATES, "expired"):
        expected = " or ".join(dict.fromkeys((*STATUSES, *WORKFLOW_STATES)))
        raise RequestError("no such status", expected=expected, found=ascii(query.status)[:40])
    plans, workflows = _plans(services, query), _workflows(services, query)
    passed = await _passed_over(plans, workflows, query.offset)
    first = await plans(query.limit, passed)
    second = await workflows(query.limit, query.offset - passed)
    rows = sorted((*first.rows, *second.rows), key=_order, reverse=True)
    return [row.kept for row in rows[: query.limit]], first.total + second.total


def _order(row: _Row) -> tuple[int, str]:
    return row.created_us, row.execution_id


async def _passed_over(plans: _Source, workflows: _Source, offset: int) -> int:
    """How many of the first `offset` of both together are plans: searched for by halving, a row at a time, for a page
    far behind would else be all that is before it."""
    if not offset:
        return 0
    most, others = (await plans(1, 0)).total, (await workflows(1, 0)).total
    low, high = max(0, offset - others), min(offset, most)
    if most + others <= offset:  # behind the last one
        return most
    while low < high:
        middle = (low + high) // 2
        plan, workflow = await plans(1, middle), await workflows(1, offset - middle - 1)
        if plan.rows and workflow.rows and _order(plan.rows[0]) > _order(workflow.rows[0]):
            low = middle + 1
        else:
            high = middle
    return low


async def _nothing(*_: int) -> _Rows:
    return _Rows((), 0)


def _plans(services: OrchestratorServices, query: ExecutionQuery) -> _Source:
    if query.kind not in (None, "map_plan") or (query.status is not None and query.status not in STATUSES):
        return _nothing
    statuses = () if query.status is None else STATUSES[query.status]

    async def page(limit: int, offset: int) -> _Rows:
        asked = PlanQuery(
            tenant_id=query.tenant_id, statuses=statuses, plan_id=query.execution_id, since_us=query.since_us,
            until_us=query.until_us, limit=limit, offset=offset,
        )  # fmt: skip
        with keeping():
            found = await services.plans.kept.page(asked)
        rows = [
            _Row(one.execution.created_us, one.execution.plan_id, KeptPlan(one.execution, one.succeeded))
            for one in found.plans
        ]
        return _Rows(rows, found.total)

    return page


def _workflows(services: OrchestratorServices, query: ExecutionQuery) -> _Source:
    if query.kind not in (None, "wcp_workflow") or (query.status is not None and query.status not in WORKFLOW_STATES):
        return _nothing
    state = None if query.status is None else WORKFLOW_STATES[query.status]

    async def page(limit: int, offset: int) -> _Rows:
        asked = WorkflowQuery(
            tenant_id=query.tenant_id, state=state, workflow_id=query.execution_id, since_us=query.since_us,
            until_us=query.until_us, limit=limit, offset=offset,
        )  # fmt: skip
        found = await services.workflows.page(asked)
        rows = [_Row(one.workflow.created_us, one.workflow.workflow_id, KeptWorkflow(one)) for one in found.workflows]
        return _Rows(rows, found.total)

    return page
