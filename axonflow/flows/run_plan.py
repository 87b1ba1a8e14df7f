"""Run a plan: start each step the moment its inputs are there, and ask the policy engine before each one.

What is asked, always in the name of the plan's principal:

=================  ===================  ===============================  =================
step               action               resource                         content
=================  ===================  ===============================  =================
(the whole plan)   ``plan.start``       ``plan:<plan name>``             none
every step         ``plan.step``        what it acts on, see below       its arguments
tool step          ``tool.call``        ``tool:<target>``                its arguments
connector step     ``connector.query``  ``connector:<target>``           its arguments
agent step         ``agent.message``    ``agent:<target>``               its arguments
model step         ``llm.request``      ``model:<target>``               its arguments
tool, done         ``tool.result``      ``tool:<target>``                its result
connector, done    ``connector.result`` ``connector:<target>``           its result
agent, done        ``agent.message``    ``agent:<target>``               its result
model, done        ``llm.response``     ``model:<target>``               its result
step that          ``label.declassify`` what it acts on                  none
declassifies
=================  ===================  ===============================  =================

``plan.step`` is asked first, on the very resource that the step acts on: ``tool:<target>``, or ``<kind>:<step name>``
where the kind has no target (``function:offer``, ``map:each``). So a rule that names a tool holds within plans and
without. Agents carry the attribute ``tenant``, the principal's. What undoes a step is asked for as a step of its own
kind would be. The steps of a plan within are asked for as ``<step>.<step within>``, in a map as
``<step>.<index>.<step within>``; there is no ``plan.start`` for it, but ``plan.step`` on ``plan:<step name>``.

The context holds the caller's, then the step's, then ``plan``, ``plan_id`` and ``step`` (for ``plan.start``: ``steps``,
their number); a later one wins, so nobody can pose as another plan. An agent's result has ``reply`` there. Where any
policy reads ``context.labels``, it holds what the arguments, or the result, carry: see `plan_labels`.

What was called is recorded when it has ended, as an event of kind ``plan_step``: how long it took, and if it failed as
what (the class of the exception: its words may quote what nobody should read in a trail). A step of which that cannot
be recorded fails.

Results are judged where a run is given the policies themselves (`Means.governing`), and are not asked about where these
let pass whatever it is. What is denied ends its step as denied. A function's result is judged as an argument of the
steps that need it. Before anything runs, all of it is judged for its labels: see `foresee_labels`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from msgspec import to_builtins
from msgspec.structs import replace

from axonflow.errors import PlanError
from axonflow.flows.carry_out_steps import Steps
from axonflow.flows.foresee_labels import Foreseeing, foresee_labels
from axonflow.flows.hold_steps import refusal, took_part
from axonflow.flows.judge_step import Enforce, approvers_of
from axonflow.flows.plan_means import Acting, Going, Means, Recorded
from axonflow.flows.reserve_plan import NOTHING_RESERVED, reserve_plan
from axonflow.flows.steer_plan import Room
from axonflow.ids import new_id
from axonflow.plan import Graph, HeldRun, Plan, PlanResult, Waiting
from axonflow.policy.decision import Decision, Effect
from axonflow.policy.request import Principal, Request, Resource

__all__ = ["came_to", "run_plan"]

_USUAL: Final = Means()
MAX_STEPS_AT_ONCE: Final = 500
"""Whose labels are followed in one go: a step takes 10 us, during which no other plan goes on."""
_FROM_THE_START: Final = Going()


async def run_plan(
    plan: Plan,
    *,
    principal: Principal,
    enforce: Enforce,
    clock_us: Callable[[], int],
    recorded: Recorded | None = None,
    context: dict[str, Any] | None = None,
    means: Means = _USUAL,
    going: Going = _FROM_THE_START,
) -> PlanResult:
    """Run `plan` for `principal` and return what came of it; `clock_us` gives microseconds since the Unix epoch.

    A denied plan runs nothing. A step that raises is ``failed``, one that policy denies is ``denied``; what depends on
    it is skipped, and what becomes of the others its failure policy says. One that needs approval is ``held``, and what
    depends on it waits. A step
    whose arguments cannot be judged (not JSON), or on which `enforce` raises, fails without having been called. A step
    is called with the JSON that was judged, redacted when a decision redacts: a dataclass arrives as a dict, a date as
    text.

    A failed step's error is ``<ExceptionType>: <message>``, at most 500 characters, no traceback. What a message gives
    away is in the hands of the step's author. Cancelling the run cancels its running steps and waits for them, for as
    long as `means` says, and for what undoes those that were done; `came_to` tells then how far it came. A plain
    callable runs in a thread, which cannot be interrupted: it runs to its end and its result is dropped.

    When nothing but held steps and what waits for them is left, the plan is ``held``, and so it is when its
    ``plan.start`` requires approval; `PlanResult.held` says what waits. A run is `going` on from an earlier one.

    A plan in which labels would come to where policies forbid them is denied, as if its ``plan.start`` were.

    What the plan takes at worst is reserved before it starts; where that does not fit, its optional steps are skipped.

    Raises PlanError when the plan is no DAG, does not fit its budget, or when too many plans run, RequestError when
    `context` is not JSON, and whatever `enforce` raises for ``plan.start``; nothing has run then.
    """
    graph = plan.check()
    graph.check_runnable()
    started_us = clock_us()
    caller = dict(context or {})
    own = {"plan": plan.name, "plan_id": going.plan_id or new_id(started_us)}
    shared = {**caller, **own}
    acting = Acting(
        principal, enforce, recorded, clock_us, caller, own, shared, means, dict(going.answers), going.approving
    )  # fmt: skip
    with _admitted(means.room, principal.tenant):
        return await _run(graph, acting, going, started_us)


def came_to(cancelled: asyncio.CancelledError) -> PlanResult | None:
    """How far a run had come that was cancelled, with what its steps gave that was not undone; None where that is not
    known: nothing of it had begun, or it ran in another task."""
    return getattr(cancelled, "came_to", None)


async def _run(graph: Graph, acting: Acting, going: Going, started_us: int) -> PlanResult:
    means, reserved = acting.means, NOTHING_RESERVED
    known = took_part(going.so_far.ended_in(graph))
    decision = await _judge_start(acting, graph)
    if decision.allowed:
        reserved = await reserve_plan(graph, means.ledger, means.quotas, started_us, known, going.so_far.within)
    elif decision.effect is Effect.REQUIRE_APPROVAL and going.growth is not None:
        graph = await _whole(graph, going.growth)
    steps = Steps(graph, acting, graph.inputs, reserved=reserved, so_far=going.so_far)
    steps.error = going.error
    if decision.effect is not Effect.REQUIRE_APPROVAL:
        growth = None if going.growth is None else _permitted(going.growth, acting)
        try:
            await steps.run(allowed=decision.allowed, spent_us=going.spent_us, growth=growth)
        except asyncio.CancelledError as cancelled:  # the very one: `asyncio.timeout` knows no class below it
            cancelled.came_to = _came_to(steps, acting, decision, going, started_us)  # type: ignore[attr-defined]  # ours
            raise
    return _came_to(steps, acting, decision, going, started_us)


def _came_to(steps: Steps, acting: Acting, decision: Decision, going: Going, started_us: int) -> PlanResult:
    took_us = acting.clock_us() - started_us
    held = _held(acting, steps, decision, going, took_us)
    return PlanResult(
        **acting.own, status=steps.machine.status if held is None else "held", outputs=steps.kept(),
        result=steps.result(), steps=steps.records(), duration_us=took_us, decision_id=decision.decision_id,
        reasons=decision.reasons, held=held, error=steps.error, labels=steps.labels(),
    )  # fmt: skip


async def _judge_start(acting: Acting, graph: Graph) -> Decision:
    """What policy says of the whole plan, and who was asked about it: an approval that was refused is a denial, and so
    is one that labels would have to come to a step that is denied them."""
    answers = acting.answers.get("", ())
    context = {**acting.shared, "steps": len(graph.steps)}
    governing, foreseeing = acting.governing, await _foreseen(acting, graph)
    if foreseeing is not None:
        context["labels"] = foreseeing.labels
    request = Request(acting.principal, "plan.start", Resource("plan", acting.own["plan"]), context)
    if governing is not None and foreseeing is not None and foreseeing.refusal is not None:
        return await governing.refuse(request, foreseeing.refusal)
    decision = await acting.enforce_given(answers)(request)
    refused = refusal(answers)
    if refused is None or decision.effect is not Effect.REQUIRE_APPROVAL:
        return decision
    return replace(decision, effect=Effect.DENY, reasons=(refused, *decision.reasons))


async def _foreseen(acting: Acting, graph: Graph) -> Foreseeing | None:
    if acting.governing is None or not (engine := acting.governing.engine()).reads_labels:
        return None
    parts = (graph, engine, acting.principal, acting.context, acting.own)
    if graph.steps_count > MAX_STEPS_AT_ONCE:
        return await asyncio.to_thread(foresee_labels, *parts)
    return foresee_labels(*parts)


async def _permitted(growth: AsyncIterator[Plan], acting: Acting) -> AsyncGenerator[Graph, None]:
    """What the plan is later, as far as it could run and policy lets it: ``plan.start`` is asked each time. Raises
    PlanError for what could not, or may not."""
    async for plan in growth:
        graph = plan.check()
        graph.check_runnable()
        decision = await _judge_start(acting, graph)
        if not decision.allowed:
            at = f"plan {graph.plan!r}, with {len(graph.steps)} steps"
            raise PlanError("the plan may not grow", found="; ".join(decision.reasons), at=at)
        yield graph


async def _whole(graph: Graph, growth: AsyncIterator[Plan]) -> Graph:
    """What the plan is when all of it is written: what somebody approves is not a part of it. Raises as `growth`."""
    async for plan in growth:
        graph = plan.check()
        graph.check_runnable()
    return graph


def _held(acting: Acting, steps: Steps, decision: Decision, going: Going, took_us: int) -> HeldRun | None:
    if decision.effect is Effect.REQUIRE_APPROVAL:
        why = "; ".join(("held for approval", *decision.reasons))
        so_far = going.so_far
        waiting: tuple[Waiting, ...] = (Waiting("", f"plan:{acting.own['plan']}", why, approvers_of(decision)),)
    elif steps.machine.status == "held":
        so_far, waiting = steps.so_far(), steps.waiting()
    else:
        return None
    return HeldRun(
        **acting.own, principal=to_builtins(acting.principal), context=acting.context, waiting=waiting, so_far=so_far,
        spent_us=going.spent_us + took_us, answers={name: tuple(said) for name, said in acting.answers.items()},
        error=steps.error,
    )  # fmt: skip


@contextmanager
def _admitted(room: Room | None, tenant: str) -> Iterator[None]:
    if room is None:
        yield
        return
    room.admit(tenant)
    try:
        yield
    finally:
        room.dismiss(tenant)
