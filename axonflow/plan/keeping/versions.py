"""How a plan that has not run is changed: each change is a version, and none is ever lost."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from axonflow.plan.keeping.execution import PlanExecution
from axonflow.plan.planner.modes import ExecutionMode

__all__ = ["MAX_VERSIONS", "Made", "PlanVersion", "VersionKind", "first_version", "next_version", "replanned_version"]

MAX_VERSIONS: Final = 100
"""Of one plan: all of them are kept, and read together."""

VersionKind = Literal["created", "updated", "rolled_back", "replanned"]


class Made(NamedTuple):
    """What a plan is made from, and what that gives; see PlanExecution."""

    name: str
    domain: str
    execution_mode: ExecutionMode
    metadata: dict[str, Any]
    steps: list[dict[str, Any]]
    definition: dict[str, Any] | None = None


class PlanVersion(Struct, frozen=True, kw_only=True):
    """What a plan was in one `version`, who `made` that in short form (``service:crm``), when, and what was different
    from the version before, in words."""

    tenant_id: str
    plan_id: str
    version: int
    kind: VersionKind
    changed_us: int
    changed_by: str
    summary: str
    domain: str
    execution_mode: ExecutionMode = "auto"
    metadata: dict[str, Any] = {}
    definition: dict[str, Any] | None = None


def first_version(execution: PlanExecution) -> PlanVersion:
    """What `execution` is when it is made."""
    return _version(execution, "created", execution.created_us, execution.principal, "made")


def next_version(
    execution: PlanExecution, made: Made, *, kind: VersionKind, changed_us: int, changed_by: str, summary: str = ""
) -> tuple[PlanExecution, PlanVersion]:
    """`execution` as it is after the change, and the version that this is; without a `summary`, it is what differs."""
    after = replace(
        execution, name=made.name, domain=made.domain, execution_mode=made.execution_mode, metadata=made.metadata,
        steps=made.steps, definition=made.definition, version=execution.version + 1,
    )  # fmt: skip
    return after, _version(after, kind, changed_us, changed_by, summary or _differences(execution, after))


def replanned_version(
    execution: PlanExecution, steps: list[dict[str, Any]], definition: dict[str, Any], *, changed_us: int, summary: str
) -> tuple[PlanExecution, PlanVersion]:
    """`execution`, which runs, as it goes on, and the version that this is: made anew in the name in which it runs."""
    after = replace(
        execution, steps=steps, definition=definition, version=execution.version + 1, replans=execution.replans + 1
    )
    return after, _version(after, "replanned", changed_us, execution.principal, summary)


def _version(
    execution: PlanExecution, kind: VersionKind, changed_us: int, changed_by: str, summary: str
) -> PlanVersion:
    return PlanVersion(
        tenant_id=execution.tenant_id, plan_id=execution.plan_id, version=execution.version, kind=kind,
        changed_us=changed_us, changed_by=changed_by, summary=summary, domain=execution.domain,
        execution_mode=execution.execution_mode, metadata=execution.metadata, definition=execution.definition,
    )  # fmt: skip


def _differences(before: PlanExecution, after: PlanExecution) -> str:
    told = [
        f"{name}: {old} to {new}"
        for name, old, new in (
            ("execution_mode", before.execution_mode, after.execution_mode),
            ("domain", before.domain, after.domain),
        )
        if old != new
    ]
    if before.metadata != after.metadata:
        told.append("metadata")
    return ", ".join(told) or "nothing"
