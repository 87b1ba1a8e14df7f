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
=================  ===================  ===============================  =================

``plan.step`` is asked first, on the very resource that the step acts on: ``tool:<target>``, or ``<kind>:<step name>``
where the kind has no target (``function:offer``, ``map:each``). So a rule that names a tool holds within plans and
without. Agents carry the attribute ``tenant``, the principal's. What undoes a step is asked for as a step of its own
kind would be. The steps of a plan within are asked for as ``<step>.<step within>``, in a map as
``<step>.<index>.<step within>``; there is no ``plan.start`` for it, but ``plan.step`` on ``plan:<step name>``.

The context holds the caller's, then the step's, then ``plan``, ``plan_id`` and ``step`` (for ``plan.start``: ``steps``,
their number); a later one wins, so nobody can pose as another plan.

What was called is recorded when it has ended, as an event of kind ``plan_step``: how long it took, and if it failed as
what (the class of the exception: its words may quote what nobody should read in a trail). A step of which that cannot
be recorded fails.

The results of steps are not judged here: a result is judged as an argument of the steps that need it, and a sink's
result not at all. A later issue asks for ``tool.result``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from axonflow.flows.carry_out_steps import Steps
from axonflow.flows.judge_step import Enforce
from axonflow.flows.plan_means import Acting, Means, Recorded
from axonflow.flows.reserve_plan import NOTHING_RESERVED, reserve_plan
from axonflow.flows.steer_plan import Room
from axonflow.ids import new_id
from axonflow.plan import Plan, PlanResult
from axonflow.policy.request import Principal, Request, Resource

__all__ = ["run_plan"]

_USUAL: Final = Means()


async def run_plan(
    plan: Plan,
    *,
    principal: Principal,
    enforce: Enforce,
    clock_us: Callable[[], int],
    recorded: Recorded | None = None,
    context: dict[str, Any] | None = None,
    means: Means = _USUAL,
) -> PlanResult:
    """Run `plan` for `principal` and return what came of it; `clock_us` gives microseconds since the Unix epoch.

    A denied plan runs nothing. A step that raises is ``failed``, one that policy denies is ``denied``, one that needs
    approval is ``held``; what depends on it is skipped, and what becomes of the others its failure policy says. A step
    whose arguments cannot be judged (not JSON), or on which `enforce` raises, fails without having been called. A step
    is called with the JSON that was judged, redacted when a decision redacts: a dataclass arrives as a dict, a date as
    text.

    A failed step's error is ``<ExceptionType>: <message>``, at most 500 characters, no traceback. What a message gives
    away is in the hands of the step's author. Cancelling the run cancels its running steps and waits for them, for as
    long as `means` says, and for what undoes those that were done. A plain callable runs in a thread, which cannot be
    interrupted: it runs to its end and its result is dropped.

    What the plan takes at worst is reserved before it starts; where that does not fit, its optional steps are skipped.

    Raises PlanError when the plan is no DAG, does not fit its budget, or when too many plans run, RequestError when
    `context` is not JSON, and whatever `enforce` raises for ``plan.start``; nothing has run then.
    """
    graph = plan.check()
    graph.check_runnable()
    started_us = clock_us()
    plan_id = new_id(started_us)
    caller = dict(context or {})
    own = {"plan": plan.name, "plan_id": plan_id}
    start_context = {**caller, **own, "steps": len(graph.steps)}
    acting = Acting(principal, enforce, recorded, clock_us, caller, own, means)
    with _admitted(means.room, principal.tenant):
        decision = await enforce(Request(principal, "plan.start", Resource("plan", plan.name), start_context))
        reserved = NOTHING_RESERVED
        if decision.allowed:
            reserved = await reserve_plan(graph, means.ledger, means.quotas, started_us)
        steps = Steps(graph, acting, graph.inputs, reserved=reserved)
        await steps.run(allowed=decision.allowed)
    return PlanResult(
        plan=plan.name, plan_id=plan_id, status=steps.machine.status, outputs=steps.kept(), result=steps.result(),
        steps=steps.records(), duration_us=clock_us() - started_us, decision_id=decision.decision_id,
        reasons=decision.reasons,
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
