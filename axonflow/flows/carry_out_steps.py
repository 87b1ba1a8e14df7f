"""The steps of one run of a plan: judge each, carry it out, undo it, and keep what came of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NoReturn

from axonflow.errors import PlanError
from axonflow.flows.call_once import Cached, call_once, called
from axonflow.flows.call_step import MAX_ERROR_CHARS, call_step, check_result, described
from axonflow.flows.choose_branch import chooser
from axonflow.flows.hold_steps import NOTHING_YET, BodyHeld, refusal, took_part
from axonflow.flows.judge_result import is_judged, judge_result
from axonflow.flows.judge_step import judge_step, resource_of, why_refused
from axonflow.flows.plan_labels import RunLabels, StepLabels
from axonflow.flows.plan_means import Acting
from axonflow.flows.record_call import recorded_call
from axonflow.flows.reserve_plan import NOTHING_RESERVED, Reserved, reserve_plan
from axonflow.flows.run_records import RunRecords
from axonflow.flows.steer_plan import NEVER_ENDED, Came, Steering, now_us
from axonflow.plan import (
    Graph,
    RunRules,
    SoFar,
    Step,
    StepCall,
    StepState,
    Takes,
)
from axonflow.plan.model.branches import not_chosen
from axonflow.plan.model.keys import idempotency_key, key_text
from axonflow.plan.model.options import unbound
from axonflow.plan.model.references import filled, parse_reference
from axonflow.plan.model.schemas import check_fits
from axonflow.plan.model.step import CALLS
from axonflow.plan.running.events import Begin, Closed, Grown, Refused, StopReason
from axonflow.plan.running.machine import Machine
from axonflow.plan.running.step_call import CURRENT_CALL
from axonflow.plan.running.wiring import Wiring
from axonflow.plan.sharing.dispatch import Ask
from axonflow.policy.request import Resource

__all__ = ["Steps"]

Growth = AsyncIterator[Graph]
"""A plan that is still being written, again and again with more steps, which are permitted."""
MAX_ELEMENTS: Final = 10_000
"""Of a list that is mapped over."""


class Steps(RunRecords):
    """One run of `graph`, in which ``$.name`` is what is `given`. In a plan within one, names begin with `prefix`.

    It goes on from `so_far`; `within` is where it is. Raises PlanError when that is of another plan.
    """

    __slots__ = ("_ended", "_given")

    def __init__(
        self,
        graph: Graph,
        acting: Acting,
        given: Mapping[str, Any],
        *,
        reserved: Reserved = NOTHING_RESERVED,
        prefix: str = "",
        so_far: SoFar = NOTHING_YET,
        within: tuple[RunLabels, Step, str] | None = None,
    ) -> None:
        means = acting.means
        at_once = {"parallel": None, "sequential": 1, "balanced": means.balanced_steps}
        rules = RunRules(
            on_failure=graph.on_failure, deadline_ms=graph.deadline_ms, grace_ms=means.grace_ms, undo_ms=means.undo_ms,
            max_parallel=at_once[graph.mode],
        )  # fmt: skip
        machine = Machine(graph, rules, draw=random.random, durations_us=self._durations_us, hedging=means.hedging)
        super().__init__(graph, acting, machine, prefix, so_far, reserved, within)
        self._given = given
        self._ended = so_far.ended_in(graph)

    async def run(self, *, allowed: bool = True, spent_us: int = 0, growth: Growth | None = None) -> None:
        """Run them to the end, or none of them; with those that `growth` still gives. As `Steering.run`."""
        first: Begin | Refused = Refused()
        if allowed:
            without, is_whole = self._reserved.without, self.error is None
            first = Begin(now_us(), without, self._ended, spent_us, growth is not None, is_whole)
        steering = Steering(self.machine, self, self._acting.means.room)
        growing = None if growth is None or not allowed else asyncio.create_task(self._grow(steering, growth))
        try:
            await steering.run(first)
        finally:
            try:
                if growing is not None:
                    growing.cancel()
                    await asyncio.wait([growing], timeout=self._acting.means.grace_ms / 1000)
            finally:
                await self._reserved.give_back()

    async def _grow(self, steering: Steering, growth: Growth) -> None:
        """Take in what is still to come. What is wrong with it ends that, and what becomes of the plan then its failure
        policy says."""
        try:
            async for graph in growth:
                if self.machine.stopped is not None:
                    return
                await self._take_in(graph, steering)
        except (Exception, asyncio.CancelledError) as failure:  # noqa: BLE001  of whoever writes: the plan has to end
            if self.machine.stopped is None:
                self.error = described(failure)
        steering.tell(Closed(now_us(), self.error is None))

    async def _take_in(self, graph: Graph, steering: Steering) -> None:
        means, states = self._acting.means, self.machine.states
        known = {number: state is not StepState.SKIPPED for number, state in enumerate(states)}
        reserved = await reserve_plan(graph, means.ledger, means.quotas, self._acting.clock_us(), known)
        self._reserved = self._reserved.joined(reserved)
        if self.machine.stopped is None:
            steering.tell(Grown(graph, now_us(), reserved.without))
            self._graph = graph
            self._labels.grown(graph)
            self._progress += [None] * (len(states) - len(self._progress))

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

    async def attempt(self, step: int, replica: str | None = None) -> Came:
        """Judge the step and carry it out once. Raises nothing but what ends the task that it is in."""
        one, progress, acting = self._steps[step], self._progress[step] or self._begun(step), self._acting
        progress.attempts += 1
        call = StepCall(acting.own["plan_id"], self._prefix + one.name, progress.attempts, replica)
        if acting.means.watch is not None:
            self._show(step, StepState.RUNNING)
        token = CURRENT_CALL.set(call)
        try:
            resource = resource_of(one.kind, one.target or one.name, acting.principal.tenant)
            answers = self._answers(one) if acting.answers else ()
            if answers and (refused_by := refusal(answers)) is not None:
                return Came(StepState.DENIED, error=refused_by[:MAX_ERROR_CHARS])
            enforce = acting.enforce_given(answers) if answers else acting.enforce
            context, labels, arguments = self._context(one), self._labels.of_step(one), self._arguments(one)
            content, refused, decision_id = await judge_step(
                one.kind, resource, arguments, principal=acting.principal, context=context, enforce=enforce,
                judgements=progress, labels=labels,
            )  # fmt: skip
            if refused is not None or (one.kind == "approval" and self._approval(one) is None):
                return self._not_permitted(step, refused, resource)
            work = self._work(step, call, arguments, content, labels)
            result = await (
                work if acting.recorded is None else recorded_call(acting, call, resource, decision_id, work)
            )
            check_result(result, acting.means.max_result_bytes, one.gives)
            if labels is not None or is_judged(one, result, acting):
                result, goes_on = await judge_result(
                    one, resource, result, acting=acting, enforce=enforce, context=context, judgements=progress,
                    labels=labels,
                )  # fmt: skip
                if not goes_on:
                    why = f"its result is {why_refused(StepState.DENIED, progress)}"
                    return Came(StepState.DENIED, error=why[:MAX_ERROR_CHARS])
            not_chosen = self._not_chosen(one, result) if one.kind == "condition" else ()
        except BodyHeld:
            return Came(StepState.HELD, error=f"held for approval: {self._holding.waiting[step][0].step}")
        except (Exception, SystemExit) as failure:  # noqa: BLE001  whatever a step or the engine raises ends it alone
            kinds = tuple(kind.__name__ for kind in type(failure).__mro__)
            return Came(StepState.FAILED, error=described(failure), errors=kinds)
        finally:
            CURRENT_CALL.reset(token)
            progress.cached = call.cached
            if call.tokens or call.usd_micros:
                progress.note(call)
            if self._prefix or self._reserved is not NOTHING_RESERVED:
                self._spend(one, call.used)
                await self._reserved.settle(step, call.used)
        return Came(_SUCCEEDED, result, None, (), not_chosen)

    def _not_permitted(self, step: int, refused: StepState | None, resource: Resource) -> Came:
        one, progress = self._steps[step], self._begun(step)
        if refused is None:
            why = f"held for approval: {one.target}"
            approvers: tuple[str, ...] = (str(one.target),)
        else:
            why, approvers = why_refused(refused, progress), progress.approvers
        if refused is not StepState.DENIED:
            self._holding.hold(step, self._prefix + one.name, f"{resource.type}:{resource.id}", why, approvers)
        return Came(refused or StepState.HELD, error=why[:MAX_ERROR_CHARS])

    async def undo(self, step: int) -> bool:
        """Undo the step, and whether that went well."""
        one, progress = self._steps[step], self._begun(step)
        assert one.compensate
        try:
            arguments = one.compensate.arguments(self.outputs, self._given)
            kind, target = one.compensate.kind, one.compensate.target or one.name
            resource = resource_of(kind, target, self._acting.principal.tenant)
            labels = self._labels.of_step(one, undoing=True)
            # Who approved that it is done has not approved that it is undone.
            content, refused, decision_id = await judge_step(
                kind, resource, arguments, principal=self._acting.principal, context=self._context(one),
                enforce=self._acting.enforce, judgements=progress, labels=labels,
            )  # fmt: skip
            if refused is not None:
                progress.error = f"not undone: {why_refused(refused, progress)}"[:MAX_ERROR_CHARS]
                return False
            call = StepCall(self._acting.own["plan_id"], self._prefix + one.name, 0)
            call.key = f"{call.idempotency_key}:undo"
            work = called(one.compensate.run, content, call)
            await recorded_call(self._acting, call, resource, decision_id, work)
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
            self._spend(one, {})
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

    def _arguments(self, step: Step) -> dict[str, Any]:
        if step.kind != "join":
            return step.arguments(self.outputs, self._given)
        there = {need: self.outputs[need] for need in step.needs if need in self.outputs}
        return {**filled(step.inputs, step.holes, lambda hole: hole.value_in(self.outputs, self._given)), **there}

    def _context(self, step: Step) -> dict[str, Any]:
        acting, name = self._acting, self._prefix + step.name
        if not step.context:
            return {**acting.shared, "step": name}
        return {**acting.context, **step.context, **acting.own, "step": name}

    def _work(
        self, number: int, call: StepCall, arguments: dict[str, Any], content: dict[str, Any], labels: StepLabels | None
    ) -> Awaitable[Any]:
        """What is to be awaited for the step: its parts, or what it is bound to, with its keys as they are for these
        arguments."""
        step = self._steps[number]
        if step.accepts is not None:
            check_fits(content, step.accepts, "arguments")
        if step.kind not in CALLS:
            return self._result(number, call, content)
        if step.idempotency_key is not None:
            call.key = idempotency_key(step.idempotency_key, content, self.outputs, self._given)
        cache = self._acting.means.cache
        if step.cache_key is None or cache is None:
            call.made = True
            return call_step(step.run, content)
        key = key_text(step.cache_key, content, self.outputs, self._given)
        redacted = None if content == arguments else content
        carried, tenant = None if labels is None else labels.names, self._acting.principal.tenant
        return call_once(step, content, call, Cached(cache, step, self._graph.plan, tenant, key, redacted, carried))

    async def _result(self, number: int, call: StepCall, content: dict[str, Any]) -> Any:
        """Of a step that has parts of its own."""
        step = self._steps[number]
        call.made = True
        if step.kind == "approval":
            return self._approval(step)
        if step.kind == "join":
            return content if step.run is unbound else await call_step(step.run, content)
        if step.kind == "condition":
            return chooser(step, self._acting.means.compile_pattern)(content)
        with self._holding.forgetting(f"{self._prefix}{step.name}."):
            return await self._with_body(number, call, content)

    async def _with_body(self, number: int, call: StepCall, content: dict[str, Any]) -> Any:
        step = self._steps[number]
        if step.kind == "plan":
            body = await self._within(step, content, "", self._holding.take_before(step.name), call)
            if body.machine.status == "held":
                self._holding.hold_body(number, step.name, body.so_far(), body.waiting())
                raise BodyHeld
            return body.result()
        return await self._mapped(number, content)

    def _not_chosen(self, step: Step, result: str) -> tuple[int, ...]:
        return tuple(self.machine.wiring.numbers[name] for name in not_chosen(step, result))

    async def _within(
        self, step: Step, given: dict[str, Any], place: str, so_far: SoFar, call: StepCall | None = None
    ) -> Steps:
        """The step's body, when it has succeeded or is held. What a plan within takes was reserved with the step, whose
        `call` is told what it spent."""
        assert step.body
        means = self._acting.means
        quotas = means.quotas if step.kind == "map" else ()
        known = took_part(so_far.ended_in(step.body))
        time_us = self._acting.clock_us()
        reserved = await reserve_plan(step.body, means.ledger, quotas, time_us, known, so_far.within)
        prefix = f"{self._prefix}{step.name}{place}."
        given = {**step.body.inputs, **given}
        within = (self._labels, step, place)
        body = Steps(step.body, self._acting, given, reserved=reserved, prefix=prefix, so_far=so_far, within=within)
        await body.run(spent_us=so_far.spent_us)
        if call is not None:
            call.spent = body.spent
        if body.machine.status not in {"completed", "held"}:
            errors = body.errors()
            name = next(iter(errors), "")
            raise PlanError("the plan within did not succeed", found=errors.get(name), at=f"step {name!r}")
        if body.machine.status == "completed":
            self._labels.body_ended(step, body._labels)
        return body

    async def _mapped(self, number: int, content: dict[str, Any]) -> list[Any]:
        """What the sinks of the step's body give for each element, in their order."""
        step = self._steps[number]
        assert step.over
        elements = parse_reference(step.over, None).value_in(self.outputs, self._given)
        if not isinstance(elements, (list, tuple)) or len(elements) > MAX_ELEMENTS:
            found = f"{len(elements)} elements" if isinstance(elements, (list, tuple)) else type(elements).__name__
            raise PlanError("nothing to map over", expected=f"a list of at most {MAX_ELEMENTS}", found=found)
        results: list[Any] = [None] * len(elements)
        held: dict[int, Steps] = {}
        labels: dict[int, dict[str, list[str]]] = {}
        left = iter(enumerate(elements))

        async def work() -> None:
            for index, item in left:
                before = self._holding.take_before(f"{step.name}.{index}")
                if before.done:
                    results[index], labels[index] = before.outputs, before.labels
                    self._labels.element_before(step, f".{index}", before)
                    continue
                body = await self._within(step, {**content, "item": item, "index": index}, f".{index}", before)
                if body.machine.status == "held":
                    held[index] = body
                else:
                    results[index], labels[index] = body.result(), body.labels()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(step.max_parallel or len(elements), len(elements))):
                    group.create_task(work())
        except ExceptionGroup as failures:  # the first stops the others
            raise failures.exceptions[0] from None
        if held:
            self._hold_elements(number, held, results, labels)
        return results

    def _hold_elements(
        self, number: int, held: Mapping[int, Steps], results: Sequence[Any], labels: Mapping[int, dict[str, list[str]]]
    ) -> NoReturn:
        name = self._steps[number].name
        for index, result in enumerate(results):
            body = held.get(index)
            done = SoFar(outputs=result, done=True, labels=labels.get(index, {}))
            so_far = done if body is None else body.so_far()
            self._holding.hold_body(number, f"{name}.{index}", so_far, () if body is None else body.waiting())
        raise BodyHeld


_NOTHING: Final = Takes()
_SUCCEEDED: Final = StepState.SUCCEEDED
