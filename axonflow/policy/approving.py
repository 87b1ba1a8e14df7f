"""What a decision that requires approval comes to when somebody has given it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from axonflow.policy.decision import Approval, Decision, Effect, Limit
from axonflow.policy.request import Principal

__all__ = ["approved_decision", "may_approve", "standing_of"]


def standing_of(principal: Principal) -> tuple[str, ...]:
    """What approvers may be named by: id, with and without the type, roles and groups."""
    return principal.id, f"{principal.type}:{principal.id}", *principal.roles, *principal.groups


def may_approve(approvers: Collection[str], standing: Collection[str]) -> bool:
    """Whether somebody of that standing is one of the `approvers`; where none is named, everybody is."""
    return not approvers or any(one in standing for one in approvers)


def approved_decision(decision: Decision, given: Mapping[str, Collection[str]]) -> Decision:
    """`decision`, which requires approval, with what was `given`: by whom (``user:bob``), and their standing.

    It allows, with what else is due (limits, redactions), when of each rule's approvers one has given it; else it stays
    as it is.
    """
    for obligation in decision.obligations:
        if isinstance(obligation, Approval) and not any(
            may_approve(obligation.approvers, one) for one in given.values()
        ):
            return decision
    effect = Effect.REDACT if decision.redacted is not None else Effect.ALLOW
    if any(isinstance(one, Limit) for one in decision.obligations) and effect is Effect.ALLOW:
        effect = Effect.LIMIT
    reasons = (*[f"Approved by {by}." for by in given], *decision.reasons)
    return replace(decision, effect=effect, allowed=True, reasons=reasons)
