"""Plans from files, with everything checked that can be without running them."""

from __future__ import annotations

import os

from axonflow.adapters.plan_files import read_plan, written_plan
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.errors import PlanError
from axonflow.flows.choose_branch import condition_faults
from axonflow.plan import Graph, Plan

__all__ = ["check_plan", "plan_from", "written_plan"]


def plan_from(place: str | os.PathLike[str]) -> Plan:
    """The plan in a YAML or JSON file, bound to nothing. Raises PlanError with the place of every fault."""
    return read_plan(place, _faults_of)


def check_plan(plan: Plan) -> None:
    """Raise PlanError, whose `problems` are all faults of `plan`: those of `Plan.check`, and of its conditions."""
    faults = _all_faults(plan.check())
    if faults:
        raise PlanError.joined(faults)


def _faults_of(graph: Graph) -> list[PlanError]:
    return condition_faults(graph, compile_pattern)


def _all_faults(graph: Graph) -> list[PlanError]:
    bodies = [step.body for step in graph.steps.values() if step.body is not None]
    return [*_faults_of(graph), *(fault for body in bodies for fault in _all_faults(body))]
