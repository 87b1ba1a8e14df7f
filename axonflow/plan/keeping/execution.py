"""A plan as it is kept: what was asked for, by whom, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from axonflow.plan.planner.modes import ExecutionMode
from axonflow.plan.running.held import HeldRun
from axonflow.plan.running.record import StepRecord

__all__ = [
    "ENDED",
    "MAX_PAGE",
    "SCHEMA_VERSION",
    "ExecutionStatus",
    "PlanExecution",
    "PlanListed",
    "PlanPage",
    "PlanQuery",
    "PlanSeen",
]

SCHEMA_VERSION: Final = 1
MAX_PAGE: Final = 1000

ExecutionStatus = Literal["pending", "running", "awaiting_approval", "completed", "failed", "denied", "cancelled"]

ENDED: Final[frozenset[ExecutionStatus]] = frozenset({"completed", "failed", "denied", "cancelled"})
"""Nothing follows these."""


class PlanExecution(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`plan_id` is a time-ordered id, `principal` in short form, times are microseconds since the Unix epoch (UTC).

    `domain`, `query`, `context` and `execution_mode` are what the plan was made from, and `definition` is its document
    where it cannot be made again from these; `steps` describes each as JSON. `version` counts how often that was
    changed, from 1; `metadata` is whatever people want to keep with it. `executor_id` names the process that runs it,
    empty before. `replans` counts how often the rest of it was made anew after a failure: from then on the `definition`
    has in it what the mode asks for. `step_results` are by step name; `result` holds those of the sinks. `error` says
    why it did not complete. `held` is where it goes on once somebody has approved; `holds` counts how often it
    came to wait, so it is the version of what waits. `cancel_us` says since when it is to
    stop.
    """

    tenant_id: str
    plan_id: str
    name: str
    domain: str
    query: str
    principal: str
    status: ExecutionStatus
    steps: list[dict[str, Any]]
    created_us: int
    executor_id: str = ""
    started_us: int | None = None
    finished_us: int | None = None
    result: Any = None
    step_results: dict[str, Any] = {}
    context: dict[str, Any] = {}
    error: str | None = None
    version: int = 1
    execution_mode: ExecutionMode = "auto"
    metadata: dict[str, Any] = {}
    definition: dict[str, Any] | None = None
    held: HeldRun | None = None
    cancel_us: int | None = None
    cancel_reason: str = ""
    replans: int = 0
    holds: int = 0
    schema_version: int = SCHEMA_VERSION


class PlanQuery(Struct, frozen=True, kw_only=True):
    """Which plans of a tenant, the newest first. No `statuses`: any. Times bound when they were made: from `since_us`
    on, before `until_us`. At most `limit` (1 to MAX_PAGE) are given, behind the first `offset`."""

    tenant_id: str
    statuses: tuple[ExecutionStatus, ...] = ()
    plan_id: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    limit: int = 100
    offset: int = 0


class PlanListed(Struct, frozen=True):
    """A plan in a list: without what may be large (its results, context and definition, and `held` unless those that
    wait are asked for, and nothing else), and with how many of its steps `succeeded`."""

    execution: PlanExecution
    succeeded: int


class PlanSeen(Struct, frozen=True):
    """A plan, and where its `steps` have got to by name, as both are at one moment; one that was not begun is not
    there."""

    execution: PlanExecution
    steps: Mapping[str, StepRecord]


class PlanPage(Struct, frozen=True):
    """What is found; `total` counts all, whatever part of them this is."""

    plans: tuple[PlanListed, ...]
    total: int
