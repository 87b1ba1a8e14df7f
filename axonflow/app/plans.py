"""Plans from files, with everything checked that can be without running them."""

from __future__ import annotations

import os

from axonflow.adapters.plan_files import SUFFIXES, read_plan, written_plan
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.errors import PlanError
from axonflow.flows.choose_branch import check_conditions
from axonflow.plan import Plan

__all__ = ["SUFFIXES", "check_plan", "plan_from", "written_plan"]


def plan_from(place: str | os.PathLike[str]) -> Plan:
    """The plan in a YAML or JSON file, bound to nothing. Raises PlanError with the place of every fault."""
    plan = read_plan(place)
    check_plan(plan)
    return plan


def check_plan(plan: Plan) -> None:
    """Raise PlanError, whose `problems` are all faults of `plan`: those of `Plan.check`, and of its conditions."""
    faults = check_conditions(plan.check(), compile_pattern)
    if faults:
        raise PlanError.joined(faults)
