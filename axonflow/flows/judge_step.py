"""Ask the policy engine before a step of a plan is carried out. What is asked is in `run_plan`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from axonflow.errors import AxonFlowError
from axonflow.flows.json_copies import as_json, is_plainly_json
from axonflow.flows.plan_labels import StepLabels
from axonflow.plan import StepKind, StepState
from axonflow.policy.decision import Approval, Decision, Effect
from axonflow.policy.request import Principal, Request, Resource

__all__ = [
    "Enforce",
    "Judgements",
    "actions_of",
    "approvers_of",
    "judge_step",
    "resource_of",
    "why_refused",
]

Enforce = Callable[[Request], Awaitable[Decision]]

_ACTIONS: Final[dict[StepKind, tuple[str, ...]]] = {
    "tool": ("plan.step", "tool.call"),
    "connector": ("plan.step", "connector.query"),
    "agent": ("plan.step", "agent.message"),
    "model": ("plan.step", "llm.request"),
}
_ACTIONS_OF_OTHERS: Final = ("plan.step",)


class Judgements(Struct, gc=False):
    """What policy said of one step so far."""

    approvers: tuple[str, ...] = ()
    decision_ids: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def why_refused(refused: StepState, judgements: Judgements) -> str:
    """The same in words."""
    what = "held for approval" if refused is StepState.HELD else "denied"
    return ": ".join([what, *(["; ".join(judgements.reasons)] if judgements.reasons else [])])


@lru_cache(maxsize=16_384)
def resource_of(kind: StepKind, target: str, tenant: str) -> Resource:
    """What a step acts on. Plans name the same things again and again, and checking a name takes a microsecond."""
    if kind == "agent":  # agents belong to a tenant, and policies may require to be told which
        return Resource("agent", target, {"tenant": tenant})
    return Resource(kind, target)


def actions_of(kind: StepKind) -> tuple[str, ...]:
    """What is asked before a step of this kind, in this order."""
    return _ACTIONS.get(kind, _ACTIONS_OF_OTHERS)


async def judge_step(
    kind: StepKind,
    resource: Resource,
    arguments: dict[str, Any],
    *,
    principal: Principal,
    context: dict[str, Any],
    enforce: Enforce,
    judgements: Judgements,
    labels: StepLabels | None = None,
) -> tuple[dict[str, Any], StepState | None, str]:
    """What to call the step with; the state that it ends in instead, where policy does not allow it; and the id of the
    last decision.

    The decisions are put to the `judgements` on the step, up to the first that does not allow it. `labels` are what the
    arguments carry: what a decision redacts, they carry no more.

    Raises AxonFlowError for arguments that cannot be judged, and whatever `enforce` raises.
    """
    content = _judged(arguments)
    decision_id = ""
    for action in _ACTIONS.get(kind, _ACTIONS_OF_OTHERS):
        if labels is not None:
            context = labels.told(context)
        request = Request(principal, action, resource, context, content)
        decision = await enforce(request)
        decision_id = decision.decision_id
        judgements.decision_ids += (decision_id,)
        judgements.reasons += decision.reasons
        if not decision.allowed:
            judgements.approvers = approvers_of(decision)
            if labels is not None:
                judgements.reasons += labels.ways(request)
            return {}, StepState.HELD if decision.effect is Effect.REQUIRE_APPROVAL else StepState.DENIED, decision_id
        if decision.redacted is not None:
            content = _same_shape(decision.redacted, content)
            if labels is not None:
                labels.redacted(decision)
    return content, None, decision_id


def approvers_of(decision: Decision) -> tuple[str, ...]:
    """Who may give the approval that `decision` requires: ids, roles and groups, each once; empty: it names nobody."""
    approvals = [one for one in decision.obligations if isinstance(one, Approval)]
    return tuple(dict.fromkeys(approver for one in approvals for approver in one.approvers))


def _judged(arguments: dict[str, Any]) -> dict[str, Any]:
    """A copy of `arguments` as JSON: what policy judges, and, as it was judged, what the step is called with.

    What msgspec knows how to write as JSON (dataclasses, Structs, tuples, sets, datetimes, enums, UUIDs, ...) becomes
    that, and the step is not called with the object: it may hold what JSON does not show (private fields, defaults
    that a Struct omits, attributes added later), and another step may change it while policy is being asked or while
    this one runs. Bytes are left as they are, so that the Request refuses them: no detector could read their base64.

    Raises AxonFlowError for the rest, and for an object in which two keys have one name in JSON (1 and "1").
    """
    judged: dict[str, Any] = {}
    for name, value in arguments.items():
        if is_plainly_json(value):
            judged[name] = value
            continue
        judged[name] = as_json(value, "an argument", f"argument {name[:64]!a}")
    return judged


def _same_shape(redacted: object, content: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(redacted, dict) or redacted.keys() != content.keys():
        raise AxonFlowError(
            "the redaction does not fit",
            expected="an object with the same arguments",
            found=type(redacted).__name__,
            at="$.redacted",
        )
    return redacted
