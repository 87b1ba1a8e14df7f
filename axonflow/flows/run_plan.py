"""Run a plan: start each step the moment its inputs are there, and ask the policy engine before each one.

What is asked, always in the name of the plan's principal:

=================  =================  ===============================  =================
step               action             resource                         content
=================  =================  ===============================  =================
(the whole plan)   ``plan.start``     ``plan:<plan name>``             none
every step         ``plan.step``      what it acts on, see below       its arguments
tool step          ``tool.call``      ``tool:<target>``                its arguments
agent step         ``agent.message``  ``agent:<target>``               its arguments
=================  =================  ===============================  =================

``plan.step`` is asked first, on the very resource that the step acts on: ``function:<step name>``, ``tool:<target>`` or
``agent:<target>``. So a rule that names a tool holds within plans and without. Agents carry the attribute ``tenant``,
the principal's. The context holds the caller's, then the step's, then ``plan``, ``plan_id`` and ``step`` (for
``plan.start``: ``steps``, their number); a later one wins, so nobody can pose as another plan.

What was called is recorded when it has ended, as an event of kind ``plan_step``: how long it took, and if it failed as
what (the class of the exception: its words may quote what nobody should read in a trail). A step of which that cannot
be recorded fails.

The results of steps are not judged here: a result is judged as an argument of the steps that need it, and a sink's
result not at all. A later issue asks for ``tool.result``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutinefunction
from time import perf_counter_ns
from typing import Any, Final

import msgspec

from axonflow.errors import AxonFlowError
from axonflow.flows.record import Outcome
from axonflow.ids import new_id
from axonflow.plan.model import Plan
from axonflow.plan.result import PlanResult, StepRecord, status_of
from axonflow.plan.state import Schedule, StepState
from axonflow.plan.step import Graph, Step, StepKind
from axonflow.policy.decision import Decision, Effect
from axonflow.policy.request import Principal, Request, Resource

__all__ = ["run_plan"]

MAX_ERROR_CHARS: Final = 500
MAX_INLINE_STEPS: Final = 64
"""Steps of a chain that run on in one task before the event loop gets a turn: no-op steps would starve it."""

_ACTIONS: Final[dict[StepKind, tuple[str, ...]]] = {
    "function": ("plan.step",),
    "tool": ("plan.step", "tool.call"),
    "agent": ("plan.step", "agent.message"),
}

Enforce = Callable[[Request], Awaitable[Decision]]
Recorded = Callable[[Request, str, Outcome], Awaitable[object]]
"""Put into the audit trail what came of what was allowed by the decision of that id. May raise AuditError."""


async def run_plan(
    plan: Plan,
    *,
    principal: Principal,
    enforce: Enforce,
    clock_us: Callable[[], int],
    recorded: Recorded | None = None,
    context: dict[str, Any] | None = None,
) -> PlanResult:
    """Run `plan` for `principal` and return what came of it; `clock_us` gives microseconds since the Unix epoch.

    A denied plan runs nothing. A step that raises is ``failed``, one that policy denies is ``denied``, one that needs
    approval is ``held``; what depends on it is skipped and everything else goes on. A step whose arguments cannot be
    judged (not JSON, see `_judged`), or on which `enforce` raises, fails without having been called. A step is called
    with the JSON that was judged, redacted when a decision redacts: a dataclass arrives as a dict, a date as text.

    A failed step's error is ``<ExceptionType>: <message>``, at most 500 characters, no traceback. What a message gives
    away is in the hands of the step's author. Cancelling the run cancels its running steps and waits for them. A plain
    callable runs in a thread, which cannot be interrupted: it runs to its end and its result is dropped.

    Raises PlanError when the plan is no DAG, RequestError when `context` is not JSON, and whatever `enforce` raises
    for ``plan.start``; nothing has run then.
    """
    graph = plan.check()
    graph.check_runnable()
    started_us = clock_us()
    plan_id = new_id(started_us)
    caller = dict(context or {})
    own = {"plan": plan.name, "plan_id": plan_id}
    start_context = {**caller, **own, "steps": len(graph.steps)}
    decision = await enforce(Request(principal, "plan.start", Resource("plan", plan.name), start_context))
    run = _Run(graph, principal, enforce, recorded, clock_us, caller, own)
    if decision.allowed:
        async with asyncio.TaskGroup() as group:
            for name in run.schedule.start():
                group.create_task(run.chain(name, group))
        run.fail_abandoned()
    else:
        run.schedule.skip_all()
    return PlanResult(
        plan=plan.name,
        plan_id=plan_id,
        status=status_of(run.schedule.states.values()),
        outputs=run.outputs,
        result={name: run.outputs[name] for name in graph.sinks if name in run.outputs},
        steps=run.all_records(),
        duration_us=clock_us() - started_us,
        decision_id=decision.decision_id,
        reasons=decision.reasons,
    )


class _Verdict:
    """What policy said of one step so far, while it is being asked."""

    __slots__ = ("decision_ids", "reasons", "state")

    def __init__(self) -> None:
        self.state: StepState | None = None  # None while nothing stands in the way
        self.decision_ids: list[str] = []
        self.reasons: list[str] = []

    def add(self, decision: Decision) -> None:
        self.decision_ids.append(decision.decision_id)
        self.reasons.extend(decision.reasons)
        if not decision.allowed:
            held = decision.effect is Effect.REQUIRE_APPROVAL
            self.state = StepState.HELD if held else StepState.DENIED

    def message(self) -> str:
        what = "held for approval" if self.state is StepState.HELD else "denied"
        return ": ".join([what, *(["; ".join(self.reasons)] if self.reasons else [])])[:MAX_ERROR_CHARS]


class _Run:
    """One run of one graph: the schedule, what the steps gave, and how each went."""

    __slots__ = (
        "_clock_us", "_context", "_enforce", "_given", "_own", "_principal", "_recorded", "_records", "_steps",
        "outputs", "schedule",
    )  # fmt: skip

    def __init__(
        self,
        graph: Graph,
        principal: Principal,
        enforce: Enforce,
        recorded: Recorded | None,
        clock_us: Callable[[], int],
        context: dict[str, Any],
        own: dict[str, str],
    ) -> None:
        self._steps = graph.steps
        self._given = graph.inputs
        self._principal = principal
        self._enforce = enforce
        self._recorded = recorded
        self._clock_us = clock_us
        self._context = context
        self._own = own
        self._records: dict[str, StepRecord] = {}
        self.schedule = Schedule(graph)
        self.outputs: dict[str, Any] = {}

    async def chain(self, name: str, group: asyncio.TaskGroup) -> None:
        """Run the step, then in the same task one step that it made ready, and so on; a task for each other one."""
        task = asyncio.current_task()
        for count in range(1, len(self._steps) + 1):
            ready = await self._run_step(self._steps[name])
            # A step may swallow the cancellation of the run; nothing may start after it all the same.
            if not ready or (task and task.cancelling()):
                return
            name = ready[0]
            for other in ready[1:]:
                group.create_task(self.chain(other, group))
            if not count % MAX_INLINE_STEPS:
                await asyncio.sleep(0)

    async def _run_step(self, step: Step) -> list[str]:
        """The names of the steps that may start because this one ended."""
        started_us = self._clock_us()
        verdict = _Verdict()
        state, error = StepState.FAILED, None
        try:
            arguments = await self._judge(step, verdict)
            if verdict.state is None:
                self.outputs[step.name] = await self._carried_out(step, arguments, verdict.decision_ids[-1])
                state = StepState.SUCCEEDED
            else:
                state, error = verdict.state, verdict.message()
        except asyncio.CancelledError as cancelled:
            # Of the whole run: the group raises it again. Of this step alone, by its own doing: the group takes the
            # end of a cancelled task for a normal one, and the failure recorded here ends the step.
            self._record(step.name, StepState.FAILED, started_us, _described(cancelled), verdict)
            raise
        except (Exception, SystemExit) as failure:  # noqa: BLE001  whatever a step or the engine raises ends it alone
            error = _described(failure)
        return self._record(step.name, state, started_us, error, verdict)

    def _record(self, name: str, state: StepState, started_us: int, error: str | None, verdict: _Verdict) -> list[str]:
        self._records[name] = StepRecord(
            name=name,
            state=state,
            started_us=started_us,
            finished_us=self._clock_us(),
            error=error,
            decision_ids=tuple(verdict.decision_ids),
            reasons=tuple(verdict.reasons),
        )
        return self.schedule.finished(name, state)

    async def _judge(self, step: Step, verdict: _Verdict) -> dict[str, Any]:
        """What to call the step with; the decisions on it go into `verdict`, up to the first that does not allow."""
        arguments = step.arguments(self.outputs, self._given)
        content = _judged(arguments)
        context = {**self._context, **step.context, **self._own, "step": step.name}
        resource = self._resource(step)
        for action in _ACTIONS[step.kind]:
            decision = await self._enforce(Request(self._principal, action, resource, context, content))
            verdict.add(decision)
            if not decision.allowed:
                return {}
            if decision.redacted is not None:
                content = _same_shape(decision.redacted, content)
        return content

    async def _carried_out(self, step: Step, arguments: dict[str, Any], decision_id: str) -> Any:
        """The step's result, once it is recorded."""
        started_ns = perf_counter_ns()
        try:
            result = await _called(step, arguments)
        except (Exception, SystemExit) as failure:
            await self._tell(step, decision_id, started_ns, type(failure).__name__)
            raise
        await self._tell(step, decision_id, started_ns)
        return result

    async def _tell(self, step: Step, decision_id: str, started_ns: int, failed: str = "") -> None:
        if self._recorded is None:
            return
        outcome = Outcome(
            {**self._own, "step": step.name}, duration_us=(perf_counter_ns() - started_ns) // 1000, failed=failed
        )
        await self._recorded(Request(self._principal, "plan.step", self._resource(step)), decision_id, outcome)

    def _resource(self, step: Step) -> Resource:
        if step.kind == "agent":  # agents belong to a tenant, and policies may require to be told which
            return Resource("agent", str(step.target), {"tenant": self._principal.tenant})
        return Resource(step.kind, step.target or step.name)

    def fail_abandoned(self) -> None:
        """Fail what was to start in a task that something other than the run's own cancellation cancelled."""
        abandoned = [name for name, state in self.schedule.states.items() if state is StepState.RUNNING]
        for name in abandoned:
            self._record(name, StepState.FAILED, self._clock_us(), "CancelledError: its task was cancelled", _Verdict())

    def all_records(self) -> dict[str, StepRecord]:
        """A record for every step, in the plan's order."""
        blockers = self.schedule.blockers
        records: dict[str, StepRecord] = {}
        for name in self._steps:
            record = self._records.get(name)
            if record is None:
                blocker = blockers.get(name)
                why = f"it needs {blocker!r}: {self._records[blocker].state}" if blocker else "the plan was not allowed"
                record = StepRecord(name=name, state=StepState.SKIPPED, reasons=(why,))
            records[name] = record
        return records


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
        try:
            judged[name] = _json_copy(value)
        except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
            raise AxonFlowError(
                "an argument cannot be judged",
                expected="JSON, or what msgspec writes as JSON",
                found=f"{type(value).__name__}: {error}",
                at=f"argument {name[:64]!a}",
                hint="Nothing was called. Let the step that gave it return JSON.",
            ) from None
    return judged


