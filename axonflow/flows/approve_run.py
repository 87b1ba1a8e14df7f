"""Verb: approve a held run, or refuse it. Policy is asked ``plan.approve`` on ``plan:<plan name>`` for each answer, in
the name of who gives it: the context says which step it is for (``step``, ``acts_on``), whether it is ``approved``, and
who asked for it (``requested_by``), so that a rule can keep people from approving what is their own."""

from __future__ import annotations

from collections.abc import Mapping

from axonflow.errors import Denied, PlanError
from axonflow.flows.judge_step import Enforce
from axonflow.flows.plan_means import Recorded
from axonflow.flows.record import Outcome
from axonflow.plan import Answer, HeldRun, Waiting
from axonflow.policy.approving import may_approve, standing_of
from axonflow.policy.request import Principal, Request, Resource

__all__ = ["approve_run"]


async def approve_run(
    held: HeldRun,
    approved: bool | Mapping[str, bool],  # noqa: FBT001  what is asked for is yes or no
    *,
    by: Principal,
    enforce: Enforce,
    recorded: Recorded,
    comment: str = "",
) -> HeldRun:
    """`held` with what `by` says to all that waits, or by step to some of it; each answer is recorded.

    Raises PlanError for a step that does not wait, or that others have to approve, Denied when policy does not let
    `by` approve, and what `enforce` and `recorded` raise. Nothing is answered then.
    """
    said = held.asked(approved)
    waiting = {one.step: one for one in held.waiting}
    for name in said:
        _check_approver(held, waiting[name], by)
    requester = Principal.of(held.principal)
    requested_by = f"{requester.type}:{requester.id}"
    for name, yes in said.items():
        facts = {"plan": held.plan, "plan_id": held.plan_id, "step": name, "approved": yes}
        context = {**facts, "acts_on": waiting[name].resource, "requested_by": requested_by}
        request = Request(by, "plan.approve", Resource("plan", held.plan), context)
        decision = await enforce(request)
        if not decision.allowed:
            raise Denied(f"plan.approve is denied: {'; '.join(decision.reasons)}", decision=decision)
        await recorded(request, decision.decision_id, Outcome(facts))
    answers = {name: Answer(yes, f"{by.type}:{by.id}", standing_of(by), comment) for name, yes in said.items()}
    return held.answered(answers)


def _check_approver(held: HeldRun, waiting: Waiting, by: Principal) -> None:
    tenant = Principal.of(held.principal).tenant
    at = f"plan {held.plan!r}" + (f", step {waiting.step!r}" if waiting.step else "")
    if by.tenant != tenant:
        raise PlanError("not an approver", expected=f"somebody of tenant {tenant!r}", found="another tenant's", at=at)
    if not may_approve(waiting.approvers, standing_of(by)):
        expected = " or ".join(waiting.approvers)
        raise PlanError("not an approver", expected=expected, found=f"{by.type}:{by.id}", at=at)
