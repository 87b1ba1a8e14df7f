"""Ask the policy engine about what a step of a plan gave, before it goes on. What is asked is in `run_plan`."""

from __future__ import annotations

from typing import Any, Final

from axonflow.flows.json_copies import as_json
from axonflow.flows.judge_step import Enforce, Judgements
from axonflow.flows.plan_labels import DECLASSIFY, StepLabels
from axonflow.flows.plan_means import Acting
from axonflow.plan import Step, StepKind
from axonflow.policy.request import Request, Resource

__all__ = ["RESULTS", "is_judged", "judge_result"]

RESULTS: Final[dict[StepKind, str]] = {
    "tool": "tool.result", "connector": "connector.result", "model": "llm.response", "agent": "agent.message",
}  # fmt: skip
"""What is asked about the results of steps, by their kinds. A function's are the plan's own."""


def is_judged(step: Step, result: Any, acting: Acting) -> bool:
    """Whether policies are asked about the `result` of `step`: not about what they let pass whatever it is, and not
    about a result that is nothing."""
    action = RESULTS.get(step.kind)
    if action is None or result is None or acting.governing is None:
        return False
    return not acting.governing.engine().lets_pass(action)


async def judge_result(
    step: Step,
    resource: Resource,
    result: Any,
    *,
    acting: Acting,
    enforce: Enforce,
    context: dict[str, Any],
    judgements: Judgements,
    labels: StepLabels | None,
) -> tuple[Any, bool]:
    """What goes on of the `result` of `step`, and whether anything may; and its labels, where policies read any.

    What is judged, or looked through for labels, is what goes on: as JSON, redacted when the decision redacts. Without
    labels there is nothing to do for what is not judged. Who approved the step approved that it has a result: `enforce`
    is told so. Raises AxonFlowError for a result that cannot be judged, and whatever `enforce` raises.
    """
    if labels is not None and step.body is None:
        await _remove(resource, acting, context, judgements, labels)
        labels.gave()
    if is_judged(step, result, acting):
        told = context if labels is None else labels.told(context)
        if step.kind == "agent":
            told = {**told, "reply": True}
        content = as_json(result, "a result", f"step {step.name!r}")
        request = Request(acting.principal, RESULTS[step.kind], resource, told, content)
        decision = await enforce(request)
        judgements.decision_ids += (decision.decision_id,)
        judgements.reasons += decision.reasons
        if not decision.allowed:
            if labels is not None:
                judgements.reasons += labels.ways(request)
            return None, False
        result = request.content if decision.redacted is None else decision.redacted
        if labels is not None:
            labels.redacted(decision)
    if labels is not None and step.body is None:
        if labels.looks_within:  # a tuple, a date or a dataclass would hide what is in it
            result = as_json(result, "a result", f"step {step.name!r}")
        labels.flows_on(result)
    return result, True


async def _remove(
    resource: Resource, acting: Acting, context: dict[str, Any], judgements: Judgements, labels: StepLabels
) -> None:
    """Let a step that declassifies remove what policy lets it remove."""
    removable = labels.removable()
    if not removable:
        return
    decision = await acting.enforce(Request(acting.principal, DECLASSIFY, resource, {**context, "labels": removable}))
    judgements.decision_ids += (decision.decision_id,)
    judgements.reasons += decision.reasons
    if decision.allowed:
        labels.remove(removable)
