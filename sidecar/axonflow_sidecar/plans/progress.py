"""Where the steps of a run have got to, kept while it runs: for whoever looks, in whichever process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from msgspec.structs import replace

from axonflow.app.plan_shelf import PlanShelf
from axonflow.errors import PlanError
from axonflow.plan import FINAL, PlanExecution, StepEvent, StepRecord, StepState

__all__ = ["Progress"]

_log = logging.getLogger("axonflow.plans")


class Progress:
    """Of one run. It is written down every `every_s`, so a run that takes less time costs no writes for it."""

    def __init__(self, shelf: PlanShelf, execution: PlanExecution, every_s: float) -> None:
        self._shelf = shelf
        self._execution = execution
        self._every_s = every_s
        self._records: dict[str, StepRecord] = {}
        self._changed: set[str] = set()

    def watch(self, event: StepEvent) -> None:
        """A step of the plan itself has got there; those of plans within it are theirs."""
        name = event.name
        if "." in name:
            return
        record = self._records.get(name) or StepRecord(name, event.state)
        if event.state == StepState.RUNNING:
            started_us = event.time_us if record.started_us is None else record.started_us
            record = replace(record, started_us=started_us, finished_us=None, attempts=record.attempts + 1)
        elif event.state in FINAL:
            record = replace(record, finished_us=event.time_us)
        self._records[name] = replace(record, state=event.state)
        self._changed.add(name)

    def stopped(self) -> list[StepRecord]:
        """Where the steps are when the run is no more: what has not ended was cancelled."""
        return [
            one if one.state in FINAL else replace(one, state=StepState.CANCELLED) for one in self._records.values()
        ]

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """It is written down for as long as the block takes."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping

    async def _keep(self) -> None:
        is_away = False  # told once
        while True:
            await asyncio.sleep(self._every_s)  # what moves meanwhile is kept in one statement
            names, self._changed = self._changed, set()
            if not names:
                continue
            try:
                await self._shelf.running.progress(self._execution, [self._records[name] for name in sorted(names)])
                is_away = False
            except PlanError as error:
                self._changed |= names
                if is_away:
                    continue
                is_away = True
                _log.warning("where a run has got to cannot be kept yet", extra={"facts": {"reason": str(error)}})
