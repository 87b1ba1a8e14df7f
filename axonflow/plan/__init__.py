"""Multi-agent plans (MAP) as values: the model, the schedule and the result. Pure: `flows.run_plan` does the work."""

from axonflow.plan.execution import ExecutionStatus, PlanExecution
from axonflow.plan.model import Graph, Plan, Step, StepKind
from axonflow.plan.result import PlanResult, PlanStatus, StepRecord, status_of
from axonflow.plan.state import TRANSITIONS, Schedule, StepState

__all__ = [
    "TRANSITIONS",
    "ExecutionStatus",
    "Graph",
    "Plan",
    "PlanExecution",
    "PlanResult",
    "PlanStatus",
    "Schedule",
    "Step",
    "StepKind",
    "StepRecord",
    "StepState",
    "status_of",
]
