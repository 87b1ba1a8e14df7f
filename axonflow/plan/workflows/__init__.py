"""Workflows that somebody else orchestrates, and that ask here at each step whether it may start. Pure."""

from axonflow.plan.workflows.asking import Asked, Judged, PolicyMatch, RetryPolicy, StepType
from axonflow.plan.workflows.refusals import (
    IdempotencyMismatch,
    WorkflowConflict,
    WorkflowForbidden,
    WorkflowMissing,
)
from axonflow.plan.workflows.states import (
    GATE_TABLE,
    WORKFLOW_TABLE,
    GateEvent,
    GateState,
    WorkflowEvent,
    WorkflowState,
)
from axonflow.plan.workflows.workflow import (
    Completion,
    HeldStep,
    Workflow,
    WorkflowListed,
    WorkflowPage,
    WorkflowQuery,
    WorkflowSeen,
    WorkflowSource,
    WorkflowStep,
)

__all__ = [
    "GATE_TABLE",
    "WORKFLOW_TABLE",
    "Asked",
    "Completion",
    "GateEvent",
    "GateState",
    "HeldStep",
    "IdempotencyMismatch",
    "Judged",
    "PolicyMatch",
    "RetryPolicy",
    "StepType",
    "Workflow",
    "WorkflowConflict",
    "WorkflowEvent",
    "WorkflowForbidden",
    "WorkflowListed",
    "WorkflowMissing",
    "WorkflowPage",
    "WorkflowQuery",
    "WorkflowSeen",
    "WorkflowSource",
    "WorkflowState",
    "WorkflowStep",
]
