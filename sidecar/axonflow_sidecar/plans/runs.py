"""Runs of plans that were made: each runs once, in one process at a time, and what came of it is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from axonflow import AxonFlow, AxonFlowError, Principal
from axonflow.app.plan_runs import came_to
from axonflow.app.plan_shelf import PlanShelf
from axonflow.audit import IN_PROCESS, Origin
from axonflow.errors import PlanError
from axonflow.ids import now_us
from axonflow.plan import Plan, PlanExecution, PlanResult, StepEvent, StepRecord
from axonflow.plan.keeping.execution import ENDED, ExecutionStatus
from axonflow.plan.model.values import MAX_RESULT_LEVELS, is_nested_deeper
from axonflow.tenancy import check_active
from axonflow_sidecar.plans.leases import USUAL_TIMES, Leases, LeaseTimes
from axonflow_sidecar.plans.making import PlanMaker
from axonflow_sidecar.plans.progress import Progress
from axonflow_sidecar.plans.replanning import Came, Running, Work, replanned
from axonflow_sidecar.plans.stopping import Stop, Stopping

__all__ = ["PlanRuns", "RunTimes"]

_NOBODY: Final[Mapping[str, str]] = {}
MAX_UNKEPT: Final = 10_000
"""Ends that wait for a store that is away; of more than that, the plans are given up when this process is gone."""
MAX_UNKEPT_BYTES: Final = 64 * 1024 * 1024
"""Of results in these. What is more than that is lost, and the plan has failed for it."""
_log = logging.getLogger("axonflow.plans")


class RunTimes(Struct, frozen=True):
    """In seconds: how often is written down where steps have got to, how often is asked which runs are to stop, how
    long whoever cancels one waits for its end, and the pauses before that is offered again to a store that is away."""

    keep_s: float = 0.25
    look_s: float = 0.5
    cancel_s: float = 10.0
    pauses_s: tuple[float, ...] = (0.1, 1.0, 5.0)


_USUAL: Final = RunTimes()


class PlanRuns:
    """`shelf` is where plans are kept; `executor_id` names this process there. `inactive` is looked at before each
    step: tenants that may do nothing at present, and why."""

    def __init__(
        self,
        flow: AxonFlow,
        shelf: PlanShelf,
        maker: PlanMaker,
        executor_id: str,
        inactive: Mapping[str, str] = _NOBODY,
        times: RunTimes = _USUAL,
        lease_times: LeaseTimes = USUAL_TIMES,
    ) -> None:
        self._flow = flow
        self._shelf = shelf
        self._maker = maker
        self._executor_id = executor_id
        self._inactive = inactive
        self._times = times
        self._stopping = Stopping(shelf, executor_id, times.look_s)
        self._running: dict[asyncio.Task[PlanExecution | None], tuple[str, str]] = {}
        self._unkept: dict[tuple[str, str], tuple[PlanExecution, list[StepRecord], int]] = {}
        self._unkept_bytes = 0
        self._lost = 0
        self.leases = Leases(shelf, executor_id, self._keep_ends, self._stopping.set_adrift, lease_times)

    async def run(
        self, tenant_id: str, plan_id: str, principal: Principal, origin: Origin = IN_PROCESS
    ) -> PlanExecution | None:
        """Run it to its end, or until it is held; None when it is not there or was begun before.

        Goes on when whoever asked has gone: it was begun, so its end has to be kept.
        """
        return await self._apart((tenant_id, plan_id), self._run(tenant_id, plan_id, principal, origin))

    async def _run(self, tenant_id: str, plan_id: str, principal: Principal, origin: Origin) -> PlanExecution | None:
        await self.leases.check()
        execution = await self._shelf.running.begin(tenant_id, plan_id, self._executor_id, now_us())
        if execution is None:
            return None

        run = Running(
            self._flow, principal, execution.context, origin, partial(check_active, tenant_id, self._inactive)
        )
        return await self._carry_out(execution, run, run.begin)

    async def resume(
        self,
        execution: PlanExecution,
        *,
        approved: bool | Mapping[str, bool],
        by: Principal,
        comment: str = "",
        origin: Origin = IN_PROCESS,
    ) -> PlanExecution | None:
        """Go on with one that is held, in whichever process it was; None when somebody else has, meanwhile.

        What is approved is what `execution` waits for, all of it or some by step: a plan that has gone on and waits
        again is not approved unseen.
        Raises Denied, and PlanError, as `AxonFlow.resume`: it is held as before then.
        """
        key = (execution.tenant_id, execution.plan_id)
        return await self._apart(key, self._resume(execution, approved, by, comment, origin))

    async def _resume(
        self,
        execution: PlanExecution,
        approved: bool | Mapping[str, bool],  # noqa: FBT001  what is asked for is yes or no
        by: Principal,
        comment: str,
        origin: Origin,
    ) -> PlanExecution | None:
        tenant_id = execution.tenant_id
        await self.leases.check()
        begun = await self._shelf.running.begin(
            tenant_id, execution.plan_id, self._executor_id, now_us(), was="awaiting_approval"
        )
        if begun is None or begun.held is None:
            return None
        held = begun.held
        if held != execution.held:
            await self._finished(replace(begun, status="awaiting_approval"), [])
            return None

        is_active = partial(check_active, tenant_id, self._inactive)
        run = Running(self._flow, Principal.of(held.principal), held.context, origin, is_active)

        async def work(plan: Plan, watch: Callable[[StepEvent], None]) -> PlanResult:
            return await self._flow.resume(
                plan, held, approved=approved, by=by, comment=comment, origin=origin, before_step=is_active, watch=watch
            )

        return await self._carry_out(begun, run, work)

    async def cancel(self, tenant_id: str, plan_id: str, reason: str) -> PlanExecution | None:
        """Cancel one that has not ended; None when there is none. One that runs here has stopped when this returns,
        unless it takes too long; one that runs in another process stops when that one asks. One that an earlier process
        of this spool left behind is over."""
        told = await self._shelf.changes.cancel(tenant_id, plan_id, reason, now_us())
        if told is None or told.status in ENDED:
            return told
        key = (tenant_id, plan_id)
        own = [task for task, runs in self._running.items() if runs == key]
        self._stopping.stop(key)
        if own:
            await asyncio.wait(own, timeout=self._times.cancel_s)
        elif told.executor_id == self._executor_id:
            ended, steps, _ = self._unkept.get(key, (_cancelled(told), [], 0))  # it may have ended, and not been kept
            await self._finished(ended, steps)
        return await self._shelf.kept.get(tenant_id, plan_id)

    async def _apart(
        self, key: tuple[str, str], run: Coroutine[Any, Any, PlanExecution | None]
    ) -> PlanExecution | None:
        """`run` of that plan to its end, whoever waits for it. From its beginning on: a plan that is begun and has no
        task would be running for good."""
        task = asyncio.create_task(run)
        self._running[task] = key
        task.add_done_callback(self._running.pop)
        return await asyncio.shield(task)

    async def _carry_out(self, execution: PlanExecution, run: Running, work: Work) -> PlanExecution:
        key = (execution.tenant_id, execution.plan_id)
        progress = Progress(self._shelf, execution, self._times.keep_s)
        steps: list[StepRecord] = []
        stop: Stop | None = None
        try:
            with self._stopping.can_stop(key) as stop:
                async with progress.kept():
                    came = Came(execution, await work(self._maker.plan_of(execution), progress.watch))
                    execution = replace(execution, held=None)
                    came = await replanned(came, run, self._shelf, self._maker, progress.watch)
            steps = list(came.steps.values())
            ended = _ended(came.execution, came.result)
        except AxonFlowError as error:
            if execution.held is not None:  # nothing has run: it waits on
                await self._finished(replace(execution, status="awaiting_approval"), [])
                raise
            ended, steps = _failed(execution, str(error)), progress.stopped()
        except asyncio.CancelledError as cancelled:
            ended, steps = _with_what_is_done(_stopped(execution, stop), cancelled), progress.stopped()
        except Exception:  # whatever it is, nothing runs any more, and who looks has to see that
            await self._finished(_failed(execution, "Something failed here. The log says what."), progress.stopped())
            raise
        status = await self._finished(ended, steps)
        if status is None:
            raise PlanError("the run was taken from this orchestrator", at=f"plan {execution.plan_id}")
        return ended if status == ended.status else _cancelled(ended)

    async def _finished(self, ended: PlanExecution, steps: list[StepRecord]) -> ExecutionStatus | None:
        """Keep the end, also when the store is away for a moment: the steps have been done, whatever it says."""
        for pause_s in self._times.pauses_s:
            try:
                return await self._kept_as(ended, steps)
            except PlanError as error:
                _log.warning("the end of a run cannot be kept yet", extra={"facts": {"reason": str(error)}})
                await asyncio.sleep(pause_s)
        try:
            return await self._kept_as(ended, steps)
        except PlanError:
            self._keep_later(ended, steps)
            raise

    def _keep_later(self, ended: PlanExecution, steps: list[StepRecord]) -> None:
        size_bytes = len(msgspec.json.encode(ended.step_results)) + len(ended.held.to_json() if ended.held else b"")
        if len(self._unkept) >= MAX_UNKEPT:
            self._lost += 1
            return
        if self._unkept_bytes + size_bytes > MAX_UNKEPT_BYTES:
            slim = replace(ended, result=None, step_results={})
            ended, steps, size_bytes = _failed(slim, "What came of it was too much to wait for the database."), [], 0
        self._unkept_bytes += size_bytes
        self._unkept[ended.tenant_id, ended.plan_id] = ended, steps, size_bytes

    async def _keep_ends(self) -> bool:
        """Keep the ends that the store did not take when they came: whether nothing is left then, and nothing runs.
        Raises PlanError when it still does not."""
        failures: list[PlanError] = []
        for key, (ended, steps, size_bytes) in list(self._unkept.items()):
            try:
                await self._kept_as(ended, steps)
            except PlanError as failure:  # of this one, or of all: which it is, the next one tells
                failures.append(failure)
                continue
            del self._unkept[key]
            self._unkept_bytes -= size_bytes
        if failures:
            raise failures[0]
        return not self._running and not self._lost

    async def _kept_as(self, ended: PlanExecution, steps: list[StepRecord]) -> ExecutionStatus | None:
        """The status that it has at its end; None when that is not this one."""
        status = await self._shelf.running.finish(ended, steps)
        if status is not None:
            return status
        # The store may have kept it and then not been able to say so.
        known = await self._shelf.kept.get(ended.tenant_id, ended.plan_id)
        parts = ("executor_id", "status", "finished_us")
        is_own = known is not None and all(getattr(known, part) == getattr(ended, part) for part in parts)
        return ended.status if is_own else None

    async def close(self, timeout_s: float) -> None:
        """Wait for runs to end; those that have not by then are cancelled, and kept as failed."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=timeout_s)
        for task in late:
            task.cancel()
        if late:
            _log.warning("runs were cancelled", extra={"facts": {"runs": len(late)}})
            await asyncio.wait(late, timeout=5)


