"""``GET /api/v1/unified/executions/{id}/stream``: how an execution stands, when that changes and until it has ended, as
Server-Sent Events (HTML standard, section 9.2). Each has the whole of it, so whoever connects again misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow.errors import PlanError
from axonflow.plan import PlanExecution
from axonflow.plan.keeping.execution import ENDED, PlanQuery
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.places import Places
from axonflow_sidecar.http.plan_shapes import execution_of
from axonflow_sidecar.http.routes.executions import found_with_steps, succeeded_of
from axonflow_sidecar.http.routes.plans import OrchestratorServices

__all__ = ["MAX_STREAMS", "MAX_STREAMS_OF_TENANT", "StreamTimes", "execution_stream"]

MAX_STREAMS: Final = 64
MAX_STREAMS_OF_TENANT: Final = 16


class StreamTimes(Struct, frozen=True):
    """In seconds: between looks, and until something is sent although nothing has changed."""

    look_s: float = 0.5
    heartbeat_s: float = 15.0


_USUAL: Final = StreamTimes()


def execution_stream(services: OrchestratorServices, times: StreamTimes = _USUAL) -> Handler:
    """The handler."""
    places = Places("streams", "End one, or ask now and then.", MAX_STREAMS, MAX_STREAMS_OF_TENANT)

    async def handler(call: Call) -> Reply:
        execution, steps = await found_with_steps(services, call)
        first = _shown(execution_of(execution, succeeded_of(steps), steps))
        pieces = _pieces(services, call, execution, first, places, times)
        return Reply(await anext(pieces), content_type=b"text/event-stream", rest=pieces)

    return handler


async def _pieces(
    services: OrchestratorServices, call: Call, execution: PlanExecution, said: bytes, places: Places,
    times: StreamTimes,
) -> AsyncGenerator[bytes, None]:  # fmt: skip
    with places.one_of(execution.tenant_id):
        ends = {asyncio.create_task(call.left()), asyncio.create_task(call.stopping.wait())}
        try:
            yield said
            said_s = monotonic()
            while execution.status not in ENDED:
                done, _ = await asyncio.wait(ends, timeout=times.look_s, return_when=asyncio.FIRST_COMPLETED)
                now = None if done else await _now(services, execution)
                if now is None:
                    return
                execution, piece = now
                if piece != said or monotonic() - said_s >= times.heartbeat_s:
                    yield piece if piece != said else b": nothing new\n\n"
                    said, said_s = piece, monotonic()
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)


async def _now(services: OrchestratorServices, execution: PlanExecution) -> tuple[PlanExecution, bytes] | None:
    """How it stands now; None when it is not there any more, or nobody can tell. Twice a second is too often for what
    may be large: it is looked at as in a list."""
    kept = services.plans.kept
    try:
        page = await kept.page(PlanQuery(tenant_id=execution.tenant_id, plan_id=execution.plan_id, limit=1))
        steps = await kept.steps(execution.tenant_id, execution.plan_id)
    except PlanError:
        return None
    if not page.plans:
        return None
    known = page.plans[0].execution
    return known, _shown(execution_of(known, succeeded_of(steps), steps))


def _shown(state: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(state)
