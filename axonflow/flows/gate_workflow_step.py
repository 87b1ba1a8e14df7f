"""Verb: gate a step. Somebody else's orchestrator asks whether a step may start; policies judge it, and the answer is
kept, so that whoever asks again is told the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from msgspec.structs import replace

from axonflow.ids import new_id, now_us
from axonflow.plan.workflows.asking import TOOL_INPUT, Asked, Judged, PolicyMatch, Question, RetryPolicy
from axonflow.plan.workflows.gating import Gated, answered_again, check_key, check_same_as_held, judged
from axonflow.plan.workflows.refusals import WorkflowConflict, WorkflowMissing
from axonflow.plan.workflows.states import GateEvent, WorkflowEvent, workflow_after
from axonflow.plan.workflows.workflow import Workflow, WorkflowSeen, WorkflowStep
from axonflow.policy import Approval, Decision, Effect, Principal, Request, Resource
from axonflow.ports import WorkflowStepStore, WorkflowStore

__all__ = [
    "TRIES",
    "Answer",
    "Asking",
    "Effects",
    "Enforce",
    "Judges",
    "StepPlace",
    "WorkflowStores",
    "asking_principal",
    "contended",
    "found_workflow",
    "gate_step",
    "seen_workflow",
]  # fmt: skip

TRIES: Final = 32
"""How often a step that others change at the same time is looked at again."""

Effects = Callable[[Request, tuple[str, ...]], Mapping[str, str]]
"""What each of these rules asks for, by id, of the policies that decide on a request."""


class Enforce(Protocol):
    """:meth:`axonflow.AxonFlow.enforce`, for one caller."""

    def __call__(self, request: Request, *, redacts: bool) -> Awaitable[Decision]:
        """The decision on `request`, recorded."""


class Judges(NamedTuple):
    """What decides, for one caller."""

    enforce: Enforce
    effects: Effects


class StepPlace(NamedTuple):
    """Which step, of which workflow."""

    tenant_id: str
    workflow_id: str
    step_id: str


class Asking(NamedTuple):
    """A question, and what may be answered to it: what is recorded, if it was asked before under no other key, or not.
    `goes_back`: the workflow goes on from here."""

    asked: Asked
    idempotency_key: str = ""
    retry_policy: RetryPolicy = "idempotent"
    goes_back: bool = False


class WorkflowStores(NamedTuple):
    """Where workflows and their steps are kept."""

    workflows: WorkflowStore
    steps: WorkflowStepStore


class Answer(NamedTuple):
    """What whoever asks at the gate is told: the step as it is kept now, as it was `before`, and whether its answer was
    `recorded` earlier."""

    step: WorkflowStep
    before: WorkflowStep | None
    recorded: bool


async def gate_step(stores: WorkflowStores, place: StepPlace, asking: Asking, judges: Judges) -> Answer:
    """Whether the step may start. Policies are asked at most once; then the step is kept, against whoever else changes
    it at the same time.

    Raises WorkflowMissing, WorkflowConflict (IdempotencyMismatch), RequestError, and what `judges.enforce` raises.
    """
    judgement: Judged | None = None
    for _ in range(TRIES):
        workflow = await found_workflow(stores, place.tenant_id, place.workflow_id)
        workflow_after(workflow.state, WorkflowEvent.STEP)
        gated = Gated(workflow, place.step_id, asking.asked, asking.idempotency_key, now_us())
        gated.check()
        before = await stores.steps.get(*place)
        after = None
        if before is not None:
            check_key(before, asking.idempotency_key)
            if not asking.goes_back:
                check_same_as_held(before, gated)
            after = answered_again(before, gated, asking.retry_policy)
        is_recorded = after is not None
        if after is None:
            judgement = judgement or await _judgement(gated, judges)
            after = judged(before, gated, judgement, new_id(gated.now_us))
        kept = await stores.steps.keep(_gone_back_to(after) if asking.goes_back else after)
        if kept is not None:
            return Answer(kept, before, is_recorded)
    raise contended(place)


def _gone_back_to(step: WorkflowStep) -> WorkflowStep:
    return replace(step, resume_count=step.resume_count + 1)


def asking_principal(asked: Asked, tenant_id: str) -> Principal:
    """Who asks, as policies see them."""
    user = Principal(asked.user_id or "anonymous", "user", tenant_id)
    return Principal(asked.client_id, "service", tenant_id, on_behalf_of=user)


async def found_workflow(stores: WorkflowStores, tenant_id: str, workflow_id: str) -> Workflow:
    """Raises WorkflowMissing for one that this tenant does not have."""
    workflow = await stores.workflows.get(tenant_id, workflow_id)
    if workflow is None:
        raise _missing()
    return workflow


async def seen_workflow(
    stores: WorkflowStores, tenant_id: str, workflow_id: str, revision: int = -1
) -> WorkflowSeen:  # fmt: skip
    """The workflow and its steps, of one moment. Raises WorkflowMissing for one that this tenant does not have."""
    seen = await stores.workflows.seen(tenant_id, workflow_id, revision)
    if seen is None:
        raise _missing()
    return seen


def _missing() -> WorkflowMissing:
    return WorkflowMissing("no such workflow", expected="the id of a workflow of this tenant")


def contended(place: StepPlace) -> WorkflowConflict:
    """What is raised when others change the step again and again."""
    return WorkflowConflict("the step changes all the time", at=f"step {place.step_id}", hint="Try again.")


async def _judgement(gated: Gated, judges: Judges) -> Judged:
    """What policies say, first to the step as a whole, then to what it does. A denial ends it; what is held is judged
    to its end, so that an approval never covers what policies deny."""
    verdict = _Verdict(gated, judges)
    whole = gated.asked.whole()
    content = await verdict.of(whole)
    act = None if content is None else gated.asked.act(content)
    if content is not None and act is not None:
        acted = await verdict.of(act)
        if acted is not None:
            content = {**content, TOOL_INPUT: acted} if gated.asked.tool_input else acted
    return verdict.judged(None if content is None or content == whole.content else content)


class _Verdict:
    """Several decisions as one."""

    def __init__(self, gated: Gated, judges: Judges) -> None:
        self._gated = gated
        self._judges = judges
        self._event = GateEvent.ALLOW
        self._decision_id = ""
        self._reasons: dict[str, None] = {}
        self._usual: tuple[str, ...] = ()
        self._matches: dict[PolicyMatch, None] = {}
        self._approvers: list[tuple[str, ...]] = []

    async def of(self, question: Question) -> dict[str, Any] | None:
        """The content that may go on; None when the question is denied."""
        gated = self._gated
        workflow, asked = gated.workflow, gated.asked
        request = Request(
            asking_principal(asked, workflow.tenant_id), question.action, Resource(*asked.target(gated.step_id)),
            _context(gated), question.content,
        )  # fmt: skip
        decision = await self._judges.enforce(request, redacts=asked.redacts)
        event = _event(decision, question, asked)
        if event is not GateEvent.ALLOW or self._event is GateEvent.ALLOW:  # the id of what stands in the way, if any
            self._decision_id = decision.decision_id
        if event is not GateEvent.ALLOW:
            self._event = event
        if decision.policies or event is not GateEvent.ALLOW:
            self._reasons |= dict.fromkeys(decision.reasons)
        else:  # that nothing forbids it is of interest where nothing else is said
            self._usual = decision.reasons
        self._matches |= dict.fromkeys(self._matched(request, decision))
        self._approvers += [due.approvers for due in decision.obligations if isinstance(due, Approval)]
        if event is GateEvent.BLOCK:
            return None
        return question.content if decision.redacted is None else decision.redacted

    def _matched(self, request: Request, decision: Decision) -> list[PolicyMatch]:
        if not decision.policies:
            return []
        effects = self._judges.effects(request, decision.policies)
        before = len(decision.reasons) - len(
            decision.policies
        )  # reasons of the decision itself stand before the rules'
        reasons = decision.reasons[before:] if before >= 0 else ("",) * len(decision.policies)
        named = zip(decision.policies, reasons, strict=True)
        return [PolicyMatch(name, effects.get(name, decision.effect.value), reason) for name, reason in named]

    def judged(self, redacted: dict[str, Any] | None) -> Judged:
        return Judged(
            event=self._event, decision_id=self._decision_id, reasons=tuple(self._reasons) or self._usual,
            matches=tuple(self._matches), approvers=tuple(self._approvers), redacted=redacted,
        )  # fmt: skip


def _event(decision: Decision, question: Question, asked: Asked) -> GateEvent:
    if decision.redacted is not None and decision.redacted != question.content and not asked.redacts:
        return GateEvent.BLOCK
    if decision.allowed:
        return GateEvent.ALLOW
    return GateEvent.HOLD if decision.effect is Effect.REQUIRE_APPROVAL else GateEvent.BLOCK


def _context(gated: Gated) -> dict[str, Any]:
    """The workflow's metadata, as policies have what callers say of other requests (``context.env``); and what is known
    here, which nothing in there stands in for."""
    workflow, asked = gated.workflow, gated.asked
    known = {
        "workflow_id": workflow.workflow_id, "workflow_name": workflow.name, "source": workflow.source,
        "step_id": gated.step_id, "step_name": asked.step_name, "step_type": asked.step_type,
        "estimated_tokens": asked.tokens, "estimated_usd_micros": asked.usd_micros,
    }  # fmt: skip
    return workflow.metadata | {name: value for name, value in known.items() if value is not None}
