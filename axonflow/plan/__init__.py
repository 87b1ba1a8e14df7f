"""Multi-agent plans (MAP) as values: the model, the schedule and the result. Pure: `flows.run_plan` does the work."""

from axonflow.plan.keeping.execution import ExecutionStatus, PlanExecution
from axonflow.plan.model.options import Compensation, Hedge, OnFailure, PlanMode, Retry, Takes
from axonflow.plan.model.plan import Plan
from axonflow.plan.model.references import ref
from axonflow.plan.model.step import Graph, Step, StepKind
from axonflow.plan.running.held import Answer, HeldRun, SoFar, Waiting
from axonflow.plan.running.record import StepEvent, StepRecord
from axonflow.plan.running.result import PlanResult, PlanStatus
from axonflow.plan.running.run_rules import RunRules
from axonflow.plan.running.state import FINAL, TRANSITIONS, StepState
from axonflow.plan.running.step_call import StepCall, current_call
from axonflow.plan.sharing.dispatch import Limits, PlanQuota
from axonflow.plan.sharing.estimates import Estimates
from axonflow.plan.sharing.pools import PoolLimit

__all__ = [
    "FINAL",
    "TRANSITIONS",
    "Answer",
    "Compensation",
    "Estimates",
    "ExecutionStatus",
    "Graph",
    "Hedge",
    "HeldRun",
    "Limits",
    "OnFailure",
    "Plan",
    "PlanExecution",
    "PlanMode",
    "PlanQuota",
    "PlanResult",
    "PlanStatus",
    "PoolLimit",
    "Retry",
    "RunRules",
    "SoFar",
    "Step",
    "StepCall",
    "StepEvent",
    "StepKind",
    "StepRecord",
    "StepState",
    "Takes",
    "Waiting",
    "current_call",
    "ref",
]
