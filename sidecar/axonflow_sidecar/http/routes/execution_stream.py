"""``GET /api/v1/unified/executions/{id}/stream``: how an execution stands, when that changes and until it has ended, as
Server-Sent Events (HTML standard, section 9.2). Each has the whole of it, so whoever connects again misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.places import Places
from axonflow_sidecar.http.routes.kept_executions import KeptPlan, KeptWorkflow, found_execution, look_again
from axonflow_sidecar.http.routes.plans import OrchestratorServices, asked_by

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
        asked = asked_by(services, call)
        kept = await found_execution(services, asked, call.value)
        pieces = _pieces(services, call, kept, asked.tenant_id, places, times)
        return Reply(await anext(pieces), content_type=b"text/event-stream", rest=pieces)

    return handler


async def _pieces(
    services: OrchestratorServices, call: Call, kept: KeptPlan | KeptWorkflow, tenant_id: str, places: Places,
    times: StreamTimes,
) -> AsyncGenerator[bytes, None]:  # fmt: skip
    with places.one_of(tenant_id):
        ends = {asyncio.create_task(call.left()), asyncio.create_task(call.stopping.wait())}
        try:
            said, revision = _shown(kept.unified()), -1
            yield said
            said_s = monotonic()
            while not kept.has_ended:
                done, _ = await asyncio.wait(ends, timeout=times.look_s, return_when=asyncio.FIRST_COMPLETED)
                now = None if done else await look_again(services, kept, revision)
                if now is None:
                    return
                kept, revision = now
                piece = _shown(kept.unified())
                if piece != said or monotonic() - said_s >= times.heartbeat_s:
                    yield piece if piece != said else b": nothing new\n\n"
                    said, said_s = piece, monotonic()
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)


def _shown(state: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(state)
