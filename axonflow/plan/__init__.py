"""Multi-agent plans (MAP) as values: the model, the schedule and the result. Pure: `flows.run_plan` does the work."""

from axonflow.plan.dispatch import Limits
from axonflow.plan.estimates import Estimates
from axonflow.plan.execution import ExecutionStatus, PlanExecution
from axonflow.plan.model import Plan
from axonflow.plan.options import Compensation, Hedge, OnFailure, PlanMode, Retry, Takes
from axonflow.plan.pools import PoolLimit
from axonflow.plan.references import ref
from axonflow.plan.result import PlanResult, PlanStatus, StepEvent, StepRecord
from axonflow.plan.run_rules import RunRules
from axonflow.plan.state import FINAL, TRANSITIONS, StepState
from axonflow.plan.step import Graph, Step, StepKind

__all__ = [
    "FINAL",
    "TRANSITIONS",
    "Compensation",
    "Estimates",
    "ExecutionStatus",
    "Graph",
    "Hedge",
    "Limits",
    "OnFailure",
    "Plan",
    "PlanExecution",
    "PlanMode",
    "PlanResult",
    "PlanStatus",
    "PoolLimit",
    "Retry",
    "RunRules",
    "Step",
    "StepEvent",
    "StepKind",
    "StepRecord",
    "StepState",
    "Takes",
    "ref",
]