def _stopped(execution: PlanExecution, stop: Stop | None) -> PlanExecution:
    if stop is not None and stop.was_told:
        stop.task.uncancel()
        return _cancelled(execution)
    if stop is not None and stop.is_adrift:
        stop.task.uncancel()
        return _failed(execution, "The orchestrator could not tell for too long that it still runs it.")
    return _failed(execution, "The orchestrator was stopped.")


def _with_what_is_done(stopped: PlanExecution, cancelled: asyncio.CancelledError) -> PlanExecution:
    result = came_to(cancelled)
    if result is None:
        return stopped
    try:
        return replace(stopped, step_results=_as_json(result.outputs))
    except PlanError as error:
        return replace(stopped, error=f"{stopped.error} {error}")


def _cancelled(execution: PlanExecution) -> PlanExecution:
    return replace(execution, status="cancelled", error="It was cancelled.", finished_us=now_us(), held=None)


def _failed(execution: PlanExecution, error: str) -> PlanExecution:
    return replace(execution, status="failed", error=error, finished_us=now_us(), held=None)


def _as_json(outputs: dict[str, Any]) -> dict[str, Any]:
    """The results of steps as JSON has them: what can be kept, and is told alike at once and later. Raises PlanError
    for one that is none."""
    told = {}
    for name, value in outputs.items():
        try:
            told[name] = msgspec.json.decode(msgspec.json.encode(value))
        except (TypeError, ValueError, OverflowError, BufferError, RecursionError, msgspec.MsgspecError) as error:
            raise PlanError(f"{name}: the result is not JSON: {type(error).__name__}") from None
        if is_nested_deeper(told[name], MAX_RESULT_LEVELS):
            raise PlanError(f"{name}: the result is nested too deep", expected=f"at most {MAX_RESULT_LEVELS} levels")
    return told


def _ended(execution: PlanExecution, result: PlanResult) -> PlanExecution:
    try:
        outputs = _as_json(result.outputs)
        if result.held is not None:
            result.held.to_json()  # the results of steps within others are there alone
            return replace(execution, status="awaiting_approval", held=result.held, step_results=outputs)
    except PlanError as error:  # it has run: this is an end, and not one that somebody could go on from
        return _failed(execution, str(error))
    told = [f"{name}: {error}" for name, error in result.errors.items()] or list(result.reasons)
    errors = "; ".join([*told, *([result.error] if result.error else [])])
    return replace(
        execution,
        status=result.status,
        result={name: outputs[name] for name in result.result},
        step_results=outputs,
        error=None if result.status == "completed" else errors or result.status,
        finished_us=now_us(),
        held=None,
    )
