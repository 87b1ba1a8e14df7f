"""Plans from files, with everything checked that can be without running them."""

from __future__ import annotations

import os
from typing import Any

from msgspec import Struct

from axonflow.adapters.plan_files import read_plan, written_plan
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.flow import AxonFlow
from axonflow.errors import PlanError
from axonflow.flows.choose_branch import condition_faults
from axonflow.flows.foresee_labels import foresee_labels
from axonflow.plan import Graph, Plan
from axonflow.plan.labels.flowing import Flow
from axonflow.policy import Principal

__all__ = ["ForeseenLabels", "check_plan", "foresee_plan", "plan_from", "written_plan"]


class ForeseenLabels(Struct, frozen=True):
    """What flows where in a plan, as far as it is known before it runs: `labels` are by step those of what goes to it,
    where there are any; `reasons` say for which of them the plan would be refused."""

    labels: dict[str, list[str]] = {}
    reasons: tuple[str, ...] = ()


def plan_from(place: str | os.PathLike[str]) -> Plan:
    """The plan in a YAML or JSON file, bound to nothing. Raises PlanError with the place of every fault."""
    return read_plan(place, _faults_of)


def check_plan(plan: Plan) -> None:
    """Raise PlanError, whose `problems` are all faults of `plan`: those of `Plan.check`, and of its conditions."""
    faults = _all_faults(plan.check())
    if faults:
        raise PlanError.joined(faults)


def foresee_plan(
    flow: AxonFlow, plan: Plan, principal: Principal | str | None = None, context: dict[str, Any] | None = None
) -> ForeseenLabels:
    """What labels would come to in `plan` under the policies of `flow`; `context` is the caller's. Nothing is run, and
    nothing recorded. Where no policy reads labels, there are none. Raises PlanError for an invalid plan."""
    acting = Principal(plan.name, "agent") if principal is None else Principal.of(principal)
    found = foresee_labels(
        plan.check(), flow.policies_of_tenant(acting.tenant), acting, context or {}, {"plan": plan.name}
    )
    if found is None:
        return ForeseenLabels()
    refusal = found.refusal
    return ForeseenLabels(_labels_in(found.flow), () if refusal is None else refusal.reasons)


def _labels_in(flow: Flow) -> dict[str, list[str]]:
    labels: dict[str, list[str]] = {}
    for name, step in flow.graph.steps.items():
        carried = flow.into(step)
        if carried:
            labels[flow.prefix + name] = flow.table.names(carried)
        for body in flow.bodies.get(name, ()):
            labels |= _labels_in(body)
    return labels


def _faults_of(graph: Graph) -> list[PlanError]:
    return condition_faults(graph, compile_pattern)


def _all_faults(graph: Graph) -> list[PlanError]:
    bodies = [step.body for step in graph.steps.values() if step.body is not None]
    return [*_faults_of(graph), *(fault for body in bodies for fault in _all_faults(body))]
