"""Plans run by a flow: its policies asked and its trail written for every step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryStepCache
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.audit import IN_PROCESS, Origin
from axonflow.errors import PlanError
from axonflow.flows.approve_run import approve_run
from axonflow.flows.judge_step import Enforce
from axonflow.flows.plan_labels import Governing, Refusal
from axonflow.flows.plan_means import Going, Means, Recorded
from axonflow.flows.record import Outcome
from axonflow.flows.run_plan import came_to, run_plan
from axonflow.flows.share_room import PlanRoom
from axonflow.ids import now_us
from axonflow.plan import Answer, Estimates, HeldRun, Limits, Plan, PlanResult, SoFar, StepEvent
from axonflow.plan.running.hedging import USUAL_SHARE, Hedging
from axonflow.policy import Decision, PolicyEngine, Principal, Request
from axonflow.ports import Ledger, Quota

__all__ = ["PlanRuns", "RunOptions", "came_to"]


class Enforcing(Protocol):
    """Decide, reserve and record, with what was approved: by whom, and their standing."""

    async def __call__(
        self, request: Request, *, origin: Origin, approvals: Mapping[str, Collection[str]] = {}
    ) -> Decision: ...


class RunOptions(Struct, frozen=True):
    """How one run is watched and told of, see `AxonFlow.run`."""

    origin: Origin = IN_PROCESS
    before_step: Callable[[], None] | None = None
    watch: Callable[[StepEvent], None] | None = None


class PlanRuns:
    """`enforce` and `recorded` are the flow's: the latter puts into its trail what came of a step. So is `refuse`,
    which records why a plan is refused for its labels, by the `policies_of` its tenant. All plans together keep to the
    `limits`, with what they take counted in `ledger`."""

    def __init__(
        self,
        enforce: Enforcing,
        recorded: Callable[[Request, str, Outcome, Origin], Awaitable[object]],
        refuse: Callable[[Request, Refusal, Origin], Awaitable[Decision]],
        policies_of: Callable[[str], PolicyEngine],
        ledger: Ledger,
        limits: Limits | None,
    ) -> None:
        self._enforce = enforce
        self._recorded = recorded
        self._refuse = refuse
        self._policies_of = policies_of
        self._means = Means(
            room=None if limits is None else PlanRoom(limits), estimates=Estimates(), ledger=ledger,
            compile_pattern=compile_pattern, cache=MemoryStepCache(),
            hedging=Hedging(USUAL_SHARE if limits is None else limits.hedge_share),
        )  # fmt: skip
        self._quotas = () if limits is None else limits.quotas

    async def run(
        self,
        plan: Plan,
        principal: Principal,
        options: RunOptions,
        *,
        context: dict[str, Any] | None = None,
        done: Mapping[str, Any] | PlanResult | None = None,
    ) -> PlanResult:
        """As `AxonFlow.run`."""
        outputs, labels = (done.outputs, done.labels) if isinstance(done, PlanResult) else (done, {})
        so_far = SoFar.of(outputs, plan.check(), labels) if outputs else SoFar()
        return await self._run(plan, principal, context, options, Going(so_far=so_far))

    async def run_growing(
        self,
        plans: AsyncIterator[Plan],
        principal: Principal | None,
        options: RunOptions,
        *,
        context: dict[str, Any] | None = None,
    ) -> PlanResult:
        """As `AxonFlow.run_growing`."""
        first = await anext(plans, None)
        if first is None:
            raise PlanError("the plan is empty", expected="at least one step", found="none")
        acting = Principal(first.name, "agent") if principal is None else principal
        return await self._run(first, acting, context, options, Going(growth=plans))

    async def resume(
        self,
        plan: Plan,
        held: HeldRun,
        approved: bool | Mapping[str, bool],  # noqa: FBT001  what is asked for is yes or no
        by: Principal,
        options: RunOptions,
        *,
        comment: str = "",
    ) -> PlanResult:
        """As `AxonFlow.resume`."""
        graph = plan.check()
        graph.check_runnable()
        held.check_is_of(graph)
        held = await approve_run(
            held, approved, by=by, comment=comment, enforce=self._enforcing(options),
            recorded=self._recording(options),
        )  # fmt: skip
        going = Going(
            plan_id=held.plan_id, so_far=held.so_far, spent_us=held.spent_us, answers=held.answers, error=held.error
        )
        return await self._run(plan, Principal.of(held.principal), held.context, options, going)

    async def _run(
        self, plan: Plan, principal: Principal, context: dict[str, Any] | None, options: RunOptions, going: Going
    ) -> PlanResult:
        def approving(answers: Sequence[Answer]) -> Enforce:
            return self._enforcing(options, {one.by: one.standing for one in answers if one.approved})

        return await run_plan(
            plan, principal=principal, enforce=self._enforcing(options), recorded=self._recording(options),
            context=context, clock_us=now_us, going=replace(going, approving=approving),
            means=self._means_of(principal.tenant, options),
        )  # fmt: skip

    def _governing(self, tenant: str, options: RunOptions) -> Governing:
        async def refused(request: Request, refusal: Refusal) -> Decision:
            if options.before_step is not None:
                options.before_step()
            return await self._refuse(request, refusal, options.origin)

        return Governing(lambda: self._policies_of(tenant), refused)

    def _means_of(self, tenant: str, options: RunOptions) -> Means:
        quotas = [
            Quota(tenant, f"plans|{one.unit}|{one.window_s}", one.unit, one.maximum, one.window_s)
            for one in self._quotas
        ]
        governing = self._governing(tenant, options)
        return replace(self._means, watch=options.watch, quotas=quotas, governing=governing)

    def _enforcing(self, options: RunOptions, approvals: Mapping[str, Collection[str]] = {}) -> Enforce:
        async def enforced(request: Request) -> Decision:
            if options.before_step is not None:
                options.before_step()
            return await self._enforce(request, origin=options.origin, approvals=approvals)

        return enforced

    def _recording(self, options: RunOptions) -> Recorded:
        async def recorded(request: Request, decision_id: str, outcome: Outcome) -> None:
            await self._recorded(request, decision_id, outcome, options.origin)

        return recorded
