"""Runs of this process that are to stop, whoever says so: here, or by the store in another process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axonflow.app.plan_shelf import PlanShelf
from axonflow.errors import PlanError

__all__ = ["Stop", "Stopping"]

_log = logging.getLogger("axonflow.plans")
_Key = tuple[str, str]


class Stop:
    """Whether a run was told to stop, or had to because nobody knows any more that it runs here."""

    __slots__ = ("is_adrift", "task", "was_told")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.was_told = False
        self.is_adrift = False


class Stopping:
    """The store is asked every `look_s`, once for all runs, and only while there are any."""

    def __init__(self, shelf: PlanShelf, executor_id: str, look_s: float) -> None:
        self._shelf = shelf
        self._executor_id = executor_id
        self._look_s = look_s
        self._runs: dict[_Key, Stop] = {}
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def can_stop(self, key: _Key) -> Iterator[Stop]:
        """The task that this is in may be cancelled by `stop`, for as long as the block takes."""
        task = asyncio.current_task()
        assert task
        self._runs[key] = run = Stop(task)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield run
        finally:
            del self._runs[key]

    def stop(self, key: _Key) -> None:
        """Cancel the run of this tenant and id, if it is here; once, for the second time would be a harder one."""
        run = self._runs.get(key)
        if run is not None and not run.was_told and not run.is_adrift:
            run.was_told = True
            run.task.cancel()

    def set_adrift(self) -> None:
        """Cancel all runs: others may soon take them for those of a process that is gone."""
        for run in self._runs.values():
            if not run.was_told and not run.is_adrift:
                run.is_adrift = True
                run.task.cancel()

    async def _look(self) -> None:
        is_away = False  # told once, not twice a second
        while self._runs:
            await asyncio.sleep(self._look_s)  # whoever cancels may be in another process: it is looked for
            try:
                for key in await self._shelf.running.cancelled(self._executor_id):
                    self.stop(key)
                is_away = False
            except PlanError as error:
                if is_away:
                    continue
                is_away = True
                _log.warning("nobody knows which runs are to stop", extra={"facts": {"reason": str(error)}})
