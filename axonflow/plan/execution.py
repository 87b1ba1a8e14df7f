"""A plan as it is kept: what was asked for, by whom, and what came of it."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct

__all__ = ["SCHEMA_VERSION", "ExecutionStatus", "PlanExecution"]

SCHEMA_VERSION: Final = 1

ExecutionStatus = Literal["pending", "running", "completed", "failed", "denied"]


class PlanExecution(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`plan_id` is a time-ordered id, `principal` in short form, times are microseconds since the Unix epoch (UTC).

    `domain`, `query` and `context` are what the plan was made from; `steps` describes each as JSON. `executor_id` names
    the process that runs it, empty before. `step_results` are by step name; `result` holds those of the sinks. `error`
    says why it did not complete.
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
    schema_version: int = SCHEMA_VERSION
