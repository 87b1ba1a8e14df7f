"""That this process is there, said now and then; and the runs of those ended that are gone for good, with the folder by
which they would know their plans again. No clocks are compared: who says nothing new for as long as this process has
looked is gone; and who could not say it has stopped its runs before that, or does when it finds that it was taken for
gone, for it stood still."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Final

from msgspec import Struct

from axonflow.app.plan_shelf import PlanShelf
from axonflow.errors import PlanError
from axonflow.ids import new_id, now_us

__all__ = ["GONE", "USUAL_TIMES", "LeaseTimes", "Leases"]

_log = logging.getLogger("axonflow.plans")
LEFT_BEHIND: Final = "The orchestrator ended while it ran."
GONE: Final = "The orchestrator that ran it is gone: nothing was heard of it for too long."


class LeaseTimes(Struct, frozen=True):
    """In seconds: how often this process says that it is there, and how long the store may take to hear it; after how
    long without having been heard it stops its runs, and after how long others are gone, which is much later.
    `inherited_s` is for those of an earlier release, which say nothing."""

    beat_s: float = 30.0
    answer_s: float = 10.0
    stop_s: float = 600.0
    gone_s: float = 900.0
    inherited_s: float = 86_400.0


USUAL_TIMES: Final = LeaseTimes()


class Leases:
    """`settle` is called each time that the store has answered, and says whether all that has ended is kept; `stop` is
    called once the store has not answered for too long."""

    def __init__(
        self,
        shelf: PlanShelf,
        executor_id: str,
        settle: Callable[[], Awaitable[bool]],
        stop: Callable[[], None],
        times: LeaseTimes = USUAL_TIMES,
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        self._shelf = shelf
        self._executor_id = executor_id
        self._settle = settle
        self._stop = stop
        self._times = times
        self._clock_s = clock_s
        self._said_s: float | None = None
        self._first = asyncio.Lock()
        self._looked_s = clock_s()
        self._unheard: dict[str, tuple[str, float]] = {}

    async def check(self) -> None:
        """See to it that this process has said that it is there: what it begins must not be nobody's. Raises
        PlanError."""
        if self._said_s is not None:
            return
        async with self._first:
            if self._said_s is None:
                await self._end_own()
                await self._say()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """For as long as the block takes, and then it has left."""
        await self.look()
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
            try:
                async with asyncio.timeout(self._times.answer_s):
                    if await self._settle():
                        await self._shelf.leases.leave(self._executor_id)
            except (PlanError, TimeoutError) as error:
                _log.warning("nobody knows that this has ended", extra={"facts": {"reason": str(error)}})

    async def look(self) -> None:
        """Do once what is done now and then. Raises nothing when the store is away."""
        try:
            async with asyncio.timeout(self._times.answer_s):
                await self.check()
                await self._say()
            async with asyncio.timeout(self._times.beat_s):
                await self._settle()
                await self._end_those_gone()
        except Exception as error:  # noqa: BLE001  whatever it is: who stops saying so while it runs plans loses them
            silent_s = 0.0 if self._said_s is None else self._clock_s() - self._said_s
            facts = {"reason": str(error) or type(error).__name__, "silent_s": round(silent_s)}
            _log.warning("nobody knows that this runs plans", extra={"facts": facts})
            if silent_s >= self._times.stop_s:
                self._stop()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._times.beat_s)
            await self.look()

    async def _say(self) -> None:
        began_s = self._clock_s()  # others may have heard it at any time from here on
        was_there = await self._shelf.leases.beat(self._executor_id, new_id(now_us()))
        if self._said_s is not None and not was_there:
            _log.error("this was taken for gone, and its runs for ended: they are stopped")
            self._stop()
        self._said_s = began_s

    async def _end_own(self) -> None:
        """What an earlier process of this folder left running, before this one has runs of its own under that id."""
        left = await self._shelf.running.abandon(self._executor_id, LEFT_BEHIND, now_us())
        if left:
            _log.warning("runs were left behind", extra={"facts": {"runs": left}})

    async def _end_those_gone(self) -> None:
        beats = dict(await self._shelf.leases.beats())
        beats.pop(self._executor_id, None)
        # While the store was away, or this process stood still, nobody could be heard: that does not count.
        looked_s, self._looked_s = self._looked_s, self._clock_s()
        passed_s = min(self._looked_s - looked_s, 2 * self._times.beat_s)
        self._unheard = {
            one: (beat, known[1] + passed_s if (known := self._unheard.get(one)) and known[0] == beat else 0.0)
            for one, beat in beats.items()
        }
        for executor_id, (beat, unheard_s) in self._unheard.items():
            if unheard_s >= (self._times.gone_s if beat else self._times.inherited_s):
                left = await self._shelf.leases.give_up(executor_id, beat, GONE, now_us())
                _log.warning("an orchestrator is gone", extra={"facts": {"executor": executor_id, "runs": left}})