def _json_copy(value: object) -> Any:
    plain = msgspec.to_builtins(value, builtin_types=_UNREADABLE, str_keys=True)
    if len(_json(plain)) != len(_json(value)):  # to_builtins keeps one member of each name, the encoder writes all
        raise ValueError("two keys of an object have the same name in JSON")
    return _unpack(_pack(plain))  # to_builtins keeps tuples, MessagePack makes lists of them


_UNREADABLE: Final = (bytes, bytearray, memoryview)
_json = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


def _same_shape(redacted: object, content: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(redacted, dict) or redacted.keys() != content.keys():
        raise AxonFlowError(
            "the redaction does not fit",
            expected="an object with the same arguments",
            found=type(redacted).__name__,
            at="$.redacted",
        )
    return redacted


async def _called(step: Step, arguments: dict[str, Any]) -> Any:
    """The step's result. A callable that is not async runs in a thread.

    On the loop it would halt every other step of this and all other plans for as long as it blocks, and one that
    calls a model or a tool blocks for seconds. The thread costs some 170 us (2 cores, CPython 3.11, no-op; a coroutine
    costs 0.1), and the loop's default executor has processors + 4 of them, at most 32: a step that only computes for
    a moment, or of which many are to run at once, is better written as ``async def``.
    """
    run = step.run
    if iscoroutinefunction(run) or iscoroutinefunction(getattr(run, "__call__", None)):  # noqa: B004  not "callable?"
        return await run(**arguments)
    result = await asyncio.to_thread(_call, run, arguments)
    if isawaitable(result):  # a lambda or a partial around a coroutine function
        return await result
    return result


def _call(run: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    try:
        return run(**arguments)
    except StopIteration as stop:  # a future refuses to hold it, and whoever awaits that future waits for ever
        raise RuntimeError("the step raised StopIteration") from stop


def _described(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  the author's __str__ may do anything
        text = "(its message could not be read)"
    name = type(error).__name__
    return f"{name}: {text}"[:MAX_ERROR_CHARS] if text else name[:MAX_ERROR_CHARS]
