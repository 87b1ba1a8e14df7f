"""The steps of one run of a plan: judge each, carry it out, undo it, and keep what came of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter_ns
from typing import Any, Final

from axonflow.errors import PlanError
from axonflow.flows.call_step import MAX_ERROR_CHARS, call_step, check_size, described
from axonflow.flows.choose_branch import chooser
from axonflow.flows.judge_step import Judgements, judge_step, resource_of, why_refused
from axonflow.flows.plan_means import Acting
from axonflow.flows.record import Outcome
from axonflow.flows.reserve_plan import NOTHING_RESERVED, Reserved, reserve_plan
from axonflow.flows.steer_plan import NEVER_ENDED, Came, Steering, now_us
from axonflow.plan import Graph, RunRules, Step, StepEvent, StepKind, StepRecord, StepState, Takes
from axonflow.plan.dispatch import Ask
from axonflow.plan.events import Begin, Refused, StopReason
from axonflow.plan.machine import Machine
from axonflow.plan.options import unbound
from axonflow.plan.references import filled, parse_reference
from axonflow.plan.schemas import check_fits
from axonflow.plan.step import CALLS
from axonflow.plan.wiring import Wiring
from axonflow.policy.request import Request, Resource

__all__ = ["Steps"]

MAX_ELEMENTS: Final = 10_000
"""Of a list that is mapped over."""


class _Progress(Judgements):
    """Where one step has got to."""

    __slots__ = ("attempts", "error", "finished_us", "started_us")

    def __init__(self, started_us: int) -> None:
        super().__init__()
        self.started_us = started_us
        self.finished_us: int | None = None
        self.error: str | None = None
        self.attempts = 0


class Steps:
    """One run of `graph`, in which ``$.name`` is what is `given`. In a plan within one, names begin with `prefix`."""

    __slots__ = ("_acting", "_given", "_graph", "_prefix", "_progress", "_reserved", "_steps", "machine", "outputs")

    def __init__(
        self,
        graph: Graph,
        acting: Acting,
        given: Mapping[str, Any],
        *,
        reserved: Reserved = NOTHING_RESERVED,
        prefix: str = "",
    ) -> None:
        means = acting.means
        at_once = {"parallel": None, "sequential": 1, "balanced": means.balanced_steps}
        rules = RunRules(
            on_failure=graph.on_failure, deadline_ms=graph.deadline_ms, grace_ms=means.grace_ms, undo_ms=means.undo_ms,
            max_parallel=at_once[graph.mode], hedge_share=means.hedge_share,
        )  # fmt: skip
        self._graph = graph
        self._acting = acting
        self._given = given
        self._reserved = reserved
        self._prefix = prefix
        self.machine: Final = Machine(graph, rules, draw=random.random, durations_us=self._durations_us)
        self._steps = self.machine.wiring.steps
        self._progress: list[_Progress | None] = [None] * len(self._steps)
        self.outputs: dict[str, Any] = {}

    async def run(self, *, allowed: bool = True) -> None:
        """Run them to the end, or none of them. As `Steering.run`."""
        first = Begin(now_us(), self._reserved.without) if allowed else Refused()
        try:
            await Steering(self.machine, self, self._acting.means.room).run(first)
        finally:
            await self._reserved.give_back()

    def _durations_us(self, wiring: Wiring) -> list[int]:
        estimates = self._acting.means.estimates
        if estimates is None:
            return [1] * len(wiring.steps)
        return [estimates.of_us(step.kind, step.target or step.name) for step in wiring.steps]

    # -- what the steering asks for ------------------------------------------------------------------------------------

    def ask(self, step: int, begin: Callable[[], None]) -> Ask | None:
        """What the step takes of the room that all plans share; None: nothing, as one that has a body, whose own steps
        would else wait for room that it holds."""
        one, estimates = self._steps[step], self._acting.means.estimates
        if one.body is not None:
            return None
        takes = one.takes or _NOTHING
        return Ask(
            self._acting.principal.tenant,
            ((f"{one.kind}:{one.target or one.name}", 1), *[(f"slots:{name}", n) for name, n in takes.slots.items()]),
            begin,
            tokens=takes.tokens,
            urgency=self.machine.urgency(step),
            cost_us=1 if estimates is None else estimates.of_us(one.kind, one.target or one.name),
        )

    async def attempt(self, step: int) -> Came:
        """Judge the step and carry it out once. Raises nothing but what ends the task that it is in."""
        one, progress, acting = self._steps[step], self._progress[step] or self._begun(step), self._acting
        progress.attempts += 1
        not_chosen: tuple[int, ...] = ()
        if acting.means.watch is not None:
            self._show(step, StepState.RUNNING)
        try:
            resource = resource_of(one.kind, one.target or one.name, acting.principal.tenant)
            arguments = self._arguments(one)
            content, refused, decision_id = await self._judge(one.kind, resource, arguments, one, progress)
            if refused is not None:
                return Came(refused, error=why_refused(refused, progress)[:MAX_ERROR_CHARS])
            if one.kind == "approval":
                return Came(StepState.HELD, error=f"held for approval: {one.target}"[:MAX_ERROR_CHARS])
            if one.accepts is not None:
                check_fits(content, one.accepts, "arguments")
            work = call_step(one.run, content) if one.kind in CALLS else self._result(one, content)
            result = await (work if acting.recorded is None else self._told(resource, one, decision_id, work))
            check_size(result, acting.means.max_result_bytes)
            if one.gives is not None:
                check_fits(result, one.gives, "result")
            if one.kind == "condition":
                not_chosen = self._not_chosen(one, result)
        except (Exception, SystemExit) as failure:  # noqa: BLE001  whatever a step or the engine raises ends it alone
            kinds = tuple(kind.__name__ for kind in type(failure).__mro__)
            return Came(StepState.FAILED, error=described(failure), errors=kinds)
        finally:
            if self._reserved is not NOTHING_RESERVED:
                await self._reserved.settle(step)
        return Came(StepState.SUCCEEDED, result, not_chosen=not_chosen)

    async def undo(self, step: int) -> bool:
        """Undo the step, and whether that went well."""
        one, progress = self._steps[step], self._begun(step)
        assert one.compensate
        try:
            arguments = one.compensate.arguments(self.outputs, self._given)
            kind, target = one.compensate.kind, one.compensate.target or one.name
            resource = resource_of(kind, target, self._acting.principal.tenant)
            content, refused, decision_id = await self._judge(kind, resource, arguments, one, progress)
            if refused is not None:
                progress.error = f"not undone: {why_refused(refused, progress)}"[:MAX_ERROR_CHARS]
                return False
            await self._told(resource, one, decision_id, call_step(one.compensate.run, content))
        except (Exception, SystemExit) as failure:  # noqa: BLE001  as above
            progress.error = f"not undone: {described(failure)}"[:MAX_ERROR_CHARS]
            return False
        return True

    def ended(self, step: int, came: Came, why: StopReason | None, took_us: int) -> None:
        """Keep what came of an attempt."""
        one, progress = self._steps[step], self._progress[step] or self._begun(step)
        progress.finished_us = self._acting.clock_us()
        if came is NEVER_ENDED:
            self._reserved.keep(step)
        if came.end is _SUCCEEDED:
            if one.name not in self.outputs:  # else another copy was faster
                self.outputs[one.name] = came.result
                progress.error = None
                if self._acting.means.estimates is not None:
                    self._acting.means.estimates.learn(one.kind, one.target or one.name, took_us)
        elif why is None:
            progress.error = came.error
        elif why != "other_copy":
            late = f", and did not stop within {self._acting.means.grace_ms} ms" if came is NEVER_ENDED else ""
            progress.error = self._why_stopped(one, why) + late
        if self._acting.means.watch is not None:
            self._show(step, self.machine.states[step])

    # -- carrying out --------------------------------------------------------------------------------------------------

    def _begun(self, step: int) -> _Progress:
        progress = self._progress[step] = self._progress[step] or _Progress(self._acting.clock_us())
        return progress

    def _show(self, step: int, state: StepState) -> None:
        if self._acting.means.watch is not None:
            name = self._prefix + self._steps[step].name
            self._acting.means.watch(StepEvent(name, state, self._acting.clock_us()))

    def _arguments(self, step: Step) -> dict[str, Any]:
        if step.kind != "join":
            return step.arguments(self.outputs, self._given)
        there = {need: self.outputs[need] for need in step.needs if need in self.outputs}
        return {**filled(step.inputs, step.holes, lambda hole: hole.value_in(self.outputs, self._given)), **there}

    def _judge(
        self, kind: StepKind, resource: Resource, arguments: dict[str, Any], step: Step, judgements: Judgements
    ) -> Awaitable[tuple[dict[str, Any], StepState | None, str]]:
        acting = self._acting
        return judge_step(
            kind,
            resource,
            arguments,
            principal=acting.principal,
            context={**acting.context, **step.context, **acting.own, "step": self._prefix + step.name},
            enforce=acting.enforce,
            judgements=judgements,
        )

    async def _told(self, resource: Resource, step: Step, decision_id: str, work: Awaitable[Any]) -> Any:
        """What came of `work`, once that is recorded."""
        if self._acting.recorded is None:
            return await work
        started_ns = perf_counter_ns()
        try:
            result = await work
        except (Exception, SystemExit, asyncio.CancelledError) as failure:  # what was stopped had been called as well
            await self._tell(resource, step, decision_id, started_ns, type(failure).__name__)
            raise
        try:
            await self._tell(resource, step, decision_id, started_ns)
        except asyncio.CancelledError:  # told to stop when it was done: it is recorded all the same, perhaps twice
            await self._tell(resource, step, decision_id, started_ns)
        return result

    async def _tell(self, resource: Resource, step: Step, decision_id: str, started_ns: int, failed: str = "") -> None:
        acting = self._acting
        if acting.recorded is not None:
            details = {**acting.own, "step": self._prefix + step.name}
            outcome = Outcome(details, duration_us=(perf_counter_ns() - started_ns) // 1000, failed=failed)
            await acting.recorded(Request(acting.principal, "plan.step", resource), decision_id, outcome)

    async def _result(self, step: Step, content: dict[str, Any]) -> Any:
        """Of a step that has parts of its own."""
        if step.kind == "join":
            return content if step.run is unbound else await call_step(step.run, content)
        if step.kind == "condition":
            return chooser(step, self._acting.means.compile_pattern)(content)
        if step.kind == "plan":
            return await self._within(step, content, "")
        return await self._mapped(step, content)

    def _not_chosen(self, step: Step, result: str) -> tuple[int, ...]:
        branches = step.branches or {}
        if result not in branches:
            found = f"{result[:64]!a}"
            raise PlanError("the condition has no branch", expected=" or ".join(branches), found=found, at="branches")
        numbers = self.machine.wiring.numbers
        named = dict.fromkeys(name for names in branches.values() for name in names)
        return tuple(numbers[name] for name in named if name not in branches[result])

    async def _within(self, step: Step, given: dict[str, Any], place: str) -> dict[str, Any]:
        """What the sinks of the step's body give. What a plan within takes was reserved with the step."""
        assert step.body
        means = self._acting.means
        quotas = means.quotas if step.kind == "map" else ()
        reserved = await reserve_plan(step.body, means.ledger, quotas, self._acting.clock_us())
        prefix = f"{self._prefix}{step.name}{place}."
        body = Steps(step.body, self._acting, {**step.body.inputs, **given}, reserved=reserved, prefix=prefix)
        await body.run()
        if body.machine.status != "completed":
            errors = body.errors()
            name = next(iter(errors), "")
            raise PlanError("the plan within did not succeed", found=errors.get(name), at=f"step {name!r}")
        return body.result()

    async def _mapped(self, step: Step, content: dict[str, Any]) -> list[Any]:
        """What the sinks of the step's body give for each element, in their order."""
        assert step.over
        elements = parse_reference(step.over, None).value_in(self.outputs, self._given)
        if not isinstance(elements, (list, tuple)) or len(elements) > MAX_ELEMENTS:
            found = f"{len(elements)} elements" if isinstance(elements, (list, tuple)) else type(elements).__name__
            raise PlanError("nothing to map over", expected=f"a list of at most {MAX_ELEMENTS}", found=found)
        results: list[Any] = [None] * len(elements)
        left = iter(enumerate(elements))

        async def work() -> None:
            for index, item in left:
                given = {**content, "item": item, "index": index}
                results[index] = await self._within(step, given, f".{index}")

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(step.max_parallel or len(elements), len(elements))):
                    group.create_task(work())
        except ExceptionGroup as failures:  # the first stops the others
            raise failures.exceptions[0] from None
        return results

    # -- what came of it -----------------------------------------------------------------------------------------------

    def _why_stopped(self, step: Step, why: StopReason) -> str:
        if why == "timeout":
            return f"TimeoutError: it was not done within {step.timeout_ms} ms"
        return f"stopped: {self._why_all_stopped()}"

    def _why_all_stopped(self) -> str:
        stopped = self.machine.stopped
        if isinstance(stopped, int):
            return f"{self._prefix}{self._steps[stopped].name!r} did not succeed"
        if stopped == "deadline":
            return f"the deadline of {self._graph.deadline_ms} ms has passed"
        return "the plan was cancelled"

    def result(self) -> dict[str, Any]:
        """What the steps gave that no other needs."""
        kept = self.kept()
        return {name: kept[name] for name in self._graph.sinks if name in kept}

    def kept(self) -> dict[str, Any]:
        """What the steps gave that were not undone."""
        undone = {
            self._steps[step].name for step, state in enumerate(self.machine.states) if state is StepState.COMPENSATED
        }
        return {name: value for name, value in self.outputs.items() if name not in undone} if undone else self.outputs

    def errors(self) -> dict[str, str]:
        """Why steps did not succeed, by name."""
        return {name: record.error for name, record in self.records().items() if record.error is not None}

    def records(self) -> dict[str, StepRecord]:
        """A record for every step, in the plan's order."""
        return {one.name: self._record(step) for step, one in enumerate(self._steps)}

    def _record(self, step: int) -> StepRecord:
        one, state, progress = self._steps[step], self.machine.states[step], self._progress[step]
        if progress is None:
            return StepRecord(name=one.name, state=state, reasons=(self._why_never_begun(step, state),))
        error = progress.error
        if state is StepState.UNCOMPENSATED and error is None:
            error = f"not undone: it was not done within {self._acting.means.undo_ms} ms"
        return StepRecord(
            one.name, state, progress.started_us, progress.finished_us, error, progress.decision_ids,
            progress.reasons, progress.attempts,
        )  # fmt: skip

    def _why_never_begun(self, step: int, state: StepState) -> str:
        if state is StepState.CANCELLED:
            return self._why_all_stopped()
        blocker = self.machine.blockers.get(step)
        if blocker is None:
            left_out = step in self._reserved.without
            return "it is optional, and did not fit the budget" if left_out else "the plan was not allowed"
        if self._steps[blocker].kind == "condition" and self.machine.states[blocker] in _DONE:
            return f"{self._steps[blocker].name!r} did not choose it"
        return f"it needs {self._steps[blocker].name!r}: {self.machine.states[blocker]}"


_NOTHING: Final = Takes()
_SUCCEEDED: Final = StepState.SUCCEEDED
_DONE: Final = frozenset({StepState.SUCCEEDED, StepState.COMPENSATED, StepState.UNCOMPENSATED})
