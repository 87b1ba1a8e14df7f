"""Multi-agent plans (MAP) as values: the model, the schedule and the result. Pure: `flows.run_plan` does the work."""

from axonflow.plan.execution import ExecutionStatus, PlanExecution
from axonflow.plan.model import Plan
from axonflow.plan.options import Compensation, Hedge, OnFailure, PlanMode, Retry, Takes
from axonflow.plan.references import ref
from axonflow.plan.result import PlanResult, PlanStatus, StepRecord, status_of
from axonflow.plan.state import TRANSITIONS, Schedule, StepState
from axonflow.plan.step import Graph, Step, StepKind

__all__ = [
    "TRANSITIONS",
    "Compensation",
    "ExecutionStatus",
    "Graph",
    "Hedge",
    "OnFailure",
    "Plan",
    "PlanExecution",
    "PlanMode",
    "PlanResult",
    "PlanStatus",
    "Retry",
    "Schedule",
    "Step",
    "StepKind",
    "StepRecord",
    "StepState",
    "Takes",
    "ref",
    "status_of",
]
